//! Layers: `forward`, `infer` and `backward` side by side, with the derivation of the gradient.
//!
//! A layer whose inference computes what its training pass computes has no separate `infer`.
//! Activations and gradients are overwritten; the model owns them.

mod gain_linear;
mod loss;
mod parameter;
mod relu;

pub use gain_linear::GainLinear;
pub use loss::{Loss, SoftmaxCrossEntropy};
pub use parameter::Parameter;
pub use relu::Relu;
