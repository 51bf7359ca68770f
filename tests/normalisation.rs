//! Batch normalisation: statistics, output and gradients against f64 references within their bounds,
//! the gradients as derivatives, the same bits on every instruction set and number of threads, and
//! wrong shapes.

mod images;

use images::{Awkward, allocations, backends, bits, gamma, same_everywhere, unwritten, upload};
use neurogain::Error;
use neurogain::backend::cpu::Floats;
use neurogain::backend::{
    Backend, BatchNorm, Cpu, Normalisation, Normalise, NormaliseBackward, summation,
};
use proptest::prelude::*;

#[global_allocator]
static GUARDED: images::Guarded = images::Guarded;

#[derive(Debug, Clone)]
struct Case {
    dimensions: Normalisation,
    relu: bool,
    residual: bool,
    /// Added to x: how far the mean is from zero.
    offset: f32,
    seed: u64,
}

struct Data {
    x: Vec<f32>,
    residual: Vec<f32>,
    dy: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    running: Vec<f32>,
}

impl Case {
    fn data(&self) -> Data {
        let mut awkward = Awkward::new(self.seed);
        let Normalisation {
            samples,
            pixels,
            channels,
        } = self.dimensions;
        let mut x = awkward.samples(samples, pixels * channels);
        for i in self.present() {
            x[i] += self.offset;
        }
        Data {
            x,
            residual: awkward.samples(samples, pixels * channels),
            dy: awkward.samples(samples, pixels * channels),
            gamma: awkward.numbers(channels),
            beta: awkward.numbers(channels),
            running: awkward
                .numbers(2 * channels)
                .iter()
                .map(|n| n.abs())
                .collect(),
        }
    }

    fn n(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels
    }

    fn channel(&self, i: usize) -> usize {
        i / 16 % self.dimensions.channels
    }

    fn sample(&self, i: usize) -> usize {
        i / 16 / self.dimensions.channels / self.dimensions.pixels * 16 + i % 16
    }

    /// The indices of all numbers that are not padding.
    fn present(&self) -> Vec<usize> {
        let length = self.dimensions.length().unwrap();
        (0..length)
            .filter(|&i| self.sample(i) < self.dimensions.samples)
            .collect()
    }

    /// Roundings on the longest path of a sum: a chunk's chain, the chunks, the tree of lanes.
    fn path(&self) -> usize {
        let steps = self.dimensions.samples.div_ceil(16) * self.dimensions.pixels;
        steps.min(summation::CHUNK) + steps.div_ceil(summation::CHUNK) + 4
    }
}

/// Everything that the kernels give.
struct Results {
    statistics: Floats,
    running: Floats,
    y: Floats,
    dx: Floats,
    residual: Floats,
    dgamma: Floats,
    dbeta: Floats,
}

impl Results {
    fn bits(&self) -> Vec<Vec<u32>> {
        let all = [
            &self.statistics,
            &self.running,
            &self.y,
            &self.dx,
            &self.residual,
            &self.dgamma,
            &self.dbeta,
        ];
        all.map(bits).to_vec()
    }
}

fn kernels(cpu: &Cpu, case: &Case, data: &Data) -> Results {
    let dimensions = case.dimensions;
    let channels = dimensions.channels;
    let x = upload(cpu, &data.x);
    let mut running = upload(cpu, &data.running);
    let mut statistics = unwritten(cpu, 2 * channels);
    cpu.batch_statistics(
        dimensions,
        BatchNorm::default(),
        &x,
        &mut running,
        &mut statistics,
    )
    .unwrap();
    let (gamma, beta) = (upload(cpu, &data.gamma), upload(cpu, &data.beta));
    let residual = upload(cpu, &data.residual);
    let mut y = unwritten(cpu, data.x.len());
    let operands = Normalise {
        dimensions,
        relu: case.relu,
        statistics: &statistics,
        gamma: &gamma,
        beta: &beta,
        x: &x,
        residual: case.residual.then_some(&residual),
    };
    cpu.normalise(operands, &mut y).unwrap();
    let operands = NormaliseBackward {
        dimensions,
        statistics: &statistics,
        gamma: &gamma,
        x: &x,
        y: case.relu.then_some(&y),
    };
    let mut dx = upload(cpu, &data.dy);
    let mut dresidual = unwritten(cpu, data.x.len());
    let [mut dgamma, mut dbeta] = [(); 2].map(|()| unwritten(cpu, channels));
    let given = case.residual.then_some(&mut dresidual);
    cpu.normalise_backward(operands, &mut dx, given, &mut dgamma, &mut dbeta)
        .unwrap();
    Results {
        statistics,
        running,
        y,
        dx,
        residual: dresidual,
        dgamma,
        dbeta,
    }
}

