//! An f64 reference that carries a proved bound on the rounding errors of the f32 computation.
//!
//! [`Bounded`] evaluates the formula in f64, together with the standard running error analysis: each f32
//! operation adds at most u·|result| + 2⁻¹⁵⁰ (u = 2⁻²⁴), and propagates the errors of its operands. A sum
//! of n products, in any order, adds at most γ_n·Σ|a||b|, γ_n = n·u/(1 − n·u). An f32 result outside
//! `value ± error` is therefore wrong, whatever the order of its operations.
#![allow(dead_code)]

pub mod backbone;
pub mod comodulated;
pub mod comodulated_library;
pub mod image_layers;
pub mod jacobi;
pub mod layers;
pub mod library;
pub mod nearness;
pub mod resnet;
pub mod resnet_library;

use std::ops::{Add, Div, Mul, Sub};

pub const U: f64 = 1.0 / (1 << 24) as f64;
const TINY: f64 = 1e-45;

/// Relative error allowed for exp and ln, in units of u; the kernels' own tests prove a smaller one.
const FUNCTION: f64 = 8.0 * U;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    pub value: f64,
    pub error: f64,
}

pub fn exact(value: impl Into<f64>) -> Bounded {
    Bounded {
        value: value.into(),
        error: 0.0,
    }
}

impl Bounded {
    fn rounded(value: f64, passed_on: f64) -> Self {
        let error = passed_on + U * (value.abs() + passed_on) + TINY;
        Bounded { value, error }
    }

    fn size(self) -> f64 {
        self.value.abs() + self.error
    }

    pub fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        let low = (self.value - self.error).max(0.0).sqrt();
        let high = (self.value + self.error).sqrt();
        Self::rounded(root, (root - low).max(high - root))
    }

    pub fn fma(self, b: Self, c: Self) -> Self {
        let product = self.value.abs() * b.error + b.size() * self.error;
        Self::rounded(self.value.mul_add(b.value, c.value), product + c.error)
    }

    pub fn exp(self) -> Self {
        let value = self.value.exp();
        // exp below −87 may be flushed to 0.
        let error = value * self.error.exp_m1() + FUNCTION * (value + value * self.error) + 2e-38;
        Bounded { value, error }
    }

    pub fn ln(self) -> Self {
        let value = self.value.ln();
        let error = -(-self.error / self.value).ln_1p();
        Bounded {
            value,
            error: error + FUNCTION * (value.abs() + error),
        }
    }

    /// Whether `found` may be the f32 result.
    #[track_caller]
    pub fn check(self, found: impl Into<f64>, what: impl std::fmt::Display) {
        let found = found.into();
        let difference = (found - self.value).abs();
        assert!(
            difference <= self.error,
            "{what}: {found} differs from {} by {difference:e}, bound {:e}",
            self.value,
            self.error
        );
    }
}

impl Add for Bounded {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self::rounded(self.value + b.value, self.error + b.error)
    }
}

impl Sub for Bounded {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self::rounded(self.value - b.value, self.error + b.error)
    }
}

impl Mul for Bounded {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        let passed_on = self.value.abs() * b.error + b.size() * self.error;
        Self::rounded(self.value * b.value, passed_on)
    }
}

impl Div for Bounded {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let least = b.value.abs() - b.error;
        assert!(least > 0.0, "division by a number that may be 0");
        let quotient = self.value / b.value;
        let passed_on = (self.error + quotient.abs() * b.error) / least;
        Self::rounded(quotient, passed_on)
    }
}

/// Σ a·b by fused multiply-adds and additions in any order.
pub fn dot(terms: impl Iterator<Item = (Bounded, Bounded)>) -> Bounded {
    let (mut value, mut sizes, mut passed_on, mut n) = (0.0, 0.0, 0.0, 0.0);
    for (a, b) in terms {
        value += a.value * b.value;
        sizes += a.size() * b.size();
        passed_on += a.value.abs() * b.error + b.size() * a.error;
        n += 1.0;
    }
    // Six more additions than terms: a tree of 16 lanes, a chunk, and the empty lanes' zeros.
    let roundings = (n + 6.0) * U;
    let gamma = roundings / (1.0 - roundings);
    Bounded {
        value,
        error: passed_on + gamma * sizes + (n + 6.0) * TINY,
    }
}

/// A bias-free ReLU network with gains, row-major weights `[layer][output][input]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub weights: Vec<Vec<Vec<f64>>>,
    pub gains: Vec<Vec<f64>>,
}

/// Samples of features, and a class for each.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceDataset {
    pub inputs: Vec<Vec<f64>>,
    pub labels: Vec<u8>,
}

/// The results of a training pass.
pub struct ControllerPass {
    pub logits: Vec<Vec<Bounded>>,
    /// Means over the samples.
    pub loss: Bounded,
    pub entropy: Bounded,
    /// dL/dW, `[layer][output][input]`.
    pub gradients: Vec<Vec<Vec<Bounded>>>,
    /// The smallest distance of a hidden pre-activation from ReLU's kink.
    pub margin: f64,
}

