//! Distributes work over threads.
//!
//! A job is split by its outputs, never within a sum, so the bits do not depend on the number
//! of threads. One thread never uses rayon.

#![cfg_attr(
    not(feature = "parallel"),
    allow(dead_code, reason = "one thread never splits a job")
)]

use crate::error::{Error, Result};

/// Minimum work per thread, in multiply-adds: about 20 µs. Measured in a virtual machine: handing half a job to a
/// sleeping worker and waiting for it takes about as long.
const WORTH_A_THREAD: usize = 1 << 20;

/// The work of moving an element, in multiply-adds, where memory or cache bounds a job.
pub const MOVED: usize = 8;

/// Work that can be split into parts that write to disjoint memory.
pub trait Job: Sized + Send {
    /// Multiply-adds, or [`MOVED`] for each element moved.
    fn work(&self) -> usize;
    /// Splits into two jobs, the first with the fraction `left`/`parts` of the work, as nearly as its tiles
    /// allow; returns the job itself if it cannot be split.
    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self>;
    /// Does the work.
    fn run(self);
}

/// The number of threads of a [`Cpu`](super::Cpu), and its thread pool.
#[derive(Debug, Clone)]
pub struct Threads {
    #[cfg(feature = "parallel")]
    pool: Option<alloc::sync::Arc<rayon::ThreadPool>>,
}

impl Threads {
    /// The calling thread only.
    pub const ONE: Threads = Threads {
        #[cfg(feature = "parallel")]
        pool: None,
    };

    /// A pool of `count` threads, or of fewer if the system does not allow as many; 1 is the calling thread.
    pub fn new(count: usize) -> Result<Self> {
        if count == 1 {
            return Ok(Self::ONE);
        }
        #[cfg(feature = "parallel")]
        if count > 1 {
            return Ok(Threads {
                pool: pool(count).map(alloc::sync::Arc::new),
            });
        }
        let expected = if cfg!(feature = "parallel") {
            "at least 1"
        } else {
            "1, because the feature `parallel` is off"
        };
        Err(Error::setting("threads", count, expected))
    }

    /// The number of threads.
    pub fn count(&self) -> usize {
        #[cfg(feature = "parallel")]
        if let Some(pool) = &self.pool {
            return pool.current_num_threads();
        }
        1
    }

    /// Runs a job on as many threads as pay off.
    pub fn run<J: Job>(&self, job: J) {
        #[cfg(feature = "parallel")]
        if let Some(pool) = &self.pool {
            let parts = self.count().min(job.work() / WORTH_A_THREAD);
            if parts > 1 {
                return pool.install(|| spread(job, parts));
            }
        }
        job.run();
    }
}

/// Runs `work` in a thread pool with a thread for each core, or with fewer if the system does not allow as many.
#[cfg(feature = "images")]
pub(crate) fn on_all_cores<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let only_this = rayon::ThreadPoolBuilder::new().num_threads(1);
    match pool(cores).map_or_else(|| only_this.use_current_thread().build(), Ok) {
        Ok(pool) => pool.install(work),
        // This thread belongs to a pool already.
        Err(_) => work(),
    }
}

/// A pool of `count` threads, or of half as many, and so on, if the system does not allow as many; `None` for one.
#[cfg(feature = "parallel")]
fn pool(mut count: usize) -> Option<rayon::ThreadPool> {
    while count > 1 {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| alloc::format!("neurogain-{index}"));
        match pool.build() {
            Ok(pool) => return Some(pool),
            Err(_) => count /= 2,
        }
    }
    None
}

#[cfg(feature = "parallel")]
fn spread<J: Job>(job: J, parts: usize) {
    if parts == 1 {
        return job.run();
    }
    match job.split(parts / 2, parts) {
        Ok((left, right)) => {
            rayon::join(
                || spread(left, parts / 2),
                || spread(right, parts - parts / 2),
            );
        }
        Err(job) => job.run(),
    }
}
