//! The CUDA backend, for NVIDIA GPUs.
//!
//! It gives the same bits as the CPU: `kernels/*.cu` keep the contract of [`backend`](super), including the order of
//! summation, the fused multiply-adds and the polynomials. NVRTC compiles them for the installed GPU when a
//! [`Cuda`] is created, and the result is cached in the user's cache directory
//! (`NEUROGAIN_CACHE`). Building the program needs nothing of CUDA: the driver and NVRTC are loaded at
//! run time, and an [`Error::Device`](crate::Error::Device) says which one is missing.
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
//! Operations of all clones of a [`Cuda`] execute in the order of the calls. Kernels stay pending until
//! a result is read; a sequence of kernels that came before runs as one CUDA graph. A kernel that
//! fails is reported at the copy to the host.

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
mod modulations;
mod normalisation;
mod optimizers;
mod pooling;
mod product;
mod queue;
mod reductions;
mod winograd;

use alloc::boxed::Box;
use alloc::sync::Arc;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use device::Device;
use queue::Owner;

pub use buffer::{Bytes, Floats};
pub use compiler::compile;
pub use queue::CallCounts;

/// An NVIDIA GPU. Clones share it.
#[derive(Debug, Clone)]
pub struct Cuda {
    owner: Arc<Owner>,
    scratch: Arc<Mutex<Scratch>>,
}

/// Temporary buffers of kernels that consist of several launches; the order of the launches protects them.
#[derive(Debug)]
struct Scratch {
    /// The chunks' partial sums of long sums.
    partials: Floats,
    /// Intermediate results from the partial sums.
    sums: Floats,
    indices: Floats,
    /// The pixel map of each sample.
    maps: Floats,
    placements: Floats,
}

impl Cuda {
    /// Opens the GPU with this number, among those that `CUDA_VISIBLE_DEVICES` makes visible.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if there is no driver, no such GPU, no NVRTC, or the GPU is older than
    /// compute capability 7.0.
    pub fn new(ordinal: usize) -> Result<Self> {
        Self::on(Box::new(card::Card::open(ordinal)?))
    }

    /// Runs the kernels on the CPU, for tests without a GPU. `library` is built
    /// from `kernels/host.cpp`. `order` permutes the threads and the thread blocks: ascending for 0,
    /// descending for 1, otherwise shuffled.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if the library cannot be loaded.
    ///
    /// # Safety
    /// `library` is built from this version's `kernels/host.cpp`: its functions are called, and its initialisers run.
    #[allow(unsafe_code)]
    pub unsafe fn emulated(library: &Path, order: u32) -> Result<Self> {
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

    /// The device's number and name.
    pub fn name(&self) -> &str {
        self.owner.device.name()
    }

    /// The GPU's peak speeds, if it reports them: GFLOP/s of fused multiply-adds, and GB/s of its memory.
    pub fn peak(&self) -> Option<[f64; 2]> {
        self.owner.device.peak()
    }

    /// How often the device was called since it was opened.
    pub fn calls(&self) -> CallCounts {
        self.owner.calls()
    }

    /// Bytes of device memory used by tensors and datasets of this [`Cuda`] and its clones.
    pub fn memory_in_use(&self) -> u64 {
        self.owner.memory()[0]
    }

    /// The maximum of [`memory_in_use`](Self::memory_in_use) so far.
    pub fn most_memory_in_use(&self) -> u64 {
        self.owner.memory()[1]
    }

    /// Calls `run` with the temporary buffers, locked until it returns.
    fn with_scratch<R>(&self, run: impl FnOnce(&mut Scratch) -> Result<R>) -> Result<R> {
        // A panic leaves valid buffers: their old contents are never read.
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut scratch)
    }
}
