//! The modulated activity of a layer, and its gradient.

use super::super::Floats;
use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::{LongSums, clear_from, in_block};
use crate::backend::modulations::SIGNALS;
use crate::backend::{ModulatedActivity, Modulation, summation};
use crate::shape::LANES;

/// The signals of all neurons.
#[derive(Clone, Copy)]
pub struct Signals<'a> {
    dims: Modulation,
    blocks: &'a [Block],
}

impl<'a> Signals<'a> {
    pub fn new(dims: Modulation, signals: &'a Floats) -> Self {
        let blocks = signals.as_blocks();
        Signals { dims, blocks }
    }

    /// The signals of a channel, for the 16 samples of a block.
    #[inline(always)]
    fn get<S: Simd>(&self, s: S, block: usize, channel: usize) -> [S::Vector; SIGNALS] {
        let neuron = self.dims.first + channel;
        if self.dims.per_sample {
            let at = (block * self.dims.neurons + neuron) * SIGNALS;
            core::array::from_fn(|signal| s.load(&self.blocks[at + signal]))
        } else {
            let at = neuron / LANES * SIGNALS;
            core::array::from_fn(|signal| s.splat(self.blocks[at + signal][neuron % LANES]))
        }
    }
}

/// The forward pass, for pixels: reads u and v; writes z and, if it is there, h.
#[derive(Clone, Copy)]
pub struct Forward<'a>(pub Signals<'a>);

impl Kernel for Spread<'_, Forward<'_>, 2, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Forward(signals),
            first,
            read: [u, v],
            written: [z, h],
            ..
        } = self;
        let Modulation {
            layer, activity, ..
        } = signals.dims;
        let zero = s.splat(0.0);
        for (number, z) in z.chunks_exact_mut(layer.channels).enumerate() {
            let pixel = number * layer.channels..(number + 1) * layer.channels;
            let mut h = h.get_mut(pixel.clone());
            let block = (first + number) / layer.pixels;
            let both = u[pixel.clone()].iter().zip(&v[pixel]);
            for (channel, (z, (u, v))) in z.iter_mut().zip(both).enumerate() {
                let [fast, slow, a, b] = signals.get(s, block, channel);
                let (u, v) = (s.load(u), s.load(v));
                let value = s.fma(slow, v, s.fma(fast, u, u));
                s.store(value, z);
                let (Some(h), Some(activity)) = (&mut h, activity) else {
                    continue;
                };
                let r = s.if_less(value, zero, zero, s.add(value, zero));
                let result = match activity {
                    ModulatedActivity::Linearity => s.fma(b, value, s.fma(a, r, r)),
                    ModulatedActivity::Offset => s.add(s.fma(a, r, r), b),
                    ModulatedActivity::LinearityOffset => s.add(s.fma(a, value, r), b),
                };
                s.store(result, &mut h[channel]);
            }
            let present = layer.count(first + number);
            clear_from(present, z);
            clear_from(present, h.unwrap_or_default());
        }
    }
}

/// The gradient with respect to z.
#[inline(always)]
fn to_z<S: Simd>(
    s: S,
    activity: Option<ModulatedActivity>,
    [a, b]: [S::Vector; 2],
    (z, dh): (S::Vector, S::Vector),
) -> S::Vector {
    let zero = s.splat(0.0);
    let above = s.if_less(zero, z, dh, zero);
    match activity {
        None => dh,
        Some(ModulatedActivity::Linearity) => s.fma(b, dh, s.fma(a, above, above)),
        Some(ModulatedActivity::Offset) => s.fma(a, above, above),
        Some(ModulatedActivity::LinearityOffset) => s.fma(a, dh, above),
    }
}

/// The gradients with respect to u and v, for pixels: reads z and dh; writes du and dv.
#[derive(Clone, Copy)]
pub struct Backward<'a>(pub Signals<'a>);

impl Kernel for Spread<'_, Backward<'_>, 2, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Backward(signals),
            first,
            count,
            read: [z, dh],
            written: [du, dv],
            ..
        } = self;
        let Modulation {
            layer, activity, ..
        } = signals.dims;
        for number in 0..count {
            let pixel = number * layer.channels..(number + 1) * layer.channels;
            let (z, dh) = (&z[pixel.clone()], &dh[pixel.clone()]);
            let (du, dv) = (&mut du[pixel.clone()], &mut dv[pixel]);
            let block = (first + number) / layer.pixels;
            let read = z.iter().zip(dh);
            for (channel, ((z, dh), (du, dv))) in read.zip(du.iter_mut().zip(&mut *dv)).enumerate()
            {
                let [fast, slow, a, b] = signals.get(s, block, channel);
                let dz = to_z(s, activity, [a, b], (s.load(z), s.load(dh)));
                s.store(s.fma(fast, dz, dz), du);
                s.store(s.mul(slow, dz), dv);
            }
            let present = layer.count(first + number);
            clear_from(present, du);
            clear_from(present, dv);
        }
    }
}

