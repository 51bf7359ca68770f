//! Every kernel against f64, within bounds that are theorems.
//!
//! A sum of n products in any order, with or without fused multiply-adds, has an error of at most
//! γ_n·Σ|a·b| with γ_n = n·u/(1 − n·u), u = 2⁻²⁴, and n·2⁻¹⁴⁹ more where products underflow (Higham,
//! Accuracy and Stability of Numerical Algorithms, §3.1 and §2.2). The references take f32 operands,
//! whose products are exact in f64, so that their own error is some 2²⁹ times smaller.

use std::cell::Cell;

use crate::kernel_support::{
    ADAM, Case, EPSILON, GAIN, KERNELS, Kernel, LANES, MOMENTUM, Numbers, Outcome, RATE, case,
    runner, same_bits,
};
use neurogain::backend::{Binary, Cpu, Elementwise, Memory, Unary, sums};
use proptest::prelude::*;

/// The unit roundoff of f32.
const U: f64 = 1.0 / 16_777_216.0;
/// The smallest positive f32: twice the error of an operation whose result underflows.
const TINY: f64 = 1.401_298_464_324_817e-45;

/// γ_n.
fn gamma(n: usize) -> f64 {
    let n = n as f64 * U;
    n / (1.0 - n)
}

/// A reference value and the largest error that the kernel may have.
#[derive(Debug, Clone, Copy, Default)]
struct Bounded {
    value: f64,
    error: f64,
}

/// A sum of `terms` with its bound, where each was rounded `more` further times.
fn sum(terms: impl Iterator<Item = f64>, more: usize) -> Bounded {
    let (mut value, mut magnitude, mut n) = (0.0, 0.0, 0);
    for term in terms {
        value += term;
        magnitude += term.abs();
        n += 1;
    }
    let error = gamma(n + more) * magnitude + (n + more) as f64 * TINY;
    Bounded { value, error }
}

/// One operation after exact ones.
fn rounded(value: f64, times: usize) -> Bounded {
    sum([value].into_iter(), times)
}

/// Where feature `f` of sample `s` is in `[blocks][features][16]`.
fn at(features: usize, s: usize, f: usize) -> usize {
    (s / LANES * features + f) * LANES + s % LANES
}

/// Spreads `[samples][features]` out to the block layout, zeros in the padding.
fn blocked(case: &Case, features: usize, value: impl Fn(usize, usize) -> Bounded) -> Vec<Bounded> {
    let mut all = vec![Bounded::default(); case.blocks() * features * LANES];
    for s in 0..case.samples {
        for f in 0..features {
            all[at(features, s, f)] = value(s, f);
        }
    }
    all
}

