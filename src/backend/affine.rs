//! Scale and shift of each channel.

use super::check::{lengths, operands};
use super::memory::Memory;
use super::normalisations::Normalisation;
use crate::error::Result;

/// A scale and a shift (bias) for each channel or neuron, and their gradients.
pub trait Affine: Memory {
    /// `y = fma(scale[c], x, shift[c])` for every sample and pixel of channel c, then the residual is added
    /// and ReLU taken (as in [`Unary::Relu`](super::Unary::Relu)), if given; +0 in the padding.
    ///
    /// The gradient to x is the same with the same scale and without shift, of dy.
    fn scale_shift(
        &self,
        operands: ScaleShift<'_, Self::Floats>,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dscale[c] = Σ dy·x` (`fma(dy, x, ·)`) and `dshift[c] = Σ dy` over samples and pixels: the gradients
    /// of [`scale_shift`](Affine::scale_shift) without ReLU.
    ///
    /// The sums have the shape of [`batch_statistics`](super::Normalisations::batch_statistics)' sums. The
    /// padding of dy and x is zero and counts nothing.
    fn scale_shift_gradients(
        &self,
        dimensions: Normalisation,
        dy: &Self::Floats,
        dscale: Option<ScaleGradient<'_, Self::Floats>>,
        dshift: Option<&mut Self::Floats>,
    ) -> Result<()>;
}

/// What [`Affine::scale_shift`] reads.
#[derive(Debug, Clone, Copy)]
pub struct ScaleShift<'a, F> {
    /// The dimensions of x, the residual and y.
    pub dimensions: Normalisation,
    /// Whether ReLU is taken at the end.
    pub relu: bool,
    /// `[channels]`; absent: 1.
    pub scale: Option<&'a F>,
    /// `[channels]`; absent: +0.
    pub shift: Option<&'a F>,
    /// What is scaled; absent: y, in place.
    pub x: Option<&'a F>,
    /// What is added before ReLU.
    pub residual: Option<&'a F>,
}

/// The gradient of the scale, and the x that it needs.
#[derive(Debug)]
pub struct ScaleGradient<'a, F> {
    /// What was scaled.
    pub x: &'a F,
    /// Takes dscale, `[channels]`.
    pub dscale: &'a mut F,
}

/// The operands of a scale and shift.
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

/// The operands of the gradients of a scale and shift.
pub(super) fn check_scale_shift_gradients<B: Memory>(
    backend: &B,
    dimensions: Normalisation,
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
