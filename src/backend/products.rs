//! Products of weights and activations.

use super::check::{numbers, weighted};
use super::memory::Memory;
use crate::error::Result;
use crate::shape::LANES;

/// The product of weights and activations, and its gradients.
pub trait Products: Memory {
    /// `y[b][o] = Σ_k fl(g[o]·w[o][k])·x[b][k]`, one chain over k ascending.
    ///
    /// `w` is `[n][k]`, `g` is `[n]` (1 if absent), `x` is `[blocks][k][16]`, `y` is `[blocks][n][16]`.
    fn matmul_forward(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dx[b][k] = Σ_o fl(g[o]·w[o][k])·dy[b][o]`, one chain over o ascending.
    fn matmul_backward_data(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        dy: &Self::Floats,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `dw[o][k] = g[o]·Σ_samples dy[o]·x[k]`, in the order of [`summation`](super::summation)'s products.
    fn matmul_backward_weights(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Self::Floats>,
        dy: &Self::Floats,
        x: &Self::Floats,
        dw: &mut Self::Floats,
    ) -> Result<()>;
}

/// The dimensions of a product of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatmulDims {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// Outputs n: rows of the weights.
    pub outputs: usize,
    /// Inputs k: columns of the weights.
    pub inputs: usize,
}

impl core::fmt::Display for MatmulDims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let MatmulDims {
            blocks,
            outputs,
            inputs,
        } = self;
        write!(f, "{blocks} blocks, {outputs} outputs, {inputs} inputs")
    }
}

/// Checks the operands of a product, `x` and `y` as in the forward pass.
pub(super) fn check_product<B: Memory>(
    backend: &B,
    operation: &'static str,
    dimensions: MatmulDims,
    gain: Option<&B::Floats>,
    operands: [&B::Floats; 3],
) -> Result<()> {
    let MatmulDims {
        blocks,
        outputs,
        inputs,
    } = dimensions;
    let expected = [
        numbers(operation, &[outputs, inputs])?,
        numbers(operation, &[blocks, inputs, LANES])?,
        numbers(operation, &[blocks, outputs, LANES])?,
    ];
    weighted(backend, operation, (gain, outputs), operands, expected)
}