/// What each output of a kernel should be.
fn reference(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, k, m) = (case.outputs, case.inputs, case.samples);
    let operands = &outcome.operands;
    let gain = |o: usize| outcome.gain.as_ref().map_or(1.0, |gain| gain[o]);
    // The effective weight is an f32 by the contract.
    let weight = |o: usize, i: usize| f64::from(gain(o) * operands[0][o * k + i]);
    let value = |operand: usize, i: usize| f64::from(operands[operand][i]);
    let each = |operand: usize, f: &dyn Fn(usize) -> Bounded| -> Vec<Bounded> {
        (0..operands[operand].len()).map(f).collect()
    };
    match case.kernel {
        Kernel::Forward => vec![blocked(case, n, |s, o| {
            sum((0..k).map(|i| weight(o, i) * value(1, at(k, s, i))), 0)
        })],
        Kernel::ToInput => vec![blocked(case, k, |s, i| {
            sum((0..n).map(|o| weight(o, i) * value(1, at(n, s, o))), 0)
        })],
        Kernel::ToWeights => {
            let one = |o: usize, i: usize| {
                let g = f64::from(gain(o));
                let products = (0..m).map(|s| value(0, at(n, s, o)) * value(1, at(k, s, i)));
                let sum = sum(products, 1);
                Bounded {
                    value: g * sum.value,
                    error: g.abs() * sum.error + TINY,
                }
            };
            let all = (0..n).flat_map(|o| (0..k).map(move |i| (o, i)));
            vec![all.map(|(o, i)| one(o, i)).collect()]
        }
        Kernel::Relu => vec![each(0, &|i| Bounded {
            value: value(0, i).max(0.0),
            error: 0.0,
        })],
        Kernel::ReluBackward => vec![each(0, &|i| Bounded {
            value: if value(0, i) > 0.0 { value(1, i) } else { 0.0 },
            error: 0.0,
        })],
        // One rounding: to nearest, an error of u·|x·y|, or half of the smallest number.
        Kernel::Multiply => vec![each(0, &|i| {
            let product = value(0, i) * value(1, i);
            Bounded {
                value: product,
                error: f64::max(U * product.abs(), TINY / 2.0),
            }
        })],
        Kernel::Loss => loss(case, outcome),
        Kernel::GainUpdate => {
            let [gamma, baseline, eta] = GAIN.map(f64::from);
            let drive = |i: usize| value(0, i % operands[0].len());
            let terms = |i: usize| [gamma * value(1, i), eta * drive(i), baseline];
            vec![each(1, &|i| sum(terms(i).into_iter(), 0))]
        }
        Kernel::Sgd => vec![each(0, &|i| {
            sum([value(1, i), -f64::from(RATE) * value(0, i)].into_iter(), 0)
        })],
        Kernel::Momentum => {
            let (rate, momentum) = (f64::from(RATE), f64::from(MOMENTUM));
            let terms = |i: usize| [momentum * value(1, i), value(0, i)];
            let velocity = |i: usize| sum(terms(i).into_iter(), 0);
            let weight = |i: usize| {
                let v = velocity(i);
                let mut bounded = sum([value(2, i), -rate * v.value].into_iter(), 0);
                bounded.error += rate * v.error * (1.0 + 2.0 * U);
                bounded
            };
            vec![each(0, &velocity), each(0, &weight)]
        }
        Kernel::Adam => adam(operands),
        Kernel::Gather => vec![blocked(case, k, |s, f| {
            let row = &outcome.pixels[outcome.indices[s] as usize * k..][..k];
            let byte = match k.checked_div(outcome.size) {
                None => row[f],
                Some(channels) => {
                    let map = outcome.maps[s] as usize * outcome.size;
                    let source = outcome.sources[map + f / channels] as usize;
                    let shown = source < outcome.size;
                    if shown {
                        row[source * channels + f % channels]
                    } else {
                        0
                    }
                }
            };
            let channel = f % (operands[0].len() / 256);
            Bounded {
                value: value(0, channel * 256 + usize::from(byte)),
                error: 0.0,
            }
        })],
        Kernel::AbsoluteSum => vec![vec![sum(operands[0].iter().map(|x| f64::from(x.abs())), 0)]],
        // A quotient of two f32 numbers rounded to f64 and then to f32 is rounded as if once.
        Kernel::MeanEntropy => vec![vec![Bounded {
            value: f64::from((value(0, sums::ENTROPY) / m as f64) as f32),
            error: 0.0,
        }]],
        Kernel::Gelu
        | Kernel::GeluBackward
        | Kernel::Scale
        | Kernel::Axpby
        | Kernel::Copy
        | Kernel::ScaleShift
        | Kernel::ScaleShiftGradients
        | Kernel::Softmax
        | Kernel::SoftmaxBackward
        | Kernel::SampleProduct
        | Kernel::Rows => activations(case, outcome),
        Kernel::NeuronStatistics => vec![neuron_statistics(case, &operands[0])],
        Kernel::LayerNormalise => layer_norm(case, outcome),
        Kernel::LayerNormaliseBackward => layer_norm_backward(case, outcome),
    }
}

