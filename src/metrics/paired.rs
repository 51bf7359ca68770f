//! Differences between two methods that were run with the same seeds.

use alloc::vec::Vec;

use rand::RngExt;

use crate::rng::{Purpose, RandomStream};

/// Resamples of the bootstrap.
pub const RESAMPLES: usize = 10_000;

/// Minimum number of pairs for an interval.
pub const LEAST_PAIRS: usize = 3;

/// Resamples below the interval, and above it: 2.5 % each.
const TAIL: usize = RESAMPLES / 40;

/// The mean of first − second over n pairs, with its confidence interval.
///
/// The interval is the 95 % percentile bootstrap (Efron 1979): [`RESAMPLES`] times, n differences are drawn with
/// replacement from the n given ones; the 250 smallest and the 250 largest means of the resamples are left out. For
/// small n it covers the true mean less often than 95 %, because n differences spread less than their population: for
/// normal differences 75 % for n = 3, 83 % for 5, 90 % for 10, 93 % for 20 (`tests/suite/paired_differences.rs`).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize))]
pub struct PairedDifference {
    /// Pairs n.
    pub count: usize,
    /// Mean of first − second; NaN without pairs.
    pub mean: f64,
    /// The interval's ends; `None` for fewer than [`LEAST_PAIRS`] pairs, or if a difference is not finite.
    pub interval: Option<[f64; 2]>,
}

/// Compares the first values of `pairs` with the second, pair by pair.
///
/// The resamples come from the stream (0, [`Purpose::Bootstrap`], n): the same pairs give the same bits, and
/// exchanging first and second only changes signs.
pub fn paired_difference(pairs: &[(f64, f64)]) -> PairedDifference {
    let differences: Vec<f64> = pairs.iter().map(|(first, second)| first - second).collect();
    PairedDifference {
        count: pairs.len(),
        mean: differences.iter().sum::<f64>() / pairs.len() as f64,
        interval: interval(&differences),
    }
}

fn interval(differences: &[f64]) -> Option<[f64; 2]> {
    // Drawn as u32, so that the result does not depend on the width of `usize`.
    let count = u32::try_from(differences.len()).ok()?;
    if differences.len() < LEAST_PAIRS || !differences.iter().all(|d| d.is_finite()) {
        return None;
    }
    let mut stream = RandomStream::new(0, Purpose::Bootstrap, u64::from(count));
    let mut mean = || {
        let drawn = (0..count).map(|_| differences[stream.random_range(0..count) as usize]);
        drawn.sum::<f64>() / f64::from(count)
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| mean()).collect();
    means.sort_by(f64::total_cmp);
    Some([means[TAIL], means[RESAMPLES - 1 - TAIL]])
}
