//! References for a step of Adam, and for the loss with its gradient.

use super::{Bounded, TINY, U, at, gamma, rounded, sum};
use crate::kernel_support::{ADAM, Case, LANES, Outcome};
use neurogain::backend::sums;

/// m, v and w.
pub fn adam(operands: &[Vec<f32>]) -> Vec<Vec<Bounded>> {
    let mut results = vec![Vec::new(); 3];
    let [beta1, beta2] = [f64::from(ADAM.beta1), f64::from(ADAM.beta2)];
    let [take1, take2] = [f64::from(1.0 - ADAM.beta1), f64::from(1.0 - ADAM.beta2)];
    for (i, dw) in operands[0].iter().enumerate() {
        let dw = f64::from(*dw);
        let [m, v, w] = [1, 2, 3].map(|operand: usize| f64::from(operands[operand][i]));
        let mean = sum([beta1 * m, take1 * dw].into_iter(), 1);
        let mut square = sum([beta2 * v, take2 * dw * dw].into_iter(), 1);
        square.error += dw.abs() * TINY;
        // The smallest and largest denominators, each rounded twice (root, multiply-add).
        let [low, high] = [-1.0, 1.0].map(|sign| {
            let root = (square.value + sign * square.error).max(0.0).sqrt();
            let scale = root * f64::from(ADAM.correction) + f64::from(ADAM.epsilon);
            scale * (1.0 + sign * 3.0 * U) + sign * 2.0 * TINY
        });
        let scale = square.value.sqrt() * f64::from(ADAM.correction) + f64::from(ADAM.epsilon);
        let step = f64::from(ADAM.rate) * mean.value / scale;
        let largest = (mean.value.abs() + mean.error) * f64::from(ADAM.rate) * (1.0 + 2.0 * U);
        let spread = (largest + TINY) / low.max(TINY) - largest / high;
        let error =
            f64::from(ADAM.rate) * mean.error / low.max(TINY) + spread + 3.0 * U * step.abs();
        results[0].push(mean);
        results[1].push(square);
        let mut weight = rounded(w - step, 1);
        weight.error += error * (1.0 + U) + TINY;
        results[2].push(weight);
    }
    results
}

/// The loss, with e the relative error of an exponential whose argument was rounded, by its
/// documented error.
pub fn loss(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, m) = (case.outputs, case.samples);
    let logit = |s: usize, c: usize| f64::from(outcome.operands[0][at(n, s, c)]);
    let mut totals = [Bounded::default(); sums::COUNT];
    let mut magnitudes = [0.0; sums::COUNT];
    let mut gradient = vec![Bounded::default(); case.blocks() * n * LANES];
    for s in 0..m {
        let label = usize::from(outcome.labels[s]);
        let largest = (0..n).map(|c| logit(s, c)).fold(f64::MIN, f64::max);
        let z = |c: usize| logit(s, c) - largest;
        let total: f64 = (0..n).map(|c| z(c).exp()).sum();
        // d(e^z) ≤ e^z·(|z|·u + 4·u), and nothing more where it underflows: e^z ≥ 2⁻¹⁵⁰.
        let exponential = |c: usize| z(c).exp() * (z(c).abs() + 4.0) * 1.01 * U + TINY;
        let total_error = (0..n).map(exponential).sum::<f64>() + gamma(n) * total;
        let log = total.ln();
        let log_error = total_error / total * 1.01 + 2.0 * U * log.abs() + TINY;
        let weighted: f64 = (0..n).map(|c| z(c).exp() * z(c)).sum();
        let weighted_error = (0..n)
            .map(|c| z(c).abs() * (exponential(c) + (gamma(n) + 2.0 * U) * z(c).exp()))
            .sum::<f64>();
        let mean = weighted / total;
        let mean_error =
            weighted_error / total * 1.01 + mean.abs() * (total_error / total + 2.0 * U) * 1.01;
        let found = [
            (log - z(label), log_error + U * z(label).abs()),
            (log - mean, log_error + mean_error),
            (0.0, 0.0),
        ];
        for (i, (value, error)) in found.into_iter().enumerate() {
            totals[i].value += value;
            totals[i].error += error * 1.01 + U * value.abs();
            magnitudes[i] += value.abs() + error;
        }
        for c in 0..n {
            let p = z(c).exp() / total;
            let error = exponential(c) / total + p * (total_error / total + 2.0 * U) * 1.01 + TINY;
            let target = if c == label { 1.0 } else { 0.0 };
            let value = (p - target) / m as f64;
            gradient[at(n, s, c)] = Bounded {
                value,
                error: (error * 1.01 + 3.0 * U * (p - target).abs()) / m as f64 + TINY,
            };
        }
        let first = (0..n).find(|&c| logit(s, c) == largest);
        totals[sums::CORRECT].value += if first == Some(label) { 1.0 } else { 0.0 };
    }
    for (total, magnitude) in totals.iter_mut().zip(magnitudes) {
        total.error += gamma(m) * magnitude;
    }
    vec![gradient, totals.to_vec()]
}