/// Element-wise operations, scale and shift, and what attention needs.
fn activations(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, m) = (case.outputs, case.samples);
    let (d, p) = (case.normalisation(), case.sample_product());
    let operands = &outcome.operands;
    let value = |operand: usize, i: usize| f64::from(operands[operand][i]);
    let exact = |value: f64| Bounded { value, error: 0.0 };
    let each = |operand: usize, f: &dyn Fn(usize) -> Bounded| -> Vec<Bounded> {
        (0..operands[operand].len()).map(f).collect()
    };
    // σ(z) and x·z′·σ·(1 − σ) of GELU, whose z′ is the derivative of z.
    let gelu = |x: f64| {
        let linear = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
        let z = linear * (x + 0.044715 * x.powi(3));
        let e = (-z.abs()).exp();
        let logistic = if x < 0.0 {
            e / (1.0 + e)
        } else {
            1.0 / (1.0 + e)
        };
        let slope = x * linear * (1.0 + 3.0 * 0.044715 * x * x) * e / (1.0 + e).powi(2);
        (logistic, if e == 0.0 { 0.0 } else { slope })
    };
    match case.kernel {
        // The documented error, where the exponential underflows too.
        Kernel::Gelu => vec![each(0, &|i| {
            let x = value(0, i);
            let value = x * gelu(x).0;
            let error = 8.0 * U * value.abs() + 12.0 * TINY;
            Bounded { value, error }
        })],
        Kernel::GeluBackward => vec![each(0, &|i| {
            let ((logistic, slope), dy) = (gelu(value(0, i)), value(1, i));
            let derivative = 16.0 * U * (logistic + slope.abs()) + 1e-42;
            let value = dy * (logistic + slope);
            let error = dy.abs() * derivative + U * value.abs() * 1.01 + TINY;
            Bounded { value, error }
        })],
        Kernel::Scale => vec![each(0, &|i| rounded(f64::from(RATE) * value(0, i), 1))],
        Kernel::Axpby => {
            let (a, b) = (f64::from(0.4f32), f64::from(0.9f32));
            vec![each(0, &|i| {
                sum([a * value(0, i), b * value(1, i)].into_iter(), 0)
            })]
        }
        Kernel::Copy => vec![each(0, &|i| exact(value(0, i)))],
        Kernel::ScaleShift => {
            let [scaled, shifted, added, relu] = case.affine();
            let one = |s: usize, f: usize| {
                let (i, c) = (at(n * d.pixels, s, f), f % n);
                let scale = if scaled { value(0, c) } else { 1.0 };
                let shift = if shifted { value(1, c) } else { 0.0 };
                let residual = if added { value(3, i) } else { 0.0 };
                let mut y = sum([scale * value(2, i), shift, residual].into_iter(), 0);
                if relu {
                    y.value = y.value.max(0.0);
                }
                y
            };
            vec![blocked(case, n * d.pixels, one)]
        }
        Kernel::ScaleShiftGradients => {
            let all = |c: usize| {
                let pixels = (0..d.pixels).flat_map(move |pixel| (0..m).map(move |s| (s, pixel)));
                pixels.map(move |(s, pixel)| at(n * d.pixels, s, pixel * n + c))
            };
            let dscale = (0..n).map(|c| sum(all(c).map(|i| value(0, i) * value(1, i)), 0));
            let dshift: Vec<_> = (0..n)
                .map(|c| sum(all(c).map(|i| value(1, i)), 0))
                .collect();
            vec![dscale.collect(), dshift.clone(), dshift]
        }
        Kernel::Softmax => vec![blocked(case, n * d.pixels, |s, f| {
            let row = |c: usize| value(0, at(n * d.pixels, s, f / n * n + c));
            let largest = (0..n).map(row).fold(f64::MIN, f64::max);
            let z = |c: usize| row(c) - largest;
            // As in the loss, whose gradient has the same quotient.
            let exponential = |c: usize| z(c).exp() * (z(c).abs() + 4.0) * 1.01 * U + TINY;
            let total: f64 = (0..n).map(|c| z(c).exp()).sum();
            let total_error = (0..n).map(exponential).sum::<f64>() + gamma(n) * total;
            let share = z(f % n).exp() / total;
            let error = exponential(f % n) / total + share * (total_error / total + 2.0 * U) * 1.01;
            Bounded {
                value: share,
                error: error + TINY,
            }
        })],
        Kernel::SoftmaxBackward => vec![blocked(case, n * d.pixels, |s, f| {
            let place = |c: usize| at(n * d.pixels, s, f / n * n + c);
            let total = sum((0..n).map(|c| value(0, place(c)) * value(1, place(c))), 0);
            let (y, dy) = (value(0, place(f % n)), value(1, place(f % n)));
            let size = dy.abs() + total.value.abs() + total.error;
            Bounded {
                value: y * (dy - total.value),
                error: y.abs() * (total.error * 1.01 + 3.0 * U * size + TINY) + TINY,
            }
        })],
        Kernel::SampleProduct => vec![blocked(case, p.rows * p.columns, |s, f| {
            let (i, j) = (f / p.columns, f % p.columns);
            let a = |t: usize| {
                if p.transpose_a {
                    t * p.rows + i
                } else {
                    i * p.terms + t
                }
            };
            let b = |t: usize| {
                if p.transpose_b {
                    j * p.terms + t
                } else {
                    t * p.columns + j
                }
            };
            let term = |t: usize| {
                value(0, at(p.rows * p.terms, s, a(t))) * value(1, at(p.terms * p.columns, s, b(t)))
            };
            sum((0..p.terms).map(term), 0)
        })],
        Kernel::Rows => {
            let rows = (0..m * n).map(|i| exact(value(0, at(n, i / n, i % n))));
            vec![rows.collect(), each(0, &|i| exact(value(0, i)))]
        }
        _ => unreachable!("{:?} has its reference above", case.kernel),
    }
}

