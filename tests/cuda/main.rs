//! The CUDA kernels: on a GPU, if there is one, and on the CPU.

#[path = "../shared/emulated/mod.rs"]
mod emulated;
#[path = "../shared/images/mod.rs"]
mod images;
#[path = "../shared/kernel_support/mod.rs"]
mod kernel_support;
#[cfg(feature = "cli")]
#[path = "../shared/program/mod.rs"]
mod program;

mod barriers;
mod compile;
mod driver;
mod graphs;
mod kernels_same_bits;
mod training_same_bits;
