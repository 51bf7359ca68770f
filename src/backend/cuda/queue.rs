//! What was asked of a device and not yet sent to it.
//!
//! Launches wait until somebody asks for numbers, and then go together. A sequence of launches that comes
//! again, whatever the arguments, becomes a graph: the device then needs one call for all of it. So a
//! training step, the evaluation behind it and the numbers that are recorded are one graph and one copy to
//! the host. Numbers that the host gives on the way (indices, placements) wait in one piece of memory that
//! is copied to the device ahead of the launches, each of which takes its part from there.
#![allow(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::device::{Device, Handle};
use super::launch::{Argument, Launch, THREADS, number};
use crate::error::{Error, Result};

/// Launches that wait, at most: the device need not stand still while the host asks for more.
const MOST_LAUNCHES: usize = 2048;
/// Graphs that are kept, at most: those that were used last.
const MOST_GRAPHS: usize = 64;
/// Sequences that are remembered, at most.
const MOST_SEEN: usize = 4096;
/// Bytes of the memory through which numbers come from the host, and of that through which several
/// buffers go to it.
const STAGING: usize = 1 << 20;
/// A buffer of a piece of memory begins at a multiple of so many bytes.
const ALIGNMENT: usize = 16;

/// How often a device was called since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Kernels launched by themselves.
    pub kernels: u64,
    /// Graphs launched.
    pub graphs: u64,
    /// Graphs made.
    pub made: u64,
    /// Copies from the host.
    pub writes: u64,
    /// Copies to the host, each of which waits for the device.
    pub reads: u64,
}

/// A device, the bytes that are in use on it, and what was asked of it.
#[derive(Debug)]
pub struct Owner {
    pub device: Box<dyn Device>,
    pub used: AtomicU64,
    /// The most that were.
    pub most_used: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    launches: Vec<Launch>,
    /// What is copied to the staging memory ahead of the launches.
    upload: Vec<u8>,
    /// Memory through which numbers come from the host, and through which they go to it.
    staging: Option<[u64; 2]>,
    /// Memory that launches which wait may use, and that nobody has any more.
    freed: Vec<u64>,
    /// The one that was used last first.
    graphs: Vec<Graph>,
    /// Hashes of the sequences that came once.
    seen: HashSet<u64>,
    calls: Calls,
}

/// Launches that the device does at one call.
#[derive(Debug)]
struct Graph {
    launches: Vec<Launch>,
    handle: Handle,
}

impl Owner {
    pub fn new(device: Box<dyn Device>) -> Self {
        Owner {
            device,
            used: AtomicU64::new(0),
            most_used: AtomicU64::new(0),
            queue: Mutex::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // What a thread that panicked has left is still a list of launches.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn calls(&self) -> Calls {
        self.queue().calls
    }

    /// Memory; where there is none left, what waits is sent, so that what it uses can be given back.
    pub fn allocate(&self, bytes: usize) -> Result<u64> {
        let address = match self.device.allocate(bytes) {
            Err(Error::Memory { .. }) => {
                self.send()?;
                self.device.allocate(bytes)?
            }
            other => other?,
        };
        let before = self.used.fetch_add(bytes as u64, Ordering::Relaxed);
        let used = before + bytes as u64;
        self.most_used.fetch_max(used, Ordering::Relaxed);
        Ok(address)
    }

    /// Gives memory back, behind the launches that wait.
    ///
    /// # Safety
    /// `address` came from [`allocate`](Self::allocate) for as many bytes and is not used afterwards.
    pub unsafe fn free(&self, address: u64, bytes: usize) {
        self.used.fetch_sub(bytes as u64, Ordering::Relaxed);
        let mut queue = self.queue();
        queue.freed.push(address);
        if queue.launches.is_empty() {
            queue.release(&*self.device);
        }
    }

    /// Asks for a launch.
    ///
    /// # Safety
    /// As for [`Device::launch`], until it is sent.
    pub unsafe fn launch(&self, launch: Launch) -> Result<()> {
        let mut queue = self.queue();
        queue.launches.push(launch);
        if queue.launches.len() >= MOST_LAUNCHES {
            queue.send(&*self.device)?;
        }
        Ok(())
    }

    /// Sends what waits.
    pub fn send(&self) -> Result<()> {
        self.queue().send(&*self.device)
    }

    /// Copies from the host, behind the launches that wait.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on.
    pub unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()> {
        let mut queue = self.queue();
        if from.is_empty() {
            return Ok(());
        }
        if from.len() > STAGING {
            queue.send(&*self.device)?;
            queue.calls.writes += 1;
            // SAFETY: as the caller promises.
            return unsafe { self.device.write(address, from) };
        }
        if queue.upload.len().next_multiple_of(ALIGNMENT) + from.len() > STAGING {
            queue.send(&*self.device)?;
        }
        let [staging, _] = queue.staging(&*self.device)?;
        let start = queue.upload.len().next_multiple_of(ALIGNMENT);
        queue.upload.resize(start, 0);
        queue.upload.extend_from_slice(from);
        let copy = copy(staging + start as u64, address, from.len())?;
        queue.launches.push(copy);
        Ok(())
    }

    /// Copies to the host the buffers at these addresses of so many bytes, one behind the other, once
    /// everything asked for before has happened.
    ///
    /// # Safety
    /// Each memory has as many bytes from its address on; together they are not more than `to`'s.
    pub unsafe fn read(&self, buffers: &[(u64, usize)], mut to: &mut [u8]) -> Result<()> {
        let mut queue = self.queue();
        let device = &*self.device;
        if let (2.., ..=STAGING) = (buffers.len(), to.len()) {
            let [_, staging] = queue.staging(device)?;
            let mut end = staging;
            for &(address, bytes) in buffers.iter().filter(|(_, bytes)| *bytes > 0) {
                let copy = copy(address, end, bytes)?;
                queue.launches.push(copy);
                end += bytes as u64;
            }
            queue.send(device)?;
            queue.calls.reads += 1;
            // SAFETY: the staging memory has `STAGING` bytes, and `to` has no more, as was just checked.
            return unsafe { device.read(staging, to) };
        }
        queue.send(device)?;
        for &(address, bytes) in buffers {
            let (here, behind) = to.split_at_mut(bytes);
            queue.calls.reads += 1;
            // SAFETY: the memory has as many bytes, as the caller promises.
            unsafe { device.read(address, here)? };
            to = behind;
        }
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nobody has memory any more in which to see what the launches would do.
        queue.launches.clear();
        queue.freed.extend(queue.staging.into_iter().flatten());
        queue.release(&*self.device);
        for graph in queue.graphs.drain(..) {
            self.device.forget(graph.handle);
        }
    }
}

impl Queue {
    fn staging(&mut self, device: &dyn Device) -> Result<[u64; 2]> {
        if let Some(staging) = self.staging {
            return Ok(staging);
        }
        let staging = [device.allocate(STAGING)?, device.allocate(STAGING)?];
        Ok(*self.staging.insert(staging))
    }

