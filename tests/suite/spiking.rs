//! The closed-form spiking model: the covariance with the modulator recovers the couplings, with the standard
//! error of the formula.

use neurogain::Error;
use neurogain::analysis::spiking::{counts, couplings, standard_error};
use neurogain::gain::{SamplingScheme, modulator};
use neurogain::rng::{Purpose, RandomStream};

/// ŵ of one experiment of `draws` independent draws.
fn recovered(rates: &[f64], w: &[f64], sigma: f32, draws: usize, step: u64) -> Vec<f64> {
    let mut stream = RandomStream::new(1, Purpose::Modulator, step);
    let m = modulator(&mut stream, SamplingScheme::Gaussian, sigma, draws).unwrap();
    let mut stream = RandomStream::new(1, Purpose::User, step);
    let counts = counts(&mut stream, rates, w, sigma, &m).unwrap();
    couplings(&counts, &m, rates, sigma).unwrap()
}

const RATES: [f64; 6] = [0.5, 2.0, 8.0, 8.0, 30.0, 100.0];
const COUPLINGS: [f64; 6] = [1.0, 0.0, 0.5, 2.0, -1.0, 0.2];

/// Within five standard errors each: a correct program fails one of the 18 comparisons once in 97,000 choices
/// of the streams (18 · 5.7·10⁻⁷), and the streams are fixed.
#[test]
fn the_covariance_with_the_modulator_finds_the_couplings() {
    let draws = 100_000;
    for (step, sigma) in [0.1, 0.3, 0.6].into_iter().enumerate() {
        let found = recovered(&RATES, &COUPLINGS, sigma, draws, step as u64);
        for (n, found) in found.into_iter().enumerate() {
            let (rate, w) = (RATES[n], COUPLINGS[n]);
            let error = standard_error(rate, w, sigma, draws);
            assert!(
                (found - w).abs() <= 5.0 * error,
                "σ = {sigma}, λ = {rate}, w = {w}: {found} ± {error}"
            );
        }
    }
}

/// Rates that depend on the stimulus: λ̄ is their mean, and the estimate stays unbiased, because stimulus
/// and modulator are independent. The variance is at most that of the formula at the larger rate, in units of
/// λ̄: bound 5·(λ_max/λ̄)·SE(λ_max).
#[test]
fn couplings_are_found_across_stimuli() {
    let (sigma, draws, w) = (0.4, 50_000, [1.5, 0.0]);
    let stimuli = [[2.0, 12.0], [10.0, 4.0]];
    let mut all = Vec::new();
    let mut m = Vec::new();
    for (step, rates) in stimuli.iter().enumerate() {
        let mut stream = RandomStream::new(2, Purpose::Modulator, step as u64);
        let draws = modulator(&mut stream, SamplingScheme::Gaussian, sigma, draws).unwrap();
        let mut stream = RandomStream::new(2, Purpose::User, step as u64);
        all.extend(counts(&mut stream, rates, &w, sigma, &draws).unwrap());
        m.extend(draws);
    }
    let mean = [6.0, 8.0];
    let largest = [10.0, 12.0];
    let found = couplings(&all, &m, &mean, sigma).unwrap();
    for n in 0..2 {
        let bound = 5.0 * largest[n] / mean[n] * standard_error(largest[n], w[n], sigma, 2 * draws);
        assert!(
            (found[n] - w[n]).abs() <= bound,
            "neuron {n}: {} ± {bound}",
            found[n]
        );
    }
}

/// The variance of ŵ over `repeats` experiments, as the mean square deviation from the true w.
fn mean_square_error(draws: usize, repeats: u64) -> f64 {
    let errors = (0..repeats).map(|repeat| {
        let found = recovered(&[8.0], &[0.5], 0.3, draws, 1000 * draws as u64 + repeat)[0];
        (found - 0.5) * (found - 0.5)
    });
    errors.sum::<f64>() / repeats as f64
}

/// R = 2000 experiments estimate a variance with a relative standard error of √(κ − 1)/√R, κ the kurtosis of
/// ŵ; κ < 6 from T = 25 draws on, so 25 % is at least five standard errors, 5·√(5/2000): a correct program
/// fails one of the three comparisons once in half a million choices of the streams, and the streams are
/// fixed. T grows by 4 and 4, the standard error falls by 2 and 2.
#[test]
fn the_standard_error_is_that_of_the_formula_and_falls_as_one_over_root_t() {
    for draws in [25, 100, 400] {
        let formula = standard_error(8.0, 0.5, 0.3, draws);
        let found = mean_square_error(draws, 2000).sqrt();
        // For the root, half of the variance's 25 %.
        assert!(
            (found / formula - 1.0).abs() <= 0.125,
            "T = {draws}: {found}, formula {formula}"
        );
        let ratio = formula / standard_error(8.0, 0.5, 0.3, 4 * draws);
        assert!((ratio - 2.0).abs() < 1e-14, "{ratio}");
    }
}

