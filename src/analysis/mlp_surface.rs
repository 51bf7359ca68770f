//! The loss of a gain-modulated multilayer perceptron as a function of its weights, in f64: value, gradient
//! and exact products with the Hessian.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::analysis::lanczos::{add, dot};
use crate::analysis::surface::{fits, times_gain};
use crate::analysis::{Coordinates, LayerWeights, LossSurface};
use crate::error::{Error, Result};

/// The mean cross-entropy of a bias-free ReLU network on m samples, as a function of its weights.
///
/// With A_l = g_l·W_l, x_0 the input, z_l = A_l·x_{l−1}, x_l = max(z_l, 0), p = softmax(z_L), label c, all
/// for one sample:
///
/// - L = (1/m)·Σ −ln p_c;
/// - δ_L = (p − 1_c)/m, δ_{l−1} = \[z_{l−1} > 0\]·A_lᵀδ_l, and ∂L/∂A_l = Σ δ_l·x_{l−1}ᵀ.
///
/// The product of the Hessian with a direction V is the derivative of the gradient along V, exact up to rounding
/// (Pearlmutter 1994). With R the derivative along V, which is linear and obeys the product rule:
///
/// - R z_l = V_l·x_{l−1} + A_l·R x_{l−1}, R x_l = \[z_l > 0\]·R z_l, R x_0 = 0;
/// - R δ_L = p·(R z_L − pᵀR z_L)/m, R δ_{l−1} = \[z_{l−1} > 0\]·(V_lᵀδ_l + A_lᵀ·R δ_l);
/// - R ∂L/∂A_l = Σ (R δ_l·x_{l−1}ᵀ + δ_l·R x_{l−1}ᵀ).
///
/// The second derivative of ReLU is 0 except at its kink, where it does not exist; the product is that of the linear
/// piece that contains the weights.
///
/// By the chain rule through A = g·W, the gradient in W is g·∂L/∂A and the Hessian in W is g·H_A·g: every row of V and
/// of the result is multiplied by its neuron's gain. A vector over all weights lists the layers in order, each
/// row-major.
#[derive(Debug, Clone)]
pub struct MlpSurface {
    layers: Vec<LayerWeights>,
    /// A_l = g_l·W_l.
    effective: Vec<Vec<f64>>,
    samples: Vec<Sample>,
    loss: f64,
    /// ∂L/∂A of all layers.
    gradient: Vec<f64>,
}

/// One sample with the results of its forward and backward pass at the surface's weights.
#[derive(Debug, Clone)]
struct Sample {
    label: usize,
    /// x_0 to x_{L−1}.
    inputs: Vec<Vec<f64>>,
    /// p.
    probabilities: Vec<f64>,
    /// δ_1 to δ_L.
    deltas: Vec<Vec<f64>>,
}

impl MlpSurface {
    /// The surface around the weights of `layers` on `inputs`, one row per sample, with their labels.
    ///
    /// # Errors
    /// [`Error::Shape`] if layers, inputs and labels do not match.
    pub fn new(layers: Vec<LayerWeights>, inputs: &[Vec<f64>], labels: &[u8]) -> Result<Self> {
        check(&layers, inputs, labels)?;
        let effective: Vec<Vec<f64>> = layers.iter().map(LayerWeights::effective).collect();
        let share = 1.0 / inputs.len() as f64;
        let mut samples = Vec::with_capacity(inputs.len());
        let mut loss = 0.0;
        let mut gradient: Vec<Vec<f64>> = effective.iter().map(|a| vec![0.0; a.len()]).collect();
        for (input, &label) in inputs.iter().zip(labels) {
            let label = usize::from(label);
            let (inputs, logits) = forward(&effective, input);
            let (sample_loss, probabilities) = softmax(&logits, label);
            loss += share * sample_loss;
            let mut delta = scaled(&probabilities, share);
            delta[label] -= share;
            let mut deltas = Vec::with_capacity(effective.len());
            for (layer, weights) in effective.iter().enumerate().rev() {
                add_outer(&mut gradient[layer], &delta, &inputs[layer]);
                let mut below = vec![0.0; inputs[layer].len()];
                if layer > 0 {
                    add_transposed(&mut below, weights, &delta);
                    mask(&mut below, &inputs[layer]);
                }
                deltas.push(core::mem::replace(&mut delta, below));
            }
            deltas.reverse();
            samples.push(Sample {
                label,
                inputs,
                probabilities,
                deltas,
            });
        }
        Ok(MlpSurface {
            layers,
            effective,
            samples,
            loss,
            gradient: gradient.concat(),
        })
    }

    /// Adds one sample's part of the product of the Hessian in W_eff with the directions of all layers.
    fn add_product(
        &self,
        sample: &Sample,
        share: f64,
        directions: &[&[f64]],
        product: &mut [Vec<f64>],
    ) {
        let last = self.effective.len() - 1;
        // R x_0 to R x_{L−1}, then R z_L.
        let mut moved = vec![vec![0.0; sample.inputs[0].len()]];
        for (layer, weights) in self.effective.iter().enumerate() {
            let mut output = times(directions[layer], &sample.inputs[layer]);
            if layer > 0 {
                add(&mut output, 1.0, &times(weights, &moved[layer]));
            }
            if layer < last {
                mask(&mut output, &sample.inputs[layer + 1]);
            }
            moved.push(output);
        }
        let p = &sample.probabilities;
        let logits = &moved[last + 1];
        let mean = dot(p, logits);
        let mut delta: Vec<f64> = p
            .iter()
            .zip(logits)
            .map(|(p, z)| share * p * (z - mean))
            .collect();
        for (layer, weights) in self.effective.iter().enumerate().rev() {
            add_outer(&mut product[layer], &delta, &sample.inputs[layer]);
            if layer > 0 {
                add_outer(&mut product[layer], &sample.deltas[layer], &moved[layer]);
                let mut below = vec![0.0; sample.inputs[layer].len()];
                add_transposed(&mut below, directions[layer], &sample.deltas[layer]);
                add_transposed(&mut below, weights, &delta);
                mask(&mut below, &sample.inputs[layer]);
                delta = below;
            }
        }
    }

