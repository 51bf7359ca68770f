//! ReLU, products and gain updates, number by number.

use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::Job;
use super::{Cpu, Floats};
use crate::backend::elementwise::check_gain_update;
use crate::backend::{Elementwise, check};
use crate::error::Result;
use crate::shape::LANES;

impl Elementwise for Cpu {
    fn relu(&self, x: &mut Floats) -> Result<()> {
        self.threads.run(On(
            self.set,
            Relu {
                x: x.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn relu_backward(&self, y: &Floats, dy: &mut Floats) -> Result<()> {
        check::as_long_as(self, "relu backward", y, &[("dy", dy)])?;
        self.threads.run(On(
            self.set,
            ReluBackward {
                y: y.as_blocks(),
                dy: dy.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn multiply(&self, x: &Floats, y: &mut Floats) -> Result<()> {
        check::as_long_as(self, "multiply", x, &[("y", y)])?;
        self.threads.run(On(
            self.set,
            Multiply {
                x: x.as_blocks(),
                y: y.as_mut_blocks(),
            },
        ));
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

split_by_blocks! { Relu {} read {} written { x } }
split_by_blocks! { ReluBackward {} read { y } written { dy } }
split_by_blocks! { Multiply {} read { x } written { y } }

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
