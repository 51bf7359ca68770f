//! The kernels on images, with an allocator that guards the memory around every buffer.

#[path = "../shared/images/mod.rs"]
mod images;

mod convolution;
mod normalisation;
mod pooling;

#[global_allocator]
static GUARDED: images::Guarded = images::Guarded;
