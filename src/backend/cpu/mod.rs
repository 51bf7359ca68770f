//! The kernels on the processor.

mod affine;
mod attention;
mod buffer;
mod convolution;
mod elementwise;
mod gather;
mod loss;
pub mod math;
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

/// The processor, with the instruction set and the threads that the kernels run on.
#[derive(Debug, Clone)]
pub struct Cpu {
    set: InstructionSet,
    threads: Threads,
}

impl Cpu {
    /// The fastest instruction set here, or the one that `NEUROGAIN_SIMD` names; the calling thread
    /// alone.
    ///
    /// # Errors
    /// [`Error::InstructionSet`](crate::Error::InstructionSet) if it names one that this processor cannot run.
    pub fn new() -> Result<Self> {
        Self::with(InstructionSet::detect()?, 1)
    }

    /// The given instruction set and number of threads. More than one thread make a pool of their
    /// own, which clones share.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if there cannot be that many threads: 0, or more than 1 without the
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
