//! The interface of a network.

use alloc::vec::Vec;
use core::ops::DerefMut;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::nn::Parameter;
use crate::state::State;
use crate::tensor::Tensor;

/// A network from inputs to logits, with hand-written backpropagation. Its [`State`] is what inference reads:
/// parameters, gains, running statistics.
pub trait Network<B: Backend = Cpu>: State<B> {
    /// The logits of a training batch; what `backward` needs is kept.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `x` does not fit the network.
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// The logits of `x`, without modifying training state.
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

    /// Calls `visit` with every parameter, in the order of the forward pass; it asks for no memory.
    ///
    /// # Errors
    /// What `visit` fails with.
    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()>;

    /// The layers whose gains and weights records show, in the same order.
    fn layers(&mut self) -> Vec<&mut Parameter<B>>;

    /// The hidden layer `number`, counted from 0, whose units can be replaced; `None` after the last. A network
    /// has none unless it says otherwise.
    fn hidden_layer(&mut self, _number: usize) -> Option<HiddenLayer<'_, B>> {
        None
    }
}

/// A hidden layer of units, each with a row of incoming and a column of outgoing weights.
#[derive(Debug)]
pub struct HiddenLayer<'a, B: Backend = Cpu> {
    /// `[units][inputs]`.
    pub incoming: &'a mut Parameter<B>,
    /// The place of these among the network's parameters.
    pub incoming_place: usize,
    /// `[outputs][units]`.
    pub outgoing: &'a mut Parameter<B>,
    /// The place of these.
    pub outgoing_place: usize,
    /// h of the last training batch, after the nonlinearity.
    pub activity: &'a Tensor<B>,
}

/// A boxed or borrowed network is a network.
impl<B: Backend, P: DerefMut<Target: Network<B>>> Network<B> for P {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        (**self).forward(backend, x)
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        (**self).infer(backend, x)
    }

    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        (**self).backward(backend, x, dlogits)
    }

    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        (**self).for_each_parameter(visit)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        (**self).layers()
    }

    fn hidden_layer(&mut self, number: usize) -> Option<HiddenLayer<'_, B>> {
        (**self).hidden_layer(number)
    }
}
