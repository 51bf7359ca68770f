//! Gain-modulated learning.
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

pub mod backend;
#[cfg(feature = "std")]
pub mod bench;
pub mod data;
pub mod error;
#[cfg(feature = "report")]
pub mod experiment;
pub mod metrics;
#[cfg(feature = "report")]
pub mod report;
pub mod shape;
pub mod train;

pub use error::{Error, Result};
pub use shape::Shape;
