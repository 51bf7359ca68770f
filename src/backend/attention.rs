//! Softmax over rows, and products of two activations.

use alloc::format;

use super::check::{lengths, operands, too_large, volume};
use super::memory::Memory;
use super::normalisations::NormDims;
use crate::error::Result;
use crate::shape::LANES;

/// The operations of attention other than products with weights.
///
/// *Within* each sample, [`sample_product`](Attention::sample_product) multiplies two activations. *Across* the
/// samples of a batch (each sample is a token), [`to_rows`](Attention::to_rows) turns one activation into weights,
/// and [`Products`](super::Products) compute the scores `matmul_forward(w = rows of k, x = q)` and the weighted values
/// `matmul_backward_data(w = rows of v, dy = softmax)`. Their gradients are the other two products, with
/// [`to_blocked`](Attention::to_blocked) as the inverse of `to_rows`.
pub trait Attention: Memory {
    /// `x ← softmax(x)` over the channels of each pixel (row) of each sample, in place.
    ///
    /// With z = x − max and S = Σ_c exp(z_c) (a chain of additions from +0, c ascending): `fl(exp(z_c)/S)`. The
    /// maximum is the largest element of the row; if the first element is NaN, the maximum is NaN. A NaN or +∞ makes
    /// the
    /// whole row NaN. −∞ gives +0, unless the whole row is −∞. Padding lanes become +0.
    fn softmax(&self, dimensions: NormDims, x: &mut Self::Floats) -> Result<()>;

    /// The gradient of [`softmax`](Attention::softmax), in place: `dy ← fl(y·fl(dy − t))` with
    /// t = Σ_c dy_c·y_c (`fma(dy, y, ·)` from +0, c ascending). `y` is softmax's output. Padding lanes become +0.
    fn softmax_backward(
        &self,
        dimensions: NormDims,
        y: &Self::Floats,
        dy: &mut Self::Floats,
    ) -> Result<()>;

    /// `c[i][j] = Σ_t a[i][t]·b[t][j]` for each sample: one chain of fused multiply-adds from +0, t ascending.
    /// The gradients are products of this kind too: da = dc·bᵀ, db = aᵀ·dc.
    fn sample_product(
        &self,
        dimensions: SampleProduct,
        a: &Self::Floats,
        b: &Self::Floats,
        c: &mut Self::Floats,
    ) -> Result<()>;

    /// `rows[s][f] = x[s][f]`: converts `[blocks][features][16]` to the matrix `[samples][features]`, without the
    /// padding lanes.
    fn to_rows(
        &self,
        samples: usize,
        features: usize,
        x: &Self::Floats,
        rows: &mut Self::Floats,
    ) -> Result<()>;

    /// `x[s][f] = rows[s][f]`, the inverse of [`to_rows`](Attention::to_rows). Padding lanes become +0.
    fn to_blocked(
        &self,
        samples: usize,
        features: usize,
        rows: &Self::Floats,
        x: &mut Self::Floats,
    ) -> Result<()>;
}

/// The dimensions of a product of two activations within each sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleProduct {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// m: rows of a and c.
    pub rows: usize,
    /// n: columns of b and c, which is `[blocks][m][n][16]`.
    pub columns: usize,
    /// k: terms of each sum.
    pub terms: usize,
    /// Whether a is stored as `[blocks][k][m][16]` instead of `[blocks][m][k][16]`.
    pub transpose_a: bool,
    /// Whether b is stored as `[blocks][n][k][16]` instead of `[blocks][k][n][16]`.
    pub transpose_b: bool,
}

impl SampleProduct {
    /// The distances, in blocks, between rows of a and between terms of a.
    pub(super) fn steps_a(&self) -> [usize; 2] {
        if self.transpose_a {
            [1, self.rows]
        } else {
            [self.terms, 1]
        }
    }

    /// The distances, in blocks, between terms of b and between columns of b.
    pub(super) fn steps_b(&self) -> [usize; 2] {
        if self.transpose_b {
            [1, self.terms]
        } else {
            [self.columns, 1]
        }
    }
}

/// Checks the operands of a softmax, or of its gradient.
pub(super) fn check_softmax<B: Memory>(
    backend: &B,
    dimensions: NormDims,
    y: Option<&B::Floats>,
    x: &B::Floats,
) -> Result<()> {
    let length = dimensions.length()?;
    operands(
        backend,
        "softmax",
        &[("y", y, length), ("x", Some(x), length)],
    )
}

/// Checks the operands of a product within each sample.
pub(super) fn check_sample_product<B: Memory>(
    backend: &B,
    d: SampleProduct,
    [a, b, c]: [&B::Floats; 3],
) -> Result<()> {
    let operation = "product within samples";
    let sizes = [(d.rows, d.terms), (d.terms, d.columns), (d.rows, d.columns)];
    for ((name, floats), (rows, columns)) in [("a", a), ("b", b), ("c", c)].into_iter().zip(sizes) {
        let expected = volume(&[d.blocks, rows, columns, LANES])
            .ok_or_else(|| too_large(operation, format!("{d:?}")))?;
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}

/// Checks the operands of a conversion between the block layout and rows.
pub(super) fn check_rows<B: Memory>(
    backend: &B,
    [samples, features]: [usize; 2],
    x: &B::Floats,
    rows: &B::Floats,
) -> Result<()> {
    let operation = "rows of a batch";
    let stored = volume(&[samples.div_ceil(LANES), features, LANES])
        .ok_or_else(|| too_large(operation, format!("{samples} samples, {features} features")))?;
    let found = [backend.length(x), backend.length(rows)];
    lengths(
        operation,
        &[
            ("x", found[0], stored),
            ("rows", found[1], samples * features),
        ],
    )
}
