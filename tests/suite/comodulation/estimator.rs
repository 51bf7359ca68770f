//! The estimator of the covariance is unbiased and has the standard error given by the formula.
//!
//! Every comparison is between a mean over [`REPEATS`] independent estimates and its expectation, and fails
//! beyond five standard errors: for a correct program, once in 1.7 million choices of the streams (normal
//! distribution, two-sided 5.7·10⁻⁷), and the streams are fixed. The error to be detected is division by T instead of
//! T − 1; at T = 4 it changes the result by a quarter, more than ten standard errors.

use neurogain::gain::{
    GainStatistic, Modulation, ModulatorCovariance, Rectification, SamplingScheme, gain, modulator,
    unit_mean,
};
use neurogain::rng::{Purpose, RandomStream};

const REPEATS: usize = 4000;
const SIGMA: f32 = 0.5;
const C: f32 = 0.8;

/// Estimates of cov(gain, m) from this many draws. A second neuron with the opposite coupling preserves the
/// sign.
fn estimates(draws: SamplingScheme, modulation: Modulation, count: usize) -> Vec<f64> {
    let one = |repeat: usize| {
        let step = (count * REPEATS + repeat) as u64;
        let mut stream = RandomStream::new(42, Purpose::Modulator, step);
        let m = modulator(&mut stream, draws, SIGMA, count).unwrap();
        let mut comovement = ModulatorCovariance::new(&m, 1, 2).unwrap();
        for (draw, &m) in m.iter().enumerate() {
            let h = gain(modulation, m, C, SIGMA);
            comovement.add(draw, &[h, -h]).unwrap();
        }
        let both = comovement.gains(GainStatistic::Covariance, Rectification::Rectified);
        both[0] - both[1]
    };
    (0..REPEATS).map(one).collect()
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

#[track_caller]
fn within(found: f64, expected: f64, deviation: f64, what: &str) {
    let bound = 5.0 * deviation / (REPEATS as f64).sqrt();
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found}, expected {expected} ± {bound:e}"
    );
}

/// σ²c, by Stein's lemma E[m·f(m)] = σ²·E[f′(m)] exactly, for gains whose mean is 1.
fn expected() -> f64 {
    f64::from(SIGMA).powi(2) * f64::from(C)
}

/// The standard deviation of the estimates, which bounds the error of their mean.
fn deviation(estimates: &[f64]) -> f64 {
    let centre = mean(estimates.iter().copied());
    mean(estimates.iter().map(|e| (e - centre).powi(2))).sqrt()
}

#[test]
fn independent_draws_give_no_bias() {
    for modulation in [Modulation::LogNormal, Modulation::Linear] {
        for count in [2, 4, 32] {
            let all = estimates(SamplingScheme::Gaussian, modulation, count);
            let what = format!("{modulation:?}, T = {count}");
            within(
                mean(all.iter().copied()),
                expected(),
                deviation(&all),
                &what,
            );
        }
    }
}

/// The mean of antithetic draws is 0 and need not be estimated. With T − 1 instead of T the
/// covariance is T/(T − 1) times as large for every neuron; normalising the mean to 1 cancels that.
#[test]
fn antithetic_draws_give_a_factor_that_all_neurons_share() {
    for count in [2, 4, 32] {
        let all = estimates(SamplingScheme::Antithetic, Modulation::LogNormal, count);
        let factor = count as f64 / (count - 1) as f64;
        let what = format!("T = {count}");
        within(
            mean(all.iter().copied()),
            factor * expected(),
            deviation(&all),
            &what,
        );
    }
}

/// For linear gains the estimate is c times the sample variance of m, which is σ²·χ²/(T − 1) with ν = T − 1
/// degrees of freedom. Its standard error is c·σ²·√(2/ν). (estimate − mean)², whose mean is compared,
/// has the variance (c·σ²/ν)⁴·((12ν² + 48ν) − (2ν)²).
#[test]
fn the_standard_error_falls_with_the_draws() {
    for count in [2, 8, 32, 128] {
        let nu = (count - 1) as f64;
        let all = estimates(SamplingScheme::Gaussian, Modulation::Linear, count);
        let squares = all.iter().map(|e| (e - expected()).powi(2));
        let unit = expected() / nu;
        let variance = unit.powi(4) * (12.0 * nu * nu + 48.0 * nu - 4.0 * nu * nu);
        let what = format!("T = {count}");
        within(
            mean(squares),
            unit * unit * 2.0 * nu,
            variance.sqrt(),
            &what,
        );
    }
}

/// Pairs (m, −m) cancel everything even in m, such as the skewness of the draws, which a nonlinear gain would mistake
/// for coupling: with equally many draws, the gains of two neurons with different couplings are more exact. Each
/// standard
/// deviation is known to within a tenth; they differ by more than half.
#[test]
fn gains_from_antithetic_draws_are_more_exact() {
    let of = |draws| {
        let one = |repeat: usize| {
            let mut stream = RandomStream::new(43, Purpose::Modulator, repeat as u64);
            let m = modulator(&mut stream, draws, SIGMA, 32).unwrap();
            let mut comovement = ModulatorCovariance::new(&m, 1, 2).unwrap();
            for (draw, &m) in m.iter().enumerate() {
                let h = [C, C / 4.0].map(|c| gain(Modulation::LogNormal, m, c, SIGMA));
                comovement.add(draw, &h).unwrap();
            }
            unit_mean(&comovement.gains(GainStatistic::Covariance, Rectification::Rectified))[0]
        };
        deviation(&(0..REPEATS).map(one).collect::<Vec<_>>())
    };
    let [pairs, independent] = [SamplingScheme::Antithetic, SamplingScheme::Gaussian].map(of);
    assert!(pairs < independent / 2.0, "{pairs} and {independent}");
}
