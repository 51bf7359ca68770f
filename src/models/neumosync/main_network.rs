//! The network that learns the task, with fast and slow weights.

use alloc::format;
use alloc::vec::Vec;

use super::dense::{add, empty};
use super::layer::{Buffers, Layer};
use crate::backend::{
    Backend, Binary, Cpu, ModulatedActivity, Modulation, ModulationKept, NormDims, Pool,
};
use crate::error::{Error, Result};
use crate::models::feedforward::{Activation, FeedforwardConfig, Map, POOL};
use crate::nn::{Parameter, SpatialPool};
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// The pooling after a convolution.
const POOLING: SpatialPool = SpatialPool {
    pool: Pool::Max,
    window: POOL,
};

/// An MLP or a CNN whose neurons (channels of a convolution, or units) are modulated by signals.
///
/// With the fast weights θ, b, the slow weights φ, b_φ and the signals α of the layer's neurons:
/// u = θx + b, v = φx + b_φ, z = (1 + α_SM)·u + α_WC·v, and the activity h as
/// [`ModulatedActivity`] says. Logits are z of the last layer: its weights are modulated, its activity is not. A
/// maximum over pixels reads h.
///
/// Gradients go to θ, b and the signals. None goes to φ and b_φ, which follow θ and b:
/// [`consolidate`](Self::consolidate). They start equal.
#[derive(Debug, Clone)]
pub struct MainNetwork<B: Backend = Cpu> {
    config: FeedforwardConfig,
    layers: Vec<Layer<B>>,
    neurons: usize,
    training: Vec<Buffers<B>>,
    inference: Vec<Buffers<B>>,
    gradients: Vec<Gradients<B>>,
}

/// The gradients of a layer: of its output after pooling, of h, u and v, and of its input through the slow weights.
#[derive(Debug, Clone)]
struct Gradients<B: Backend> {
    output: Tensor<B>,
    h: Tensor<B>,
    u: Tensor<B>,
    v: Tensor<B>,
    through_slow: Tensor<B>,
}

/// The signals of all neurons, and whether each sample has its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenSignals<'a, B: Backend> {
    pub signals: &'a Tensor<B>,
    pub per_sample: bool,
}

impl<B: Backend> MainNetwork<B> {
    /// Weights and biases drawn from `seed`, as those of [`Feedforward`](crate::models::Feedforward). `activity` says
    /// how hidden neurons are modulated.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0, a window that does not fit, an activation other than ReLU, or layer
    /// normalisation; [`Error::Memory`] if memory is insufficient.
    pub fn new(
        backend: &B,
        config: &FeedforwardConfig,
        activity: ModulatedActivity,
        seed: u64,
    ) -> Result<Self> {
        if config.activation != Activation::Relu || config.layer_norm {
            let expected = "ReLU without layer normalisation: signals modulate the activity";
            return Err(Error::setting("network", format!("{config:?}"), expected));
        }
        let sizes = config.layers()?;
        let (last, convolutions) = (sizes.len() - 1, config.convolutions.len());
        let (mut layers, mut neurons) = (Vec::new(), 0);
        for (number, sizes) in sizes.into_iter().enumerate() {
            let (name, pool, activity) = match number {
                _ if number == last => ("output".into(), None, None),
                _ if number < convolutions => {
                    let name = format!("convolution{}", number + 1);
                    (name, Some(POOLING), Some(activity))
                }
                _ => {
                    let name = format!("hidden{}", number + 1 - convolutions);
                    (name, None, Some(activity))
                }
            };
            // A weight and a bias for each layer.
            let map = Map::new(backend, &name, sizes, seed, 2 * number as u64)?;
            layers.push(Layer::new(backend, name, map, pool, activity, neurons)?);
            neurons += sizes.outputs;
        }
        let buffers = || layers.iter().map(|layer| Buffers::new(backend, layer));
        let gradients = |_| {
            Ok(Gradients {
                output: empty(backend)?,
                h: empty(backend)?,
                u: empty(backend)?,
                v: empty(backend)?,
                through_slow: empty(backend)?,
            })
        };
        Ok(MainNetwork {
            config: config.clone(),
            training: buffers().collect::<Result<_>>()?,
            inference: buffers().collect::<Result<_>>()?,
            gradients: layers.iter().map(gradients).collect::<Result<_>>()?,
            layers,
            neurons,
        })
    }

    /// The network's sizes.
    pub fn config(&self) -> &FeedforwardConfig {
        &self.config
    }

    /// Neurons of all layers, the output layer included.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Name and neurons of each layer, in order.
    pub fn layer_sizes(&self) -> impl Iterator<Item = (&str, usize)> + Clone {
        self.layers
            .iter()
            .map(|layer| (layer.name.as_str(), layer.neurons()))
    }

