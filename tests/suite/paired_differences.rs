//! Paired differences: exact where possible, and intervals with the documented coverage.

use neurogain::metrics::{LEAST_PAIRS, RESAMPLES, paired_difference};
use neurogain::rng::{Purpose, RandomStream};
use rand_distr::{Distribution, StandardNormal};

fn pairs(differences: &[f64]) -> Vec<(f64, f64)> {
    differences.iter().map(|d| (d + 2.0, 2.0)).collect()
}

#[test]
fn the_mean_is_the_mean_of_the_differences() {
    let found = paired_difference(&[(1.0, 0.5), (2.0, 1.0), (4.0, 1.0)]);
    assert_eq!((found.count, found.mean), (3, 1.5));
}

#[test]
fn fewer_than_three_pairs_have_no_interval() {
    assert!(paired_difference(&[]).mean.is_nan());
    for count in 0..LEAST_PAIRS {
        let found = paired_difference(&vec![(1.0, 0.25); count]);
        assert_eq!((found.count, found.interval), (count, None));
    }
    let broken = paired_difference(&[(1.0, 0.0), (f64::NAN, 0.0), (1.0, 0.0)]);
    assert_eq!(broken.interval, None);
}

#[test]
fn differences_that_are_all_equal_leave_no_doubt() {
    let found = paired_difference(&[(1.0, 0.75), (2.0, 1.75), (0.5, 0.25)]);
    assert_eq!(found.interval, Some([0.25, 0.25]));
}

/// All 3³ resamples of three differences are equally likely: 0, 0, 1 has the mean k/3 with the probability
/// C(3, k)·2^(3−k)/27: 8, 12, 6, 1 of 27. 2.5 % and 97.5 % fall on 0 and 1 (1/27 = 3.7 %).
#[test]
fn three_pairs_have_the_ends_of_all_27_resamples() {
    let found = paired_difference(&[(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]);
    assert_eq!(found.interval, Some([0.0, 1.0]));
}

/// 1 of 10 differences is 1, the others 0: a resample's mean is Binomial(10, 1/10)/10, of which 2.5 %
/// lies above 0.3 (P(X ≥ 4) = 1.3 %, P(X ≥ 3) = 7.0 %).
#[test]
fn ten_pairs_have_the_binomial_ends() {
    let mut values = [(0.0, 0.0); 10];
    values[7].0 = 1.0;
    assert_eq!(paired_difference(&values).interval, Some([0.0, 0.3]));
}

#[test]
fn exchanging_the_methods_changes_signs_alone() {
    let values: Vec<(f64, f64)> = (0..7)
        .map(|i| ((i as f64).sin(), (i as f64 * 1.7).cos()))
        .collect();
    let exchanged: Vec<(f64, f64)> = values.iter().map(|&(a, b)| (b, a)).collect();
    let (found, other) = (paired_difference(&values), paired_difference(&exchanged));
    let ([low, high], [other_low, other_high]) = (found.interval.unwrap(), other.interval.unwrap());
    assert_eq!(
        (found.mean, low, high),
        (-other.mean, -other_high, -other_low)
    );
    assert!(low < found.mean && found.mean < high);
}

/// The fraction of 400 data sets of n normal differences around 1 whose interval contains 1.
fn coverage(n: usize) -> f64 {
    let sets = 400;
    let holds = (0..sets).filter(|&set| {
        let mut stream = RandomStream::new(set, Purpose::User, n as u64);
        let draw = |_| 1.0 + Distribution::<f64>::sample(&StandardNormal, &mut stream);
        let differences: Vec<f64> = (0..n).map(draw).collect();
        let [low, high] = paired_difference(&pairs(&differences)).interval.unwrap();
        (low..=high).contains(&1.0)
    });
    holds.count() as f64 / sets as f64
}

/// The documented coverage, within four standard errors of 400 data sets, 4·√(p·(1 − p)/400): a correct
/// program fails once in about 16,000 choices of the streams, and the streams are fixed.
#[test]
fn intervals_hold_the_truth_as_often_as_documented() {
    for (n, documented) in [(3, 0.75), (5, 0.83), (10, 0.90), (20, 0.93)] {
        let (found, bound) = (
            coverage(n),
            4.0 * (documented * (1.0f64 - documented) / 400.0).sqrt(),
        );
        assert!(
            (found - documented).abs() <= bound,
            "n = {n}: {found}, documented {documented} ± {bound:.3}"
        );
    }
}

#[test]
fn the_bits_are_pinned() {
    let values: Vec<(f64, f64)> = (1..=5).map(|i| (1.0 / f64::from(i), 0.25)).collect();
    let found = paired_difference(&values);
    assert_eq!(RESAMPLES, 10_000);
    assert_eq!(
        found.interval,
        Some([-0.0033333333333333327, 0.49000000000000005])
    );
}
