//! Stochastic gains: the draws and the gains have the documented moments.

use neurogain::gain::{Modulation, SamplingScheme, gain, modulator};
use neurogain::rng::{Purpose, RandomStream};
use neurogain::{Error, Result};
use proptest::prelude::*;

const ALL: [SamplingScheme; 3] = [
    SamplingScheme::Gaussian,
    SamplingScheme::Antithetic,
    SamplingScheme::MomentMatched,
];
const MODULATIONS: [Modulation; 3] = [
    Modulation::LogNormal,
    Modulation::Uncorrected,
    Modulation::Linear,
];

fn draw(draws: SamplingScheme, deviation: f32, count: usize, step: u64) -> Result<Vec<f32>> {
    let mut stream = RandomStream::new(42, Purpose::Modulator, step);
    modulator(&mut stream, draws, deviation, count)
}

/// Sample mean and mean square around `centre`, in f64.
fn moments(values: impl Iterator<Item = f32>, centre: f64) -> (f64, f64) {
    let values: Vec<f64> = values.map(f64::from).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values
        .iter()
        .map(|v| (v - centre) * (v - centre))
        .sum::<f64>()
        / n;
    (mean, square)
}

/// Five standard errors: a correct program fails one of these comparisons once in 1.7 million choices of the
/// streams (normal distribution, two-sided 5.7·10⁻⁷), and the streams are fixed.
const STANDARD_ERRORS: f64 = 5.0;

#[track_caller]
fn assert_within(found: f64, expected: f64, variance: f64, n: usize, what: &str) {
    let bound = STANDARD_ERRORS * (variance / n as f64).sqrt();
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found}, expected {expected} ± {bound:e}"
    );
}

/// With q = e^{σ²c²}: E = 1, Var = q − 1, and the fourth central moment (q − 1)²·(q⁴ + 2q³ + 3q² − 3), from
/// which the standard error of the variance follows.
#[test]
fn log_normal_gains_have_mean_1_and_the_variance_of_the_formula() {
    let n = 1_000_000;
    for (step, (sigma, c)) in [(0.1, 1.0), (0.1, 3.0), (0.5, 1.0), (0.25, 0.5)]
        .into_iter()
        .enumerate()
    {
        let draws = draw(SamplingScheme::Gaussian, sigma, n, step as u64).unwrap();
        let gains = draws
            .iter()
            .map(|&m| gain(Modulation::LogNormal, m, c, sigma));
        let (mean, square) = moments(gains, 1.0);
        let q = (f64::from(sigma).powi(2) * f64::from(c).powi(2)).exp();
        let variance = q - 1.0;
        let fourth = variance * variance * (q.powi(4) + 2.0 * q.powi(3) + 3.0 * q * q - 3.0);
        let what = format!("σ = {sigma}, c = {c}");
        assert_within(mean, 1.0, variance, n, &what);
        assert_within(square, variance, fourth - variance * variance, n, &what);
    }
}

/// Uncorrected, the mean is √q and the variance q·(q − 1); linear, 1 and σ²c².
#[test]
fn the_other_gains_have_the_means_of_their_formulas() {
    let (n, sigma, c) = (1_000_000, 0.2, 1.5);
    let draws = draw(SamplingScheme::Gaussian, sigma, n, 9).unwrap();
    let mean = |modulation| {
        let gains = draws.iter().map(|&m| gain(modulation, m, c, sigma));
        moments(gains, 1.0).0
    };
    let product = (f64::from(sigma) * f64::from(c)).powi(2);
    let q = product.exp();
    let uncorrected = mean(Modulation::Uncorrected);
    assert_within(uncorrected, q.sqrt(), q * (q - 1.0), n, "uncorrected");
    assert_within(mean(Modulation::Linear), 1.0, product, n, "linear");
}

/// cov(gain, m) = σ²c, exactly, for log-normal and linear gains; with q as above the variance of m·gain is
/// q·σ²·(1 + 4σ²c²) − σ⁴c² for the first, since E[m²e^{2mc−σ²c²}] = e^{σ²c²}·(σ² + 4σ⁴c²).
#[test]
fn the_covariance_with_the_modulator_is_the_coupling() {
    let (n, sigma) = (1_000_000, 0.3f32);
    for c in [0.25f32, 1.0, 2.0] {
        let draws = draw(SamplingScheme::Gaussian, sigma, n, 11).unwrap();
        let products = draws
            .iter()
            .map(|&m| m * gain(Modulation::LogNormal, m, c, sigma));
        let (mean, _) = moments(products, 0.0);
        let (s2, c2) = (f64::from(sigma).powi(2), f64::from(c).powi(2));
        let expected = s2 * f64::from(c);
        let variance = (s2 * c2).exp() * (s2 + 4.0 * s2 * s2 * c2) - expected * expected;
        assert_within(mean, expected, variance, n, &format!("c = {c}"));
    }
}

#[test]
fn gaussian_draws_have_their_moments() {
    let (n, sigma) = (1_000_000, 0.1f32);
    let (mean, square) = moments(
        draw(SamplingScheme::Gaussian, sigma, n, 3)
            .unwrap()
            .into_iter(),
        0.0,
    );
    let s2 = f64::from(sigma).powi(2);
    assert_within(mean, 0.0, s2, n, "mean");
    assert_within(square, s2, 2.0 * s2 * s2, n, "mean square");
}