fn within(name: &str, found: f32, expected: f64, bound: f64) {
    let error = (f64::from(found) - expected).abs();
    assert!(
        error <= bound,
        "{name} = {found}, expected {expected} ± {bound}"
    );
}

const U: f64 = 0.5 * f32::EPSILON as f64;

fn check(case: &Case) {
    let data = case.data();
    same_everywhere(|cpu| kernels(cpu, case, &data).bits());
    let found = kernels(&Cpu::new().unwrap(), case, &data);
    check_statistics(case, &data, &found);
    check_forward(case, &data, &found);
    check_backward(case, &data, &found);
}

/// With p roundings on a sum's path and the shift K: |ΔD| ≤ γ_{p+1}·Σ|x − K|, |ΔV| ≤ γ_{p+3}·V, and
/// D·D/n ≤ (Σ|x − K|)²/n ≤ V, so that the variance is off by at most γ_{3p+12}·V/n: relative to it
/// by a factor 1 + (mean − K)²/variance more than the path alone.
fn check_statistics(case: &Case, data: &Data, found: &Results) {
    let channels = case.dimensions.channels;
    let n = case.n() as f64;
    let p = case.path();
    for channel in 0..channels {
        let own = case
            .present()
            .into_iter()
            .filter(|&i| case.channel(i) == channel);
        let values: Vec<(usize, f64)> = own.map(|i| (i, f64::from(data.x[i]))).collect();
        let mean = values.iter().map(|(_, x)| x).sum::<f64>() / n;
        let variance = values.iter().map(|(_, x)| (x - mean).powi(2)).sum::<f64>() / n;
        let first: Vec<f64> = values
            .iter()
            .filter(|(i, _)| i / 16 / channels < summation::CHUNK)
            .map(|(_, x)| *x)
            .collect();
        let shift = first.iter().sum::<f64>() / first.len() as f64;
        // The kernel's own shift is rounded; by less than this.
        let slack = gamma(p + 1) * first.iter().map(|x| x.abs()).sum::<f64>() / first.len() as f64;
        let spread = values
            .iter()
            .map(|(_, x)| (x - shift).abs() + slack)
            .sum::<f64>()
            / n;
        let square = values
            .iter()
            .map(|(_, x)| ((x - shift).abs() + slack).powi(2))
            .sum::<f64>()
            / n;
        let mean_bound = gamma(p + 3) * spread + U * mean.abs();
        let variance_bound = gamma(3 * p + 12) * square;
        let [mean_found, inverse_found] =
            [0, 1].map(|row| found.statistics.as_slice()[row * channels + channel]);
        within("mean", mean_found, mean, mean_bound);
        let epsilon = f64::from(1e-5f32);
        let inverse = |variance: f64| 1.0 / (variance.max(0.0) + epsilon).sqrt();
        let largest = (inverse(variance - variance_bound) - inverse(variance)).abs();
        within(
            "1/deviation",
            inverse_found,
            inverse(variance),
            largest + 4.0 * U * inverse(variance - variance_bound),
        );
        let [old_mean, old_variance] =
            [0, 1].map(|row| f64::from(data.running[row * channels + channel]));
        let [new_mean, new_variance] =
            [0, 1].map(|row| found.running.as_slice()[row * channels + channel]);
        let [momentum, keep] = [0.1f32, 1.0 - 0.1f32].map(f64::from);
        let expected = keep * old_mean + momentum * mean;
        within(
            "running mean",
            new_mean,
            expected,
            momentum * mean_bound + 2.0 * U * (old_mean.abs() + mean.abs()),
        );
        let unbiased = variance * n / (n - 1.0);
        let expected = keep * old_variance + momentum * unbiased;
        let bound = momentum * variance_bound * n / (n - 1.0) + 4.0 * U * (old_variance + unbiased);
        within("running variance", new_variance, expected, bound);
    }
}

