//! The kernels on the processor.

mod buffer;
mod convolution;
mod dispatch;
mod elementwise;
mod gather;
mod loss;
pub mod math;
mod normalisation;
mod pooling;
mod product;
mod scratch;
pub mod simd;
mod threads;

use alloc::format;

use super::Product;
use crate::error::{Error, Result};
use crate::shape::LANES;

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
    /// [`Error::InstructionSet`] if it names one that this processor cannot run.
    pub fn new() -> Result<Self> {
        Self::with(InstructionSet::detect()?, 1)
    }

    /// The given instruction set and number of threads. More than one thread make a pool of their
    /// own, which clones share.
    ///
    /// # Errors
    /// [`Error::Setting`] if there cannot be that many threads: 0, or more than 1 without the
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

/// Fails unless each `(name, found, expected)` has the length it should.
fn check(operation: &'static str, lengths: &[(&str, usize, usize)]) -> Result<()> {
    for (name, found, expected) in lengths {
        if found != expected {
            return Err(Error::shape(
                operation,
                format!("{name} of {expected} numbers"),
                format!("{found}"),
            ));
        }
    }
    Ok(())
}

/// The product of sizes, unless it overflows.
fn numbers(operation: &'static str, sizes: &[usize]) -> Result<usize> {
    sizes
        .iter()
        .try_fold(1, |product: usize, size| product.checked_mul(*size))
        .ok_or_else(|| {
            Error::shape(
                operation,
                "sizes that memory can hold",
                format!("{sizes:?}"),
            )
        })
}

impl Product {
    fn check(
        &self,
        operation: &'static str,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &Floats,
    ) -> Result<()> {
        let Product {
            blocks,
            outputs,
            inputs,
        } = *self;
        let gains = gain.map_or(outputs, |g| g.as_slice().len());
        let weights = numbers(operation, &[outputs, inputs])?;
        let from = numbers(operation, &[blocks, inputs, LANES])?;
        let to = numbers(operation, &[blocks, outputs, LANES])?;
        check(
            operation,
            &[
                ("gain", gains, outputs),
                ("w", w.as_slice().len(), weights),
                ("x", x.as_slice().len(), from),
                ("y", y.as_slice().len(), to),
            ],
        )
    }
}
