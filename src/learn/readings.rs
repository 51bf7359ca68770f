//! The numbers of the device that a record holds, read at once.

use alloc::vec::Vec;

use crate::backend::{Backend, sums};
use crate::error::{Error, Result};
use crate::models::Network;
use crate::nn::{Loss, Parameter, SoftmaxCrossEntropy};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Room for the numbers, from iteration to iteration.
#[derive(Debug)]
pub struct Readings<B: Backend> {
    /// Batches of the list of losses behind the training batch, and behind each task after it.
    ends: Vec<usize>,
    /// Σ|w| of each layer.
    weights: Vec<Tensor<B>>,
    host: Vec<f32>,
}

/// What was read.
#[derive(Debug)]
pub struct Found {
    pub train: Loss,
    pub tests: Vec<Loss>,
    /// The mean gain of each layer, 1 where there are no gains.
    pub gain: Vec<f64>,
    pub mean_absolute_weight: Vec<f64>,
}

impl<B: Backend> Default for Readings<B> {
    fn default() -> Self {
        Readings {
            ends: Vec::new(),
            weights: Vec::new(),
            host: Vec::new(),
        }
    }
}

impl<B: Backend> Readings<B> {
    /// The list of losses is that of the training batch, as [`Method::step`](crate::learn::Method::step) leaves
    /// it.
    pub fn begin(&mut self, loss: &SoftmaxCrossEntropy<B>) -> Result<()> {
        if loss.batches() != 1 {
            let expected = "the loss of one batch when the step ends";
            return Err(Error::shape("Method::step", expected, loss.batches()));
        }
        self.ends.clear();
        self.task(loss);
        Ok(())
    }

    /// The list of losses ends with those of a further task.
    pub fn task(&mut self, loss: &SoftmaxCrossEntropy<B>) {
        self.ends.push(loss.batches());
    }

    /// Reads the losses, and the layers' gains and weights; the device is waited for once.
    pub fn read(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        loss: &SoftmaxCrossEntropy<B>,
    ) -> Result<Found> {
        let mut layers: Vec<&Parameter<B>> = Vec::new();
        for parameter in network.parameters().filter(|p| p.is_weight()) {
            if self.weights.len() == layers.len() {
                let sum = Tensor::zeros(backend, Shape::vector(1))?;
                self.weights.push(sum);
            }
            let sum = self.weights[layers.len()].floats_mut();
            backend.absolute_sum(parameter.value.floats(), sum)?;
            layers.push(parameter);
        }
        let weights = self.weights.iter().take(layers.len());
        let gains = layers.iter().filter_map(|layer| layer.gain.as_ref());
        let tensors = weights.chain(gains).map(Tensor::floats);
        let parts = loss.parts().chain(tensors);
        let length = parts.clone().map(|part| backend.length(part)).sum();
        self.host.resize(length, 0.0);
        backend.download_each(parts, &mut self.host)?;

        let (losses, rest) = self.host.split_at(loss.batches() * sums::COUNT);
        let losses: Vec<Loss> = loss.losses(losses).collect();
        let total = |from: usize, to: usize| {
            let batches = losses[from..to].iter().copied();
            batches.fold(Loss::default(), Loss::plus)
        };
        let (weights, mut gains) = rest.split_at(layers.len());
        let mut found = Found {
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
