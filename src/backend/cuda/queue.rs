//! The queue of pending launches.
//!
//! Launches stay pending until a result is read, and are then sent together. A sequence of launches that
//! repeats, whatever its arguments, becomes a CUDA graph, which needs a single call. A
//! training step, the evaluation after it and the recorded numbers are thus one graph and one copy to
//! the host. Data that the host writes in between (indices, placements) is collected in one staging buffer, which
//! is copied to the device before the launches; each launch takes its part from there.
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

/// Maximum number of pending launches, so that the device does not idle while the host queues more.
const MOST_LAUNCHES: usize = 2048;
/// Maximum number of graphs kept: the most recently used.
const MOST_GRAPHS: usize = 64;
/// Maximum number of remembered sequences.
const MOST_SEEN: usize = 4096;
/// Maximum bytes of freed memory that pending launches may still use.
const MOST_FREED: u64 = 64 << 20;
/// Size in bytes of each of the two staging buffers: one for data from the host, one for several
/// buffers copied to it.
const STAGING: usize = 1 << 20;
/// Buffers in a staging buffer start at multiples of this many bytes.
const ALIGNMENT: usize = 16;

/// How often a device was called since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// Kernels launched without a graph.
    pub kernels: u64,
    /// Graphs launched.
    pub graphs: u64,
    /// Graphs created.
    pub made: u64,
    /// Copies from the host.
    pub writes: u64,
    /// Copies to the host; each synchronises.
    pub reads: u64,
}

/// A device, the bytes in use on it, and its pending launches.
///
/// Device errors are sticky: lost launches would silently corrupt results.
#[derive(Debug)]
pub struct Owner {
    pub device: Box<dyn Device>,
    used: AtomicU64,
    /// The maximum number of bytes in use so far.
    most_used: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    launches: Vec<Launch>,
    /// Data to copy to the staging buffer before the launches.
    upload: Vec<u8>,
    /// Whether the device may still read `upload`; then it stays unchanged until the device has been waited for.
    uploading: bool,
    /// The staging buffers: from the host, and to the host.
    staging: Option<[u64; 2]>,
    /// Freed memory that pending launches may still use, with its size in bytes.
    freed: Vec<(u64, u64)>,
    /// The graphs, most recently used first.
    graphs: Vec<Graph>,
    /// Hashes of the sequences seen once.
    seen: HashSet<u64>,
    calls: CallCounts,
    /// Whether the device cannot create graphs.
    no_graphs: bool,
    /// The error with which the device failed.
    failed: Option<Error>,
}

/// A sequence of launches that the device runs in one call.
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
        // After a panic in another thread, the queue is still a valid list of launches.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn calls(&self) -> CallCounts {
        self.queue().calls
    }

    /// Bytes in use, and their maximum so far.
    pub fn memory(&self) -> [u64; 2] {
        // Freed memory counts as in use until the launches before it have been sent. If sending
        // fails, the next read reports the error.
        let _ = self.send();
        [&self.used, &self.most_used].map(|bytes| bytes.load(Ordering::Relaxed))
    }

    /// Allocates memory; if none is left, sends the pending launches so that the memory they use can be freed.
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

    /// Frees memory after the pending launches.
    ///
    /// # Safety
    /// `address` came from [`allocate`](Self::allocate) for `bytes` bytes and is not used afterwards.
    pub unsafe fn free(&self, address: u64, bytes: usize) {
        let mut queue = self.queue();
        queue.freed.push((address, bytes as u64));
        let freed: u64 = queue.freed.iter().map(|(_, bytes)| bytes).sum();
        if queue.launches.is_empty() {
            self.release(&mut queue);
        } else if freed > MOST_FREED {
            // If sending fails, the next read reports the error.
            let _ = self.send_from(&mut queue);
        }
    }

    fn release(&self, queue: &mut Queue) {
        for (address, bytes) in queue.freed.drain(..) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            // SAFETY: the address came from `allocate`, and nothing else has it any more; launches that use it
            // were sent before.
            unsafe { self.device.free(address) };
        }
    }

    /// The staging buffers, allocated on first use.
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

    /// Queues a launch.
    ///
    /// # Safety
    /// As for [`Device::launch`], until it is sent.
    pub unsafe fn launch(&self, launch: Launch) -> Result<()> {
        self.ask(&mut self.queue(), launch)
    }

    /// Sends the pending launches.
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

    /// Copies from the host, after the pending launches.
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

    /// Copies the buffers at these addresses, each with its number of bytes, to the host, concatenated, after
    /// all earlier calls have completed.
    ///
    /// # Safety
    /// Each buffer has that many bytes from its address on; together they fit in `to`.
    pub unsafe fn read(&self, buffers: &[(u64, usize)], mut to: &mut [u8]) -> Result<()> {
        let queue = &mut *self.queue();
        if let (2.., ..=STAGING) = (buffers.len(), to.len()) {
            let [_, staging] = self.staging(queue)?;
            let mut end = staging;
            for &(address, bytes) in buffers.iter().filter(|(_, bytes)| *bytes > 0) {
                self.ask(queue, copy(address, end, bytes)?)?;
                end += bytes as u64;
            }
            // SAFETY: the staging buffer has `STAGING` bytes, and `to` has no more, as just checked.
            return unsafe { self.read_one(queue, staging, to) };
        }
        for &(address, bytes) in buffers {
            let (here, behind) = to.split_at_mut(bytes);
            // SAFETY: the memory has that many bytes, as the caller promises.
            unsafe { self.read_one(queue, address, here)? };
            to = behind;
        }
        Ok(())
    }

    /// Copies memory at an address to the host, after all earlier calls have completed.
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
        // No memory is left through which the effect of the launches could be seen.
        queue.launches.clear();
        let staging = queue.staging.into_iter().flatten();
        queue
            .freed
            .extend(staging.map(|address| (address, STAGING as u64)));
        self.release(&mut queue);
        for graph in queue.graphs.drain(..) {
            self.device.destroy(graph.handle);
        }
        // `upload` must live until the device has copied it.
        let _ = self.device.wait();
    }
}

