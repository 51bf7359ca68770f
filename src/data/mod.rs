//! Samples and the formats they come in.
//!
//! Whatever the source, samples end as a [`Dataset`] of bytes; a benchmark's two halves as a
//! [`TrainTest`].

#[cfg(feature = "images")]
pub mod celeba;
pub(crate) mod change;
#[cfg(feature = "std")]
mod checksum;
#[cfg(feature = "std")]
pub mod cifar;
#[cfg(feature = "std")]
mod cifar_names;
#[cfg(feature = "std")]
pub mod collection;
mod dataset;
pub mod digits;
#[cfg(feature = "std")]
mod files;
#[cfg(feature = "images")]
pub mod folder;
#[cfg(feature = "std")]
pub mod idx;
#[cfg(feature = "std")]
pub mod mnist;
#[cfg(feature = "std")]
pub mod pack;
mod split;
#[cfg(feature = "report")]
pub mod verify;

pub use dataset::{Dataset, ImageShape};
#[cfg(feature = "std")]
pub use files::Place;
pub use split::{NamedClasses, TrainTest};
