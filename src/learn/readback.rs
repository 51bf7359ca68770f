//! Reads the numbers of a record from the device with a single synchronisation.

use alloc::vec::Vec;

use crate::backend::{Backend, sums};
use crate::error::{Error, Result};
use crate::learn::Learner;
use crate::nn::{BatchStats, LossLog};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Buffers for the numbers, reused in every iteration.
#[derive(Debug)]
pub struct Readback<B: Backend> {
    /// The length of the list of losses after the training batch, and after each task.
    ends: Vec<usize>,
    /// Σ|w| of each layer.
    weights: Vec<Tensor<B>>,
    host: Vec<f32>,
}

/// The numbers that were read.
#[derive(Debug)]
pub struct Reading {
    pub train: BatchStats,
    pub tests: Vec<BatchStats>,
    /// The mean gain of each layer; 1 without gains.
    pub gain: Vec<f64>,
    pub mean_absolute_weight: Vec<f64>,
}

impl<B: Backend> Default for Readback<B> {
    fn default() -> Self {
        Readback {
            ends: Vec::new(),
            weights: Vec::new(),
            host: Vec::new(),
        }
    }
}

impl<B: Backend> Readback<B> {
    /// Begins a record; `loss` holds the training batch, as [`Learner::step`] leaves it.
    pub fn begin(&mut self, loss: &LossLog<B>) -> Result<()> {
        if loss.batches() != 1 {
            let expected = "the loss of exactly one batch at the end of the step";
            return Err(Error::shape("Learner::step", expected, loss.batches()));
        }
        self.ends.clear();
        self.task(loss);
        Ok(())
    }

    /// Ends a task: the list of losses now holds all its batches.
    pub fn task(&mut self, loss: &LossLog<B>) {
        self.ends.push(loss.batches());
    }

    /// Reads the losses and the layers' gains and weights, with one synchronisation.
    pub fn read(
        &mut self,
        backend: &B,
        learner: &mut dyn Learner<B>,
        loss: &LossLog<B>,
    ) -> Result<Reading> {
        let layers = learner.layers();
        for (place, layer) in layers.iter().enumerate() {
            if self.weights.len() == place {
                let sum = Tensor::zeros(backend, Shape::vector(1))?;
                self.weights.push(sum);
            }
            let sum = self.weights[place].floats_mut();
            backend.absolute_sum(layer.value.floats(), sum)?;
        }
        let weights = self.weights.iter().take(layers.len());
        let gains = layers.iter().filter_map(|layer| layer.gain.as_ref());
        let tensors = weights.chain(gains).map(Tensor::floats);
        let parts = loss.parts().chain(tensors);
        let length = parts.clone().map(|part| backend.length(part)).sum();
        self.host.resize(length, 0.0);
        backend.download_each(parts, &mut self.host)?;

        let (losses, rest) = self.host.split_at(loss.batches() * sums::COUNT);
        let losses: Vec<BatchStats> = loss.losses(losses).collect();
        let total = |from: usize, to: usize| {
            let batches = losses[from..to].iter().copied();
            batches.fold(BatchStats::default(), BatchStats::plus)
        };
        let (weights, mut gains) = rest.split_at(layers.len());
        let mut found = Reading {
            train: total(0, self.ends.first().copied().unwrap_or(0)),
            tests: self
                .ends
                .windows(2)
                .map(|ends| total(ends[0], ends[1]))
                .collect(),
            gain: Vec::with_capacity(layers.len()),
            mean_absolute_weight: Vec::with_capacity(layers.len()),
        };
        for (layer, &sum) in layers.iter().zip(weights) {
            let count = backend.length(layer.value.floats());
            found
                .mean_absolute_weight
                .push(f64::from(sum) / count as f64);
            found.gain.push(match &layer.gain {
                None => 1.0,
                Some(gain) => {
                    let (here, behind) = gains.split_at(gain.shape().rows());
                    gains = behind;
                    let sum: f64 = here.iter().map(|&g| f64::from(g)).sum();
                    sum / here.len() as f64
                }
            });
        }
        Ok(found)
    }
}
