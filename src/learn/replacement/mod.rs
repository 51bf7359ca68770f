//! Unit replacement: hidden units that contribute little are reinitialised, so that the network can continue to learn.
//!
//! A unit is a neuron or a channel of a convolution. A replaced unit gets incoming weights drawn as at the start and
//! outgoing weights of 0, so that replacement itself changes no output of a unit that contributed nothing. Its bias
//! becomes 0, as in the published codes of both papers (`lop/algos` of github.com/shibhansh/loss-of-plasticity,
//! `labs/redo/weight_recyclers.py` of github.com/google/dopamine), although the bias is drawn at the start; the scale
//! and the shift of a layer normalisation become 1 and 0, as in the former; the slope of AdaLin becomes 0. All the
//! optimizer's moments of these numbers become 0. Chosen: Adam's count of steps belongs to a parameter, not to its
//! elements, and continues.

mod continual_backprop;
mod redo;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::optimization::Optimization;
use crate::models::{HiddenLayer, Network};
use crate::rng::{Purpose, RandomStream};
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

pub use continual_backprop::ContinualBackprop;
pub use redo::ReDo;

/// Selects the units of a network's hidden layers that are replaced.
pub trait Replacement<B: Backend = Cpu>: State<B> + Debug {
    /// Called after every update; returns the units to replace as (hidden layer, unit), both counted from 0. `is_last`
    /// is true after the last update of a context.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn select(
        &mut self,
        backend: &B,
        network: &mut dyn Network<B>,
        is_last: bool,
    ) -> Result<Vec<(usize, usize)>>;
}

settings! {
    /// Unit replacement, as in a method's settings.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "kind"]
    pub enum ReplacementConfig {
        /// Continual backpropagation: after every update, a fraction of the mature units, those of least utility, is
        /// reinitialised.
        ContinualBackprop = "continual-backprop" {
            /// ρ, the fraction of mature units that is replaced per update, in [0, 1].
            rate: f64 [Share],
            /// m, updates before a unit is mature.
            maturity: u64,
            /// η, the decay of the utilities, in [0, 1).
            decay: f64 [Fraction],
        },
        /// ReDo: dormant units are reinitialised.
        ReDo = "redo" {
            /// τ, the score at or below which a unit is dormant.
            threshold: f64 [NotNegative],
            /// F, updates between recyclings. Default: one recycling a context, after its last update.
            every: Option<u64> [AtLeastOne],
        },
    }
}

impl ReplacementConfig {
    /// Checks the constants' ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] if a constant is outside its range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            ReplacementConfig::ContinualBackprop { rate, decay, .. } => {
                continual_backprop::check(rate, decay)
            }
            ReplacementConfig::ReDo { threshold, every } => redo::check(threshold, every),
        }
    }

    /// Builds the replacement for a network.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range, or a network without hidden layers.
    pub fn build<B: Backend>(
        &self,
        network: &mut dyn Network<B>,
    ) -> Result<Box<dyn Replacement<B>>> {
        let units = hidden_units(network);
        if units.is_empty() {
            let expected =
                "hidden units that can be replaced: at least one hidden layer, without CReLU";
            return Err(Error::setting("replacement", "(given)", expected));
        }
        Ok(match *self {
            ReplacementConfig::ContinualBackprop {
                rate,
                maturity,
                decay,
            } => Box::new(ContinualBackprop::new(rate, maturity, decay, &units)?),
            ReplacementConfig::ReDo { threshold, every } => Box::new(ReDo::new(threshold, every)?),
        })
    }
}

/// Units of each hidden layer.
fn hidden_units<B: Backend>(network: &mut dyn Network<B>) -> Vec<usize> {
    let mut units = Vec::new();
    while let Some(layer) = network.hidden_layer(units.len()) {
        units.push(layer.incoming.value.shape().rows());
    }
    units
}

