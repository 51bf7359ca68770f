//! ReLU, gain and optimiser updates, and sums over the elements of a vector.

use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use crate::backend::{AdamStep, summation};
use crate::shape::LANES;

/// A kernel that does the same to every block, under an instruction set: its blocks can be shared
/// out to threads.
pub struct On<K>(pub InstructionSet, pub K);

/// Splits all slices of a kernel at the same block: those that are `read`, and those `written`.
macro_rules! split_by_blocks {
    ($kernel:ident { $($constant:ident),* } read { $($read:ident),* } written { $first:ident $(, $written:ident)* }) => {
        impl Job for On<$kernel<'_>> {
            fn work(&self) -> usize {
                self.1.$first.len() * LANES
            }

            fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
                let $kernel { $($constant,)* $($read,)* $first, $($written,)* } = self.1;
                let at = $first.len() * left / parts;
                $(let $read = $read.split_at(at);)*
                let $first = $first.split_at_mut(at);
                $(let $written = $written.split_at_mut(at);)*
                let before = $kernel {
                    $($constant,)* $($read: $read.0,)* $first: $first.0, $($written: $written.0,)*
                };
                let after = $kernel {
                    $($constant,)* $($read: $read.1,)* $first: $first.1, $($written: $written.1,)*
                };
                Ok((On(self.0, before), On(self.0, after)))
            }

            fn run(self) {
                self.0.run(self.1);
            }
        }
    };
}

split_by_blocks! { Relu {} read {} written { x } }
split_by_blocks! { ReluBackward {} read { y } written { dy } }
split_by_blocks! { Multiply {} read { x } written { y } }
split_by_blocks! { Sgd { learning_rate } read { dw } written { w } }
split_by_blocks! { Momentum { learning_rate, momentum } read { dw } written { w, v } }
split_by_blocks! { Adam { step } read { dw } written { w, m, v } }

/// `x ← max(x, 0)`.
pub struct Relu<'a> {
    pub x: &'a mut [Block],
}

impl Kernel for Relu<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let zero = s.splat(0.0);
        for x in self.x {
            let value = s.load(x);
            // Adding zero makes +0 of −0; NaN is less than nothing and stays.
            s.store(s.if_less(value, zero, zero, s.add(value, zero)), x);
        }
    }
}

/// `dy ← dy where y > 0, else +0`.
pub struct ReluBackward<'a> {
    pub y: &'a [Block],
    pub dy: &'a mut [Block],
}

impl Kernel for ReluBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let zero = s.splat(0.0);
        let beyond_infinity = s.splat_bits(0x7f80_0001);
        for (y, dy) in self.y.iter().zip(self.dy) {
            // y > 0 exactly where its bits less those beyond +∞, and the negative of its bits, are
            // both negative integers. A comparison would be compiled to a masked store, which on
            // Zen 4 is several times as slow.
            let y = s.load(y);
            let both = s.and(s.integer_sub(y, beyond_infinity), s.integer_sub(zero, y));
            let mask = s.integer_sub(zero, s.shift_right::<31>(both));
            s.store(s.and(s.load(dy), mask), dy);
        }
    }
}

/// `y ← fl(x·y)`.
pub struct Multiply<'a> {
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, y) in self.x.iter().zip(self.y) {
            s.store(s.mul(s.load(x), s.load(y)), y);
        }
    }
}

/// `g[i] ← fma(γ, g[i], fma(η, H[i], baseline))`; one H serves all if there is only one.
pub struct GainUpdate<'a> {
    pub gamma: f32,
    pub baseline: f32,
    pub eta: f32,
    pub shared: Option<f32>,
    pub drive: &'a [Block],
    pub g: &'a mut [Block],
}

impl Kernel for GainUpdate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (gamma, eta) = (s.splat(self.gamma), s.splat(self.eta));
        let baseline = s.splat(self.baseline);
        for (i, g) in self.g.iter_mut().enumerate() {
            let drive = match self.shared {
                Some(drive) => s.splat(drive),
                None => s.load(&self.drive[i]),
            };
            let target = s.fma(eta, drive, baseline);
            s.store(s.fma(gamma, s.load(g), target), g);
        }
    }
}

/// `w ← fma(−α, dw, w)`.
pub struct Sgd<'a> {
    pub learning_rate: f32,
    pub dw: &'a [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Sgd<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rate = s.splat(-self.learning_rate);
        for (dw, w) in self.dw.iter().zip(self.w) {
            s.store(s.fma(rate, s.load(dw), s.load(w)), w);
        }
    }
}

/// `v ← fma(μ, v, dw)`, then `w ← fma(−α, v, w)`.
pub struct Momentum<'a> {
    pub learning_rate: f32,
    pub momentum: f32,
    pub dw: &'a [Block],
    pub v: &'a mut [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Momentum<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rate, momentum) = (s.splat(-self.learning_rate), s.splat(self.momentum));
        for ((dw, v), w) in self.dw.iter().zip(self.v).zip(self.w) {
            let velocity = s.fma(momentum, s.load(v), s.load(dw));
            s.store(velocity, v);
            s.store(s.fma(rate, velocity, s.load(w)), w);
        }
    }
}

/// One step of Adam, as [`AdamStep`] says.
pub struct Adam<'a> {
    pub step: AdamStep,
    pub dw: &'a [Block],
    pub m: &'a mut [Block],
    pub v: &'a mut [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Adam<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let AdamStep {
            beta1,
            beta2,
            epsilon,
            rate,
            correction,
        } = self.step;
        let (keep1, take1) = (s.splat(beta1), s.splat(1.0 - beta1));
        let (keep2, take2) = (s.splat(beta2), s.splat(1.0 - beta2));
        let (rate, correction) = (s.splat(rate), s.splat(correction));
        let epsilon = s.splat(epsilon);
        for (((dw, m), v), w) in self.dw.iter().zip(self.m).zip(self.v).zip(self.w) {
            let dw = s.load(dw);
            let mean = s.fma(keep1, s.load(m), s.mul(take1, dw));
            let square = s.fma(keep2, s.load(v), s.mul(s.mul(take2, dw), dw));
            s.store(mean, m);
            s.store(square, v);
            let scale = s.fma(s.sqrt(square), correction, epsilon);
            s.store(s.sub(s.load(w), s.div(s.mul(rate, mean), scale)), w);
        }
    }
}

/// Σ|x| in the shape of [`summation`].
pub struct AbsoluteSum<'a> {
    pub x: &'a [Block],
}

impl Kernel for AbsoluteSum<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let magnitude = s.splat_bits(0x7fff_ffff);
        let mut total = s.splat(0.0);
        for chunk in self.x.chunks(summation::CHUNK) {
            let mut sum = s.splat(0.0);
            for x in chunk {
                sum = s.add(sum, s.and(s.load(x), magnitude));
            }
            total = s.add(total, sum);
        }
        let mut lanes = [0.0; LANES];
        s.store(total, &mut lanes);
        summation::lanes(lanes)
    }
}
