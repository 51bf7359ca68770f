//! The stability gap of one accuracy curve (arXiv 2507.14056, section 4).
//!
//! Two conventions are in use, and they give different numbers. *Per seed*: measure every seed's own curve with
//! [`stability_gap`], then take mean and spread over seeds. *Of the seed-averaged curve*: average the curves first and
//! measure the average once ([`stability_gap_of_mean`]), as the published tables do. Averaging smooths out minima at
//! different iterations, so that the second convention never gives a lower avg-min-ACC: min_i mean_s ≥ mean_s min_i.
//! avg-SG, a mean of ratios, has no such order; only with equal a_{t−1} does the second convention never give a larger
//! one.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// The fraction of a_{t−1} at which accuracy counts as recovered after a switch.
pub const RECOVERED_SHARE: f64 = 0.99;

/// The stability-gap measures of one curve over K contexts; accuracies in [0, 1].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize))]
pub struct StabilityGap {
    /// a_t, the accuracy at the end of context t, for t = 1..K.
    pub final_accuracy: Vec<f64>,
    /// m_t, the minimum within context t, for t = 1..K.
    pub minimum_accuracy: Vec<f64>,
    /// SG_t = (a_{t−1} − m_t)/a_{t−1}, for t = 2..K; 0 if a_{t−1} = 0.
    ///
    /// Negative if the curve stays above a_{t−1}.
    pub gap: Vec<f64>,
    /// For t = 2..K: iterations after the switch until accuracy has recovered to 0.99·a_{t−1}; `None` if never.
    ///
    /// The first iteration of a context counts as 1. Recovery is the first iteration at 0.99·a_{t−1} or above after
    /// the first one below it, so that a curve that is still high right after the switch and falls later does not
    /// count as recovered. A second fall does not count. 0 without a fall.
    pub recovery: Vec<Option<usize>>,
    /// avg-ACC = mean of a_t.
    pub average_accuracy: f64,
    /// avg-min-ACC = mean of m_t over t ≥ 2; NaN for one context.
    pub average_minimum_accuracy: f64,
    /// WC-ACC = a_K/K + (1 − 1/K)·avg-min-ACC, for the first task alone; a_1 for one context.
    pub worst_case_accuracy: f64,
    /// avg-SG = mean of SG_t over t ≥ 2; NaN for one context.
    pub average_gap: f64,
}

/// Measures `accuracy`, one value per iteration; `contexts` gives each iteration's context.
///
/// # Errors
/// [`Error::Shape`] if the two differ in length or are empty; [`Error::Setting`] for an accuracy that is not finite
/// and for contexts that do not rise from 1 in steps of 0 or 1.
pub fn stability_gap(accuracy: &[f64], contexts: &[usize]) -> Result<StabilityGap> {
    if accuracy.len() != contexts.len() || accuracy.is_empty() {
        return Err(Error::shape(
            "stability_gap",
            "one accuracy and one context per iteration, at least one iteration",
            format!("{} accuracies, {} contexts", accuracy.len(), contexts.len()),
        ));
    }
    if let Some(at) = accuracy.iter().position(|a| !a.is_finite()) {
        return Err(Error::setting(
            format!("accuracy of iteration {}", at + 1),
            accuracy[at],
            "a finite number",
        ));
    }
    let lengths = context_lengths(contexts)?;
    Ok(measure(accuracy, &lengths))
}

/// Measures the mean over seeds of `curves`: the convention of the published tables (arXiv 2507.14056,
/// table 1), whose minima are those of the seed-averaged curve.
///
/// # Errors
/// [`Error::Shape`] without curves or if a curve's length is not that of `contexts`, and errors of [`stability_gap`]
/// for the mean.
pub fn stability_gap_of_mean(curves: &[&[f64]], contexts: &[usize]) -> Result<StabilityGap> {
    if curves.is_empty() {
        return Err(Error::shape(
            "stability_gap_of_mean",
            "one curve per seed",
            0,
        ));
    }
    if let Some(at) = curves.iter().position(|c| c.len() != contexts.len()) {
        return Err(Error::shape(
            "stability_gap_of_mean",
            format!("{} accuracies in every curve", contexts.len()),
            format!("{} in curve {}", curves[at].len(), at + 1),
        ));
    }
    let mut mean = vec![0.0; contexts.len()];
    for curve in curves {
        for (sum, value) in mean.iter_mut().zip(*curve) {
            *sum += value;
        }
    }
    for sum in &mut mean {
        *sum /= curves.len() as f64;
    }
    stability_gap(&mean, contexts)
}

/// Iterations in each context.
fn context_lengths(contexts: &[usize]) -> Result<Vec<usize>> {
    let mut lengths: Vec<usize> = Vec::new();
    for (at, &context) in contexts.iter().enumerate() {
        let current = lengths.len();
        if context == current + 1 {
            lengths.push(1);
        } else if let Some(length) = lengths.last_mut().filter(|_| context == current) {
            *length += 1;
        } else {
            let expected = match current {
                0 => String::from("1"),
                _ => format!("{current} or {}", current + 1),
            };
            return Err(Error::setting(
                format!("context of iteration {}", at + 1),
                context,
                expected,
            ));
        }
    }
    Ok(lengths)
}

/// The measures of a checked curve; `lengths` are positive and add up to its length.
fn measure(accuracy: &[f64], lengths: &[usize]) -> StabilityGap {
    let mut final_accuracy: Vec<f64> = Vec::with_capacity(lengths.len());
    let mut minimum_accuracy = Vec::with_capacity(lengths.len());
    let mut gap = Vec::new();
    let mut recovery = Vec::new();
    let mut rest = accuracy;
    for &length in lengths {
        let (within, after) = rest.split_at(length);
        rest = after;
        let minimum = within.iter().copied().fold(f64::INFINITY, f64::min);
        if let Some(&before) = final_accuracy.last() {
            gap.push(if before == 0.0 {
                0.0
            } else {
                (before - minimum) / before
            });
            recovery.push(recovered_after(within, RECOVERED_SHARE * before));
        }
        final_accuracy.push(within[length - 1]);
        minimum_accuracy.push(minimum);
    }
    let k = lengths.len() as f64;
    let average_minimum_accuracy = mean(&minimum_accuracy[1..]);
    let last = final_accuracy[lengths.len() - 1];
    StabilityGap {
        average_accuracy: mean(&final_accuracy),
        average_minimum_accuracy,
        worst_case_accuracy: match lengths.len() {
            1 => last,
            _ => last / k + (1.0 - 1.0 / k) * average_minimum_accuracy,
        },
        average_gap: mean(&gap),
        final_accuracy,
        minimum_accuracy,
        gap,
        recovery,
    }
}

/// Iterations from the switch until the accuracy is back at `threshold` after its first fall below it; 0 without a
/// fall.
fn recovered_after(within: &[f64], threshold: f64) -> Option<usize> {
    let Some(fallen) = within.iter().position(|&accuracy| accuracy < threshold) else {
        return Some(0);
    };
    (fallen..within.len())
        .find(|&at| within[at] >= threshold)
        .map(|at| at + 1)
}

/// The mean; NaN without values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