/// From the kernel's own statistics: each operation rounds once.
fn check_forward(case: &Case, data: &Data, found: &Results) {
    let channels = case.dimensions.channels;
    let present = case.present();
    let mut inside = present.iter().copied().peekable();
    for (i, &y) in found.y.as_slice().iter().enumerate() {
        if inside.next_if_eq(&i).is_none() {
            assert_eq!(y.to_bits(), 0, "the padding");
            continue;
        }
        let channel = case.channel(i);
        let [mean, inverse] =
            [0, 1].map(|row| f64::from(found.statistics.as_slice()[row * channels + channel]));
        let product = (f64::from(data.x[i]) - mean) * f64::from(data.gamma[channel]) * inverse;
        let beta = f64::from(data.beta[channel]);
        let residual = if case.residual {
            f64::from(data.residual[i])
        } else {
            0.0
        };
        let sum = product + beta + residual;
        let expected = if case.relu { sum.max(0.0) } else { sum };
        within(
            "y",
            y,
            expected,
            gamma(4) * (product.abs() + beta.abs() + residual.abs()),
        );
    }
}

fn check_backward(case: &Case, data: &Data, found: &Results) {
    let channels = case.dimensions.channels;
    let masked = |i: usize| {
        if case.relu && found.y.as_slice()[i] <= 0.0 {
            0.0
        } else {
            f64::from(data.dy[i])
        }
    };
    let n = case.n() as f64;
    let p = case.path();
    let mut sums = vec![[0.0; 4]; channels];
    for i in case.present() {
        let [beta, beta_all, product, product_all] = &mut sums[case.channel(i)];
        let mean = f64::from(found.statistics.as_slice()[case.channel(i)]);
        let term = masked(i) * (f64::from(data.x[i]) - mean);
        *beta += masked(i);
        *beta_all += masked(i).abs();
        *product += term;
        *product_all += term.abs();
    }
    for (channel, [beta, beta_all, product, product_all]) in sums.iter().enumerate() {
        let inverse = f64::from(found.statistics.as_slice()[channels + channel]);
        within(
            "dβ",
            found.dbeta.as_slice()[channel],
            *beta,
            gamma(p) * beta_all,
        );
        let bound = gamma(p + 2) * product_all * inverse;
        within(
            "dγ",
            found.dgamma.as_slice()[channel],
            product * inverse,
            bound,
        );
    }
    // From the kernel's own dβ and dγ: each operation rounds once.
    let present = case.present();
    let mut inside = present.iter().copied().peekable();
    for (i, &dx) in found.dx.as_slice().iter().enumerate() {
        if inside.next_if_eq(&i).is_none() {
            assert_eq!(dx.to_bits(), 0, "the padding");
            continue;
        }
        let channel = case.channel(i);
        let [mean, inverse] =
            [0, 1].map(|row| f64::from(found.statistics.as_slice()[row * channels + channel]));
        let scale = f64::from(data.gamma[channel]) * inverse;
        let b = f64::from(found.dbeta.as_slice()[channel]) / n;
        let c = inverse * f64::from(found.dgamma.as_slice()[channel]) / n;
        let centred = (f64::from(data.x[i]) - mean) * c;
        let all = masked(i).abs() + b.abs() + centred.abs();
        within(
            "dx",
            dx,
            scale * (masked(i) - b - centred),
            gamma(8) * scale.abs() * all,
        );
        if case.residual {
            assert_eq!(f64::from(found.residual.as_slice()[i]), masked(i));
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop::sample::select(vec![1usize, 2, 15, 16, 17, 31, 33, 49]);
    let channels = prop::sample::select(vec![1usize, 3, 8, 15, 16, 17, 20, 33]);
    let pixels = prop::sample::select(vec![1usize, 2, 9, 16, 31, 32, 33, 47]);
    let offset = prop::sample::select(vec![0.0f32, 3.0, -1000.0]);
    (
        samples,
        channels,
        pixels,
        offset,
        any::<(bool, bool, u64)>(),
    )
        .prop_map(
            |(samples, channels, pixels, offset, (relu, residual, seed))| Case {
                dimensions: Normalisation {
                    samples,
                    pixels,
                    channels,
                },
                relu,
                residual,
                offset,
                seed,
            },
        )
        .prop_filter("a variance", |case| case.n() > 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_number_is_within_its_bound_and_has_the_same_bits_everywhere(case in cases()) {
        check(&case);
    }
}

const SMALL: Normalisation = Normalisation {
    samples: 19,
    pixels: 6,
    channels: 3,
};

/// L = Σ dy·y through statistics, normalisation, residual and ReLU, by central differences in f64.
#[test]
fn gradients_are_the_derivatives_of_the_forward_pass() {
    for (relu, residual) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = Case {
            dimensions: SMALL,
            relu,
            residual,
            offset: 2.0,
            seed: 9,
        };
        let data = case.data();
        let found = kernels(&Cpu::new().unwrap(), &case, &data);
        let wide = |numbers: &[f32]| numbers.iter().map(|&n| f64::from(n)).collect::<Vec<_>>();
        let (mut x, mut r) = (wide(&data.x), wide(&data.residual));
        let (mut g, mut b) = (wide(&data.gamma), wide(&data.beta));
        let close = |name: &str, found: f32, expected: f64| {
            within(name, found, expected, 2e-4 * (1.0 + expected.abs()));
        };
        for i in case.present().into_iter().step_by(7) {
            close(
                "dx",
                found.dx.as_slice()[i],
                difference(&mut x, i, |x| loss(&case, &data, x, &r, &g, &b)),
            );
            if residual {
                close(
                    "dr",
                    found.residual.as_slice()[i],
                    difference(&mut r, i, |r| loss(&case, &data, &x, r, &g, &b)),
                );
            }
        }
        for c in 0..3 {
            close(
                "dγ",
                found.dgamma.as_slice()[c],
                difference(&mut g, c, |g| loss(&case, &data, &x, &r, g, &b)),
            );
            close(
                "dβ",
                found.dbeta.as_slice()[c],
                difference(&mut b, c, |b| loss(&case, &data, &x, &r, &g, b)),
            );
        }
    }
}

fn loss(case: &Case, data: &Data, x: &[f64], residual: &[f64], gamma: &[f64], beta: &[f64]) -> f64 {
    let mut sum = 0.0;
    for channel in 0..case.dimensions.channels {
        let own: Vec<usize> = case
            .present()
            .into_iter()
            .filter(|&i| case.channel(i) == channel)
            .collect();
        let n = own.len() as f64;
        let mean = own.iter().map(|&i| x[i]).sum::<f64>() / n;
        let variance = own.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / n;
        for i in own {
            let mut y = gamma[channel] * (x[i] - mean) / (variance + 1e-5).sqrt() + beta[channel];
            if case.residual {
                y += residual[i];
            }
            if case.relu {
                y = y.max(0.0);
            }
            sum += y * f64::from(data.dy[i]);
        }
    }
    sum
}

fn difference(at: &mut [f64], i: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    let (value, h) = (at[i], 1e-6);
    at[i] = value + h;
    let above = f(at);
    at[i] = value - h;
    let below = f(at);
    at[i] = value;
    (above - below) / (2.0 * h)
}

#[test]
fn inference_uses_the_running_statistics() {
    let running = [0.5, -2.0, 3.0, 4.0, 0.25, 0.0];
    for cpu in backends() {
        let mut statistics = unwritten(&cpu, 6);
        cpu.running_statistics(1e-5, &upload(&cpu, &running), &mut statistics)
            .unwrap();
        let found = statistics.as_slice();
        assert_eq!(found[..3], running[..3]);
        for (found, variance) in found[3..].iter().zip(&running[3..]) {
            assert_eq!(*found, 1.0 / (variance + 1e-5f32).sqrt());
        }
    }
}

/// A batch that is the same number everywhere has no variance, wherever it lies.
#[test]
fn constant_channels() {
    for value in [0.0, 1.0, -3.3e7, 1e-20] {
        let case = Case {
            dimensions: SMALL,
            relu: false,
            residual: false,
            offset: 0.0,
            seed: 1,
        };
        let mut data = case.data();
        for i in case.present() {
            data.x[i] = value;
        }
        for cpu in backends() {
            let found = kernels(&cpu, &case, &data);
            for channel in 0..3 {
                assert_eq!(found.statistics.as_slice()[channel], value);
                assert_eq!(
                    found.statistics.as_slice()[3 + channel],
                    1.0 / 1e-5f32.sqrt()
                );
            }
            for i in case.present() {
                assert_eq!(found.y.as_slice()[i], data.beta[case.channel(i)]);
            }
        }
    }
}

#[test]
fn not_a_number_stays_in_its_channel() {
    let case = Case {
        dimensions: SMALL,
        relu: true,
        residual: true,
        offset: 0.0,
        seed: 4,
    };
    let mut data = case.data();
    for bad in [f32::NAN, f32::INFINITY] {
        data.x[16] = bad; // block 0, pixel 0, channel 1, sample 0
        for cpu in backends() {
            let found = kernels(&cpu, &case, &data);
            for i in 0..data.x.len() {
                let padding = case.sample(i) >= SMALL.samples;
                let expected = case.channel(i) == 1 && !padding;
                assert_eq!(found.y.as_slice()[i].is_nan(), expected, "y[{i}]");
                assert_eq!(found.dx.as_slice()[i].is_nan(), expected, "dx[{i}]");
            }
        }
    }
}

/// Work for three of seven threads by the cost model.
#[test]
fn many_samples_over_threads() {
    let case = Case {
        dimensions: Normalisation {
            samples: 211,
            pixels: 980,
            channels: 17,
        },
        relu: true,
        residual: true,
        offset: 1.0,
        seed: 2,
    };
    let data = case.data();
    same_everywhere(|cpu| kernels(cpu, &case, &data).bits());
}

#[test]
fn a_second_call_allocates_nothing() {
    let length = SMALL.length().unwrap();
    for cpu in backends() {
        let floats = |length| cpu.zeros(length).unwrap();
        let (x, mut y, mut dy) = (floats(length), floats(length), floats(length));
        let (mut running, mut statistics) = (floats(6), floats(6));
        let (gamma, mut dgamma, mut dbeta) = (floats(3), floats(3), floats(3));
        let mut call = || {
            let settings = BatchNorm::default();
            cpu.batch_statistics(SMALL, settings, &x, &mut running, &mut statistics)
                .unwrap();
            let operands = Normalise {
                dimensions: SMALL,
                relu: true,
                statistics: &statistics,
                gamma: &gamma,
                beta: &gamma,
                x: &x,
                residual: None,
            };
            cpu.normalise(operands, &mut y).unwrap();
            let operands = NormaliseBackward {
                dimensions: SMALL,
                statistics: &statistics,
                gamma: &gamma,
                x: &x,
                y: Some(&y),
            };
            cpu.normalise_backward(operands, &mut dy, None, &mut dgamma, &mut dbeta)
                .unwrap();
        };
        call();
        assert_eq!(allocations(call), 0);
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let cpu = Cpu::new().unwrap();
    let floats = |length| cpu.zeros(length).unwrap();
    let run = |dimensions: Normalisation, x: usize, channels: usize| {
        let (x, c, mut c2) = (floats(x), floats(channels), floats(2 * channels));
        let mut other = c2.clone();
        let statistics =
            cpu.batch_statistics(dimensions, BatchNorm::default(), &x, &mut c2, &mut other);
        let operands = Normalise {
            dimensions,
            relu: true,
            statistics: &c2,
            gamma: &c,
            beta: &c,
            x: &x,
            residual: Some(&x),
        };
        let forward = cpu.normalise(operands, &mut x.clone());
        let operands = NormaliseBackward {
            dimensions,
            statistics: &c2,
            gamma: &c,
            x: &x,
            y: Some(&x),
        };
        let backward = cpu.normalise_backward(
            operands,
            &mut x.clone(),
            Some(&mut x.clone()),
            &mut c.clone(),
            &mut c.clone(),
        );
        for result in [&statistics, &forward, &backward] {
            assert!(matches!(result, Ok(()) | Err(Error::Shape { .. })));
        }
        [statistics.is_ok(), forward.is_ok(), backward.is_ok()]
    };
    let length = SMALL.length().unwrap();
    assert_eq!(run(SMALL, length, 3), [true; 3]);
    assert_eq!(run(SMALL, length + 16, 3), [false; 3]);
    assert_eq!(run(SMALL, length, 2), [false; 3]);
    let large = usize::MAX / 2;
    for (samples, pixels, channels) in [
        (0, 6, 3),
        (19, 0, 3),
        (large, 6, 3),
        (19, large, 3),
        (19, large, 0),
    ] {
        let dimensions = Normalisation {
            samples,
            pixels,
            channels,
        };
        assert_eq!(run(dimensions, length, 3), [false; 3]);
    }
    let one = Normalisation {
        samples: 1,
        pixels: 1,
        channels: 3,
    };
    assert_eq!(run(one, 48, 3), [false, true, true]);
    assert_eq!(
        run(
            Normalisation {
                channels: 0,
                ..SMALL
            },
            0,
            0
        ),
        [true; 3]
    );
    assert!(
        cpu.running_statistics(1e-5, &floats(6), &mut floats(4))
            .is_err()
    );
}
