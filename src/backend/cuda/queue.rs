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
/// Bytes that nobody has any more and that launches which wait may use, at most.
const MOST_FREED: u64 = 64 << 20;
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
///
/// What a device failed with it fails with for good: launches that were lost would leave numbers that are
/// wrong, and nothing to tell by.
#[derive(Debug)]
pub struct Owner {
    pub device: Box<dyn Device>,
    used: AtomicU64,
    /// The most that were in use.
    most_used: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    launches: Vec<Launch>,
    /// What is copied to the staging memory ahead of the launches.
    upload: Vec<u8>,
    /// Whether the device may still read it: then it stays as it is until the device has been waited for.
    uploading: bool,
    /// Memory through which numbers come from the host, and through which they go to it.
    staging: Option<[u64; 2]>,
    /// Memory that launches which wait may use, and that nobody has any more, with its bytes.
    freed: Vec<(u64, u64)>,
    /// The one that was used last first.
    graphs: Vec<Graph>,
    /// Hashes of the sequences that came once.
    seen: HashSet<u64>,
    calls: Calls,
    /// The device has no graphs.
    no_graphs: bool,
    /// What the device failed with.
    failed: Option<Error>,
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

    /// Bytes in use, and the most that were.
    pub fn memory(&self) -> [u64; 2] {
        // What waits to be given back is in use until what was asked for before has been sent; where that
        // fails, whoever asks for numbers is told.
        let _ = self.send();
        [&self.used, &self.most_used].map(|bytes| bytes.load(Ordering::Relaxed))
    }

    /// Memory; where there is none left, what waits is sent, so that what it uses can be given back.
    pub fn allocate(&self, bytes: usize) -> Result<u64> {
        self.allocate_in(&mut self.queue(), bytes)
    }

