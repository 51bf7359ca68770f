//! Launches of `kernels/affine.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use super::normalisation::{CHANNELS, THREADS};
use crate::backend::affine::{check_scale_shift, check_scale_shift_gradients};
use crate::backend::{Affine, NormDims, ScaleGradient, ScaleShift};
use crate::error::Result;
use crate::shape::LANES;

impl Affine for Cuda {
    fn scale_shift(&self, operands: ScaleShift<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_scale_shift(self, &operands, y)?;
        let length = y.length();
        let to = Argument::written(y)?;
        let arguments = &[
            operands.dimensions.try_into()?,
            Argument::count(length)?,
            u32::from(operands.relu).into(),
            Argument::optional(operands.scale),
            Argument::optional(operands.shift),
            operands.x.map_or(to, Argument::from),
            Argument::optional(operands.residual),
            to,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; `length` is that of y.
        unsafe { self.each("scale_shift", length, arguments) }
    }

    fn scale_shift_gradients(
        &self,
        dimensions: NormDims,
        dy: &Floats,
        dscale: Option<ScaleGradient<'_, Floats>>,
        dshift: Option<&mut Floats>,
    ) -> Result<()> {
        let (scale, shift) = (dscale.as_ref(), dshift.as_deref());
        check_scale_shift_gradients(self, dimensions, dy, scale, shift)?;
        let (channels, chunks) = (dimensions.channels, dimensions.chunks());
        let groups = channels.div_ceil(CHANNELS);
        let (x, dscale) = match dscale {
            Some(given) => (given.x.into(), Argument::written(given.dscale)?),
            None => (Argument::address(0), Argument::address(0)),
        };
        let dshift = match dshift {
            Some(dshift) => Argument::written(dshift)?,
            None => Argument::address(0),
        };
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            let partials = Argument::written(partials)?;
            let d = Argument::try_from(dimensions)?;
            let sums = &[d, x, dy.into(), partials];
            let finish = &[d, Argument::count(chunks)?, partials, dscale, dshift];
            // SAFETY: all have the lengths that the dimensions give, as checked; partials has 2·channels·16
            // elements per chunk.
            unsafe {
                self.launch("scale_shift_sums", groups * chunks, THREADS, sums)?;
                self.launch("scale_shift_gradients", channels, THREADS, finish)
            }
        })
    }
}
