//! The CPU backend.

mod affine;
mod attention;
mod buffer;
mod convolution;
mod elementwise;
mod gather;
mod loss;
pub mod math;
mod modulations;
mod normalisation;
mod optimizers;
mod pooling;
mod product;
mod reductions;
mod scratch;
pub mod simd;
mod spread;
mod sums;
mod threads;

use crate::error::Result;

pub use buffer::Floats;
pub use simd::InstructionSet;
use threads::Threads;
#[cfg(feature = "images")]
pub(crate) use threads::on_all_cores;

/// The CPU, with the instruction set and the threads that its kernels use.
#[derive(Debug, Clone)]
pub struct Cpu {
    set: InstructionSet,
    threads: Threads,
}

impl Cpu {
    /// Uses the fastest instruction set of this processor, or the one named by `NEUROGAIN_SIMD`, and the calling
    /// thread only.
    ///
    /// # Errors
    /// [`Error::InstructionSet`](crate::Error::InstructionSet) if `NEUROGAIN_SIMD` names a set that this processor
    /// cannot
    /// run.
    pub fn new() -> Result<Self> {
        Self::with(InstructionSet::detect()?, 1)
    }

    /// Uses the given instruction set and number of threads, or fewer threads if the system does not allow as many. More
    /// than one thread means a separate thread pool, which clones share.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if the number of threads is 0, or more than 1 without the
    /// feature `parallel`.
    pub fn with(set: InstructionSet, threads: usize) -> Result<Self> {
        let threads = Threads::new(threads)?;
        Ok(Cpu { set, threads })
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    /// The number of threads in use.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }
}