    fn by_layer<'a>(&'a self, vector: &'a [f64]) -> impl Iterator<Item = &'a [f64]> {
        let mut rest = vector;
        self.effective.iter().map(move |weights| {
            let (layer, after) = rest.split_at(weights.len());
            rest = after;
            layer
        })
    }
}

impl LossSurface for MlpSurface {
    fn loss(&self) -> f64 {
        self.loss
    }

    fn effective_gradient(&self) -> &[f64] {
        &self.gradient
    }

    fn times_gain(&self, coordinates: Coordinates, vector: &[f64]) -> Vec<f64> {
        let rows = self.layers.iter().flat_map(|layer| {
            let inputs = layer.inputs();
            layer.gains.iter().map(move |gain| (*gain, inputs))
        });
        times_gain(coordinates, rows, vector)
    }

    fn loss_along(&self, coordinates: Coordinates, direction: &[f64], step: f64) -> Result<f64> {
        fits(self.size(), direction)?;
        let mut moved = self.effective.clone();
        let direction = self.times_gain(coordinates, direction);
        for (weights, direction) in moved.iter_mut().zip(self.by_layer(&direction)) {
            add(weights, step, direction);
        }
        let losses = self.samples.iter().map(|sample| {
            let (_, logits) = forward(&moved, &sample.inputs[0]);
            softmax(&logits, sample.label).0
        });
        Ok(losses.sum::<f64>() / self.samples.len() as f64)
    }

    fn hessian_times(&self, coordinates: Coordinates, direction: &[f64]) -> Result<Vec<f64>> {
        fits(self.size(), direction)?;
        let direction = self.times_gain(coordinates, direction);
        let directions: Vec<&[f64]> = self.by_layer(&direction).collect();
        let mut product: Vec<Vec<f64>> =
            self.effective.iter().map(|a| vec![0.0; a.len()]).collect();
        let share = 1.0 / self.samples.len() as f64;
        for sample in &self.samples {
            self.add_product(sample, share, &directions, &mut product);
        }
        Ok(self.times_gain(coordinates, &product.concat()))
    }
}

fn check(layers: &[LayerWeights], inputs: &[Vec<f64>], labels: &[u8]) -> Result<()> {
    let wrong = |expected: &str, found| Err(Error::shape("loss surface", expected, found));
    let mut features = inputs.first().map_or(0, Vec::len);
    if features == 0 || inputs.iter().any(|row| row.len() != features) {
        return wrong(
            "samples of the same number of inputs",
            format!("{} samples", inputs.len()),
        );
    }
    for layer in layers {
        let outputs = layer.gains.len();
        if outputs == 0 || layer.weights.len() != outputs * features {
            let found = format!("{} weights, {outputs} gains", layer.weights.len());
            return wrong(
                "layers of [outputs][inputs] weights and one gain per output",
                found,
            );
        }
        features = outputs;
    }
    if layers.is_empty() || labels.len() != inputs.len() {
        let found = format!("{} layers, {} labels", layers.len(), labels.len());
        return wrong("at least one layer, and one label per sample", found);
    }
    match labels.iter().find(|&&label| usize::from(label) >= features) {
        Some(label) => wrong("labels below the number of outputs", format!("{label}")),
        None => Ok(()),
    }
}

/// x_0 to x_{L−1}, and the logits.
fn forward(effective: &[Vec<f64>], input: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut inputs = Vec::with_capacity(effective.len());
    let mut x = input.to_vec();
    for (layer, weights) in effective.iter().enumerate() {
        if layer > 0 {
            x.iter_mut().for_each(|x| *x = x.max(0.0));
        }
        let z = times(weights, &x);
        inputs.push(core::mem::replace(&mut x, z));
    }
    (inputs, x)
}

/// −ln p_label, and p.
fn softmax(logits: &[f64], label: usize) -> (f64, Vec<f64>) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logits.iter().map(|z| libm::exp(z - largest)).collect();
    let total: f64 = shares.iter().sum();
    let loss = libm::log(total) - (logits[label] - largest);
    (loss, scaled(&shares, 1.0 / total))
}

fn scaled(vector: &[f64], factor: f64) -> Vec<f64> {
    vector.iter().map(|number| factor * number).collect()
}

/// A·x, A row-major with rows as long as x.
fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| dot(row, x)).collect()
}

/// to ← to + Aᵀ·y.
fn add_transposed(to: &mut [f64], matrix: &[f64], y: &[f64]) {
    for (row, &y) in matrix.chunks(to.len()).zip(y) {
        if y != 0.0 {
            add(to, y, row);
        }
    }
}

/// to ← to + y·xᵀ.
fn add_outer(to: &mut [f64], y: &[f64], x: &[f64]) {
    for (row, &y) in to.chunks_mut(x.len()).zip(y) {
        if y != 0.0 {
            add(row, y, x);
        }
    }
}

/// Sets `derivative` to 0 where ReLU's output `x` is 0.
fn mask(derivative: &mut [f64], x: &[f64]) {
    for (derivative, x) in derivative.iter_mut().zip(x) {
        if *x <= 0.0 {
            *derivative = 0.0;
        }
    }
}