/// The activations that the gradients of the signals depend on.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    pub u: &'a [Block],
    pub v: &'a [Block],
    pub z: &'a [Block],
    pub dh: &'a [Block],
}

/// The gradients with respect to the signals: writes dsignals, for blocks of neurons or, per sample, of samples.
#[derive(Clone, Copy)]
pub struct Gradients<'a> {
    pub signals: Signals<'a>,
    pub read: Kept<'a>,
}

impl Gradients<'_> {
    /// The sums with the terms of one pixel of a channel added.
    #[inline(always)]
    fn add<S: Simd>(
        &self,
        s: S,
        at: usize,
        [a, b]: [S::Vector; 2],
        [fast, slow, third, fourth]: [S::Vector; SIGNALS],
    ) -> [S::Vector; SIGNALS] {
        let Kept { u, v, z, dh } = self.read;
        let (z, dh) = (s.load(&z[at]), s.load(&dh[at]));
        let zero = s.splat(0.0);
        let dz = to_z(s, self.signals.dims.activity, [a, b], (z, dh));
        let r = s.if_less(z, zero, zero, s.add(z, zero));
        let [third, fourth] = match self.signals.dims.activity {
            None => [third, fourth],
            Some(ModulatedActivity::Linearity) => [s.fma(dh, r, third), s.fma(dh, z, fourth)],
            Some(ModulatedActivity::Offset) => [s.fma(dh, r, third), s.add(fourth, dh)],
            Some(ModulatedActivity::LinearityOffset) => [s.fma(dh, z, third), s.add(fourth, dh)],
        };
        let (u, v) = (s.load(&u[at]), s.load(&v[at]));
        [s.fma(dz, u, fast), s.fma(dz, v, slow), third, fourth]
    }

    /// Channel by channel, over all samples and pixels.
    #[inline(always)]
    fn over_samples<S: Simd>(&self, s: S, block: usize, to: &mut [Block]) {
        let Modulation { layer, first, .. } = self.signals.dims;
        let neurons = first.max(block * LANES)..(first + layer.channels).min((block + 1) * LANES);
        for neuron in neurons {
            let channel = neuron - first;
            let [.., a, b] = self.signals.get(s, 0, channel);
            let mut sums = LongSums::<S, SIGNALS>::new(s);
            for pixel in 0..layer.all_pixels() {
                sums.enter(s, pixel);
                let at = pixel * layer.channels + channel;
                sums.chunk = self.add(s, at, [a, b], sums.chunk);
            }
            let sums = sums.after(s, layer.all_pixels());
            for (to, sum) in to.iter_mut().zip(sums) {
                let mut lanes = [0.0; LANES];
                s.store(sum, &mut lanes);
                to[neuron % LANES] = summation::lanes(lanes);
            }
        }
    }

    /// For each sample of a block, over the pixels.
    #[inline(always)]
    fn over_pixels<S: Simd>(&self, s: S, block: usize, to: &mut [Block]) {
        let Modulation { layer, first, .. } = self.signals.dims;
        let present = in_block(layer.samples, block);
        for channel in 0..layer.channels {
            let [.., a, b] = self.signals.get(s, block, channel);
            let mut sums = [s.splat(0.0); SIGNALS];
            for pixel in block * layer.pixels..(block + 1) * layer.pixels {
                sums = self.add(s, pixel * layer.channels + channel, [a, b], sums);
            }
            let to = &mut to[(first + channel) * SIGNALS..][..SIGNALS];
            for (to, sum) in to.iter_mut().zip(sums) {
                s.store(sum, to);
            }
            clear_from(present, to);
        }
    }
}

impl Kernel for Spread<'_, Gradients<'_>, 0, 1> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            count,
            written: [dsignals],
            ..
        } = self;
        let each = dsignals.len() / count.max(1);
        for (number, to) in dsignals.chunks_exact_mut(each.max(1)).enumerate() {
            if kernel.signals.dims.per_sample {
                kernel.over_pixels(s, first + number, to);
            } else {
                kernel.over_samples(s, first + number, to);
            }
        }
    }
}
