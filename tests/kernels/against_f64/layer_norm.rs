//! References for layer normalisation and its gradient.

use super::{Bounded, TINY, U, at, blocked, gamma, rounded, sum};
use crate::kernel_support::{Case, EPSILON, LANES, Outcome};

/// A row of a layer normalisation: its numbers, and mean and r in f64 with their errors.
struct Row {
    x: Vec<f64>,
    mean: Bounded,
    inverse: Bounded,
}

impl Row {
    fn new(case: &Case, x: &[f32], s: usize, pixel: usize) -> Self {
        let (n, pixels) = (case.outputs, case.normalisation().pixels);
        let x: Vec<_> = (0..n)
            .map(|c| f64::from(x[at(n * pixels, s, pixel * n + c)]))
            .collect();
        let total = sum(x.iter().copied(), 1);
        let mean = Bounded {
            value: total.value / n as f64,
            error: total.error / n as f64 + TINY,
        };
        // d is rounded once, and includes the mean's error: Σ(d + e)² = Σd² + 2eΣd + n·e², Σd = 0 except for e.
        let d = |x: &f64| x - mean.value;
        let spread = |x: &f64| (d(x).abs() + mean.error) * U * 1.01 + mean.error;
        let squares: f64 = x.iter().map(|x| d(x).powi(2)).sum();
        let squares_error: f64 = (x.iter())
            .map(|x| {
                let wide = d(x).abs() + spread(x);
                2.0 * d(x).abs() * (wide * U * 1.01) + spread(x).powi(2) + gamma(n) * wide * wide
            })
            .sum::<f64>()
            + n as f64 * TINY;
        let epsilon = f64::from(EPSILON);
        let variance = squares / n as f64 + epsilon;
        let error = squares_error / n as f64 * 1.01 + 2.0 * U * variance * 1.01 + TINY;
        let root = variance.sqrt();
        let low = (variance - error).max(f64::MIN_POSITIVE).sqrt();
        // The root and the quotient are rounded once each.
        let inverse = Bounded {
            value: 1.0 / root,
            error: (1.0 / low - 1.0 / root) + 3.0 * U / low,
        };
        Row { x, mean, inverse }
    }

    /// x̂ of a channel: the difference and the product are rounded once each.
    fn unit(&self, channel: usize) -> Bounded {
        let d = self.x[channel] - self.mean.value;
        let d_error = self.mean.error + U * (d.abs() + self.mean.error);
        let r = self.inverse.value + self.inverse.error;
        let value = d * self.inverse.value;
        let error = d_error * r + d.abs() * self.inverse.error;
        Bounded {
            value,
            error: error + U * (value.abs() + error) + TINY,
        }
    }
}

/// Statistics and y of layer normalisation.
pub fn layer_norm(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, pixels) = (case.outputs, case.normalisation().pixels);
    let value = |operand: usize, i: usize| f64::from(outcome.operands[operand][i]);
    let y = blocked(case, n * pixels, |s, f| {
        let unit = Row::new(case, &outcome.operands[2], s, f / n).unit(f % n);
        let (gamma, beta) = (value(0, f % n), value(1, f % n));
        let mut y = rounded(gamma * unit.value + beta, 1);
        y.error += gamma.abs() * unit.error * 1.01;
        y
    });
    vec![layer_statistics(case, outcome), y]
}

/// Mean and r, also in the padding lanes, where x is 0.
fn layer_statistics(case: &Case, outcome: &Outcome) -> Vec<Bounded> {
    let pixels = case.normalisation().pixels;
    let whole = Case {
        samples: case.blocks() * LANES,
        ..*case
    };
    blocked(&whole, 2 * pixels, |s, f| {
        let row = Row::new(case, &outcome.operands[2], s, f / 2);
        [row.mean, row.inverse][f % 2]
    })
}

/// Statistics, dx, dγ and dβ of layer normalisation.
pub fn layer_norm_backward(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, m, pixels) = (case.outputs, case.samples, case.normalisation().pixels);
    let value = |operand: usize, i: usize| f64::from(outcome.operands[operand][i]);
    let mut dx = vec![Bounded::default(); outcome.operands[3].len()];
    let mut dgamma = vec![(0.0, 0.0, 0.0); n];
    let mut dbeta = vec![Vec::new(); n];
    for s in 0..m {
        for pixel in 0..pixels {
            let row = Row::new(case, &outcome.operands[2], s, pixel);
            let place = |c: usize| at(n * pixels, s, pixel * n + c);
            let units: Vec<_> = (0..n).map(|c| row.unit(c)).collect();
            let g: Vec<_> = (0..n).map(|c| value(0, c) * value(3, place(c))).collect();
            let count = n as f64;
            let average = sum(g.iter().copied(), 2);
            let mut slope = sum((0..n).map(|c| g[c] * units[c].value), 2);
            for c in 0..n {
                slope.error += (g[c].abs() + TINY) * units[c].error * (1.0 + gamma(n + 2));
                let dy = value(3, place(c));
                let (total, magnitude, error) = &mut dgamma[c];
                *total += dy * units[c].value;
                *magnitude += dy.abs() * (units[c].value.abs() + units[c].error);
                *error += dy.abs() * units[c].error;
                dbeta[c].push(dy);
            }
            for c in 0..n {
                let (a, b) = (average.value / count, slope.value / count);
                let (a_error, b_error) = (average.error / count + TINY, slope.error / count + TINY);
                let unit = units[c];
                let inner = g[c] - a - unit.value * b;
                let size = g[c].abs()
                    + a.abs()
                    + a_error
                    + (unit.value.abs() + unit.error) * (b.abs() + b_error);
                let error = a_error
                    + (unit.value.abs() + unit.error) * b_error
                    + unit.error * b.abs()
                    + 4.0 * U * size
                    + 3.0 * TINY;
                let r = row.inverse;
                let value = r.value * inner;
                let error = (r.value + r.error) * error * 1.01 + r.error * inner.abs();
                dx[place(c)] = Bounded {
                    value,
                    error: error + U * (value.abs() + error) + TINY,
                };
            }
        }
    }
    let terms = m * pixels;
    let dgamma = dgamma.into_iter().map(|(value, magnitude, error)| Bounded {
        value,
        error: error + gamma(terms) * magnitude + terms as f64 * TINY,
    });
    let dbeta = dbeta.into_iter().map(|terms| sum(terms.into_iter(), 0));
    vec![
        layer_statistics(case, outcome),
        dx,
        dgamma.collect(),
        dbeta.collect(),
    ]
}
