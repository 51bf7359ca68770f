//! The health of a layer's activity: dormant units and rank.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::analysis::symmetric_eigen;
use crate::error::{Error, Result};

/// The score at or below which a unit is dormant in [`dormant_share`] of reports.
pub const DORMANT: f64 = 0.01;

/// The share of dormant units (Sokar et al. 2023, definition 3.1): unit i is τ-dormant if its score, the mean of |h_i|
/// over the samples divided by the mean over the units of the layer, is at most τ = `threshold`. Without any activity
/// every unit is dormant. `activity` is `[samples][units]`.
///
/// # Errors
/// [`Error::Shape`] without samples or units.
///
/// ```
/// use neurogain::metrics::dormant_share;
/// assert_eq!(dormant_share(2, &[1.0, 0.0, 3.0, 0.0], 0.01)?, 0.5);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn dormant_share(units: usize, activity: &[f32], threshold: f64) -> Result<f64> {
    check("dormant units", units, activity)?;
    let mut sums = vec![0.0; units];
    for sample in activity.chunks_exact(units) {
        for (sum, h) in sums.iter_mut().zip(sample) {
            *sum += f64::from(h.abs());
        }
    }
    let mean = sums.iter().sum::<f64>() / units as f64;
    let dormant = sums.iter().filter(|&&sum| sum <= threshold * mean);
    Ok(dormant.count() as f64 / units as f64)
}

/// The rank of a layer's activity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureRank {
    /// The stable rank: the smallest number of singular values whose sum is at least 99 % of the sum of all (Kumar et
    /// al. 2021, with δ = 0.01; Dohare et al. 2024).
    pub stable: usize,
    /// The effective rank exp(−Σ p·ln p), where p are the singular values divided by their sum (Roy & Vetterli 2007).
    pub effective: f64,
}

/// The rank of `activity`, `[samples][units]`, from its singular values, in f64. Both ranks are 0 without any activity.
///
/// Time: samples·units² + 10·units³.
///
/// # Errors
/// [`Error::Shape`] without samples or units; [`Error::Setting`] for an activity that is not finite.
///
/// ```
/// use neurogain::metrics::feature_rank;
/// let rank = feature_rank(2, &[1.0, 0.0, 0.0, 1.0])?;
/// assert_eq!(rank.stable, 2);
/// assert!((rank.effective - 2.0).abs() < 1e-12);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn feature_rank(units: usize, activity: &[f32]) -> Result<FeatureRank> {
    check("rank of features", units, activity)?;
    let mut products = vec![0.0; units * units];
    for sample in activity.chunks_exact(units) {
        for (row, a) in products.chunks_exact_mut(units).zip(sample) {
            if *a != 0.0 {
                for (product, b) in row.iter_mut().zip(sample) {
                    *product += f64::from(*a) * f64::from(*b);
                }
            }
        }
    }
    let (squares, _) = symmetric_eigen(units, &products)?;
    // Rounding can make the smallest squares negative.
    let values: Vec<f64> = squares.iter().map(|&s| libm::sqrt(s.max(0.0))).collect();
    let total: f64 = values.iter().sum();
    if total == 0.0 {
        return Ok(FeatureRank {
            stable: 0,
            effective: 0.0,
        });
    }
    let mut sum = 0.0;
    let reached = values.iter().position(|value| {
        sum += value;
        sum >= 0.99 * total
    });
    let shares = values
        .iter()
        .map(|value| value / total)
        .filter(|&p| p > 0.0);
    let entropy: f64 = shares.map(|p| -p * libm::log(p)).sum();
    Ok(FeatureRank {
        stable: reached.map_or(values.len(), |place| place + 1),
        effective: libm::exp(entropy),
    })
}

fn check(operation: &'static str, units: usize, activity: &[f32]) -> Result<()> {
    if units == 0 || activity.is_empty() || !activity.len().is_multiple_of(units) {
        return Err(Error::shape(
            operation,
            "at least one sample of at least one unit",
            format!("{} numbers for {units} units", activity.len()),
        ));
    }
    if let Some(h) = activity.iter().find(|h| !h.is_finite()) {
        return Err(Error::setting("activity", h, "a finite number"));
    }
    Ok(())
}
