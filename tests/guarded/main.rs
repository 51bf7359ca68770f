//! The kernels on images, where an allocator guards what surrounds every buffer.

#[path = "../shared/images/mod.rs"]
mod images;

mod convolution;
mod normalisation;
mod pooling;

#[global_allocator]
static GUARDED: images::Guarded = images::Guarded;
