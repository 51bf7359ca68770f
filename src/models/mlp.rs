//! The multilayer perceptron of arXiv 2507.14056: bias-free, ReLU, every layer gain-modulated.

use alloc::format;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::models::{HiddenLayer, Network};
use crate::nn::{GainLinear, Init, Parameter, Relu};
use crate::shape::Shape;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

/// The sizes of an [`Mlp`] and the standard deviations of its initial weights.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpConfig {
    /// Numbers of inputs, of hidden neurons in each layer, and of outputs: the paper's MNIST network is
    /// 784, 400, 400, 10.
    pub neurons: Vec<usize>,
    /// Standard deviation of the hidden layers' initial weights, drawn from N(0, this²).
    pub hidden_standard_deviation: f32,
    /// Standard deviation of the output layer's initial weights, drawn from N(0, this²).
    pub output_standard_deviation: f32,
}

/// `x → g₁W₁ → ReLU → g₂W₂ → ReLU → … → g_L W_L → logits`.
///
/// Without biases, gains that are equal for all neurons of a layer only scale the logits by their
/// product, so no decision changes: ReLU is positively homogeneous.
#[derive(Debug, Clone)]
pub struct Mlp<B: Backend = Cpu> {
    layers: Vec<GainLinear<B>>,
    training: Vec<Tensor<B>>,
    inference: [Tensor<B>; 2],
    gradients: [Tensor<B>; 2],
}

impl<B: Backend> Mlp<B> {
    /// Weights drawn from `seed`. Every layer's gains are 1, and
    /// [`GainDynamics`](crate::gain::GainDynamics) can change them.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than two sizes or a size of 0, [`Error::Memory`] if there is not enough
    /// memory.
    pub fn new(backend: &B, shape: &MlpConfig, seed: u64) -> Result<Self> {
        let neurons = &shape.neurons;
        if neurons.len() < 2 || neurons.contains(&0) {
            let found = format!("{neurons:?}");
            return Err(Error::setting(
                "network sizes",
                found,
                "two or more sizes above 0",
            ));
        }
        let mut layers = Vec::new();
        let last = neurons.len() - 2;
        for (index, sizes) in neurons.windows(2).enumerate() {
            let (name, deviation) = match index == last {
                true => ("output".into(), shape.output_standard_deviation),
                false => (
                    format!("hidden{}", index + 1),
                    shape.hidden_standard_deviation,
                ),
            };
            let matrix = Shape::matrix(sizes[1], sizes[0]);
            let initial = Init::Normal {
                standard_deviation: deviation,
            };
            let weight = Parameter::new(backend, name, matrix, initial, seed, index as u64)?;
            layers.push(GainLinear::new(weight.with_gain(backend, 1.0)?));
        }
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Mlp {
            training: layers.iter().map(|_| empty()).collect::<Result<_>>()?,
            layers,
            inference: [empty()?, empty()?],
            gradients: [empty()?, empty()?],
        })
    }

    /// Every parameter, in the order of the forward pass.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        self.layers.iter_mut().map(|layer| &mut layer.weight)
    }
}

impl<B: Backend> Network<B> for Mlp<B> {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = self.training.split_at_mut(index);
            let output = &mut rest[0];
            layer.forward(backend, before.last().unwrap_or(x), output)?;
            if index < last {
                Relu.forward(backend, output)?;
            }
        }
        Ok(&self.training[last])
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        let last = self.layers.len() - 1;
        let [input, output] = &mut self.inference;
        for (index, layer) in self.layers.iter().enumerate() {
            let from = if index == 0 { x } else { &*input };
            layer.forward(backend, from, output)?;
            if index < last {
                Relu.forward(backend, output)?;
            }
            core::mem::swap(input, output);
        }
        // Every call must use each buffer for the same purpose as the last call, so that no buffer grows.
        if last.is_multiple_of(2) {
            core::mem::swap(input, output);
            return Ok(output);
        }
        Ok(input)
    }

    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        let last = self.layers.len() - 1;
        let [dy, dx] = &mut self.gradients;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let from = if index == last { dlogits } else { &*dy };
            if index == 0 {
                layer.backward(backend, x, from, None)?;
                break;
            }
            let input = &self.training[index - 1];
            layer.backward(backend, input, from, Some(dx))?;
            Relu.backward(backend, input, dx)?;
            core::mem::swap(dy, dx);
        }
        // As in `infer`.
        if last % 2 == 1 {
            core::mem::swap(dy, dx);
        }
        Ok(())
    }

    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        self.parameters().try_for_each(visit)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.parameters().collect()
    }

    fn hidden_layer(&mut self, number: usize) -> Option<HiddenLayer<'_, B>> {
        let [incoming, outgoing] = self.layers.get_mut(number..number + 2)? else {
            return None;
        };
        Some(HiddenLayer {
            incoming: &mut incoming.weight,
            incoming_place: number,
            outgoing: &mut outgoing.weight,
            outgoing_place: number + 1,
            of_unit: [None, None, None, None],
            activity: &self.training[number],
        })
    }
}

impl<B: Backend> State<B> for Mlp<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.parameters()
            .try_for_each(|p| p.visit(backend, visitor))
    }
}
