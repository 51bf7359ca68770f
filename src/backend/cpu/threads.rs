//! Work over several threads.
//!
//! A job is split by its outputs, never within a sum, so that the bits do not depend on the number
//! of threads. With one thread rayon is never touched.

#![cfg_attr(
    not(feature = "parallel"),
    allow(dead_code, reason = "one thread never splits a job")
)]

use crate::error::{Error, Result};

/// Operations that each thread must have (multiply-adds; for work that is bound by memory, numbers
/// moved): some 20 µs. Measured, in a virtual machine: handing half of a job to a sleeping worker
/// and waiting for it takes about as long.
const WORTH_A_THREAD: usize = 1 << 20;

/// Work that can be split into parts that write to different places.
pub trait Job: Sized + Send {
    /// Multiply-adds, or numbers moved.
    fn work(&self) -> usize;
    /// Two jobs, the first with `left` of `parts` of the work, as nearly as its tiles allow; the
    /// job itself if it cannot be split.
    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self>;
    /// Does it.
    fn run(self);
}

/// How many threads a [`Cpu`](super::Cpu) uses, and its own pool of them.
#[derive(Debug, Clone)]
pub struct Threads {
    #[cfg(feature = "parallel")]
    pool: Option<alloc::sync::Arc<rayon::ThreadPool>>,
}

impl Threads {
    /// The calling thread alone.
    pub const ONE: Threads = Threads {
        #[cfg(feature = "parallel")]
        pool: None,
    };

    /// A pool of `count` threads; 1 is the calling thread.
    pub fn new(count: usize) -> Result<Self> {
        if count == 1 {
            return Ok(Self::ONE);
        }
        #[cfg(feature = "parallel")]
        if count > 1 {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|index| alloc::format!("neurogain-{index}"))
                .build()
                .map_err(|problem| Error::setting("threads", count, problem))?;
            return Ok(Threads {
                pool: Some(alloc::sync::Arc::new(pool)),
            });
        }
        let expected = if cfg!(feature = "parallel") {
            "at least 1"
        } else {
            "1, as the feature `parallel` is off"
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

    /// Does a job, on as many threads as are worth it.
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
