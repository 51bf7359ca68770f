//! Decoder gains from the covariance of each neuron's activity with the shared modulator.
//!
//! Neurons driven by the modulated, task-relevant neurons upstream carry the modulation; they get more gain (arXiv
//! 2311.15053; Haimerl, Savin, Simoncelli, NeurIPS 2019).
//!
//! *Known*: gains follow the covariance of activity and modulator, are learnt from noise alone and then frozen.
//! *Inferred* from the parent models: rectification, averaging over images, then over batches. *Our choice*: mean 1,
//! all ones if no neuron covaries with the modulator, the length of the average over batches.
//!
//! ```
//! use neurogain::gain::{ModulatorCovariance, DecoderGain, GainStatistic, Rectification};
//! // One image, two neurons: the first covaries positively with the modulator, the second negatively.
//! let draws = [0.1, -0.1];
//! let mut comovement = ModulatorCovariance::new(&draws, 1, 2)?;
//! comovement.add(0, &[1.1, 0.9])?;
//! comovement.add(1, &[0.9, 1.1])?;
//! let gains = comovement.gains(GainStatistic::Covariance, Rectification::Rectified);
//! let mut gain = DecoderGain::new(2);
//! gain.update(&gains);
//! assert_eq!(gain.values(), [1.5, 0.5]);
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::state::Visitor;

settings! {
    /// The statistic that relates activity to the modulator.
    pub enum GainStatistic {
        /// cov_t(h_t, m_t).
        Covariance = "covariance",
        /// cov_t(h_t, m_t)/(sd_t(h_t)·sd_t(m_t)), 0 for an activity that does not vary.
        Correlation = "correlation",
    }
}

settings! {
    /// How a negative statistic is treated.
    pub enum Rectification {
        /// max(0, ·).
        Rectified = "rectified",
        /// |·|.
        Absolute = "absolute",
    }
}

/// Sums over draws of the modulator, for each image and neuron, in f64.
///
/// Over T independent draws the covariance's standard error is about √((σ_h²·σ_m² + cov²)/(T − 1)): it falls as 1/√T.
/// Scaling the modulator by k > 0 scales every covariance by k; correlations and [`unit_mean`] gains do not change.
#[derive(Debug, Clone)]
pub struct ModulatorCovariance {
    /// m_t − m̄.
    draws: Vec<f64>,
    images: usize,
    neurons: usize,
    seen: usize,
    /// Σ (m_t − m̄)·h_t.
    products: Vec<f64>,
    /// The activity h_1 under the first draw.
    first: Vec<f32>,
    /// Σ (h_t − h_1) and Σ (h_t − h_1)².
    sums: Vec<[f64; 2]>,
}

impl ModulatorCovariance {
    /// Empty sums for these draws m_t.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than two draws, which have no covariance.
    pub fn new(draws: &[f32], images: usize, neurons: usize) -> Result<Self> {
        if draws.len() < 2 {
            let expected = "at least 2: one draw has no covariance";
            return Err(Error::setting("modulator.num_draws", draws.len(), expected));
        }
        let sum: f64 = draws.iter().copied().map(f64::from).sum();
        let mean = sum / draws.len() as f64;
        let cells = images.saturating_mul(neurons);
        Ok(ModulatorCovariance {
            draws: draws.iter().map(|m| f64::from(*m) - mean).collect(),
            images,
            neurons,
            seen: 0,
            products: vec![0.0; cells],
            first: Vec::new(),
            sums: vec![[0.0; 2]; cells],
        })
    }

    /// Adds the activity h, `[images][neurons]`, under draw `draw`. Each draw is added once, in order.
    ///
    /// # Errors
    /// [`Error::Shape`] if `draw` is not the next draw, or for activity of another size.
    pub fn add(&mut self, draw: usize, activity: &[f32]) -> Result<()> {
        if activity.len() != self.products.len() {
            let (expected, found) = (self.products.len(), activity.len());
            return Err(Error::shape("comovement", expected, found));
        }
        if draw != self.seen || draw >= self.draws.len() {
            let expected = alloc::format!("draw {} of {}", self.seen, self.draws.len());
            return Err(Error::shape("comovement", expected, draw));
        }
        if draw == 0 {
            self.first = activity.to_vec();
        }
        self.seen += 1;
        let m = self.draws[draw];
        let cells = self.products.iter_mut().zip(&mut self.sums);
        for (((product, [sum, square]), h), first) in cells.zip(activity).zip(&self.first) {
            // From the difference, so that an activity that does not vary gives exactly 0.
            let difference = f64::from(*h) - f64::from(*first);
            *product += m * difference;
            *sum += difference;
            *square += difference * difference;
        }
        Ok(())
    }