    /// The logits of a training batch; keeps what `backward` needs.
    pub(super) fn forward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        given: GivenSignals<'_, B>,
    ) -> Result<&Tensor<B>> {
        run(
            backend,
            &self.layers,
            x,
            given,
            self.neurons,
            &mut self.training,
        )
    }

    /// The logits of `x`, without modifying training state.
    pub(super) fn infer(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        given: GivenSignals<'_, B>,
    ) -> Result<&Tensor<B>> {
        run(
            backend,
            &self.layers,
            x,
            given,
            self.neurons,
            &mut self.inference,
        )
    }

    /// The gradients of θ, b and the signals, from the gradient of the logits of the last `forward`.
    ///
    /// The input of a layer feeds both θ and φ: dx = θᵀ·du + φᵀ·dv, added in this order.
    pub(super) fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dlogits: &Tensor<B>,
        given: GivenSignals<'_, B>,
        dsignals: &mut Tensor<B>,
    ) -> Result<()> {
        dsignals.reshape(backend, given.signals.shape())?;
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (before, buffers) = self.training.split_at(index);
            let buffers = &buffers[0];
            let input = before.last().map_or(x, |before| &before.output);
            let (previous, own) = self.gradients.split_at_mut(index);
            let own = &mut own[0];
            let dh = match layer.pool {
                Some(pool) => {
                    pool.backward(backend, &buffers.h, &own.output, &mut own.h)?;
                    &own.h
                }
                None if index == last => dlogits,
                None => &own.output,
            };
            let shape = buffers.u.shape();
            own.u.reshape(backend, shape)?;
            own.v.reshape(backend, shape)?;
            let kept = ModulationKept {
                signals: given.signals.floats(),
                u: buffers.u.floats(),
                v: buffers.v.floats(),
                z: buffers.z().floats(),
                dh: dh.floats(),
            };
            backend.modulation_backward(
                modulation(layer, shape, given.per_sample, self.neurons)?,
                kept,
                own.u.floats_mut(),
                own.v.floats_mut(),
                dsignals.floats_mut(),
            )?;
            let Some(previous) = previous.last_mut() else {
                layer.fast.backward(backend, input, &own.u, None)?;
                continue;
            };
            let dx = &mut previous.output;
            layer.fast.backward(backend, input, &own.u, Some(dx))?;
            let through_slow = &mut own.through_slow;
            layer
                .slow
                .to_input(backend, input.shape(), &own.v, through_slow)?;
            add(backend, through_slow, dx)?;
        }
        Ok(())
    }

    /// `φ ← fma(rate, θ, fl((1 − rate)·φ))` for weights and biases.
    ///
    /// # Errors
    /// Errors of the kernels.
    pub fn consolidate(&mut self, backend: &B, rate: f32) -> Result<()> {
        let average = Binary::Axpby {
            a: rate,
            b: (1.0 - f64::from(rate)) as f32,
        };
        for layer in &mut self.layers {
            let slow = layer.slow.parameters();
            for (fast, slow) in layer.fast.parameters().into_iter().zip(slow) {
                backend.binary(average, fast.value.floats(), slow.value.floats_mut())?;
            }
        }
        Ok(())
    }

    /// The activity of each layer in the last `forward`: h, or the logits of the output layer.
    pub(crate) fn activities(&self) -> impl Iterator<Item = &Tensor<B>> {
        self.training.iter().map(Buffers::activity)
    }

    /// Calls `visit` with θ and b of each layer, in the order of the forward pass.
    ///
    /// # Errors
    /// The error of `visit`.
    pub fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        for layer in &mut self.layers {
            layer
                .fast
                .parameters()
                .into_iter()
                .try_for_each(&mut *visit)?;
        }
        Ok(())
    }

    /// The weights θ of each layer.
    pub fn weights(&mut self) -> Vec<&mut Parameter<B>> {
        self.layers
            .iter_mut()
            .map(|layer| layer.fast.weight())
            .collect()
    }

    /// The slow weights φ and b_φ of each layer, with an empty gradient.
    pub fn slow_parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        self.layers
            .iter_mut()
            .flat_map(|layer| layer.slow.parameters())
    }
}

impl<B: Backend> State<B> for MainNetwork<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.for_each_parameter(&mut |parameter| parameter.visit(backend, visitor))?;
        self.slow_parameters()
            .try_for_each(|slow| visitor.tensor(Role::Statistics, &slow.name, &mut slow.value))
    }
}

fn modulation<B: Backend>(
    layer: &Layer<B>,
    shape: Shape,
    per_sample: bool,
    neurons: usize,
) -> Result<Modulation> {
    let dims = NormDims::of(shape);
    Ok(Modulation {
        layer: dims.ok_or_else(|| Error::shape("modulation", "activations", shape))?,
        first: layer.first,
        neurons,
        per_sample,
        activity: layer.activity,
    })
}

/// The forward pass with the buffers of training or inference.
fn run<'a, B: Backend>(
    backend: &B,
    layers: &[Layer<B>],
    x: &Tensor<B>,
    given: GivenSignals<'_, B>,
    neurons: usize,
    buffers: &'a mut [Buffers<B>],
) -> Result<&'a Tensor<B>> {
    for (index, layer) in layers.iter().enumerate() {
        let (before, own) = buffers.split_at_mut(index);
        let input = before.last().map_or(x, |before| &before.output);
        let own = &mut own[0];
        layer.fast.forward(backend, input, false, &mut own.u)?;
        layer.slow.forward(backend, input, false, &mut own.v)?;
        let shape = own.u.shape();
        let dims = modulation(layer, shape, given.per_sample, neurons)?;
        own.modulate(backend, dims, given.signals, layer.pool)?;
    }
    match buffers.last() {
        Some(last) => Ok(&last.output),
        None => Err(Error::shape("main network", "at least one layer", 0)),
    }
}
