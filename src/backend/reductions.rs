//! Sums over the numbers of a buffer.

use super::check::operands;
use super::memory::Memory;
use super::normalisations::Normalisation;
use crate::error::Result;

/// Sums over the numbers of a buffer.
pub trait Reductions: Memory {
    /// `sum[0] = Σ|x|` over all numbers, in the shape of [`summation`](super::summation).
    fn absolute_sum(&self, x: &Self::Floats, sum: &mut Self::Floats) -> Result<()>;

    /// Statistics of each channel (neuron) over samples and pixels, without the padding: `[4][channels]`, the
    /// mean fl(Σ x/n), the mean magnitude fl(Σ|x|/n), the standard deviation √fl(Σ d²/n) with d = x − mean
    /// (`fma(d, d, ·)`), and the share of x > 0, fl(count/n).
    ///
    /// The sums have the shape of [`batch_statistics`](super::Normalisations::batch_statistics)' sums, n is
    /// samples·pixels rounded to f32. The padding of x is zero. A NaN in a channel makes its first three NaN.
    fn neuron_statistics(
        &self,
        dimensions: Normalisation,
        x: &Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;
}

/// The operands of the statistics of neurons.
pub(super) fn check_neuron_statistics<B: Memory>(
    backend: &B,
    dimensions: Normalisation,
    x: &B::Floats,
    statistics: &B::Floats,
) -> Result<()> {
    let (length, of_statistics) = (dimensions.length()?, 4 * dimensions.channels);
    operands(
        backend,
        "statistics of neurons",
        &[
            ("x", Some(x), length),
            ("statistics", Some(statistics), of_statistics),
        ],
    )
}
