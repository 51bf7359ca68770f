//! Loss of a batch and its gradient.

use alloc::format;

use super::check::{lengths, numbers, operands};
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Loss of a batch and its gradient.
pub trait Losses: Memory {
    /// Softmax, cross-entropy, entropy and accuracy in one pass over the logits.
    ///
    /// With z = logits − max, S = Σ_c exp(z_c) (a chain of additions, c ascending) and L = ln S:
    /// loss = L − z_label, H = L − (Σ_c exp(z_c)·z_c)/S (one chain of fused multiply-adds).
    /// `logits` is `[blocks][classes][16]` and `labels` holds one class per sample. `totals` receives
    /// the [`sums`] over the samples. `gradient`, if given, receives d(mean loss)/d logits =
    /// `(exp(z_c)/S − [c = label])·fl(1/m)`, and zeros in the padding lanes.
    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Self::Floats,
        labels: &Self::Bytes,
        gradient: Option<&mut Self::Floats>,
        totals: &mut Self::Floats,
    ) -> Result<()>;

    /// `drive[0] = fl(totals[ENTROPY]/fl(m))`: the mean entropy H from the [`sums`] of m samples.
    fn mean_entropy(
        &self,
        samples: usize,
        totals: &Self::Floats,
        drive: &mut Self::Floats,
    ) -> Result<()>;
}

/// The indices of [`Losses::softmax_cross_entropy`]'s sums.
pub mod sums {
    /// Σ cross-entropy over the samples, nats.
    pub const LOSS: usize = 0;
    /// Σ softmax entropy H over the samples, nats.
    pub const ENTROPY: usize = 1;
    /// Number of samples whose largest logit is that of the label; ties go to the lower class.
    pub const CORRECT: usize = 2;
    /// The number of sums.
    pub const COUNT: usize = 3;
}

/// Checks the operands of a mean entropy.
pub(super) fn check_mean_entropy<B: Memory>(
    backend: &B,
    totals: &B::Floats,
    drive: &B::Floats,
) -> Result<()> {
    operands(
        backend,
        "mean entropy",
        &[
            ("totals", Some(totals), sums::COUNT),
            ("drive", Some(drive), 1),
        ],
    )
}

/// Checks the operands of the loss, except the values of the labels: see [`check_labels`].
pub(super) fn check_softmax_cross_entropy<B: Memory>(
    backend: &B,
    [samples, classes]: [usize; 2],
    logits: &B::Floats,
    labels: usize,
    gradient: Option<&B::Floats>,
    totals: &B::Floats,
) -> Result<()> {
    let operation = "softmax cross-entropy";
    let stored = numbers(operation, &[samples.div_ceil(LANES), LANES, classes])?;
    operands(
        backend,
        operation,
        &[
            ("logits", Some(logits), stored),
            ("gradient", gradient, stored),
            ("totals", Some(totals), sums::COUNT),
        ],
    )?;
    lengths(operation, &[("labels", labels, samples)])?;
    if classes == 0 || samples == 0 {
        return Err(Error::shape(
            operation,
            "at least one class and one sample",
            format!("{classes} classes, {samples} samples"),
        ));
    }
    Ok(())
}

/// Fails if a label is not below `classes`.
pub(super) fn check_labels(labels: &[u8], classes: usize) -> Result<()> {
    match labels.iter().find(|label| usize::from(**label) >= classes) {
        Some(label) => {
            let expected = format!("labels below {classes}");
            Err(Error::shape("softmax cross-entropy", expected, label))
        }
        None => Ok(()),
    }
}
