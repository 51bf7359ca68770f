//! The source of the signals, and their diagnostics.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::dense::{Builder, Rows};
use super::forward::hold_at_zero;
use super::neurosync::SIGNALS;
use super::{GivenSignals, MainNetwork, NeuMoSyncConfig, NeuroSync, SignalBound};
use crate::backend::{Backend, Binary, Cpu, Unary};
use crate::error::Result;
use crate::nn::{Init, Parameter};
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// What the signals come from.
#[derive(Debug, Clone)]
pub enum Signals<B: Backend = Cpu> {
    /// NeuroSync.
    NeuroSync(Box<NeuroSync<B>>),
    /// Parameters of their own.
    Static(Box<StaticSignals<B>>),
}

/// One parameter for each signal of each neuron, `[N][4]`, from 0: an ablation.
#[derive(Debug, Clone)]
pub struct StaticSignals<B: Backend = Cpu> {
    raw: Parameter<B>,
    bound: SignalBound,
    mask: Option<Tensor<B>>,
    signals: Tensor<B>,
}

/// Mean and standard deviation of each signal α_SM, α_WC, α_3, α_4 over the neurons of a layer and, if each sample has
/// its own, over the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSignals {
    /// The layer's name.
    pub layer: String,
    /// The means.
    pub mean: [f64; SIGNALS],
    /// The standard deviations.
    pub standard_deviation: [f64; SIGNALS],
}

impl<B: Backend> Signals<B> {
    /// The signals of `network`, as `config` says; NeuroSync is drawn from `seed`.
    ///
    /// # Errors
    /// As [`NeuroSync::new`].
    pub fn new(
        backend: &B,
        network: &MainNetwork<B>,
        config: &NeuMoSyncConfig,
        seed: u64,
    ) -> Result<Self> {
        if !config.static_signals {
            let neurosync = NeuroSync::new(backend, network, config, seed)?;
            return Ok(Signals::NeuroSync(Box::new(neurosync)));
        }
        config.validate()?;
        let mut builder = Builder {
            backend,
            seed,
            next: 0,
        };
        let neurons = network.neurons();
        let (name, matrix) = ("signals".into(), Shape::matrix(neurons, SIGNALS));
        let mask = config.mask().map(|mask| {
            let vector = Shape::vector(SIGNALS);
            Tensor::from_rows(backend, vector, &mask)
        });
        Ok(Signals::Static(Box::new(StaticSignals {
            raw: builder.parameter(name, Role::Weight, matrix, Init::Constant(0.0), 1)?,
            bound: config.bound,
            mask: mask.transpose()?,
            signals: Tensor::zeros(backend, Rows::of(neurons).shape(SIGNALS))?,
        })))
    }

    /// Computes the signals for a training batch, or for inference on `x`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit.
    pub(super) fn forward(&mut self, backend: &B, x: &Tensor<B>, training: bool) -> Result<()> {
        match self {
            Signals::NeuroSync(neurosync) => neurosync.forward(backend, x, training),
            Signals::Static(signals) => signals.forward(backend),
        }
    }

    /// The signals of the last forward pass of this kind.
    pub(super) fn given(&self, training: bool) -> GivenSignals<'_, B> {
        match self {
            Signals::NeuroSync(neurosync) => neurosync.signals(training),
            Signals::Static(signals) => GivenSignals {
                signals: &signals.signals,
                per_sample: false,
            },
        }
    }

    /// The gradient of every parameter from that of the signals, which is overwritten.
    pub(super) fn backward(
        &mut self,
        backend: &B,
        samples: usize,
        dsignals: &mut Tensor<B>,
    ) -> Result<()> {
        match self {
            Signals::NeuroSync(neurosync) => neurosync.backward(backend, samples, dsignals),
            Signals::Static(signals) => signals.backward(backend, dsignals),
        }
    }

    /// Adds the statistics of the last training batch to their moving averages.
    pub(super) fn observe(
        &mut self,
        backend: &B,
        decay: f32,
        network: &MainNetwork<B>,
    ) -> Result<()> {
        match self {
            Signals::NeuroSync(neurosync) => {
                neurosync.observe(backend, decay, network.activities())
            }
            Signals::Static(_) => Ok(()),
        }
    }

    /// Calls `visit` with every parameter; allocates no memory.
    ///
    /// # Errors
    /// The error of `visit`.
    pub fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Signals::NeuroSync(neurosync) => neurosync.for_each_parameter(visit),
            Signals::Static(signals) => visit(&mut signals.raw),
        }
    }

    /// Mean and standard deviation of the signals of the last inference, layer by layer.
    pub(super) fn by_layer(
        &self,
        backend: &B,
        network: &MainNetwork<B>,
    ) -> Result<Vec<LayerSignals>> {
        let numbers = self.given(false).signals.to_rows(backend)?;
        let of_all = network.neurons() * SIGNALS;
        let mut first = 0;
        let mut layers = Vec::new();
        for (name, size) in network.layer_sizes() {
            let neurons = first * SIGNALS..(first + size) * SIGNALS;
            first += size;
            let count = (numbers.len() / of_all * size) as f64;
            let mean_of = |signal: usize, term: &dyn Fn(f64) -> f64| {
                let sum: f64 = numbers
                    .chunks_exact(of_all)
                    .flat_map(|row| row[neurons.clone()].iter().skip(signal).step_by(SIGNALS))
                    .map(|&number| term(f64::from(number)))
                    .sum();
                sum / count
            };
            let mean = [0, 1, 2, 3].map(|signal| mean_of(signal, &|number| number));
            layers.push(LayerSignals {
                layer: name.into(),
                mean,
                standard_deviation: [0, 1, 2, 3].map(|signal| {
                    let square = |number: f64| (number - mean[signal]) * (number - mean[signal]);
                    libm::sqrt(mean_of(signal, &square))
                }),
            });
        }
        Ok(layers)
    }
}

impl<B: Backend> StaticSignals<B> {
    fn forward(&mut self, backend: &B) -> Result<()> {
        let rows = Rows::of(self.raw.value.shape().rows());
        let raw = self.raw.value.floats();
        backend.to_blocked(rows.samples, SIGNALS, raw, self.signals.floats_mut())?;
        if self.bound == SignalBound::Tanh {
            backend.unary(Unary::BoundedTanh, self.signals.floats_mut())?;
        }
        hold_at_zero(backend, rows, self.mask.as_ref(), &mut self.signals)
    }

    fn backward(&mut self, backend: &B, dsignals: &mut Tensor<B>) -> Result<()> {
        let rows = Rows::of(self.raw.value.shape().rows());
        hold_at_zero(backend, rows, self.mask.as_ref(), dsignals)?;
        if self.bound == SignalBound::Tanh {
            let slope = Binary::BoundedTanhBackward;
            backend.binary(slope, self.signals.floats(), dsignals.floats_mut())?;
        }
        let gradient = self.raw.gradient.floats_mut();
        backend.to_rows(rows.samples, SIGNALS, dsignals.floats(), gradient)
    }
}

impl<B: Backend> State<B> for Signals<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        match self {
            Signals::NeuroSync(neurosync) => neurosync.visit(backend, visitor),
            Signals::Static(signals) => signals.raw.visit(backend, visitor),
        }
    }
}
