//! Calibration of confidences: the reliability diagram and the expected calibration error (Guo, Pleiss, Sun,
//! Weinberger, ICML 2017, section 2 and equation 3).

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Bins of equal width, as in the paper.
pub const CALIBRATION_BINS: usize = 15;

/// The samples whose confidence lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct CalibrationBin {
    /// Samples |B|.
    pub count: u64,
    /// conf(B), their mean confidence; `None` without samples.
    pub confidence: Option<f64>,
    /// acc(B), the fraction that is correct; `None` without samples.
    pub accuracy: Option<f64>,
}

/// The numbers of a reliability diagram.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct Calibration {
    /// The bins, ascending: bin i of M = [`CALIBRATION_BINS`] holds confidences in (i/M, (i + 1)/M], each edge rounded
    /// to f64; a confidence of 0 belongs to the first bin.
    pub bins: Vec<CalibrationBin>,
    /// ECE = Σ |B|/n · |acc(B) − conf(B)| over the bins, in [0, 1].
    pub expected_error: f64,
}

/// Measures calibration from each sample's confidence, the probability of its predicted class, and whether the
/// prediction is correct.
///
/// The ECE of perfect confidences is not 0 for finitely many samples: a bin's accuracy scatters by √(p(1 − p)/|B|)
/// around its confidence. Compare only ECEs of similar numbers of samples.
///
/// # Errors
/// [`Error::Shape`] without samples; [`Error::Setting`] for a confidence outside [0, 1].
///
/// ```
/// use neurogain::metrics::calibration;
/// // Four predictions with confidence 0.9, three of them correct.
/// let found = calibration(&[(0.9, true), (0.9, true), (0.9, false), (0.9, true)])?;
/// assert!((found.expected_error - 0.15).abs() < 1e-12);
/// assert_eq!(found.bins[13].accuracy, Some(0.75));
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn calibration(samples: &[(f64, bool)]) -> Result<Calibration> {
    if samples.is_empty() {
        return Err(Error::shape("calibration", "at least one sample", "none"));
    }
    let mut sums = [(0u64, 0.0, 0.0); CALIBRATION_BINS];
    for (at, &(confidence, correct)) in samples.iter().enumerate() {
        if !(0.0..=1.0).contains(&confidence) {
            let name = format!("confidence of sample {at}");
            return Err(Error::setting(name, confidence, "a probability in [0, 1]"));
        }
        let (count, total, right) = &mut sums[bin(confidence)];
        *count += 1;
        *total += confidence;
        *right += f64::from(u8::from(correct));
    }
    Ok(diagram(sums))
}

/// The calibration of all samples of these diagrams together, from their bins: equal to [`calibration`] of all
/// samples, up to rounding. `None` without samples.
///
/// ```
/// use neurogain::metrics::{calibration, merged_calibration};
/// let (one, other) = (calibration(&[(0.9, true)])?, calibration(&[(0.9, false), (0.2, true)])?);
/// let both = merged_calibration([&one.bins[..], &other.bins]).expect("samples");
/// // |acc − conf| is 0.4 in the bin of 0.9, which has two samples, and 0.8 in the bin of 0.2.
/// assert!((both.expected_error - (2.0 * 0.4 + 0.8) / 3.0).abs() < 1e-12);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn merged_calibration<'a>(
    diagrams: impl IntoIterator<Item = &'a [CalibrationBin]>,
) -> Option<Calibration> {
    let mut sums = [(0u64, 0.0, 0.0); CALIBRATION_BINS];
    for bins in diagrams {
        for ((count, total, right), bin) in sums.iter_mut().zip(bins) {
            *count += bin.count;
            *total += bin.count as f64 * bin.confidence.unwrap_or(0.0);
            *right += bin.count as f64 * bin.accuracy.unwrap_or(0.0);
        }
    }
    sums.iter()
        .any(|(count, _, _)| *count > 0)
        .then(|| diagram(sums))
}

/// The diagram from each bin's number of samples, sum of confidences and number of correct samples.
fn diagram(sums: [(u64, f64, f64); CALIBRATION_BINS]) -> Calibration {
    let n = sums.iter().map(|(count, _, _)| count).sum::<u64>() as f64;
    let gaps = sums.iter().map(|(_, total, right)| (right - total).abs());
    let bin = |(count, total, right): (u64, f64, f64)| CalibrationBin {
        count,
        confidence: (count > 0).then(|| total / count as f64),
        accuracy: (count > 0).then(|| right / count as f64),
    };
    Calibration {
        // |B|/n·|acc − conf| is |Σ correct − Σ confidence|/n.
        expected_error: gaps.sum::<f64>() / n,
        bins: sums.map(bin).into(),
    }
}

/// Each sample's confidence max_c softmax(z)_c, and whether that class is its label, from rows of logits
/// `[samples][classes]`; in f64, as 1/Σ_c exp(z_c − max z). Of equal logits the lowest class is predicted, as
/// everywhere in this crate.
///
/// # Errors
/// [`Error::Shape`] if `classes` is 0 or the numbers of logits and labels do not match; [`Error::Setting`] for a logit
/// that is not finite and a label out of range.
///
/// ```
/// use neurogain::metrics::softmax_confidences;
/// let found = softmax_confidences(2, &[0.0, 0.0, 1.0, 3.0], &[0, 0])?;
/// assert_eq!(found[0], (0.5, true));
/// assert!((found[1].0 - 1.0 / (1.0 + (-2f64).exp())).abs() < 1e-15 && !found[1].1);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn softmax_confidences(
    classes: usize,
    logits: &[f32],
    labels: &[u8],
) -> Result<Vec<(f64, bool)>> {
    if classes == 0 || labels.len().checked_mul(classes) != Some(logits.len()) {
        return Err(Error::shape(
            "softmax confidences",
            format!("{} × {classes} logits, classes > 0", labels.len()),
            format!("{} logits", logits.len()),
        ));
    }
    let mut confidences = Vec::with_capacity(labels.len());
    for (at, (row, &label)) in logits.chunks(classes).zip(labels).enumerate() {
        if let Some(class) = row.iter().position(|logit| !logit.is_finite()) {
            let name = format!("logit {class} of sample {at}");
            return Err(Error::setting(name, row[class], "a finite number"));
        }
        if usize::from(label) >= classes {
            let name = format!("label of sample {at}");
            return Err(Error::setting(
                name,
                label,
                format!("a class below {classes}"),
            ));
        }
        let mut best = 0;
        for class in 1..classes {
            if row[class] > row[best] {
                best = class;
            }
        }
        let largest = f64::from(row[best]);
        let total: f64 = row
            .iter()
            .map(|&logit| libm::exp(f64::from(logit) - largest))
            .sum();
        confidences.push((1.0 / total, best == usize::from(label)));
    }
    Ok(confidences)
}

/// The first bin whose upper edge is not below `confidence`.
fn bin(confidence: f64) -> usize {
    let last = CALIBRATION_BINS - 1;
    let edge = |bin: usize| (bin + 1) as f64 / CALIBRATION_BINS as f64;
    (0..last)
        .find(|&bin| confidence <= edge(bin))
        .unwrap_or(last)
}
