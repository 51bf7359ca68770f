//! The covariance is estimated without bias, and with the standard error of the formula.
//!
//! Every comparison is of a mean over [`REPEATS`] independent estimates with its expectation, and fails
//! beyond five standard errors: with a right program once in 1.7 million choices of the streams (normal
//! distribution, two-sided 5.7·10⁻⁷), and the streams are fixed. Dividing by T instead of T − 1, the error
//! to be found, is at T = 4 off by a quarter: more than ten standard errors.

use neurogain::gain::{Comovement, Draws, Measure, Modulation, Sign, gain, modulator, normalised};
use neurogain::rng::{Purpose, RandomStream};

const REPEATS: usize = 4000;
const SIGMA: f32 = 0.5;
const C: f32 = 0.8;

/// Estimates of cov(gain, m) from so many draws. Their sign is kept, by a second neuron that goes the other
/// way.
fn estimates(draws: Draws, modulation: Modulation, count: usize) -> Vec<f64> {
    let one = |repeat: usize| {
        let step = (count * REPEATS + repeat) as u64;
        let mut stream = RandomStream::new(42, Purpose::Modulator, step);
        let m = modulator(&mut stream, draws, SIGMA, count).unwrap();
        let mut comovement = Comovement::new(&m, 1, 2).unwrap();
        for (draw, &m) in m.iter().enumerate() {
            let h = gain(modulation, m, C, SIGMA);
            comovement.add(draw, &[h, -h]).unwrap();
        }
        let both = comovement.gains(Measure::Covariance, Sign::Rectified);
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

/// The standard deviation of some estimates, which says how far their mean may be off.
fn deviation(estimates: &[f64]) -> f64 {
    let centre = mean(estimates.iter().copied());
    mean(estimates.iter().map(|e| (e - centre).powi(2))).sqrt()
}

#[test]
fn independent_draws_give_no_bias() {
    for modulation in [Modulation::LogNormal, Modulation::Linear] {
        for count in [2, 4, 32] {
            let all = estimates(Draws::Gaussian, modulation, count);
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

/// The mean of antithetic draws is 0 and need not be estimated, so that T − 1 instead of T makes the
/// covariance T/(T − 1) times as large: of every neuron, which the mean of 1 takes away again.
#[test]
fn antithetic_draws_give_a_factor_that_all_neurons_share() {
    for count in [2, 4, 32] {
        let all = estimates(Draws::Antithetic, Modulation::LogNormal, count);
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

/// Of linear gains the estimate is c times the sample variance of m, which is σ²·χ²/(T − 1) with T − 1
/// degrees of freedom ν: its standard error is c·σ²·√(2/ν), and of (estimate − mean)², whose mean is compared,
/// the variance is (c·σ²/ν)⁴·((12ν² + 48ν) − (2ν)²).
#[test]
fn the_standard_error_falls_with_the_draws() {
    for count in [2, 8, 32, 128] {
        let nu = (count - 1) as f64;
        let all = estimates(Draws::Gaussian, Modulation::Linear, count);
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

/// Pairs (m, −m) leave out what is even in m, the draws' own skewness, which a gain that bends takes for
/// coupling: the gains of two neurons of different couplings are more exact with as many draws. Each deviation
/// is known to less than a tenth of itself; they differ by more than half.
#[test]
fn gains_from_antithetic_draws_are_more_exact() {
    let of = |draws| {
        let one = |repeat: usize| {
            let mut stream = RandomStream::new(43, Purpose::Modulator, repeat as u64);
            let m = modulator(&mut stream, draws, SIGMA, 32).unwrap();
            let mut comovement = Comovement::new(&m, 1, 2).unwrap();
            for (draw, &m) in m.iter().enumerate() {
                let h = [C, C / 4.0].map(|c| gain(Modulation::LogNormal, m, c, SIGMA));
                comovement.add(draw, &h).unwrap();
            }
            normalised(&comovement.gains(Measure::Covariance, Sign::Rectified))[0]
        };
        deviation(&(0..REPEATS).map(one).collect::<Vec<_>>())
    };
    let [pairs, independent] = [Draws::Antithetic, Draws::Gaussian].map(of);
    assert!(pairs < independent / 2.0, "{pairs} and {independent}");
}
