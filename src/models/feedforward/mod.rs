//! The feed-forward network of the plasticity benchmarks: convolutions, hidden linear layers, biases everywhere.

mod config;
mod hidden;

use alloc::format;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::models::{HiddenLayer, Network};
use crate::nn::Parameter;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

pub(in crate::models) use config::POOL;
pub use config::{Activation, ConvolutionConfig, FeedforwardConfig};
pub(in crate::models) use hidden::Map;
use hidden::{Hidden, empty};

/// `x → [convolution → f → 2×2 max pooling] … → [linear → f] … → linear → logits`, with biases and PyTorch's default
/// initialisation: weights and biases uniform in ±1/√(inputs of a neuron). f is the activation, of the normalised
/// pre-activation if layer normalisation is set (Ba, Kiros & Hinton 2016, as a baseline against the loss of plasticity
/// in Lyle et al. 2023, arXiv 2303.01486). After CReLU, the next layer has twice as many inputs.
///
/// The parameters are `convolution1`, …, `hidden1`, …, `output`, each with its `.bias`; hidden layers also have
/// `.norm.gamma` and `.norm.beta`, and `.slope`, where the configuration has them.
///
/// ```
/// use neurogain::models::{Activation, Feedforward, FeedforwardConfig, Network};
/// use neurogain::{Cpu, Shape, Tensor};
/// let cpu = Cpu::new()?;
/// let relu = FeedforwardConfig::mlp(784, &[100, 100], 10);
/// let crelu = relu.with_equal_parameters(Activation::Crelu)?;
/// assert_eq!((relu.parameters()?, crelu.hidden[0]), (89_610, 91));
/// let mut network = Feedforward::new(&cpu, &crelu, 42)?;
/// let x = Tensor::zeros(&cpu, Shape::features(16, 784))?;
/// assert_eq!(network.infer(&cpu, &x)?.shape(), Shape::features(16, 10));
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Feedforward<B: Backend = Cpu> {
    hidden: Vec<Hidden<B>>,
    output: Map<B>,
    /// The logits in training and in inference, and the gradient to the last hidden layer.
    training: Tensor<B>,
    inference: Tensor<B>,
    gradient: Tensor<B>,
}

impl<B: Backend> Feedforward<B> {
    /// Weights and biases drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0 or a window that does not fit,
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(backend: &B, config: &FeedforwardConfig, seed: u64) -> Result<Self> {
        let mut sizes = config.layers()?;
        let Some(of_output) = sizes.pop() else {
            let expected = "at least an output layer";
            return Err(Error::setting("network", format!("{config:?}"), expected));
        };
        let (mut hidden, mut index) = (Vec::new(), 0);
        let convolutions = config.convolutions.len();
        for (number, sizes) in sizes.into_iter().enumerate() {
            let name = match number < convolutions {
                true => format!("convolution{}", number + 1),
                false => format!("hidden{}", number + 1 - convolutions),
            };
            let layer = Hidden::new(backend, config, &name, sizes, seed, index)?;
            index += layer.parameters() as u64;
            hidden.push(layer);
        }
        Ok(Feedforward {
            hidden,
            output: Map::new(backend, "output", of_output, seed, index)?,
            training: empty(backend)?,
            inference: empty(backend)?,
            gradient: empty(backend)?,
        })
    }
}

impl<B: Backend> Feedforward<B> {
    /// The same network with a gain of 1 for every neuron, also of the output layer, which
    /// [`GainDynamics`](crate::gain::GainDynamics) can change. Biases are not modulated.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn with_gains(mut self, backend: &B) -> Result<Self> {
        for weight in self.layers() {
            *weight = weight.clone().with_gain(backend, 1.0)?;
        }
        Ok(self)
    }
}

impl<B: Backend> Network<B> for Feedforward<B> {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        for number in 0..self.hidden.len() {
            let (before, rest) = self.hidden.split_at_mut(number);
            let input = before.last().map_or(x, Hidden::output);
            rest[0].forward(backend, input)?;
        }
        let input = self.hidden.last().map_or(x, Hidden::output);
        let logits = &mut self.training;
        self.output.forward(backend, input, false, logits)?;
        Ok(logits)
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        for number in 0..self.hidden.len() {
            let (before, rest) = self.hidden.split_at_mut(number);
            let input = before.last().map_or(x, Hidden::inferred);
            rest[0].infer(backend, input)?;
        }
        let input = self.hidden.last().map_or(x, Hidden::inferred);
        let logits = &mut self.inference;
        self.output.forward(backend, input, false, logits)?;
        Ok(logits)
    }

    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        let input = self.hidden.last().map_or(x, Hidden::output);
        let dx = (!self.hidden.is_empty()).then_some(&mut self.gradient);
        self.output.backward(backend, input, dlogits, dx)?;
        for number in (0..self.hidden.len()).rev() {
            let (before, rest) = self.hidden.split_at_mut(number);
            let input = before.last().map_or(x, Hidden::output);
            let (layer, after) = rest.split_at_mut(1);
            let dy = match after {
                [next, ..] => &mut next.dx,
                [] => &mut self.gradient,
            };
            layer[0].backward(backend, input, dy, number == 0)?;
        }
        Ok(())
    }

    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        for layer in &mut self.hidden {
            layer.for_each_parameter(visit)?;
        }
        visit(self.output.weight())?;
        visit(&mut self.output.bias.parameter)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        let hidden = self.hidden.iter_mut().map(|layer| layer.map.weight());
        hidden.chain([self.output.weight()]).collect()
    }

    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        self.forward(backend, x)?;
        let mut layers = self.hidden.iter().map(Hidden::output);
        layers.try_for_each(visit)
    }

    fn hidden_layer(&mut self, number: usize) -> Option<HiddenLayer<'_, B>> {
        let (before, rest) = self.hidden.split_at_mut_checked(number)?;
        let place = before.iter().map(Hidden::parameters).sum();
        let (layer, after) = rest.split_first_mut()?;
        let next = match after {
            [next, ..] => next.map.weight(),
            [] => self.output.weight(),
        };
        layer.units(next, place)
    }
}

impl<B: Backend> State<B> for Feedforward<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.for_each_parameter(&mut |parameter| parameter.visit(backend, visitor))
    }
}
