//! The CUDA kernels: on a card, where there is one, and on the processor.

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
