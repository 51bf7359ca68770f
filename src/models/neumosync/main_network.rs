//! The network that learns the task, with fast and slow weights.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::dense::{Builder, add, empty};
use super::layer::{Buffers, Layer, Synapses};
use crate::backend::{
    Backend, Binary, Cpu, ModulatedActivity, Modulation, ModulationKept, NormDims, Pool, Window,
};
use crate::error::{Error, Result};
use crate::nn::{Parameter, SpatialPool};
use crate::rng::Purpose;
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// The sizes of a [`MainNetwork`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainNetworkConfig {
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Channels of each convolution: 5×5 pixels without padding, then the maximum of each 2×2 pixels. An MLP has none.
    pub convolutions: Vec<usize>,
    /// Neurons of each hidden linear layer.
    pub hidden: Vec<usize>,
    /// Logits.
    pub classes: usize,
}

/// The window of a convolution.
const CONVOLUTION: Window = Window {
    size: 5,
    stride: 1,
    padding: 0,
};

/// The pooling after a convolution.
const POOL: SpatialPool = SpatialPool {
    pool: Pool::Max,
    window: Window {
        size: 2,
        stride: 2,
        padding: 0,
    },
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
    config: MainNetworkConfig,
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
    /// Weights and biases drawn from `seed`: uniform in ±1/√inputs, PyTorch's default. `activity` says how hidden
    /// neurons are modulated.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0 or images that are too small for the convolutions, [`Error::Memory`] if
    /// memory is insufficient.
    pub fn new(
        backend: &B,
        config: &MainNetworkConfig,
        activity: ModulatedActivity,
        seed: u64,
    ) -> Result<Self> {
        let [mut height, mut width, mut channels] = [config.height, config.width, config.channels];
        let sizes = [height, width, channels, config.classes];
        let mut all = sizes
            .iter()
            .chain(&config.convolutions)
            .chain(&config.hidden);
        if all.any(|&size| size == 0) {
            let found = format!("{config:?}");
            return Err(Error::setting("network", found, "sizes above 0"));
        }
        let mut builder = Builder {
            backend,
            seed,
            purpose: Purpose::Weights,
            next: 0,
        };
        let (mut layers, mut neurons) = (Vec::new(), 0);
        let mut push = |name: String, synapses, pool, activity, outputs: usize| -> Result<()> {
            let first = neurons;
            neurons += outputs;
            layers.push(Layer::new(backend, name, synapses, pool, activity, first)?);
            Ok(())
        };
        for (index, &outputs) in config.convolutions.iter().enumerate() {
            let name = format!("convolution{}", index + 1);
            [height, width] = after_convolution(config, [height, width])?;
            let kernel = Shape::kernel(outputs, CONVOLUTION.size, channels);
            let synapses = Synapses::convolution(&mut builder, &name, kernel, CONVOLUTION)?;
            push(name, synapses, Some(POOL), Some(activity), outputs)?;
            channels = outputs;
        }
        let mut inputs = height.saturating_mul(width).saturating_mul(channels);
        for (index, &outputs) in config.hidden.iter().enumerate() {
            let name = format!("hidden{}", index + 1);
            let synapses = Synapses::linear(&mut builder, &name, [outputs, inputs])?;
            push(name, synapses, None, Some(activity), outputs)?;
            inputs = outputs;
        }
        let name = String::from("output");
        let synapses = Synapses::linear(&mut builder, &name, [config.classes, inputs])?;
        push(name, synapses, None, None, config.classes)?;
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
    pub fn config(&self) -> &MainNetworkConfig {
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
        run(backend, &self.layers, x, given, self.neurons, &mut self.training)
    }

    /// The logits of `x`, without modifying training state.
    pub(super) fn infer(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        given: GivenSignals<'_, B>,
    ) -> Result<&Tensor<B>> {
        run(backend, &self.layers, x, given, self.neurons, &mut self.inference)
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
    pub(super) fn activities(&self) -> impl Iterator<Item = &Tensor<B>> {
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
            layer.fast.parameters().into_iter().try_for_each(&mut *visit)?;
        }
        Ok(())
    }

    /// The weights θ of each layer.
    pub fn weights(&mut self) -> Vec<&mut Parameter<B>> {
        self.layers
            .iter_mut()
            .map(|layer| layer.fast.weight_mut())
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
        self.slow_parameters().try_for_each(|slow| {
            visitor.tensor(Role::Statistics, &slow.name, &mut slow.value)
        })
    }
}

/// The pixels after a convolution and its pooling.
fn after_convolution(config: &MainNetworkConfig, pixels: [usize; 2]) -> Result<[usize; 2]> {
    let side = |pixels| POOL.window.outputs(CONVOLUTION.outputs(pixels)?);
    match pixels.map(side) {
        [Some(height), Some(width)] => Ok([height, width]),
        _ => {
            let found = format!("{config:?}");
            let expected = "images that are large enough for each convolution of 5×5 pixels and pooling of 2×2: 6×6 for one, 16×16 for two";
            Err(Error::setting("network", found, expected))
        }
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
        layer.fast.forward(backend, input, &mut own.u)?;
        layer.slow.forward(backend, input, &mut own.v)?;
        let shape = own.u.shape();
        let dims = modulation(layer, shape, given.per_sample, neurons)?;
        own.modulate(backend, dims, given.signals, layer.pool)?;
    }
    match buffers.last() {
        Some(last) => Ok(&last.output),
        None => Err(Error::shape("main network", "at least one layer", 0)),
    }
}
