//! What the trainer needs of a model.

use alloc::string::String;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::nn::Parameter;
use crate::tensor::Tensor;

/// A network from inputs to logits, with hand-written backpropagation.
pub trait Network<B: Backend = Cpu> {
    /// The logits of a training batch; what `backward` needs is kept.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `x` does not fit the network.
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// The logits of `x`, nothing of training's being touched.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `x` does not fit the network.
    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// The gradient of every parameter from that of the loss to the logits of the last `forward`,
    /// which had the same `x`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `x` or `dlogits` does not fit.
    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()>;

    /// Every parameter, in the order in which records list the layers.
    fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>>;

    /// What training moves and inference reads besides the parameters, by name: the running statistics
    /// of batch normalisations, which a checkpoint holds with the parameters. None unless a network says
    /// otherwise.
    fn statistics(&mut self) -> impl Iterator<Item = (String, &mut Tensor<B>)> {
        core::iter::empty()
    }
}
