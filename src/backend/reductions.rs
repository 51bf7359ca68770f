//! Sums over the elements of a buffer.

use super::check::operands;
use super::memory::Memory;
use super::normalisations::NormDims;
use crate::error::Result;

/// Sums over the elements of a buffer.
pub trait Reductions: Memory {
    /// `sum[0] = Σ|x|` over all elements, in the order of [`summation`](super::summation).
    fn absolute_sum(&self, x: &Self::Floats, sum: &mut Self::Floats) -> Result<()>;

    /// `sum[0] = Σ fl(x²)` over all elements, in the order of [`summation`](super::summation). The squares are rounded,
    /// so that the result is that of [`absolute_sum`](Reductions::absolute_sum) of them.
    fn squared_sum(&self, x: &Self::Floats, sum: &mut Self::Floats) -> Result<()>;

    /// Statistics of each channel (neuron) over samples and pixels, without the padding lanes. `[4][channels]`: the
    /// mean fl(Σ x/n), the mean magnitude fl(Σ|x|/n), the standard deviation √fl(Σ d²/n) with d = x − mean
    /// (`fma(d, d, ·)`), and the fraction of x > 0, fl(count/n).
    ///
    /// The order of summation is that of [`batch_statistics`](super::Normalisations::batch_statistics); n is
    /// samples·pixels rounded to f32. The padding lanes of x must be zero. If a channel contains NaN, its first three
    /// statistics are NaN.
    fn neuron_statistics(
        &self,
        dimensions: NormDims,
        x: &Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;
}

/// Checks the operands of the statistics of neurons.
pub(super) fn check_neuron_statistics<B: Memory>(
    backend: &B,
    dimensions: NormDims,
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