/// Mean, mean magnitude, deviation and share of active samples of each neuron.
fn neuron_statistics(case: &Case, x: &[f32]) -> Vec<Bounded> {
    let (n, pixels) = (case.outputs, case.normalisation().pixels);
    let count = (case.samples * pixels) as f64;
    let mut all = vec![Bounded::default(); 4 * n];
    for c in 0..n {
        let places = (0..pixels).flat_map(|pixel| (0..case.samples).map(move |s| (s, pixel)));
        let x: Vec<_> = places
            .map(|(s, pixel)| f64::from(x[at(n * pixels, s, pixel * n + c)]))
            .collect();
        let over = |total: Bounded| Bounded {
            value: total.value / count,
            error: total.error / count + TINY,
        };
        let mean = over(sum(x.iter().copied(), 2));
        // Σ(d + e)² with an error e of each difference, of which the mean's is common to all.
        let squares: f64 = x.iter().map(|x| (x - mean.value).powi(2)).sum();
        let error: f64 = (x.iter())
            .map(|x| {
                let d = (x - mean.value).abs();
                let e = mean.error + U * (d + mean.error);
                2.0 * d * e + e * e + gamma(x_terms(case)) * (d + e).powi(2) + TINY
            })
            .sum();
        let (square, error) = (
            squares / count,
            error / count + 2.0 * U * squares / count + TINY,
        );
        let root = square.sqrt();
        let low = (square - error).max(0.0).sqrt();
        let spread = (root - low).max((square + error).sqrt() - root);
        all[c] = mean;
        all[n + c] = over(sum(x.iter().map(|x| x.abs()), 2));
        all[2 * n + c] = Bounded {
            value: root,
            error: spread * (1.0 + U) + U * root + TINY,
        };
        let active = x.iter().filter(|x| **x > 0.0).count() as f64;
        all[3 * n + c] = rounded(active / count, 1);
    }
    all
}