    fn allocate_in(&self, queue: &mut Queue, bytes: usize) -> Result<u64> {
        let address = match self.device.allocate(bytes) {
            Err(Error::Memory { .. }) => {
                self.send_from(queue)?;
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
        let mut queue = self.queue();
        queue.freed.push((address, bytes as u64));
        let freed: u64 = queue.freed.iter().map(|(_, bytes)| bytes).sum();
        if queue.launches.is_empty() {
            self.release(&mut queue);
        } else if freed > MOST_FREED {
            // Where that fails, whoever asks for numbers is told.
            let _ = self.send_from(&mut queue);
        }
    }

    fn release(&self, queue: &mut Queue) {
        for (address, bytes) in queue.freed.drain(..) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            // SAFETY: the address came from `allocate`, and nobody has it any more; launches that use it
            // were sent before.
            unsafe { self.device.free(address) };
        }
    }

    /// Memory through which numbers come from the host, and through which they go to it.
    fn staging(&self, queue: &mut Queue) -> Result<[u64; 2]> {
        if let Some(staging) = queue.staging {
            return Ok(staging);
        }
        let first = self.allocate_in(queue, STAGING)?;
        let second = self.allocate_in(queue, STAGING)?;
        Ok(*queue.staging.insert([first, second]))
    }

    fn ask(&self, queue: &mut Queue, launch: Launch) -> Result<()> {
        queue.launches.push(launch);
        match queue.launches.len() >= MOST_LAUNCHES {
            true => self.send_from(queue),
            false => Ok(()),
        }
    }

    /// Asks for a launch.
    ///
    /// # Safety
    /// As for [`Device::launch`], until it is sent.
    pub unsafe fn launch(&self, launch: Launch) -> Result<()> {
        self.ask(&mut self.queue(), launch)
    }

    /// Sends what waits.
    pub fn send(&self) -> Result<()> {
        self.send_from(&mut self.queue())
    }

    fn send_from(&self, queue: &mut Queue) -> Result<()> {
        let mut launches = core::mem::take(&mut queue.launches);
        let sent = match queue.failed.clone() {
            Some(error) => Err(error),
            None => {
                let sent = queue.send(&*self.device, &launches);
                queue.remember(sent)
            }
        };
        self.release(queue);
        launches.clear();
        queue.launches = launches;
        sent
    }

    /// Copies from the host, behind the launches that wait.
    ///
    /// # Safety
    /// The memory has `from.len()` bytes from `address` on.
    pub unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()> {
        let queue = &mut *self.queue();
        if from.is_empty() {
            return Ok(());
        }
        if from.len() > STAGING {
            self.send_from(queue)?;
            queue.calls.writes += 1;
            // SAFETY: as the caller promises.
            let written = unsafe { self.device.write(address, from) };
            return queue.remember(written);
        }
        let [staging, _] = self.staging(queue)?;
        if queue.upload.len().next_multiple_of(ALIGNMENT) + from.len() > STAGING {
            self.send_from(queue)?;
        }
        if queue.uploading {
            queue.remember(self.device.wait())?;
            queue.uploading = false;
            queue.upload.clear();
        }
        let start = queue.upload.len().next_multiple_of(ALIGNMENT);
        queue.upload.resize(start, 0);
        queue.upload.extend_from_slice(from);
        self.ask(queue, copy(staging + start as u64, address, from.len())?)
    }

    /// Copies to the host the buffers at these addresses of so many bytes, one behind the other, once
    /// everything asked for before has happened.
    ///
    /// # Safety
    /// Each memory has as many bytes from its address on; together they are not more than `to`'s.
    pub unsafe fn read(&self, buffers: &[(u64, usize)], mut to: &mut [u8]) -> Result<()> {
        let queue = &mut *self.queue();
        if let (2.., ..=STAGING) = (buffers.len(), to.len()) {
            let [_, staging] = self.staging(queue)?;
            let mut end = staging;
            for &(address, bytes) in buffers.iter().filter(|(_, bytes)| *bytes > 0) {
                self.ask(queue, copy(address, end, bytes)?)?;
                end += bytes as u64;
            }
            // SAFETY: the staging memory has `STAGING` bytes, and `to` has no more, as was just checked.
            return unsafe { self.read_one(queue, staging, to) };
        }
        for &(address, bytes) in buffers {
            let (here, behind) = to.split_at_mut(bytes);
            // SAFETY: the memory has as many bytes, as the caller promises.
            unsafe { self.read_one(queue, address, here)? };
            to = behind;
        }
        Ok(())
    }

    /// Copies to the host what is at an address, once everything asked for before has happened.
    ///
    /// # Safety
    /// The memory has `to.len()` bytes from `address` on.
    unsafe fn read_one(&self, queue: &mut Queue, address: u64, to: &mut [u8]) -> Result<()> {
        self.send_from(queue)?;
        queue.calls.reads += 1;
        // SAFETY: as the caller promises.
        let read = unsafe { self.device.read(address, to) };
        if core::mem::take(&mut queue.uploading) {
            queue.upload.clear();
        }
        queue.remember(read)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut queue = core::mem::take(&mut *self.queue());
        // Nobody has memory any more in which to see what the launches would do.
        queue.launches.clear();
        let staging = queue.staging.into_iter().flatten();
        queue
            .freed
            .extend(staging.map(|address| (address, STAGING as u64)));
        self.release(&mut queue);
        for graph in queue.graphs.drain(..) {
            self.device.forget(graph.handle);
        }
        // What is copied from the host stays until it has been.
        let _ = self.device.wait();
    }
}

impl Queue {
    /// Keeps a failure for everything that comes after it.
    fn remember(&mut self, done: Result<()>) -> Result<()> {
        if let Err(error) = &done {
            self.failed = Some(error.clone());
        }
        done
    }

    fn send(&mut self, device: &dyn Device, launches: &[Launch]) -> Result<()> {
        if let (false, false, Some([staging, _])) =
            (self.upload.is_empty(), self.uploading, self.staging)
        {
            self.calls.writes += 1;
            self.uploading = true;
            // SAFETY: the staging memory has `STAGING` bytes, and no more wait, as `write` checks; they stay
            // as they are until the device has been waited for.
            unsafe { device.write_later(staging, &self.upload)? };
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
        let new = launches.len() < 2 || self.seen.insert(sequence(launches));
        // SAFETY: whoever asked for the launches answers for them.
        let graph = (!new && !self.no_graphs).then(|| unsafe { device.record(launches) });
        let Some(Ok(handle)) = graph else {
            // A device that makes no graph, for want of memory say, does all the same without.
            self.no_graphs |= graph.is_some();
            self.calls.kernels += launches.len() as u64;
            for launch in launches {
                // SAFETY: as above.
                unsafe { device.launch(launch)? };
            }
            return Ok(());
        };
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
