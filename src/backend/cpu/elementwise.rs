//! Element-wise operations.

use core::ops::Range;

use super::math;
use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::{Job, MOVED};
use super::{Cpu, Floats};
use crate::backend::elementwise::{check_copy_blocks, check_gain_update};
use crate::backend::{Binary, Elementwise, Unary, check};
use crate::error::Result;
use crate::shape::LANES;

impl Elementwise for Cpu {
    fn unary(&self, f: Unary, x: &mut Floats) -> Result<()> {
        let blocks = x.as_mut_blocks();
        self.threads.run(On(self.set, Map { f, x: blocks }));
        x.clear_padding();
        Ok(())
    }

    fn binary(&self, f: Binary, x: &Floats, y: &mut Floats) -> Result<()> {
        check::as_long_as(self, f.name(), x, &[("y", y)])?;
        let (x, blocks) = (x.as_blocks(), y.as_mut_blocks());
        self.threads.run(On(self.set, Zip { f, x, y: blocks }));
        y.clear_padding();
        Ok(())
    }

    fn copy_blocks(
        &self,
        x: &Floats,
        range: Range<usize>,
        y: &mut Floats,
        at: usize,
    ) -> Result<()> {
        check_copy_blocks(self, x, &range, y, at)?;
        let y = &mut y.as_mut_blocks()[at..at + range.len()];
        let x = &x.as_blocks()[range];
        let f = Binary::Copy;
        self.threads.run(On(self.set, Zip { f, x, y }));
        Ok(())
    }

    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Floats,
        g: &mut Floats,
    ) -> Result<()> {
        check_gain_update(self, drive, g)?;
        let shared = match drive.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        self.set.run(GainUpdate {
            gamma,
            baseline,
            eta,
            shared,
            drive: drive.as_blocks(),
            g: g.as_mut_blocks(),
        });
        g.clear_padding();
        Ok(())
    }
}

/// An element-wise kernel with its instruction set; its blocks can be distributed over
/// threads.
pub struct On<K>(pub InstructionSet, pub K);

/// Splits all slices of a kernel at the same block: the `read` ones and the `written` ones.
macro_rules! split_by_blocks {
    ($kernel:ident { $($constant:ident),* } read { $($read:ident),* } written { $first:ident $(, $written:ident)* }) => {
        impl Job for On<$kernel<'_>> {
            fn work(&self) -> usize {
                self.1.$first.len() * LANES * MOVED
            }

            fn split(self, left: usize, parts: usize) -> core::result::Result<(Self, Self), Self> {
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
pub(super) use split_by_blocks;

split_by_blocks! { Map { f } read {} written { x } }
split_by_blocks! { Zip { f } read { x } written { y } }

/// `x ← f(x)`.
struct Map<'a> {
    f: Unary,
    x: &'a mut [Block],
}

impl Kernel for Map<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // One loop per operation, without closures: a closure that is not inlined has no instruction set.
        macro_rules! each {
            ($x:ident => $value:expr) => {
                for block in self.x {
                    let $x = s.load(block);
                    s.store($value, block);
                }
            };
        }
        let zero = s.splat(0.0);
        match self.f {
            // Adding zero turns −0 into +0. A comparison with NaN is false, so NaN stays.
            Unary::Relu => each!(x => s.if_less(x, zero, zero, s.add(x, zero))),
            Unary::Gelu => each!(x => math::gelu(s, x)),
            Unary::BoundedTanh => {
                let (half, two) = (s.splat(0.5), s.splat(2.0));
                each!(x => s.mul(two, math::tanh(s, s.mul(x, half))));
            }
            Unary::Scale(a) => {
                let a = s.splat(a);
                each!(x => s.mul(a, x));
            }
        }
    }
}

/// `y ← f(x, y)`.
struct Zip<'a> {
    f: Binary,
    x: &'a [Block],
    y: &'a mut [Block],
}

impl Kernel for Zip<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        macro_rules! each {
            ($x:ident, $y:ident => $value:expr) => {
                for (x, y) in self.x.iter().zip(self.y) {
                    let ($x, $y) = (s.load(x), s.load(y));
                    s.store($value, y);
                }
            };
        }
        match self.f {
            Binary::ReluBackward => {
                let (zero, beyond_infinity) = (s.splat(0.0), s.splat_bits(0x7f80_0001));
                // x > 0 exactly if both bits(x) − (bits(+∞) + 1) and −bits(x) are negative integers.
                // A comparison would compile to a masked store, which is several times slower on Zen 4.
                each!(x, dy => {
                    let both = s.and(s.integer_sub(x, beyond_infinity), s.integer_sub(zero, x));
                    s.and(dy, s.integer_sub(zero, s.shift_right::<31>(both)))
                });
            }
            Binary::GeluBackward => each!(x, dy => s.mul(dy, math::gelu_slope(s, x))),
            Binary::BoundedTanhBackward => {
                let (half, zero, one) = (s.splat(0.5), s.splat(0.0), s.splat(1.0));
                each!(x, dy => {
                    let h = s.mul(x, half);
                    s.mul(dy, s.fma(s.sub(zero, h), h, one))
                });
            }
            Binary::Multiply => each!(x, y => s.mul(x, y)),
            Binary::Axpby { a, b } => {
                let (a, b) = (s.splat(a), s.splat(b));
                each!(x, y => s.fma(a, x, s.mul(b, y)));
            }
            Binary::Copy => self.y.copy_from_slice(self.x),
        }
    }
}

/// `g[i] ← fma(γ, g[i], fma(η, H[i], baseline))`; H holds one value per gain, or a single value for all.
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
