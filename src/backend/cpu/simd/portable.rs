//! The portable set: `wide`'s vectors, which are NEON on AArch64. Without a vector FMA, fused multiply-adds are made of
//! operations on vectors of f64.

use wide::{f32x16, u32x16};

use super::fused::fused_in_double;
use super::{Arithmetic, Block, Kernel, Simd, arm};
use crate::backend::summation;
use crate::shape::LANES;

/// The set that every processor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portable;

impl Portable {
    /// The token. There is nothing to detect.
    pub fn detect() -> Option<Self> {
        Some(Portable)
    }

    /// Runs a kernel compiled for this set.
    #[inline]
    pub fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

#[inline(always)]
fn bits(a: f32x16) -> u32x16 {
    u32x16::new(a.to_array().map(f32::to_bits))
}

#[inline(always)]
fn floats(a: u32x16) -> f32x16 {
    f32x16::new(a.to_array().map(f32::from_bits))
}

#[inline(always)]
fn zip(a: Block, b: Block, f: impl Fn(f32, f32) -> f32) -> Block {
    core::array::from_fn(|lane| f(a[lane], b[lane]))
}

impl Simd for Portable {
    const TILE_OUTPUTS: usize = 4;
    const TILE_BLOCKS: usize = 1;

    #[inline(always)]
    fn load(self, from: &Block) -> f32x16 {
        f32x16::new(*from)
    }
    #[inline(always)]
    fn store(self, vector: f32x16, to: &mut Block) {
        *to = vector.to_array();
    }
    #[inline(always)]
    fn prefetch(self, _: &Block) {}
    #[inline(always)]
    fn sums(self, vectors: [f32x16; LANES]) -> f32x16 {
        f32x16::new(vectors.map(|vector| summation::lanes(vector.to_array())))
    }
}

impl Arithmetic for Portable {
    type Vector = f32x16;

    #[inline(always)]
    fn splat(self, value: f32) -> f32x16 {
        f32x16::splat(value)
    }
    #[inline(always)]
    fn add(self, a: f32x16, b: f32x16) -> f32x16 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32x16, b: f32x16) -> f32x16 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32x16, b: f32x16) -> f32x16 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32x16) -> f32x16 {
        a.sqrt()
    }
    #[inline(always)]
    fn fma(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
        // `wide` rounds twice if the target has no vector FMA.
        if cfg!(any(
            target_feature = "fma",
            all(target_arch = "aarch64", target_feature = "neon")
        )) {
            return a.mul_add(b, c);
        }
        let (a, b, c) = (a.to_array(), b.to_array(), c.to_array());
        let fused = arm::fused(&a, &b, &c);
        f32x16::new(fused.unwrap_or_else(|| fused_in_double(&a, &b, &c)))
    }
    #[inline(always)]
    fn if_less(self, a: f32x16, b: f32x16, yes: f32x16, no: f32x16) -> f32x16 {
        let (a, b, yes, no) = (a.to_array(), b.to_array(), yes.to_array(), no.to_array());
        f32x16::new(core::array::from_fn(|lane| {
            if a[lane] < b[lane] {
                yes[lane]
            } else {
                no[lane]
            }
        }))
    }
    #[inline(always)]
    fn integer_add(self, a: f32x16, b: f32x16) -> f32x16 {
        floats(bits(a) + bits(b))
    }
    #[inline(always)]
    fn integer_sub(self, a: f32x16, b: f32x16) -> f32x16 {
        floats(bits(a) - bits(b))
    }
    #[inline(always)]
    fn shift_left<const COUNT: i32>(self, a: f32x16) -> f32x16 {
        f32x16::new(a.to_array().map(|a| f32::from_bits(a.to_bits() << COUNT)))
    }
    #[inline(always)]
    fn shift_right<const COUNT: i32>(self, a: f32x16) -> f32x16 {
        f32x16::new(a.to_array().map(|a| f32::from_bits(a.to_bits() >> COUNT)))
    }
    #[inline(always)]
    fn and(self, a: f32x16, b: f32x16) -> f32x16 {
        let and = |a: f32, b: f32| f32::from_bits(a.to_bits() & b.to_bits());
        f32x16::new(zip(a.to_array(), b.to_array(), and))
    }
    #[inline(always)]
    fn or(self, a: f32x16, b: f32x16) -> f32x16 {
        let or = |a: f32, b: f32| f32::from_bits(a.to_bits() | b.to_bits());
        f32x16::new(zip(a.to_array(), b.to_array(), or))
    }
}
