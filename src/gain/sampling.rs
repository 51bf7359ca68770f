//! Stochastic gains: draws of a shared modulator, and each neuron's gain under a draw.
//!
//! Under the draw m_t ~ N(0, σ²), neuron n with coupling c_n has the gain exp(m_t·c_n − σ²c_n²/2): multiplicative,
//! log-normal and corrected to mean 1 (Haimerl, Savin, Simoncelli, NeurIPS 2019; the modulator of arXiv 2311.15053).
//! Over the draws:
//!
//! - E\[gain\] = 1, since E\[e^{mc}\] = e^{σ²c²/2},
//! - Var\[gain\] = e^{σ²c²} − 1,
//! - cov(gain, m) = σ²c: the covariance of a neuron's activity with the modulator shows how strongly it is
//!   coupled.
//!
//! ```
//! use neurogain::gain::{SamplingScheme, Modulation, gain, modulator};
//! use neurogain::rng::{Purpose, RandomStream};
//! let mut stream = RandomStream::new(42, Purpose::Modulator, 1);
//! let draws = modulator(&mut stream, SamplingScheme::Antithetic, 0.1, 32)?;
//! assert_eq!(draws.iter().sum::<f32>(), 0.0);
//! // A neuron without coupling is not modulated.
//! assert_eq!(gain(Modulation::LogNormal, draws[0], 0.0, 0.1), 1.0);
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::vec::Vec;

use rand_distr::{Distribution, StandardNormal};

use crate::backend::cpu::math;
use crate::backend::cpu::simd::{Arithmetic, Scalar};
use crate::error::{Error, Result};
use crate::rng::RandomStream;

settings! {
    /// How the shared modulator is drawn.
    pub enum SamplingScheme {
        /// Independent draws from N(0, σ²).
        Gaussian = "gaussian",
        /// Pairs (m, −m), one after the other, m from N(0, σ²): the sample mean is exactly 0, and estimates that are
        /// odd in m have no error from terms that are even in m.
        Antithetic = "antithetic",
        /// Independent draws, shifted and scaled to the sample mean 0 and the sample mean square σ², up to the
        /// rounding of each draw to f32.
        MomentMatched = "moment-matched",
    }
}

settings! {
    /// The gain of a neuron with coupling c under the draw m.
    pub enum Modulation {
        /// exp(m·c − σ²c²/2): its mean over the draws is 1.
        LogNormal = "log-normal",
        /// exp(m·c): its mean over the draws is exp(σ²c²/2).
        Uncorrected = "uncorrected",
        /// 1 + m·c: its mean over the draws is 1; negative where m·c < −1.
        Linear = "linear",
    }
}

/// `count` draws m_t of the shared modulator, with mean 0 and standard deviation σ = `deviation`.
///
/// The standard normal numbers come from `stream` in f64; a pair of [`SamplingScheme::Antithetic`] uses one number. They are
/// scaled by σ in f64 and rounded once. σ = 0 gives zeros for every kind of draws.
///
/// # Errors
/// [`Error::Setting`] for a σ that is negative, not finite, or so large that a draw is not finite in f32, and
/// for a `count` of 0, odd ([`SamplingScheme::Antithetic`]) or 1 ([`SamplingScheme::MomentMatched`]); [`Error::Memory`] if the
/// draws do not fit.
pub fn modulator(
    stream: &mut RandomStream,
    draws: SamplingScheme,
    deviation: f32,
    count: usize,
) -> Result<Vec<f32>> {
    if !(deviation >= 0.0 && deviation.is_finite()) {
        let expected = "a finite standard deviation, 0 or above";
        return Err(Error::setting("modulator.std", deviation, expected));
    }
    let (right, expected) = match draws {
        SamplingScheme::Gaussian => (count > 0, "a number of draws above 0"),
        SamplingScheme::Antithetic => (
            count > 0 && count.is_multiple_of(2),
            "an even number of draws above 0, as they come in pairs",
        ),
        SamplingScheme::MomentMatched => (count > 1, "at least 2 draws, as one draw has no spread"),
    };
    if !right {
        return Err(Error::setting("modulator.num_draws", count, expected));
    }
    let sigma = f64::from(deviation);
    let mut values: Vec<f64> = reserved(count)?;
    match draws {
        SamplingScheme::Gaussian => {
            values.extend((0..count).map(|_| sigma * standard_normal(stream)))
        }
        SamplingScheme::Antithetic => values.extend((0..count / 2).flat_map(|_| {
            let value = sigma * standard_normal(stream);
            [value, -value]
        })),
        SamplingScheme::MomentMatched => {
            values.extend((0..count).map(|_| standard_normal(stream)));
            match_moments(&mut values, sigma);
        }
    }
    let mut rounded = reserved(count)?;
    rounded.extend(values.iter().map(|value| *value as f32));
    match rounded.iter().all(|value: &f32| value.is_finite()) {
        true => Ok(rounded),
        false => Err(Error::setting(
            "modulator.std",
            deviation,
            "a standard deviation whose draws are finite in f32",
        )),
    }
}

