//! Scale and shift of each channel, and their gradients.

use super::simd::{Block, Kernel, Simd};
use super::spread::Spread;
use super::sums::{ChannelSums, Lanes, Terms, pixels};
use super::{Cpu, Floats};
use crate::backend::affine::{check_scale_shift, check_scale_shift_gradients};
use crate::backend::{Affine, NormDims, ScaleGradient, ScaleShift};
use crate::error::Result;

impl Affine for Cpu {
    fn scale_shift(&self, operands: ScaleShift<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_scale_shift(self, &operands, y)?;
        if operands.dimensions.channels == 0 {
            return Ok(());
        }
        let kernel = Forward {
            dimensions: operands.dimensions,
            relu: operands.relu,
            scale: operands.scale.map(Floats::as_slice),
            shift: operands.shift.map(Floats::as_slice),
        };
        let read = [operands.x, operands.residual].map(|x| x.map_or(&[][..], Floats::as_blocks));
        let written = [y.as_mut_blocks()];
        self.threads.run(Spread::pixels(
            self.set,
            operands.dimensions,
            kernel,
            read,
            written,
        ));
        Ok(())
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
        let (x, dscale) = dscale.map(|given| (given.x, given.dscale)).unzip();
        let terms = Gradients {
            dimensions,
            x: x.map(Floats::as_blocks),
            dy: dy.as_blocks(),
        };
        let results = [dshift, dscale].map(|d| d.map(Floats::as_mut_slice));
        self.threads
            .run(ChannelSums::new(self.set, dimensions, terms, results));
        Ok(())
    }
}

/// The forward pass: reads x (unless in place) and the residual if present, and writes y.
#[derive(Clone, Copy)]
struct Forward<'a> {
    dimensions: NormDims,
    relu: bool,
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
}

impl Kernel for Spread<'_, Forward<'_>, 2, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            read: [x, residual],
            written: [y],
            ..
        } = self;
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let channels = kernel.dimensions.channels;
        for (number, y) in y.chunks_exact_mut(channels).enumerate() {
            let pixel = number * channels..(number + 1) * channels;
            let (x, residual) = (x.get(pixel.clone()), residual.get(pixel));
            let present = s.load(&kernel.dimensions.present(first + number));
            for (channel, y) in y.iter_mut().enumerate() {
                let x = match x {
                    Some(x) => s.load(&x[channel]),
                    None => s.load(y),
                };
                let scale = match kernel.scale {
                    Some(scale) => s.splat(scale[channel]),
                    None => one,
                };
                let shift = match kernel.shift {
                    Some(shift) => s.splat(shift[channel]),
                    None => zero,
                };
                let mut value = s.fma(scale, x, shift);
                if let Some(residual) = residual {
                    value = s.add(value, s.load(&residual[channel]));
                }
                if kernel.relu {
                    value = s.if_less(value, zero, zero, s.add(value, zero));
                }
                s.store(s.if_less(zero, present, value, zero), y);
            }
        }
    }
}

/// Σ dy and, if x is given, Σ dy·x.
#[derive(Clone, Copy)]
struct Gradients<'a> {
    dimensions: NormDims,
    x: Option<&'a [Block]>,
    dy: &'a [Block],
}

impl Terms for Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let channels = self.dimensions.channels;
        let dy = pixels::<P>(self.dy, pixel, channels, first, lanes.len());
        let x = pixels::<P>(
            self.x.unwrap_or(self.dy),
            pixel,
            channels,
            first,
            lanes.len(),
        );
        for (channel, [shift, scale]) in lanes.iter_mut().enumerate() {
            let (mut sum, mut product) = (s.load(shift), s.load(scale));
            for p in 0..P {
                let dy = s.load(&dy[p][channel]);
                sum = s.add(sum, dy);
                product = s.fma(dy, s.load(&x[p][channel]), product);
            }
            s.store(sum, shift);
            s.store(product, scale);
        }
    }
}
