//! The interface of a network.

use alloc::vec::Vec;
use core::ops::DerefMut;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::nn::Parameter;
use crate::state::State;
use crate::tensor::Tensor;

/// A network from inputs to logits, with hand-written backpropagation. Its [`State`] contains what inference reads:
/// parameters, gains, running statistics.
pub trait Network<B: Backend = Cpu>: State<B> {
    /// The logits of a training batch; keeps what `backward` needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// The logits of `x`, without modifying training state.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// The gradient of every parameter, from the gradient of the loss with respect to the logits of the last `forward`;
    /// `x` is the same as there.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` or `dlogits` does not fit.
    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()>;

    /// Calls `visit` with every parameter, in the order of the forward pass; allocates no memory.
    ///
    /// # Errors
    /// The error of `visit`.
    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()>;

    /// The layers whose gains and weights are recorded, in the same order.
    fn layers(&mut self) -> Vec<&mut Parameter<B>>;

    /// Shows `visit` the activity of each hidden layer for the samples of `x`, in order. By default these are the layers
    /// of [`hidden_layer`](Self::hidden_layer), and the buffers of a training batch are overwritten.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network, and the error of `visit`.
    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        if self.hidden_layer(0).is_none() {
            return Ok(());
        }
        self.forward(backend, x)?;
        let mut number = 0;
        while let Some(layer) = self.hidden_layer(number) {
            visit(layer.activity)?;
            number += 1;
        }
        Ok(())
    }

    /// Hidden layer `number`, counted from 0, whose units can be replaced; `None` after the last. By default a network
    /// has none.
    fn hidden_layer(&mut self, _number: usize) -> Option<HiddenLayer<'_, B>> {
        None
    }
}

/// A hidden layer of units: neurons, or the channels of a convolution. Each unit has a row of incoming weights, and one
/// or several columns of outgoing weights: column k of an outgoing row belongs to unit k mod units, for linear layers,
/// convolutions, and a linear layer that follows a convolution.
#[derive(Debug)]
pub struct HiddenLayer<'a, B: Backend = Cpu> {
    /// `[units][inputs]`, or `[units][size][size][inputs]`.
    pub incoming: &'a mut Parameter<B>,
    /// The index of `incoming` among the network's parameters.
    pub incoming_place: usize,
    /// `[outputs][units]`, `[outputs][pixels][units]` or `[outputs][size][size][units]`.
    pub outgoing: &'a mut Parameter<B>,
    /// The index of `outgoing` among the network's parameters.
    pub outgoing_place: usize,
    /// The other parameters with one number for each unit: bias, scale and shift of a normalisation, slope.
    pub of_unit: [Option<UnitParameter<'a, B>>; 4],
    /// h of the last training batch, as the next layer reads it: after nonlinearity and pooling.
    pub activity: &'a Tensor<B>,
}

/// A parameter with one number for each unit of a hidden layer.
#[derive(Debug)]
pub struct UnitParameter<'a, B: Backend = Cpu> {
    /// `[units]`.
    pub parameter: &'a mut Parameter<B>,
    /// The index of `parameter` among the network's parameters.
    pub place: usize,
    /// The number of a unit that starts anew.
    pub start: f32,
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

    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        (**self).activities(backend, x, visit)
    }

    fn hidden_layer(&mut self, number: usize) -> Option<HiddenLayer<'_, B>> {
        (**self).hidden_layer(number)
    }
}
