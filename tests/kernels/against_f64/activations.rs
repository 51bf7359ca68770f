//! References for element-wise operations, scale and shift, attention and the statistics of neurons.

use super::{Bounded, TINY, U, at, blocked, gamma, rounded, sum};
use crate::kernel_support::{Case, Kernel, LANES, Outcome, RATE};

/// Element-wise operations, scale and shift, and the operations of attention.
pub fn activations(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
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
        // The documented error, including where the exponential underflows.
        Kernel::Gelu => vec![each(0, &|i| {
            let x = value(0, i);
            let value = x * gelu(x).0;
            let error = 8.0 * U * value.abs() + 12.0 * TINY;
            Bounded { value, error }
        })],
        Kernel::GeluBackward => vec![each(0, &|i| {
            let ((logistic, slope), dy) = (gelu(value(0, i)), value(1, i));
            let derivative = 7.32 * U * (logistic + slope.abs()) + 1e-42;
            let value = dy * (logistic + slope);
            let error = dy.abs() * derivative + U * value.abs() * 1.01 + TINY;
            Bounded { value, error }
        })],
        // The documented error of tanh is 1.349 ulp, at most 2.7 u; halving and doubling are exact but for the
        // smallest numbers.
        Kernel::BoundedTanh => vec![each(0, &|i| {
            let value = 2.0 * (value(0, i) / 2.0).tanh();
            let error = 2.7 * U * value.abs() + 4.0 * TINY;
            Bounded { value, error }
        })],
        Kernel::BoundedTanhBackward => vec![each(0, &|i| {
            let (h, dy) = (value(0, i) / 2.0, value(1, i));
            let mut dx = rounded(dy * (1.0 - h * h), 1);
            dx.error += dy.abs() * TINY;
            dx
        })],
        Kernel::Scale => vec![each(0, &|i| rounded(f64::from(RATE) * value(0, i), 1))],
        Kernel::Axpby => {
            let (a, b) = (f64::from(0.4f32), f64::from(0.9f32));
            vec![each(0, &|i| {
                sum([a * value(0, i), b * value(1, i)].into_iter(), 0)
            })]
        }
        Kernel::Copy => vec![each(0, &|i| exact(value(0, i)))],
        Kernel::CopyBlocks => {
            let [from, count, to] = case.copied().map(|block| block * LANES);
            vec![each(1, &|i| match i.checked_sub(to) {
                Some(copied) if copied < count => exact(value(0, from + copied)),
                _ => exact(value(1, i)),
            })]
        }
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

/// Mean, mean magnitude, standard deviation and fraction of active samples of each neuron.
pub fn neuron_statistics(case: &Case, x: &[f32]) -> Vec<Bounded> {
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
        // Σ(d + e)² with an error e in each difference; the part from the mean is common to all.
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
