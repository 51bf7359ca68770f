//! The kernel contract: what each kernel computes, on which shapes, and in which order it adds.
//!
//! A kernel's result is a function of its inputs alone: not of the instruction set, the number of
//! threads, or the scheduling. Every backend gives the same bits, because the contract fixes every
//! rounding:
//!
//! 1. **Products** over `k` are one chain of fused multiply-adds per output element, `k` ascending,
//!    starting from +0: `s ← fma(a_k, b_k, s)`.
//! 2. **Long sums** over samples have the shape that [`summation`] fixes.
//! 3. **Convolutions** with 3×3 windows and stride 1 use the operations that [`winograd`] writes out, if their
//!    dimensions are those that it serves.
//! 4. **exp, ln, tanh and 1/√x** are the polynomials of [`cpu::math`].
//! 5. Everything else is written as the sequence of IEEE 754 operations that its documentation
//!    gives, each rounded once; `fma` is written where two operations are rounded as one.
//! 6. The sign and payload of a NaN result are unspecified; whether a result is NaN is specified.
//!
//! Accumulation: a kernel overwrites its outputs and reads its inputs. An output that is also read is
//! documented as updated in place.
//!
//! Activations are blocked ([`Shape::Blocked`](crate::Shape)): `[blocks][features][16]`, where the
//! last block's padding lanes are zero. `m` counts samples, `n` outputs, `k` inputs.
//!
//! ```
//! use neurogain::backend::cpu::InstructionSet;
//! use neurogain::Cpu;
//! use neurogain::backend::{Elementwise, Memory, Unary};
//! // The same bits on every instruction set of this machine, with any number of threads.
//! for set in InstructionSet::available() {
//!     let cpu = Cpu::with(set, 2)?;
//!     let mut x = cpu.zeros(32)?;
//!     cpu.upload(&[-1.5; 32], &mut x)?;
//!     cpu.unary(Unary::Relu, &mut x)?;
//!     let mut host = [1.0; 32];
//!     cpu.download(&x, &mut host)?;
//!     assert_eq!(host, [0.0; 32]);
//! }
//! # Ok::<(), neurogain::Error>(())
//! ```

mod affine;
mod attention;
mod check;
pub mod cpu;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub mod cuda;

mod convolutions;
mod elementwise;
mod gathers;
mod losses;
mod memory;
mod modulations;
mod neuron_attention;
mod normalisations;
mod optimizers;
mod poolings;
mod products;
mod reductions;
pub mod summation;
mod window;
pub mod winograd;

pub use affine::{Affine, ScaleGradient, ScaleShift};
pub use attention::{Attention, SampleProduct};
pub use convolutions::{Conv2dDims, Convolutions, Update};
pub use cpu::Cpu;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub use cuda::Cuda;
pub use elementwise::{Binary, Elementwise, Unary};
pub use gathers::{CropFlip, Gathers, PixelMaps};
pub use losses::{Losses, sums};
pub use memory::Memory;
pub use modulations::{ModulatedActivity, Modulation, ModulationKept, Modulations};
pub use neuron_attention::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept,
    NeuronAttention,
};
pub use normalisations::{
    BatchNormConfig, LayerNormalise, LayerNormaliseBackward, NormDims, Normalisations, Normalize,
    NormalizeBackward, ReluMask,
};
pub use optimizers::{AdamStep, Optimizers};
pub use poolings::{Pool, Pool2dDims, Poolings};
pub use products::{MatmulDims, Products};
pub use reductions::Reductions;
pub use window::Window;

/// A device that stores numbers and runs all kernels: the union of the kernel families.
///
/// Generic code bounds `B: Backend` and can call every method; code on a concrete device such as [`Cpu`]
/// imports the families it calls.
///
/// Every kernel fails with [`Error::Shape`](crate::Error::Shape) if a buffer's length does not match the
/// dimensions.
pub trait Backend:
    Memory
    + Products
    + Convolutions
    + Normalisations
    + Affine
    + Attention
    + Modulations
    + Poolings
    + Elementwise
    + Optimizers
    + Losses
    + Gathers
    + Reductions
{
}

impl<B> Backend for B where
    B: Memory
        + Products
        + Convolutions
        + Normalisations
        + Affine
        + Attention
        + Modulations
        + Poolings
        + Elementwise
        + Optimizers
        + Losses
        + Gathers
        + Reductions
{
}
