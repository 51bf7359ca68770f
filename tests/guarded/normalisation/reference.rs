//! A case, its f64 references, and all checks on it.

use neurogain::backend::cpu::Floats;
use neurogain::backend::{
    BatchNormConfig, Cpu, NormDims, Normalisations, Normalize, NormalizeBackward, ReluMask,
    summation,
};

use crate::images::{Awkward, bits, gamma, same_everywhere, unwritten, upload};

#[derive(Debug, Clone)]
pub struct Case {
    pub dimensions: NormDims,
    pub relu: bool,
    pub residual: bool,
    /// Added to x: the distance of the mean from zero.
    pub offset: f32,
    pub seed: u64,
}

pub struct Data {
    pub x: Vec<f32>,
    pub residual: Vec<f32>,
    pub dy: Vec<f32>,
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub running: Vec<f32>,
}

impl Case {
    pub fn data(&self) -> Data {
        let mut awkward = Awkward::new(self.seed);
        let NormDims {
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

    pub fn n(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels
    }

    pub fn channel(&self, i: usize) -> usize {
        i / 16 % self.dimensions.channels
    }

    pub fn sample(&self, i: usize) -> usize {
        i / 16 / self.dimensions.channels / self.dimensions.pixels * 16 + i % 16
    }

    /// The indices of all numbers that are not padding.
    pub fn present(&self) -> Vec<usize> {
        let length = self.dimensions.length().unwrap();
        (0..length)
            .filter(|&i| self.sample(i) < self.dimensions.samples)
            .collect()
    }

    /// Roundings on the longest path of a sum: a chunk's chain, the chunks, the tree of lanes.
    pub fn path(&self) -> usize {
        let steps = self.dimensions.samples.div_ceil(16) * self.dimensions.pixels;
        steps.min(summation::CHUNK) + steps.div_ceil(summation::CHUNK) + 4
    }
}

/// All outputs of the kernels.
pub struct Results {
    pub statistics: Floats,
    pub running: Floats,
    pub y: Floats,
    pub dx: Floats,
    pub residual: Floats,
    pub dgamma: Floats,
    pub dbeta: Floats,
}

impl Results {
    pub fn bits(&self) -> Vec<Vec<u32>> {
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

pub fn kernels(cpu: &Cpu, case: &Case, data: &Data) -> Results {
    let dimensions = case.dimensions;
    let channels = dimensions.channels;
    let x = upload(cpu, &data.x);
    let mut running = upload(cpu, &data.running);
    let mut statistics = unwritten(cpu, 2 * channels);
    cpu.batch_statistics(
        dimensions,
        BatchNormConfig::default(),
        &x,
        &mut running,
        &mut statistics,
    )
    .unwrap();
    let (gamma, beta) = (upload(cpu, &data.gamma), upload(cpu, &data.beta));
    let residual = upload(cpu, &data.residual);
    let mut y = unwritten(cpu, data.x.len());
    let operands = Normalize {
        dimensions,
        relu: case.relu,
        statistics: &statistics,
        gamma: &gamma,
        beta: &beta,
        x: &x,
        residual: case.residual.then_some(&residual),
    };
    cpu.normalize(operands, &mut y).unwrap();
    let operands = |relu| NormalizeBackward {
        dimensions,
        statistics: &statistics,
        gamma: &gamma,
        x: &x,
        relu,
    };
    let output = case.relu.then_some(ReluMask::Output(&y));
    let mut dx = upload(cpu, &data.dy);
    let mut dresidual = unwritten(cpu, data.x.len());
    let [mut dgamma, mut dbeta] = [(); 2].map(|()| unwritten(cpu, channels));
    let given = case.residual.then_some(&mut dresidual);
    cpu.normalize_backward(operands(output), &mut dx, given, &mut dgamma, &mut dbeta)
        .unwrap();
    if case.relu && !case.residual {
        let operands = operands(Some(ReluMask::Recomputed(&beta)));
        let mut again = [upload(cpu, &data.dy), dgamma.clone(), dbeta.clone()];
        let [dx2, dgamma2, dbeta2] = &mut again;
        cpu.normalize_backward(operands, dx2, None, dgamma2, dbeta2)
            .unwrap();
        for (found, expected) in again.iter().zip([&dx, &dgamma, &dbeta]) {
            let [found, expected] = [found, expected].map(bits);
            assert_eq!(found, expected, "the mask computed again");
        }
    }
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

pub fn within(name: &str, found: f32, expected: f64, bound: f64) {
    let error = (f64::from(found) - expected).abs();
    assert!(
        error <= bound,
        "{name} = {found}, expected {expected} ± {bound}"
    );
}

pub const U: f64 = 0.5 * f32::EPSILON as f64;

pub fn check(case: &Case) {
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
pub fn check_statistics(case: &Case, data: &Data, found: &Results) {
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
        // The kernel's own shift is rounded, by less than this.
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
pub fn check_forward(case: &Case, data: &Data, found: &Results) {
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

pub fn check_backward(case: &Case, data: &Data, found: &Results) {
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