/// Σ over a fine grid of N(0, σ²)'s density times f: the trapezoidal rule, which for such f converges faster
/// than any power of the step.
fn expectation(sigma: f64, f: impl Fn(f64) -> f64) -> f64 {
    let step = 0.01;
    let at = |i: i32| {
        let z = f64::from(i) * step;
        (-0.5 * z * z).exp() * f(sigma * z)
    };
    (-2000..=2000).map(at).sum::<f64>() * step / std::f64::consts::TAU.sqrt()
}

/// Mean and variance of m·k from the Poisson's own, E[k | m] = Var[k | m] = λ·g: by quadrature.
#[test]
fn mean_and_standard_error_are_those_of_the_integrals() {
    for (rate, w, sigma) in [
        (8.0, 0.5, 0.3f32),
        (2.0, 1.5, 0.6),
        (0.3, -2.0, 1.0),
        (50.0, 0.0, 0.1),
    ] {
        let s = f64::from(sigma);
        let g = |m: f64| (w * m - 0.5 * s * s * w * w).exp();
        let mean = expectation(s, |m| m * rate * g(m));
        assert!(
            (mean / (s * s * rate) - w).abs() < 1e-12,
            "λ = {rate}, w = {w}, σ = {sigma}"
        );
        let square = expectation(s, |m| m * m * (rate * g(m) + (rate * g(m)).powi(2)));
        let expected = ((square - mean * mean) / 7.0).sqrt() / (s * s * rate);
        let found = standard_error(rate, w, sigma, 7);
        assert!(
            (found / expected - 1.0).abs() < 1e-12,
            "λ = {rate}, w = {w}, σ = {sigma}: {found}, integral {expected}"
        );
    }
}

#[test]
fn a_silent_neuron_never_spikes() {
    let mut stream = RandomStream::new(1, Purpose::User, 0);
    let found = counts(&mut stream, &[0.0, 4.0], &[1.0, 0.0], 0.5, &[0.1; 50]).unwrap();
    assert!(found.chunks(2).all(|row| row[0] == 0.0));
    assert!(found.chunks(2).any(|row| row[1] > 0.0));
    assert!(
        found
            .iter()
            .all(|count| count.fract() == 0.0 && *count >= 0.0)
    );
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_is_right() {
    let drawn = |rates: &[f64], w: &[f64], sigma, m: &[f32]| {
        let mut stream = RandomStream::new(1, Purpose::User, 0);
        counts(&mut stream, rates, w, sigma, m).unwrap_err()
    };
    let refused = |error: Error, part: &str| {
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(drawn(&[1.0], &[], 0.1, &[0.0]), "0 couplings");
    refused(
        drawn(&[1.0, -1.0], &[0.0; 2], 0.1, &[0.0]),
        "rate of neuron 1 = -1",
    );
    refused(
        drawn(&[1.0, 1.0], &[f64::NAN, 0.0], 0.1, &[0.0]),
        "coupling of neuron 0 = NaN",
    );
    refused(drawn(&[1.0], &[0.0], -0.1, &[0.0]), "deviation = -0.1");
    refused(drawn(&[1.0], &[800.0], 0.0, &[1.0]), "modulated rate = inf");
    refused(drawn(&[1.0], &[40.0], 0.0, &[1.0]), "at most 1e15");
    refused(
        drawn(&[1.0], &[1.0], 0.1, &[f32::NAN]),
        "modulated rate = NaN",
    );
    let found = |counts: &[f64], m: &[f32], rates: &[f64], sigma| {
        couplings(counts, m, rates, sigma).unwrap_err()
    };
    refused(found(&[], &[], &[1.0], 0.1), "draws > 0");
    refused(found(&[1.0; 3], &[0.0; 2], &[1.0; 2], 0.1), "2 draws × 2");
    refused(
        found(&[1.0], &[0.0], &[1.0], 0.0),
        "standard deviation above 0",
    );
    refused(
        found(&[1.0; 2], &[0.0], &[1.0, 0.0], 0.1),
        "mean rate of neuron 1 = 0",
    );
    assert!(couplings(&[], &[0.0], &[], 0.1).unwrap().is_empty());
}
