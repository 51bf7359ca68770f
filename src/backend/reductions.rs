//! Sums over the numbers of a buffer.

use super::memory::Memory;
use crate::error::Result;

/// Sums over the numbers of a buffer.
pub trait Reductions: Memory {
    /// `sum[0] = Σ|x|` over all numbers, in the shape of [`summation`](super::summation).
    fn absolute_sum(&self, x: &Self::Floats, sum: &mut Self::Floats) -> Result<()>;
}
