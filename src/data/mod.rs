//! Data sets and their file formats.
//!
//! Every source gives a [`Dataset`] of bytes; the training and test samples of a benchmark are a [`TrainTest`].

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
#[cfg(feature = "images")]
mod decode;
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
#[cfg(feature = "images")]
mod tiny_imagenet;
#[cfg(feature = "report")]
pub mod verify;

pub use dataset::{Dataset, ImageShape};
#[cfg(feature = "std")]
pub use files::Place;
pub use split::{NamedClasses, TrainTest};
