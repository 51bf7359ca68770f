//! Scale and shift of each channel, and their gradients.

use super::normalisation::sums::{Lanes, Terms, of_channels, over_pixels, pixels, store_some};
use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use super::{Cpu, Floats, scratch};
use crate::backend::affine::{check_scale_shift, check_scale_shift_gradients};
use crate::backend::{Affine, Normalisation, ScaleGradient, ScaleShift};
use crate::error::Result;
use crate::shape::LANES;

impl Affine for Cpu {
    fn scale_shift(&self, operands: ScaleShift<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_scale_shift(self, &operands, y)?;
        if operands.dimensions.channels == 0 {
            return Ok(());
        }
        self.threads.run(Forward {
            set: self.set,
            dimensions: operands.dimensions,
            relu: operands.relu,
            scale: operands.scale.map(Floats::as_slice),
            shift: operands.shift.map(Floats::as_slice),
            x: operands.x.map(Floats::as_blocks),
            residual: operands.residual.map(Floats::as_blocks),
            first: 0,
            y: y.as_mut_blocks(),
        });
        Ok(())
    }

    fn scale_shift_gradients(
        &self,
        dimensions: Normalisation,
        dy: &Floats,
        dscale: Option<ScaleGradient<'_, Floats>>,
        dshift: Option<&mut Floats>,
    ) -> Result<()> {
        let (scale, shift) = (dscale.as_ref(), dshift.as_deref());
        check_scale_shift_gradients(self, dimensions, dy, scale, shift)?;
        let (x, dscale) = dscale.map(|given| (given.x, given.dscale)).unzip();
        self.threads.run(Gradients {
            set: self.set,
            dimensions,
            x: x.map(Floats::as_blocks),
            dy: dy.as_blocks(),
            first: 0,
            channels: dimensions.channels,
            dscale: dscale.map(Floats::as_mut_slice),
            dshift: dshift.map(Floats::as_mut_slice),
        });
        Ok(())
    }
}

/// y of pixels `first..`, counted through all blocks.
struct Forward<'a> {
    set: InstructionSet,
    dimensions: Normalisation,
    relu: bool,
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
    x: Option<&'a [Block]>,
    residual: Option<&'a [Block]>,
    first: usize,
    y: &'a mut [Block],
}

impl Job for Forward<'_> {
    fn work(&self) -> usize {
        self.y.len() * LANES
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let channels = self.dimensions.channels;
        let pixels = self.y.len() / channels * left / parts;
        if pixels == 0 {
            return Err(self);
        }
        let at = pixels * channels;
        let (x, later_x) = self.x.map(|x| x.split_at(at)).unzip();
        let (residual, later_residual) = self.residual.map(|r| r.split_at(at)).unzip();
        let (y, later_y) = self.y.split_at_mut(at);
        let first = Forward {
            x,
            residual,
            y,
            ..self
        };
        let rest = Forward {
            x: later_x,
            residual: later_residual,
            first: self.first + pixels,
            y: later_y,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let channels = self.dimensions.channels;
        for (number, y) in self.y.chunks_exact_mut(channels).enumerate() {
            let x = self.x.map(|x| &x[number * channels..][..channels]);
            let residual = self.residual.map(|r| &r[number * channels..][..channels]);
            let present = s.load(&self.dimensions.present(self.first + number));
            for (channel, y) in y.iter_mut().enumerate() {
                let x = match x {
                    Some(x) => s.load(&x[channel]),
                    None => s.load(y),
                };
                let scale = match self.scale {
                    Some(scale) => s.splat(scale[channel]),
                    None => one,
                };
                let shift = match self.shift {
                    Some(shift) => s.splat(shift[channel]),
                    None => zero,
                };
                let mut value = s.fma(scale, x, shift);
                if let Some(residual) = residual {
                    value = s.add(value, s.load(&residual[channel]));
                }
                if self.relu {
                    value = s.if_less(value, zero, zero, s.add(value, zero));
                }
                s.store(s.if_less(zero, present, value, zero), y);
            }
        }
    }
}

/// Σ dy·x and Σ dy for channels `first..first + channels`.
struct Gradients<'a> {
    set: InstructionSet,
    dimensions: Normalisation,
    x: Option<&'a [Block]>,
    dy: &'a [Block],
    first: usize,
    channels: usize,
    dscale: Option<&'a mut [f32]>,
    dshift: Option<&'a mut [f32]>,
}

impl Job for Gradients<'_> {
    fn work(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels * self.channels
    }

    fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
        let channels = self.channels * left / parts;
        if channels == 0 {
            return Err(self);
        }
        let (dscale, later_scale) = self.dscale.map(|d| d.split_at_mut(channels)).unzip();
        let (dshift, later_shift) = self.dshift.map(|d| d.split_at_mut(channels)).unzip();
        let first = Gradients {
            channels,
            dscale,
            dshift,
            ..self
        };
        let rest = Gradients {
            first: self.first + channels,
            channels: self.channels - channels,
            dscale: later_scale,
            dshift: later_shift,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        scratch::with(4 * self.channels, |lanes| {
            let (lanes, _) = lanes.as_chunks_mut();
            let set = self.set;
            set.run(Reduce {
                operands: self,
                lanes,
            });
        });
    }
}

struct Reduce<'a> {
    operands: Gradients<'a>,
    lanes: &'a mut [Lanes],
}

impl Terms for Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, lanes: &mut [Lanes]) {
        let channels = self.dimensions.channels;
        let dy = pixels::<P>(self.dy, pixel, channels, self.first, lanes.len());
        let x = pixels::<P>(
            self.x.unwrap_or(self.dy),
            pixel,
            channels,
            self.first,
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

impl Kernel for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let dimensions = self.operands.dimensions;
        let pixels = dimensions.samples.div_ceil(LANES) * dimensions.pixels;
        let sums = over_pixels(s, &self.operands, pixels, self.lanes);
        for (group, sums) in sums.chunks(LANES).enumerate() {
            let [shift, scale] = of_channels(s, sums);
            if let Some(dscale) = &mut self.operands.dscale {
                store_some(s, scale, &mut dscale[group * LANES..]);
            }
            if let Some(dshift) = &mut self.operands.dshift {
                store_some(s, shift, &mut dshift[group * LANES..]);
            }
        }
    }
}