/// The mean over the batch of |h| of each feature that the next layer reads, in f64: for a convolution
/// `[pixels][units]`.
fn mean_features<B: Backend>(backend: &B, layer: &HiddenLayer<'_, B>) -> Result<Vec<f64>> {
    let activity = layer.activity;
    let features = activity.shape().columns();
    let mut means = vec![0.0; features];
    for sample in activity.to_rows(backend)?.chunks_exact(features.max(1)) {
        for (mean, h) in means.iter_mut().zip(sample) {
            *mean += f64::from(h.abs());
        }
    }
    let samples = activity.shape().rows() as f64;
    means.iter_mut().for_each(|mean| *mean /= samples);
    Ok(means)
}

/// The mean over pixels of each unit's features.
fn unit_means(features: &[f64], units: usize) -> Vec<f64> {
    let mut means = vec![0.0; units];
    for pixel in features.chunks_exact(units.max(1)) {
        for (mean, h) in means.iter_mut().zip(pixel) {
            *mean += h;
        }
    }
    let pixels = (features.len() / units.max(1)) as f64;
    means.iter_mut().for_each(|mean| *mean /= pixels);
    means
}

/// Replaces units during a run.
#[derive(Debug)]
pub(super) struct UnitReplacement<B: Backend> {
    rule: Box<dyn Replacement<B>>,
    /// The seed of the random streams (seed, [`Purpose::Replacement`], update).
    seed: u64,
    updates: u64,
}

impl<B: Backend> UnitReplacement<B> {
    pub(super) fn new(rule: Box<dyn Replacement<B>>, seed: u64) -> Self {
        UnitReplacement {
            rule,
            seed,
            updates: 0,
        }
    }

    /// Replaces units after an update, as the module's documentation says.
    pub(super) fn step(
        &mut self,
        backend: &B,
        network: &mut dyn Network<B>,
        optimization: &mut Optimization<B>,
    ) -> Result<()> {
        self.updates += 1;
        let mut stream = RandomStream::new(self.seed, Purpose::Replacement, self.updates);
        let is_last = optimization.context_has_ended();
        let selected = self.rule.select(backend, network, is_last)?;
        for &(number, unit) in &selected {
            let layer = hidden_layer(network, number)?;
            let inputs = layer.incoming.value.shape().columns();
            let row = unit * inputs..(unit + 1) * inputs;
            let initial = layer.incoming.initial;
            change(backend, &mut layer.incoming.value, |place, w| {
                if row.contains(&place) {
                    *w = initial.draw(&mut stream, inputs);
                }
            })?;
            let state = optimization.state(layer.incoming_place)?;
            state.reset_where(backend, |place| row.contains(&place))?;
            for of_unit in layer.of_unit.into_iter().flatten() {
                change(backend, &mut of_unit.parameter.value, |place, number| {
                    if place == unit {
                        *number = of_unit.start;
                    }
                })?;
                let state = optimization.state(of_unit.place)?;
                state.reset_where(backend, |place| place == unit)?;
            }
        }
        // After all draws, because a draw in the next layer would overwrite these zeros.
        for &(number, unit) in &selected {
            let layer = hidden_layer(network, number)?;
            let units = layer.incoming.value.shape().rows();
            let of_unit = |place: usize| place % units == unit;
            change(backend, &mut layer.outgoing.value, |place, w| {
                if of_unit(place) {
                    *w = 0.0;
                }
            })?;
            let state = optimization.state(layer.outgoing_place)?;
            state.reset_where(backend, of_unit)?;
        }
        Ok(())
    }
}

impl<B: Backend> State<B> for UnitReplacement<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.count("replacement.updates", &mut self.updates)?;
        self.rule.visit(backend, visitor)
    }
}

fn hidden_layer<B: Backend>(
    network: &mut dyn Network<B>,
    number: usize,
) -> Result<HiddenLayer<'_, B>> {
    network.hidden_layer(number).ok_or_else(|| {
        let expected = "a hidden layer of the network";
        Error::shape("unit replacement", expected, number)
    })
}

/// Changes a tensor's numbers on the host.
fn change<B: Backend>(
    backend: &B,
    tensor: &mut Tensor<B>,
    mut each: impl FnMut(usize, &mut f32),
) -> Result<()> {
    let mut numbers = tensor.to_rows(backend)?;
    for (place, number) in numbers.iter_mut().enumerate() {
        each(place, number);
    }
    backend.upload(&numbers, tensor.floats_mut())
}
