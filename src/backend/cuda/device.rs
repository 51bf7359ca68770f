//! The device that kernels run on, and its memory.
#![allow(unsafe_code)]

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use super::launch::Launch;
use super::queue::Owner;
use crate::error::{Error, Result};

/// A GPU, or the CPU that emulates one. Addresses are the device's own.
///
/// Copies and launches execute in the order of the calls.
pub trait Device: Debug + Send + Sync {
    /// The name to show to users.
    fn name(&self) -> &str;

    /// The number of thread blocks that keeps the device busy.
    fn parallel(&self) -> usize;

    /// Peak GFLOP/s of fused multiply-adds and GB/s of memory, if the device reports them.
    fn peak(&self) -> Option<[f64; 2]>;

    /// Allocates memory, aligned to 16 bytes, at least one byte. Contents are unspecified.
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Frees memory.
    ///
    /// # Safety
    /// `address` came from [`allocate`](Device::allocate) and is not used afterwards.
    unsafe fn free(&self, address: u64);

    /// Sets memory to zero.
    ///
    /// # Safety
    /// The memory has `bytes` bytes from `address` on.
    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<()>;

    /// Copies from the host; the copy is complete on return.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on.
    unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()>;

    /// Copies from the host asynchronously.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on, and `from` stays unchanged until the device has
    /// been waited for.
    unsafe fn write_later(&self, address: u64, from: &[u8]) -> Result<()>;

    /// Waits until all earlier calls have completed.
    fn wait(&self) -> Result<()>;

    /// Copies to the host, after all earlier calls have completed.
    ///
    /// # Safety
    /// The memory has `to.len()` bytes from `address` on.
    unsafe fn read(&self, address: u64, to: &mut [u8]) -> Result<()>;

    /// Copies between two buffers of the device.
    ///
    /// # Safety
    /// Both have `bytes` bytes from their addresses on, and do not overlap.
    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// Launches a kernel.
    ///
    /// # Safety
    /// The arguments have the types of the kernel's parameters, and with them the kernel stays within the memory
    /// at the addresses among them.
    unsafe fn launch(&self, launch: &Launch) -> Result<()>;

    /// Creates a graph of launches; each starts when the previous one has ended.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn record(&self, launches: &[Launch]) -> Result<Handle>;

    /// Changes the arguments of a launch of a graph; launches are counted from 0.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn update_node(&self, graph: &mut Handle, number: usize, launch: &Launch) -> Result<()>;

    /// Runs a graph; `launches` are its launches.
    ///
    /// # Safety
    /// As for [`launch`](Device::launch).
    unsafe fn replay(&self, graph: &Handle, launches: &[Launch]) -> Result<()>;

    /// Destroys a graph of this device.
    fn destroy(&self, graph: Handle);
}

/// The driver's handles of a graph, its executable form and its launches; empty on the CPU.
#[derive(Debug, Default)]
pub struct Handle {
    pub graph: usize,
    pub executable: usize,
    pub nodes: Vec<usize>,
}

/// Memory of a device, freed when dropped.
#[derive(Debug)]
pub struct Memory {
    owner: Arc<Owner>,
    address: u64,
    bytes: usize,
}

/// The error for memory of a device that is given to another.
pub fn another_device() -> Error {
    let expected = "tensors of this device";
    Error::shape("CUDA", expected, "a tensor of another device")
}

impl Memory {
    /// Allocates this many bytes. Contents are unspecified.
    pub fn new(owner: &Arc<Owner>, bytes: usize) -> Result<Self> {
        let bytes = bytes.max(1);
        let address = owner.allocate(bytes)?;
        Ok(Memory {
            owner: owner.clone(),
            address,
            bytes,
        })
    }

    /// The address on the device.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// The device that it belongs to.
    pub fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// The size in bytes.
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

    /// Sets the first bytes to zero.
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

    /// Copies the first bytes of each memory to the host, concatenated; each part gives the number of bytes.
    pub fn read_each<'a>(
        owner: &Owner,
        parts: impl Iterator<Item = (&'a Memory, usize)>,
        to: &mut [u8],
    ) -> Result<()> {
        let mut room = to.len();
        let mut buffers = Vec::new();
        for (memory, bytes) in parts {
            memory.check(bytes)?;
            if !core::ptr::eq(owner, &*memory.owner) {
                return Err(another_device());
            }
            room = room
                .checked_sub(bytes)
                .ok_or_else(|| Error::shape("copy to the host", "room for all buffers", bytes))?;
            buffers.push((memory.address, bytes));
        }
        // SAFETY: each memory has that many bytes, and `to` has room for all of them, as just checked.
        unsafe { owner.read(&buffers, to) }
    }

    /// Allocates memory of the same size and copies the first bytes.
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
        // SAFETY: the address came from `allocate`, and nothing else uses it any more.
        unsafe { self.owner.free(self.address, self.bytes) };
    }
}

/// A device error, with a remedy.
pub fn failure(device: impl Into<String>, problem: String, remedy: impl Into<String>) -> Error {
    Error::Device {
        device: device.into(),
        problem,
        remedy: remedy.into(),
    }
}