    /// a ≥ 0 of each image and neuron, `[images][neurons]`: the statistic over all draws. The divisor of the
    /// covariance is T − 1, so that it is unbiased for independent draws. For draws with mean 0 by construction, such
    /// as antithetic ones, it is too large by the factor T/(T − 1); the factor is the same for every neuron and does
    /// not affect gains of mean 1.
    pub fn gains(&self, measure: GainStatistic, sign: Rectification) -> Vec<f64> {
        let draws = self.draws.len() as f64;
        let spread: f64 = self.draws.iter().map(|m| m * m).sum();
        let of = |(product, [sum, square]): (&f64, &[f64; 2])| {
            let value = match measure {
                GainStatistic::Covariance => product / (draws - 1.0),
                GainStatistic::Correlation => {
                    let both = spread * (square - sum * sum / draws);
                    match both > 0.0 {
                        true => product / libm::sqrt(both),
                        false => 0.0,
                    }
                }
            };
            match sign {
                Rectification::Rectified if value > 0.0 => value,
                Rectification::Rectified => 0.0,
                Rectification::Absolute => value.abs(),
            }
        };
        self.products.iter().zip(&self.sums).map(of).collect()
    }

    /// [`gains`](Self::gains) averaged over the images.
    pub fn mean_gains(&self, measure: GainStatistic, sign: Rectification) -> Vec<f64> {
        mean_over_images(&self.gains(measure, sign), self.images, self.neurons)
    }
}

/// The mean over images of `[images][neurons]`.
pub fn mean_over_images(values: &[f64], images: usize, neurons: usize) -> Vec<f64> {
    let mut mean = vec![0.0; neurons];
    for image in values.chunks_exact(neurons.max(1)) {
        for (mean, value) in mean.iter_mut().zip(image) {
            *mean += value;
        }
    }
    for mean in &mut mean {
        *mean /= images as f64;
    }
    mean
}

/// Scales `a` ≥ 0 to mean 1; all ones if no value is above 0 or one is not finite.
///
/// Values are first divided by the largest, so that neither the sum overflows nor the mean underflows.
pub fn unit_mean(a: &[f64]) -> Vec<f64> {
    let largest = a.iter().fold(0.0f64, |largest, a| match *a > largest {
        true => *a,
        false => largest,
    });
    if !(largest > 0.0 && a.iter().all(|a| a.is_finite())) {
        return vec![1.0; a.len()];
    }
    let scaled: Vec<f64> = a.iter().map(|a| a / largest).collect();
    let mean = scaled.iter().sum::<f64>() / a.len() as f64;
    scaled.iter().map(|a| a / mean).collect()
}

/// The largest τ of the running average.
pub const MAX_TAU: u32 = 100;

/// The gains of a task: a running average over batches, with mean 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderGain {
    values: Vec<f64>,
    batches: u64,
}

impl DecoderGain {
    /// All ones, before the first batch.
    pub fn new(neurons: usize) -> Self {
        DecoderGain {
            values: vec![1.0; neurons],
            batches: 0,
        }
    }

    /// `g ← (τ·g + a)/(τ + 1)`, then scaled to mean 1, where a are the values of a batch, first [`unit_mean`]; τ is 1
    /// for the first batch, 2 for the second, up to [`MAX_TAU`].
    pub fn update(&mut self, a: &[f64]) {
        self.batches = self.batches.saturating_add(1);
        let tau = self.batches.min(u64::from(MAX_TAU)) as f64;
        let a = unit_mean(a);
        let average = |(g, a): (&f64, &f64)| (tau * g + a) / (tau + 1.0);
        let averages: Vec<f64> = self.values.iter().zip(&a).map(average).collect();
        self.values = unit_mean(&averages);
    }

    /// Shows `visitor` the gains, `NAME`, and the number of batches that they average over, `NAME.batches`.
    ///
    /// # Errors
    /// Errors of the visitor.
    pub fn visit<B: Backend>(&mut self, name: &str, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.numbers(name, &mut self.values)?;
        visitor.count(&format!("{name}.batches"), &mut self.batches)
    }

    /// g, with mean 1.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// g in f32, as the decoder uses them, each rounded once.
    pub fn to_f32(&self) -> Vec<f32> {
        self.values.iter().map(|g| *g as f32).collect()
    }
}
