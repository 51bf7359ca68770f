//! Samples and the formats they come in.
//!
//! Whatever the source, samples end as a [`Dataset`] of bytes; a benchmark's two halves as a
//! [`TrainTest`].

mod dataset;
pub mod digits;
#[cfg(feature = "std")]
pub mod idx;
#[cfg(feature = "std")]
pub mod mnist;
mod split;

pub use dataset::Dataset;
pub use split::TrainTest;
