//! Layers: `forward`, `infer` and `backward` side by side, with the derivation of the gradient.
//!
//! A layer whose inference computes what its training pass computes has no separate `infer`.
//! Activations and gradients are overwritten; the model owns them.

mod batch_norm;
mod gain_convolution;
mod gain_linear;
mod loss;
mod parameter;
mod pool;
mod relu;

pub use batch_norm::BatchNormalisation;
pub use gain_convolution::GainConvolution;
pub use gain_linear::GainLinear;
pub use loss::{Loss, SoftmaxCrossEntropy};
pub use parameter::{Initial, Parameter};
pub use pool::AveragePool;
pub use relu::Relu;
