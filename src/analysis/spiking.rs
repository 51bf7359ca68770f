//! Neurons under a shared modulator: their spike counts, and the estimation of their couplings from the counts.
//!
//! The model is that of Haimerl, Savin, Simoncelli (NeurIPS 2019) and Haimerl et al. (Nature Communications 2023),
//! from which arXiv 2311.15053 takes its modulation and its decoder: under the draw m_t ~ N(0, σ²), a neuron n with
//! the rate λ_n(s) for the stimulus s and the coupling w_n has the count
//!
//! k_{n,t} ~ Poisson(λ_n(s)·exp(w_n·m_t − σ²w_n²/2)),
//!
//! and the coupling is estimated by the covariance with the modulator, in units of the rate:
//!
//! ŵ_n = mean_t(m_t·k_{n,t})/(σ²·λ̄_n).
//!
//! The estimate is unbiased, without approximation: times exp(w·m − σ²w²/2), the density of N(0, σ²) becomes that of
//! N(σ²w, σ²), whose mean gives E\[m·k\] = λ·σ²·w. In the same way the second moment gives [`standard_error`].
//!
//! ```
//! use neurogain::analysis::spiking;
//! use neurogain::gain::{SamplingScheme, modulator};
//! use neurogain::rng::{Purpose, RandomStream};
//! let (rates, couplings, deviation) = ([5.0, 20.0], [0.0, 1.5], 0.5);
//! let mut stream = RandomStream::new(42, Purpose::Modulator, 1);
//! let draws = modulator(&mut stream, SamplingScheme::Antithetic, deviation, 10_000)?;
//! let mut stream = RandomStream::new(42, Purpose::User, 1);
//! let counts = spiking::counts(&mut stream, &rates, &couplings, deviation, &draws)?;
//! let found = spiking::couplings(&counts, &draws, &rates, deviation)?;
//! assert!((found[0] - 0.0).abs() < 0.1 && (found[1] - 1.5).abs() < 0.1);
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::format;
use alloc::vec::Vec;

use rand_distr::{Distribution, Poisson};

use crate::error::{Error, Result};
use crate::rng::RandomStream;

/// Spike counts `[draws][neurons]` of neurons with the rates λ_n(s) and the couplings w_n under the draws m_t
/// of a modulator with the standard deviation σ: whole numbers, drawn from `stream` row by row. A rate of 0
/// never spikes.
///
/// # Errors
/// [`Error::Shape`] if rates and couplings differ in number; [`Error::Setting`] for a rate that is negative or not
/// finite, a coupling or draw that is not finite, a σ that is negative or not finite, and for a modulated rate above
/// 10¹⁵, whose counts f64 cannot distinguish; [`Error::Memory`] if the counts do not fit.
pub fn counts(
    stream: &mut RandomStream,
    rates: &[f64],
    couplings: &[f64],
    deviation: f32,
    draws: &[f32],
) -> Result<Vec<f64>> {
    if rates.len() != couplings.len() {
        return Err(Error::shape(
            "spike counts",
            format!("a coupling for each of {} rates", rates.len()),
            format!("{} couplings", couplings.len()),
        ));
    }
    let expected = "a finite standard deviation, 0 or above";
    check("deviation", &[f64::from(deviation)], expected, |v| v >= 0.0)?;
    check("rate", rates, "a finite rate, 0 or above", |v| v >= 0.0)?;
    check("coupling", couplings, "a finite number", |_| true)?;
    let sigma = f64::from(deviation);
    let mut counts = Vec::new();
    let length = draws.len().saturating_mul(rates.len());
    counts
        .try_reserve_exact(length)
        .map_err(|_| Error::Memory {
            purpose: "the spike counts".into(),
            bytes: (length as u64).saturating_mul(8),
            remedy: "take fewer draws or neurons".into(),
        })?;
    for &m in draws {
        let m = f64::from(m);
        for (&rate, &w) in rates.iter().zip(couplings) {
            let half = 0.5 * (sigma * w) * (sigma * w);
            let modulated = rate * libm::exp(w * m - half);
            counts.push(count(stream, modulated)?);
        }
    }
    Ok(counts)
}

