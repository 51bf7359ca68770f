//! What kernels take besides buffers.

#[cfg(doc)]
use super::Backend;

/// What becomes of the numbers that an output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// They are overwritten: sums start from +0.
    Overwrite,
    /// Sums start from them.
    Add,
}

/// The dimensions of a product of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Blocks of 16 samples.
    pub blocks: usize,
    /// Outputs n: rows of the weights.
    pub outputs: usize,
    /// Inputs k: columns of the weights.
    pub inputs: usize,
}

impl core::fmt::Display for Product {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Product {
            blocks,
            outputs,
            inputs,
        } = self;
        write!(f, "{blocks} blocks, {outputs} outputs, {inputs} inputs")
    }
}

/// The indices of [`Backend::softmax_cross_entropy`]'s sums.
pub mod sums {
    /// Σ cross-entropy over the samples, nats.
    pub const LOSS: usize = 0;
    /// Σ softmax entropy H over the samples, nats.
    pub const ENTROPY: usize = 1;
    /// Samples whose largest logit is the label's; ties go to the lower class.
    pub const CORRECT: usize = 2;
    /// How many sums there are.
    pub const COUNT: usize = 3;
}

/// Where a sample's pixels are taken from, in [`Backend::gather_images`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placement {
    /// Rows that the window lies below the image's top; negative above it.
    pub down: i16,
    /// Columns that the window lies right of the image's left edge; negative left of it.
    pub right: i16,
    /// Whether the window is mirrored left to right.
    pub mirrored: bool,
}

/// Which pixel of its image each pixel of a gathered sample shows: a rotation or a permutation, one map for
/// each sample.
#[derive(Debug)]
pub struct PixelMaps<'a, Bytes> {
    /// `[maps][pixels]`, four bytes a number, the lowest first: the number of a pixel of the image as it is
    /// stored. Any number that is not one means the byte 0.
    pub sources: &'a Bytes,
    /// Pixels of an image: height · width.
    pub pixels: usize,
    /// The map of each sample, `[samples]`.
    pub of: &'a [u32],
}

/// The constants of one step of Adam (Kingma & Ba 2015, algorithm 1), corrections folded in:
/// `m ← fma(β1, m, (1−β1)·dw)`, `v ← fma(β2, v, ((1−β2)·dw)·dw)`,
/// `w ← w − (α̂·m)/fma(√v, c, ε)`, where α̂ = α/(1 − β1ᵗ) and c = 1/√(1 − β2ᵗ).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// β1.
    pub beta1: f32,
    /// β2.
    pub beta2: f32,
    /// ε.
    pub epsilon: f32,
    /// α̂ = α/(1 − β1ᵗ).
    pub rate: f32,
    /// c = 1/√(1 − β2ᵗ).
    pub correction: f32,
}