proptest! {
    #[test]
    fn antithetic_draws_are_pairs_that_cancel(
        sigma in 0f32..10.0, pairs in 1usize..200, step: u64,
    ) {
        let values = draw(SamplingScheme::Antithetic, sigma, 2 * pairs, step)?;
        prop_assert_eq!(values.len(), 2 * pairs);
        for pair in values.chunks(2) {
            prop_assert_eq!(pair[0], -pair[1]);
        }
        prop_assert_eq!(values.iter().sum::<f32>(), 0.0);
        // The first of each pair is the independent draw.
        let independent = draw(SamplingScheme::Gaussian, sigma, pairs, step)?;
        let firsts: Vec<f32> = values.iter().step_by(2).copied().collect();
        prop_assert_eq!(firsts, independent);
    }

    /// Each draw is rounded by at most u = 2⁻²⁴ of its size: the mean by u·(mean of |m|) ≤ u·σ, the mean
    /// square by 2u·σ² and less than u²·σ² more; f64 adds less than 10⁻¹² of either.
    #[test]
    fn matched_draws_have_the_moments_that_were_asked_for(
        sigma in 1e-3f32..10.0, count in 2usize..300, step: u64,
    ) {
        let values = draw(SamplingScheme::MomentMatched, sigma, count, step)?;
        let (mean, square) = moments(values.into_iter(), 0.0);
        let (sigma, unit) = (f64::from(sigma), 2f64.powi(-24) + 1e-12);
        prop_assert!(mean.abs() <= unit * sigma, "mean {}", mean);
        prop_assert!(
            (square - sigma * sigma).abs() <= 2.01 * unit * sigma * sigma,
            "mean square {}", square
        );
    }

    #[test]
    fn what_is_not_coupled_has_the_gain_1(m in -100f32..100.0, sigma in 0f32..100.0) {
        for modulation in MODULATIONS {
            prop_assert_eq!(gain(modulation, m, 0.0, sigma), 1.0);
        }
    }

    #[test]
    fn a_constant_modulator_has_no_correction(m in -3f32..3.0, c in 0f32..3.0) {
        let found = gain(Modulation::LogNormal, m, c, 0.0);
        prop_assert_eq!(found, gain(Modulation::Uncorrected, m, c, 0.0));
        let exact = (f64::from(m) * f64::from(c)).exp();
        // The product is rounded by u·|m·c| ≤ 9u, the exponential by one unit in the last place.
        prop_assert!((f64::from(found) / exact - 1.0).abs() <= 12.0 * 2f64.powi(-24));
    }

    /// A draw of the same stream scales with σ: a log-normal gain depends only on σ·c.
    #[test]
    fn the_scale_of_the_modulator_is_that_of_the_coupling(
        m in -3f32..3.0, c in 0f32..3.0, sigma in 0f32..2.0, power in -3i32..4,
    ) {
        let scale = 2f32.powi(power);
        for modulation in MODULATIONS {
            let scaled = gain(modulation, m * scale, c / scale, sigma * scale);
            prop_assert_eq!(scaled, gain(modulation, m, c, sigma));
        }
    }
}

#[test]
fn a_deviation_of_0_gives_zeros() {
    for draws in ALL {
        let values = draw(draws, 0.0, 6, 1).unwrap();
        assert!(values.iter().all(|m| *m == 0.0), "{draws:?}: {values:?}");
    }
}

#[test]
fn impossible_draws_are_errors_that_say_what_is_right() {
    let refused = |draws, deviation, count, part: &str| {
        let error = draw(draws, deviation, count, 1).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    };
    for draws in ALL {
        for deviation in [-0.1, f32::NAN, f32::INFINITY] {
            refused(draws, deviation, 4, "modulator.std");
        }
        refused(draws, 0.1, 0, "modulator.num_draws = 0");
        refused(draws, f32::MAX, 1000, "finite in f32");
    }
    refused(
        SamplingScheme::Antithetic,
        0.1,
        7,
        "modulator.num_draws = 7: expected an even",
    );
    refused(
        SamplingScheme::MomentMatched,
        0.1,
        1,
        "modulator.num_draws = 1: expected at least 2",
    );
    let error = draw(SamplingScheme::Gaussian, 0.1, usize::MAX / 4, 1).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error:?}");
}

/// The bits on which results depend.
#[test]
fn the_draws_and_gains_keep_their_values() {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let draws = ALL.map(|draws| bits(&draw(draws, 0.1, 4, 1).unwrap()));
    assert_eq!(draws, PINNED_DRAWS, "{draws:#x?}");
    let gains = MODULATIONS.map(|modulation| gain(modulation, 0.3, 1.7, 0.1));
    assert_eq!(bits(&gains), PINNED_GAINS, "{:#x?}", bits(&gains));
}

const PINNED_DRAWS: [[u32; 4]; 3] = [
    [0xba47_6b8b, 0xbdd3_f6b5, 0x3d69_f5da, 0x3e09_a436],
    [0xba47_6b8b, 0x3a47_6b8b, 0xbdd3_f6b5, 0x3dd3_f6b5],
    [0xbcd5_192d, 0xbe13_d60f, 0x3d26_930b, 0x3e04_d472],
];
const PINNED_GAINS: [u32; 3] = [0x3fd2_196c, 0x3fd5_2844, 0x3fc1_47ae];