impl Network {
    /// W_eff = g·W.
    fn effective(&self, layer: usize) -> Vec<Vec<Bounded>> {
        let rows = self.weights[layer].iter().zip(&self.gains[layer]);
        rows.map(|(row, &g)| row.iter().map(|&w| exact(g) * exact(w)).collect())
            .collect()
    }

    /// Forward and backward pass, from the definitions.
    pub fn pass(&self, samples: &DeviceDataset) -> ControllerPass {
        let layers = self.weights.len();
        let effective: Vec<_> = (0..layers).map(|l| self.effective(l)).collect();
        let m = samples.inputs.len();
        let mut inputs: Vec<Vec<Vec<Bounded>>> = vec![Vec::new(); layers];
        let mut deltas: Vec<Vec<Vec<Bounded>>> = vec![Vec::new(); layers];
        let mut logits = Vec::new();
        let (mut losses, mut entropies) = (Vec::new(), Vec::new());
        let mut margin = f64::INFINITY;
        for (sample, &label) in samples.inputs.iter().zip(&samples.labels) {
            let mut x: Vec<Bounded> = sample.iter().map(|&x| exact(x)).collect();
            let mut pre = Vec::new();
            for (layer, w) in effective.iter().enumerate() {
                inputs[layer].push(x.clone());
                let y: Vec<_> = w
                    .iter()
                    .map(|row| dot(row.iter().copied().zip(x.iter().copied())))
                    .collect();
                x = y.iter().map(|y| relu(*y)).collect();
                pre.push(y);
            }
            let z = pre.pop().unwrap();
            for y in pre.iter().flatten() {
                margin = margin.min(y.value.abs());
            }
            let (loss, entropy, p) = softmax(&z, usize::from(label));
            losses.push(loss);
            entropies.push(entropy);
            let mut dy: Vec<Bounded> = p
                .iter()
                .enumerate()
                .map(|(c, &p)| {
                    let target = if c == usize::from(label) { 1.0 } else { 0.0 };
                    (p - exact(target)) * Bounded::rounded(1.0 / m as f64, 0.0)
                })
                .collect();
            for layer in (0..layers).rev() {
                deltas[layer].push(dy.clone());
                if layer > 0 {
                    let dx = (0..x_len(&effective[layer])).map(|k| {
                        let column = effective[layer].iter().map(|row| row[k]);
                        dot(column.zip(dy.iter().copied()))
                    });
                    dy = dx
                        .zip(&pre[layer - 1])
                        .map(|(dx, y)| relu_backward(*y, dx))
                        .collect();
                }
            }
            logits.push(z);
        }
        let weights = (0..layers).map(|layer| {
            let rows = self.gains[layer].iter().enumerate().map(|(o, &g)| {
                let columns = 0..x_len(&effective[layer]);
                let column = |k: usize| {
                    let pairs = (0..m).map(|s| (deltas[layer][s][o], inputs[layer][s][k]));
                    exact(g) * dot(pairs)
                };
                columns.map(column).collect()
            });
            rows.collect()
        });
        let mean =
            |terms: &[Bounded]| dot(terms.iter().map(|&t| (t, exact(1.0)))) * exact(1.0 / m as f64);
        ControllerPass {
            gradients: weights.collect(),
            logits,
            loss: mean(&losses),
            entropy: mean(&entropies),
            margin,
        }
    }

    /// Only the mean loss, in f64.
    pub fn loss(&self, samples: &DeviceDataset) -> f64 {
        self.pass(samples).loss.value
    }
}

fn x_len(w: &[Vec<Bounded>]) -> usize {
    w[0].len()
}

pub fn relu(x: Bounded) -> Bounded {
    Bounded {
        value: x.value.max(0.0),
        error: if x.value < -x.error { 0.0 } else { x.error },
    }
}

/// dy where the pre-activation is above 0; either value, if rounding may have moved it across 0.
pub fn relu_backward(pre: Bounded, dy: Bounded) -> Bounded {
    let value = if pre.value > 0.0 { dy.value } else { 0.0 };
    let error = match pre.value.abs() <= pre.error {
        true => dy.size(),
        false if pre.value > 0.0 => dy.error,
        false => 0.0,
    };
    Bounded { value, error }
}

/// Loss, entropy and probabilities, with the kernel's formula.
fn softmax(z: &[Bounded], label: usize) -> (Bounded, Bounded, Vec<Bounded>) {
    let largest = z
        .iter()
        .copied()
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .unwrap();
    let z: Vec<_> = z.iter().map(|&z| z - largest).collect();
    let e: Vec<_> = z.iter().map(|z| z.exp()).collect();
    let total = dot(e.iter().map(|&e| (e, exact(1.0))));
    let weighted = dot(e.iter().copied().zip(z.iter().copied()));
    let loss = total.ln() - z[label];
    let entropy = total.ln() - weighted / total;
    (loss, entropy, e.iter().map(|&e| e / total).collect())
}

/// The central difference of the loss along one weight, against which `−Σ p ln p` and the definition of the gradient
/// are checked.
pub fn difference(network: &Network, samples: &DeviceDataset, at: [usize; 3], step: f64) -> f64 {
    let moved = |by: f64| {
        let mut network = network.clone();
        network.weights[at[0]][at[1]][at[2]] += by;
        network.loss(samples)
    };
    (moved(step) - moved(-step)) / (2.0 * step)
}
