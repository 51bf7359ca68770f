//! Products of weights and blocks of samples.
//!
//! The effective weights fl(g·w) are formed while they are packed, once for every 24 blocks of
//! samples. [`multiply`] is the product forward and to the input, [`to_weights`] the gradient.

mod multiply;
mod one_block;
mod tile;
mod to_weights;

pub use multiply::{Multiply, Sum};
pub use to_weights::ToWeights;
