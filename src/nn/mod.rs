//! Layers: `forward`, `infer` and `backward` in one place, with the derivation of the gradient.
//!
//! A layer whose inference equals its training pass has no separate `infer`.
//! Activations and gradients are overwritten; the model owns them.
//!
//! ```
//! use neurogain::nn::{GainLinear, Init, Parameter};
//! use neurogain::{Cpu, Shape, Tensor};
//! let cpu = Cpu::new()?;
//! // Two outputs of three inputs, all weights 1, both gains 2: y = 2·(x₁ + x₂ + x₃).
//! let weight = Parameter::new(&cpu, "output", Shape::matrix(2, 3), Init::Constant(1.0), 0, 0)?;
//! let layer = GainLinear::new(weight.with_gain(&cpu, 2.0)?);
//! let x = Tensor::from_rows(&cpu, Shape::features(1, 3), &[1.0, 2.0, 3.0])?;
//! let mut y = Tensor::zeros(&cpu, Shape::features(0, 1))?;
//! layer.forward(&cpu, &x, &mut y)?;
//! assert_eq!(y.to_rows(&cpu)?, [12.0, 12.0]);
//! # Ok::<(), neurogain::Error>(())
//! ```

mod batch_norm;
mod bias;
mod channel_scale;
mod channels;
mod crelu;
mod gain_convolution;
mod gain_linear;
mod layer_norm;
mod linear_leak;
mod loss;
mod parameter;
mod pool;
mod relu;

pub use batch_norm::{AfterRelu, BatchNorm2d};
pub use bias::Bias;
pub use channel_scale::ChannelScale;
pub use crelu::Crelu;
pub use gain_convolution::GainConvolution;
pub use gain_linear::GainLinear;
pub use layer_norm::LayerNorm;
pub use linear_leak::LinearLeak;
pub use loss::{BatchStats, LossLog};
pub use parameter::{Init, Parameter};
pub use pool::SpatialPool;
pub use relu::Relu;
