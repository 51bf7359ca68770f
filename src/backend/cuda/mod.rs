//! The kernels on an NVIDIA card.
//!
//! The bits are the processor's: `kernels/*.cu` keep the contract of [`backend`](super), order of
//! summation, fused multiply-adds and polynomials included. They are compiled by NVRTC when a
//! [`Cuda`] is made, for the card at hand, and kept in the user's cache directory
//! (`NEUROGAIN_CACHE`). Nothing of CUDA is needed to build the program: driver and NVRTC are looked
//! for when it runs, and an [`Error::Device`](crate::Error::Device) says which is missing.
//!
//! ```no_run
//! use neurogain::backend::{Cuda, Elementwise, Memory, Unary};
//! let cuda = Cuda::new(0)?;
//! println!("{}", cuda.name());
//! let mut x = cuda.zeros(32)?;
//! cuda.unary(Unary::Relu, &mut x)?;
//! # Ok::<(), neurogain::Error>(())
//! ```
//!
//! Everything happens in the order in which it is asked for, of all clones of a [`Cuda`]: kernels wait until
//! numbers are asked for, and then run as one CUDA graph where the same kernels came before. A failure of a
//! kernel comes to light at the copy to the host.

mod affine;
mod attention;
mod buffer;
mod card;
mod compiler;
mod convolution;
mod device;
mod elementwise;
mod emulator;
mod gather;
mod launch;
mod loss;
mod normalisation;
mod optimizers;
mod pooling;
mod product;
mod queue;
mod reductions;

use alloc::boxed::Box;
use alloc::sync::Arc;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use device::Device;
use queue::Owner;

pub use buffer::{Bytes, Floats};
pub use compiler::compile;
pub use queue::Calls;

/// A card. Clones share it.
#[derive(Debug, Clone)]
pub struct Cuda {
    owner: Arc<Owner>,
    scratch: Arc<Mutex<Scratch>>,
}

/// Memory that kernels use between their launches, which comes in the order of the launches.
#[derive(Debug)]
struct Scratch {
    /// The chunks' parts of long sums.
    partials: Floats,
    /// What is made of them on the way.
    sums: Floats,
    indices: Floats,
    /// The pixel map of each sample.
    maps: Floats,
    placements: Floats,
}

impl Cuda {
    /// The card with this number, of those that `CUDA_VISIBLE_DEVICES` leaves.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if there is no driver, no such card, one older than
    /// compute capability 7.0, or no NVRTC.
    pub fn new(ordinal: usize) -> Result<Self> {
        Self::on(Box::new(card::Card::open(ordinal)?))
    }

    /// The kernels compiled for the processor, for tests where there is no card: `library` is built
    /// from `kernels/host.cpp`. `order` permutes the threads and the thread blocks: ascending for 0,
    /// descending for 1, else shuffled.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if the library cannot be loaded.
    pub fn emulated(library: &Path, order: u32) -> Result<Self> {
        Self::on(Box::new(emulator::Emulator::load(library, order)?))
    }

    fn on(device: Box<dyn Device>) -> Result<Self> {
        let owner = Arc::new(Owner::new(device));
        let none = Floats::zeros(&owner, 0)?;
        let scratch = Scratch {
            partials: none.clone(),
            sums: none.clone(),
            indices: none.clone(),
            maps: none.clone(),
            placements: none,
        };
        Ok(Cuda {
            owner,
            scratch: Arc::new(Mutex::new(scratch)),
        })
    }

    /// The card's number and name.
    pub fn name(&self) -> &str {
        self.owner.device.name()
    }

    /// The card's rated speeds, if it says them: GFLOP/s of fused multiply-adds, and GB/s of its memory.
    pub fn rated(&self) -> Option<[f64; 2]> {
        self.owner.device.rated()
    }

    /// How often the card was called since it was opened.
    pub fn calls(&self) -> Calls {
        self.owner.calls()
    }

    /// Bytes of the card's memory that tensors and datasets of this [`Cuda`] and its clones take.
    pub fn memory_in_use(&self) -> u64 {
        self.owner.memory()[0]
    }

    /// The most bytes that [`memory_in_use`](Self::memory_in_use) has been.
    pub fn most_memory_in_use(&self) -> u64 {
        self.owner.memory()[1]
    }

    /// Runs with the memory between launches, which is this caller's alone until then.
    fn with_scratch<R>(&self, run: impl FnOnce(&mut Scratch) -> Result<R>) -> Result<R> {
        // A thread that panicked left nothing in it that is read.
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut scratch)
    }
}
