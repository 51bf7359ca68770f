//! Scale and shift of each channel.

use super::check::{lengths, operands};
use super::memory::Memory;
use super::normalisations::NormDims;
use crate::error::Result;

/// A scale and a shift (bias) for each channel or neuron, and their gradients.
pub trait Affine: Memory {
    /// `y = fma(scale[c], x, shift[c])` for every sample and pixel of channel c. Then the residual is added and
    /// ReLU applied (as in [`Unary::Relu`](super::Unary::Relu)), if requested. Padding lanes become +0.
    ///
    /// The gradient with respect to x is the same operation on dy, with the same scale and without a shift.
    fn scale_shift(
        &self,
        operands: ScaleShift<'_, Self::Floats>,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dscale[c] = Σ dy·x` (`fma(dy, x, ·)`) and `dshift[c] = Σ dy` over samples and pixels: the gradients
    /// of [`scale_shift`](Affine::scale_shift) without ReLU.
    ///
    /// The order of summation is that of [`batch_statistics`](super::Normalisations::batch_statistics). The padding
    /// lanes of dy and x must be zero; they add nothing.
    fn scale_shift_gradients(
        &self,
        dimensions: NormDims,
        dy: &Self::Floats,
        dscale: Option<ScaleGradient<'_, Self::Floats>>,
        dshift: Option<&mut Self::Floats>,
    ) -> Result<()>;
}

/// The inputs of [`Affine::scale_shift`].
#[derive(Debug, Clone, Copy)]
pub struct ScaleShift<'a, F> {
    /// The dimensions of x, the residual and y.
    pub dimensions: NormDims,
    /// Whether ReLU is applied at the end.
    pub relu: bool,
    /// `[channels]`; 1 if absent.
    pub scale: Option<&'a F>,
    /// `[channels]`; +0 if absent.
    pub shift: Option<&'a F>,
    /// The input; if absent, y is updated in place.
    pub x: Option<&'a F>,
    /// Added before ReLU.
    pub residual: Option<&'a F>,
}

/// The gradient of the scale, and the forward input it depends on.
#[derive(Debug)]
pub struct ScaleGradient<'a, F> {
    /// The input of the forward pass.
    pub x: &'a F,
    /// Receives dscale, `[channels]`.
    pub dscale: &'a mut F,
}

/// Checks the operands of a scale and shift.
pub(super) fn check_scale_shift<B: Memory>(
    backend: &B,
    given: &ScaleShift<'_, B::Floats>,
    y: &B::Floats,
) -> Result<()> {
    let length = given.dimensions.length()?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "scale and shift",
        &[
            ("scale", given.scale, channels),
            ("shift", given.shift, channels),
            ("x", given.x, length),
            ("residual", given.residual, length),
            ("y", Some(y), length),
        ],
    )
}

/// Checks the operands of the gradients of a scale and shift.
pub(super) fn check_scale_shift_gradients<B: Memory>(
    backend: &B,
    dimensions: NormDims,
    dy: &B::Floats,
    dscale: Option<&ScaleGradient<'_, B::Floats>>,
    dshift: Option<&B::Floats>,
) -> Result<()> {
    let operation = "gradients of scale and shift";
    let (length, channels) = (dimensions.length()?, dimensions.channels);
    if let Some(ScaleGradient { x, dscale }) = dscale {
        let found = [backend.length(x), backend.length(dscale)];
        lengths(
            operation,
            &[("x", found[0], length), ("dscale", found[1], channels)],
        )?;
    }
    operands(
        backend,
        operation,
        &[("dy", Some(dy), length), ("dshift", dshift, channels)],
    )
}