/// The gain of a neuron with coupling `c` under the draw `m` of a modulator with standard deviation σ = `deviation`.
/// With σ = 0, as for a constant m, the correction is 0 and the gain is exp(m·c).
///
/// Every machine gives the same bits. Log-normal: s = σ·c, h = (−½·s)·s, x = fma(m, c, h), then eˣ by the kernels'
/// polynomial; uncorrected: x = m·c; linear: fma(m, c, 1). A coupling of 0 gives exactly 1 for every finite m;
/// overflow gives +∞.
pub fn gain(modulation: Modulation, m: f32, c: f32, deviation: f32) -> f32 {
    gain_on(Scalar, modulation, m, c, deviation)
}

/// The derivative of [`gain`] with respect to c, from the value `gain` that it returned: gain·fma(−σ·σ, c, m) for
/// log-normal, gain·m for uncorrected, m for linear gains.
pub fn gain_slope(modulation: Modulation, m: f32, c: f32, deviation: f32, gain: f32) -> f32 {
    match modulation {
        Modulation::LogNormal => gain * Scalar.fma(-deviation * deviation, c, m),
        Modulation::Uncorrected => gain * m,
        Modulation::Linear => m,
    }
}

/// [`gain`] of one number or of a vector of lanes.
#[inline(always)]
pub(crate) fn gain_on<A: Arithmetic>(
    s: A,
    modulation: Modulation,
    m: A::Vector,
    c: A::Vector,
    deviation: A::Vector,
) -> A::Vector {
    match modulation {
        Modulation::LogNormal => {
            let scaled = s.mul(deviation, c);
            let correction = s.mul(s.mul(s.splat(-0.5), scaled), scaled);
            math::exp(s, s.fma(m, c, correction))
        }
        Modulation::Uncorrected => math::exp(s, s.mul(m, c)),
        Modulation::Linear => s.fma(m, c, s.splat(1.0)),
    }
}

fn standard_normal(stream: &mut RandomStream) -> f64 {
    StandardNormal.sample(stream)
}

/// Shifts `values` to the mean 0 and scales them to the mean square σ².
fn match_moments(values: &mut [f64], sigma: f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    for value in values.iter_mut() {
        *value -= mean;
    }
    let square = values.iter().map(|value| value * value).sum::<f64>() / n;
    // 0 only if all draws are equal; then nothing can be scaled.
    let scale = match square > 0.0 {
        true => sigma / libm::sqrt(square),
        false => 0.0,
    };
    for value in values.iter_mut() {
        *value *= scale;
    }
}

fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Error::Memory {
        purpose: "the draws of the modulator".into(),
        bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
        remedy: "take fewer draws".into(),
    })?;
    Ok(values)
}
