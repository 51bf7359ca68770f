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
pub mod gain;
pub mod metrics;
pub mod models;
pub mod nn;
pub mod optim;
#[cfg(feature = "report")]
pub mod report;
pub mod rng;
pub mod shape;
pub mod stream;
pub mod tensor;
pub mod train;

pub use backend::{Backend, Cpu};
pub use error::{Error, Result};
pub use shape::Shape;
pub use tensor::Tensor;