    fn release(&mut self, device: &dyn Device) {
        for address in self.freed.drain(..) {
            // SAFETY: the address came from `allocate`, and nobody has it any more; launches that use it
            // were sent before.
            unsafe { device.free(address) };
        }
    }

    /// Sends what waits; where that fails, it is lost.
    fn send(&mut self, device: &dyn Device) -> Result<()> {
        let mut launches = core::mem::take(&mut self.launches);
        let sent = self.send_all(device, &launches);
        self.release(device);
        launches.clear();
        self.launches = launches;
        self.upload.clear();
        sent
    }

    fn send_all(&mut self, device: &dyn Device, launches: &[Launch]) -> Result<()> {
        if let (false, Some([staging, _])) = (self.upload.is_empty(), self.staging) {
            self.calls.writes += 1;
            // SAFETY: the staging memory has `STAGING` bytes, and no more wait, as `write` checks.
            unsafe { device.write(staging, &self.upload)? };
        }
        let found = self.graphs.iter().position(|graph| graph.fits(launches));
        if let Some(place) = found {
            self.graphs[..=place].rotate_right(1);
            let graph = &mut self.graphs[0];
            self.calls.graphs += 1;
            // SAFETY: the arguments are those of the launches, which whoever asked for them answers for.
            return unsafe { graph.replay(device, launches) };
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        if launches.len() < 2 || self.seen.insert(sequence(launches)) {
            self.calls.kernels += launches.len() as u64;
            for launch in launches {
                // SAFETY: whoever asked for the launch answers for it.
                unsafe { device.launch(launch)? };
            }
            return Ok(());
        }
        // SAFETY: as above.
        let handle = unsafe { device.record(launches)? };
        self.calls.made += 1;
        self.calls.graphs += 1;
        self.graphs.insert(
            0,
            Graph {
                launches: launches.to_vec(),
                handle,
            },
        );
        if self.graphs.len() > MOST_GRAPHS
            && let Some(oldest) = self.graphs.pop()
        {
            device.forget(oldest.handle);
        }
        // SAFETY: as above.
        unsafe { self.graphs[0].replay(device, launches) }
    }
}

impl Graph {
    /// Whether it does these launches, whatever the arguments.
    fn fits(&self, launches: &[Launch]) -> bool {
        let mut pairs = self.launches.iter().zip(launches);
        self.launches.len() == launches.len() && pairs.all(|(own, other)| own.same_kernel(other))
    }

    /// Does these launches, which it fits.
    ///
    /// # Safety
    /// As for [`Device::launch`].
    unsafe fn replay(&mut self, device: &dyn Device, launches: &[Launch]) -> Result<()> {
        for (number, (own, new)) in self.launches.iter_mut().zip(launches).enumerate() {
            if own != new {
                // SAFETY: as the caller promises.
                unsafe { device.amend(&mut self.handle, number, new)? };
                own.clone_from(new);
            }
        }
        // SAFETY: as the caller promises.
        unsafe { device.replay(&self.handle, &self.launches) }
    }
}

/// Of a sequence of launches without their arguments.
fn sequence(launches: &[Launch]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for launch in launches {
        (launch.kernel, launch.blocks, launch.threads).hash(&mut hasher);
    }
    hasher.finish()
}

/// The launch that copies bytes from one address to another, none of which is in both.
fn copy(from: u64, to: u64, bytes: usize) -> Result<Launch> {
    let arguments = [
        Argument::count(bytes)?,
        Argument::address(from),
        Argument::address(to),
    ];
    let blocks = number(bytes.div_ceil(THREADS))?;
    Ok(Launch::new("copy", blocks, [THREADS as u32, 1], &arguments))
}