impl Queue {
    /// Keeps an error, which every later call returns.
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
            // SAFETY: the staging buffer has `STAGING` bytes, and no more are pending, as `write` checks; they stay
            // unchanged until the device has been waited for.
            unsafe { device.write_later(staging, &self.upload)? };
        }
        let found = self.graphs.iter().position(|graph| graph.fits(launches));
        if let Some(place) = found {
            self.graphs[..=place].rotate_right(1);
            let graph = &mut self.graphs[0];
            self.calls.graphs += 1;
            // SAFETY: the arguments are those of the launches, for which the code that queued them answers.
            return unsafe { graph.replay(device, launches) };
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        let new = launches.len() < 2 || self.seen.insert(sequence(launches));
        // SAFETY: the code that queued the launches answers for them.
        let graph = (!new && !self.no_graphs).then(|| unsafe { device.record(launches) });
        let Some(Ok(handle)) = graph else {
            // If the device cannot create a graph, for example for lack of memory, the kernels are launched one by one.
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
            device.destroy(oldest.handle);
        }
        // SAFETY: as above.
        unsafe { self.graphs[0].replay(device, launches) }
    }
}

impl Graph {
    /// Whether the graph has the same launches, ignoring arguments.
    fn fits(&self, launches: &[Launch]) -> bool {
        let mut pairs = self.launches.iter().zip(launches);
        self.launches.len() == launches.len() && pairs.all(|(own, other)| own.same_kernel(other))
    }

    /// Runs these launches, which must fit the graph.
    ///
    /// # Safety
    /// As for [`Device::launch`].
    unsafe fn replay(&mut self, device: &dyn Device, launches: &[Launch]) -> Result<()> {
        for (number, (own, new)) in self.launches.iter_mut().zip(launches).enumerate() {
            if own != new {
                // SAFETY: as the caller promises.
                unsafe { device.update_node(&mut self.handle, number, new)? };
                own.clone_from(new);
            }
        }
        // SAFETY: as the caller promises.
        unsafe { device.replay(&self.handle, &self.launches) }
    }
}

/// The hash of a sequence of launches, ignoring arguments.
fn sequence(launches: &[Launch]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for launch in launches {
        (launch.kernel, launch.blocks, launch.threads).hash(&mut hasher);
    }
    hasher.finish()
}

/// The launch that copies bytes between two addresses; the ranges must not overlap.
fn copy(from: u64, to: u64, bytes: usize) -> Result<Launch> {
    let arguments = [
        Argument::count(bytes)?,
        Argument::address(from),
        Argument::address(to),
    ];
    let blocks = number(bytes.div_ceil(THREADS))?;
    Ok(Launch::new("copy", blocks, [THREADS as u32, 1], &arguments))
}