/// Terms of a neuron's sums, and two more roundings.
fn x_terms(case: &Case) -> usize {
    case.samples * case.normalisation().pixels + 2
}

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
        // d is rounded once, and off by the mean's error: Σ(d + e)² = Σd² + 2eΣd + n·e², Σd = 0 but for e.
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
fn layer_norm(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
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

/// Mean and r, in the padding too, where x is 0.
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
fn layer_norm_backward(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
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

fn adam(operands: &[Vec<f32>]) -> Vec<Vec<Bounded>> {
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
fn loss(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
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

#[test]
fn within_the_proved_bounds() {
    let cpu = Cpu::new().expect("an instruction set");
    eprintln!("instruction set: {}", cpu.instruction_set().name());
    for kernel in KERNELS {
        let largest = Cell::new(0.0);
        runner(60)
            .run(&case(kernel, Numbers::Finite, 1 << 21), |case| {
                let fail = |problem| TestCaseError::fail(format!("{problem}; {case:?}"));
                let outcome = case.run(&cpu).map_err(|error| fail(error.to_string()))?;
                let expected = reference(&case, &outcome);
                prop_assert_eq!(expected.len(), outcome.results.len());
                for (expected, found) in expected.iter().zip(&outcome.results) {
                    prop_assert_eq!(expected.len(), found.len());
                    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
                        let error = (f64::from(*found) - expected.value).abs();
                        // NaN is no number within the bound.
                        if error.is_nan() || error > expected.error {
                            return Err(fail(format!("at {i}: {found:e}, not {expected:?}")));
                        }
                        if expected.error > 0.0 {
                            largest.set(f64::max(largest.get(), error / expected.error));
                        }
                    }
                }
                Ok(())
            })
            .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
        eprintln!("{kernel:?}: at most {:.3} of the bound", largest.get());
    }
}

/// Effective weights, products and sums of what is not finite are what IEEE 754 makes of them.
#[test]
fn infinities_and_nan_go_where_they_should() {
    let cpu = Cpu::new().expect("an instruction set");
    for kernel in [Kernel::Forward, Kernel::ToInput, Kernel::ToWeights] {
        runner(40)
            .run(&case(kernel, Numbers::Any, 1 << 14), |case| {
                let outcome = case.run(&cpu).expect("it fits");
                // Overflow in f32 is not overflow in f64, so compare only with what must be NaN or
                // infinite: a NaN, 0·∞ or ∞ − ∞ among the terms, or infinities of one sign.
                for (expected, found) in reference(&case, &outcome)[0]
                    .iter()
                    .zip(&outcome.results[0])
                {
                    if expected.value.is_nan() {
                        prop_assert!(found.is_nan(), "{:?}: {} for NaN", case, found);
                    } else if expected.value.is_infinite() {
                        let same = f64::from(*found) == expected.value || found.is_nan();
                        prop_assert!(same, "{:?}: {} for {}", case, found, expected.value);
                    }
                }
                Ok(())
            })
            .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
    }
}

/// ReLU and its derivative at the values that are easy to get wrong.
#[test]
fn relu_of_zeros_nan_and_infinities() {
    let cpu = Cpu::new().expect("an instruction set");
    let inputs = [
        0.0,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-45,
        -1e-45,
    ];
    let mut x = cpu.zeros(inputs.len()).expect("room");
    let mut y = vec![0.0; inputs.len()];
    cpu.upload(&inputs, &mut x).expect("it fits");
    cpu.unary(Unary::Relu, &mut x).expect("it fits");
    cpu.download(&x, &mut y).expect("it fits");
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(y[2].is_nan());
    y[2] = 0.0;
    assert_eq!(
        bits(&y),
        bits(&[0.0, 0.0, 0.0, f32::INFINITY, 0.0, 1e-45, 0.0])
    );

    let mut dy = cpu.zeros(inputs.len()).expect("room");
    cpu.upload(&[7.0; 7], &mut dy).expect("it fits");
    cpu.upload(&inputs, &mut x).expect("it fits");
    cpu.binary(Binary::ReluBackward, &x, &mut dy)
        .expect("it fits");
    cpu.download(&dy, &mut y).expect("it fits");
    assert_eq!(bits(&y), bits(&[0.0, 0.0, 0.0, 7.0, 0.0, 7.0, 0.0]));
}

/// A product of two f32 is exact in f64, so that rounding it once more is the kernel's rounding: every bit,
/// with infinities, NaN and zeros of either sign.
#[test]
fn multiply_rounds_once() {
    let cpu = Cpu::new().expect("an instruction set");
    runner(60)
        .run(&case(Kernel::Multiply, Numbers::Any, 1 << 16), |case| {
            let outcome = case.run(&cpu).expect("it fits");
            let pairs = outcome.operands[0].iter().zip(&outcome.operands[1]);
            let expected: Vec<f32> = pairs
                .map(|(x, y)| (f64::from(*x) * f64::from(*y)) as f32)
                .collect();
            same_bits(&expected, &outcome.results[0])
                .map_err(|problem| TestCaseError::fail(format!("{problem}; {case:?}")))
        })
        .unwrap_or_else(|problem| panic!("{problem}"));
}

/// No sample, no input or no output is a sum over nothing: +0, whatever was there before.
#[test]
fn empty_sums_are_zero() {
    let cpu = Cpu::new().expect("an instruction set");
    for (samples, outputs, inputs) in [(16, 3, 0), (0, 3, 2), (16, 0, 2), (0, 0, 0), (33, 0, 5)] {
        for kernel in [
            Kernel::Forward,
            Kernel::ToInput,
            Kernel::ToWeights,
            Kernel::Gather,
        ] {
            let case = Case {
                kernel,
                samples,
                outputs,
                inputs,
                gain: true,
                numbers: Numbers::Finite,
                seed: 1,
            };
            let outcome = match case.run(&cpu) {
                // There are no rows to gather from.
                Err(_) if kernel == Kernel::Gather && inputs == 0 => continue,
                outcome => outcome.expect("it fits"),
            };
            let zero = samples == 0
                || match kernel {
                    Kernel::Forward => inputs == 0,
                    Kernel::ToInput => outputs == 0,
                    _ => false,
                };
            let all = &outcome.results[0];
            assert!(!zero || all.iter().all(|x| x.to_bits() == 0), "{case:?}");
            assert!(all.iter().all(|x| !x.is_nan()), "{case:?}");
        }
    }
}