/// The couplings ŵ_n = mean_t(m_t·k_{n,t})/(σ²·λ̄_n) estimated from `counts`, `[draws][neurons]`, under these draws of
/// the modulator. λ̄_n is the mean of the neuron's rate over the stimuli of the counts; the neuron's mean count
/// instead gives a bias that falls as 1/T.
///
/// # Errors
/// [`Error::Shape`] without draws or if the numbers of counts, draws and rates do not match; [`Error::Setting`] for a
/// σ or a mean rate that is not finite and above 0: without modulation or spikes there is nothing to estimate.
pub fn couplings(
    counts: &[f64],
    draws: &[f32],
    mean_rates: &[f64],
    deviation: f32,
) -> Result<Vec<f64>> {
    let neurons = mean_rates.len();
    if draws.is_empty() || draws.len().checked_mul(neurons) != Some(counts.len()) {
        return Err(Error::shape(
            "couplings from spike counts",
            format!("{} draws × {neurons} counts, draws > 0", draws.len()),
            format!("{} counts", counts.len()),
        ));
    }
    let sigma = f64::from(deviation);
    let expected = "a finite standard deviation above 0";
    check("deviation", &[sigma], expected, |v| v > 0.0)?;
    check("mean rate", mean_rates, "a finite rate above 0", |v| {
        v > 0.0
    })?;
    let mut products = alloc::vec![0.0; neurons];
    for (row, &m) in counts.chunks(neurons.max(1)).zip(draws) {
        for (product, count) in products.iter_mut().zip(row) {
            *product += f64::from(m) * count;
        }
    }
    let scale = sigma * sigma * draws.len() as f64;
    let mean = |(product, rate): (&f64, &f64)| product / (scale * rate);
    Ok(products.iter().zip(mean_rates).map(mean).collect())
}

/// The standard deviation of ŵ for one stimulus and T independent draws, with q = e^{σ²w²}:
/// √((λ·(σ² + σ⁴w²) + λ²·q·(σ² + 4σ⁴w²) − λ²σ⁴w²)/T)/(σ²·λ).
///
/// From Var\[m·k\] = E\[m²·(λ·g + λ²·g²)\] − E\[m·k\]² with g the log-normal gain: E\[m²·g\] is the second moment
/// of N(σ²w, σ²), and E\[m²·g²\] is q times that of N(2σ²w, σ²). It falls as 1/√T, and grows without bound as
/// λ → 0 or σ → 0.
pub fn standard_error(rate: f64, coupling: f64, deviation: f32, draws: usize) -> f64 {
    let s2 = f64::from(deviation) * f64::from(deviation);
    let shift = s2 * coupling * coupling;
    let once = rate * s2 * (1.0 + shift);
    let twice = rate * rate * s2 * (libm::exp(shift) * (1.0 + 4.0 * shift) - shift);
    libm::sqrt((once + twice) / draws as f64) / (s2 * rate)
}

/// Draws one count with the mean `rate`.
fn count(stream: &mut RandomStream, rate: f64) -> Result<f64> {
    const LARGEST: f64 = 1e15;
    if rate == 0.0 {
        return Ok(0.0);
    }
    match Poisson::new(rate) {
        Ok(poisson) if rate <= LARGEST => Ok(poisson.sample(stream)),
        _ => Err(Error::setting(
            "modulated rate",
            rate,
            "a finite rate of at most 1e15; use smaller couplings, draws or rates",
        )),
    }
}

fn check(name: &str, values: &[f64], expected: &str, right: impl Fn(f64) -> bool) -> Result<()> {
    let wrong = |value: &f64| !(value.is_finite() && right(*value));
    match values.iter().position(wrong) {
        None => Ok(()),
        Some(at) if values.len() == 1 => Err(Error::setting(name, values[at], expected)),
        Some(at) => Err(Error::setting(
            format!("{name} of neuron {at}"),
            values[at],
            expected,
        )),
    }
}
