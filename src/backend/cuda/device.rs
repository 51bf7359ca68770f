//! What the kernels run on, and its memory.
#![allow(unsafe_code)]

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use super::launch::Launch;
use super::queue::Owner;
use crate::error::{Error, Result};

/// A card, or the processor in its place. Addresses are the device's own.
///
/// Copies and launches happen in the order in which they are asked for.
pub trait Device: Debug + Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Thread blocks that keep it busy.
    fn parallel(&self) -> usize;

    /// Its rated GFLOP/s of fused multiply-adds and GB/s of memory, where it says them.
    fn rated(&self) -> Option<[f64; 2]>;

    /// Memory, aligned to 16 bytes, at least one byte; whatever it holds.
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Gives memory back.
    ///
    /// # Safety
    /// `address` came from [`allocate`](Device::allocate) and is not used afterwards.
    unsafe fn free(&self, address: u64);

    /// Makes memory zero.
    ///
    /// # Safety
    /// The memory has `bytes` bytes from `address` on.
    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<()>;

    /// Copies from the host, before it returns.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on.
    unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()>;

    /// Copies from the host.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on, and `from` stays as it is until the device has
    /// been waited for.
    unsafe fn write_later(&self, address: u64, from: &[u8]) -> Result<()>;

    /// Waits until everything asked for has happened.
    fn wait(&self) -> Result<()>;

    /// Copies to the host, once everything asked for before has happened.
    ///
    /// # Safety
    /// The memory has `to.len()` bytes from `address` on.
    unsafe fn read(&self, address: u64, to: &mut [u8]) -> Result<()>;

    /// Copies from one memory to another.
    ///
    /// # Safety
    /// Both have `bytes` bytes from their addresses on, and do not overlap.
    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// Launches a kernel.
    ///
    /// # Safety
    /// The arguments have the types of the kernel's parameters, and the kernel, told by them, stays inside
    /// of the memory whose addresses are among them.
    unsafe fn launch(&self, launch: &Launch) -> Result<()>;

    /// Makes a graph of launches, each of which begins when the one before has ended.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn record(&self, launches: &[Launch]) -> Result<Handle>;

    /// Gives a launch of a graph, counted from 0, other arguments.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn amend(&self, graph: &mut Handle, number: usize, launch: &Launch) -> Result<()>;

    /// Does the launches of a graph, which are these.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn replay(&self, graph: &Handle, launches: &[Launch]) -> Result<()>;

    /// Gives up a graph of this device.
    fn forget(&self, graph: Handle);
}

/// What a card's driver calls a graph, what can be launched of it, and its launches; nothing on the
/// processor.
#[derive(Debug, Default)]
pub struct Handle {
    pub graph: usize,
    pub executable: usize,
    pub nodes: Vec<usize>,
}

/// Memory of a device, given back when it is dropped.
#[derive(Debug)]
pub struct Memory {
    owner: Arc<Owner>,
    address: u64,
    bytes: usize,
}

impl Memory {
    /// Memory for as many bytes, whatever they are.
    pub fn new(owner: &Arc<Owner>, bytes: usize) -> Result<Self> {
        let bytes = bytes.max(1);
        let address = owner.allocate(bytes)?;
        Ok(Memory {
            owner: owner.clone(),
            address,
            bytes,
        })
    }

    /// Where it lies.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes it has room for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn check(&self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            let room = format!("at most {} bytes", self.bytes);
            return Err(Error::shape("device memory", room, bytes));
        }
        Ok(())
    }

    /// Makes the first bytes zero.
    pub fn clear(&mut self, bytes: usize) -> Result<()> {
        self.check(bytes)?;
        self.owner.send()?;
        // SAFETY: the memory has `bytes` bytes, as was just checked.
        unsafe { self.owner.device.clear(self.address, bytes) }
    }

    /// Copies from the host to the first bytes.
    pub fn write(&mut self, from: &[u8]) -> Result<()> {
        self.check(from.len())?;
        // SAFETY: the memory has `from.len()` bytes, as was just checked.
        unsafe { self.owner.write(self.address, from) }
    }

    /// Copies the first bytes to the host.
    pub fn read(&self, to: &mut [u8]) -> Result<()> {
        Self::read_each(&self.owner, core::iter::once((self, to.len())), to)
    }

    /// Copies the first bytes of each to the host, so many, one behind the other.
    pub fn read_each<'a>(
        owner: &Owner,
        parts: impl Iterator<Item = (&'a Memory, usize)>,
        to: &mut [u8],
    ) -> Result<()> {
        let mut room = to.len();
        let mut buffers = Vec::new();
        for (memory, bytes) in parts {
            memory.check(bytes)?;
            room = room
                .checked_sub(bytes)
                .ok_or_else(|| Error::shape("copy to the host", "room for all buffers", bytes))?;
            buffers.push((memory.address, bytes));
        }
        // SAFETY: each memory has as many bytes, and there is room for them together, as was just checked.
        unsafe { owner.read(&buffers, to) }
    }

    /// New memory of the same size whose first bytes are these.
    pub fn duplicate(&self, bytes: usize) -> Result<Self> {
        self.check(bytes)?;
        let other = Memory::new(&self.owner, self.bytes)?;
        self.owner.send()?;
        // SAFETY: both have `bytes` bytes, as was just checked, and the other is new.
        unsafe {
            self.owner.device.copy(self.address, other.address, bytes)?;
        }
        Ok(other)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the address came from `allocate`, and nobody has it any more.
        unsafe { self.owner.free(self.address, self.bytes) };
    }
}

/// The error of a device, with what to do about it.
pub fn failure(device: impl Into<String>, problem: String, remedy: impl Into<String>) -> Error {
    Error::Device {
        device: device.into(),
        problem,
        remedy: remedy.into(),
    }
}
