//! NEON, the vectors of AArch64.
//!
//! Only detection creates a [`Neon`] token, so holding one proves that the processor runs the instructions. Loads and
//! stores convert 16 elements by value, without a pointer. (The intrinsics that take one check it where debug
//! assertions are on, in the innermost loops.)
#![allow(unsafe_code)]

use core::arch::aarch64::*;
use core::mem::transmute;

use super::{Arithmetic, Block, Kernel, Simd};
use crate::shape::LANES;

/// NEON: four registers of 4 lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neon(());

impl Neon {
    /// The token, if the processor runs NEON, as all processors of the usual AArch64 targets do.
    pub fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        let found = std::arch::is_aarch64_feature_detected!("neon");
        // Run-time detection needs the standard library; without it, the build's target features decide.
        #[cfg(not(feature = "std"))]
        let found = cfg!(target_feature = "neon");
        found.then_some(Neon(()))
    }

    /// Runs a kernel compiled for NEON.
    #[inline]
    pub fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn enter<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so `detect` found NEON on this processor.
        unsafe { enter(self, kernel) }
    }

    /// A vector's lanes reduced to 4: l + (l+8), then l + (l+4).
    #[inline(always)]
    fn fourths(self, v: [float32x4_t; 4]) -> float32x4_t {
        // SAFETY: `self` proves NEON; the operations touch registers only.
        unsafe { vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3])) }
    }

    /// Two vectors of 4 lanes, reduced to 2 lanes each, side by side: l + (l+2).
    #[inline(always)]
    fn seconds(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON; the operations touch registers only.
        unsafe {
            let low = vcombine_f32(vget_low_f32(a), vget_low_f32(b));
            let high = vcombine_f32(vget_high_f32(a), vget_high_f32(b));
            vaddq_f32(low, high)
        }
    }

    /// The sums of vectors j to j+3.
    #[inline(always)]
    fn four(self, v: &[[float32x4_t; 4]; LANES], j: usize) -> float32x4_t {
        let [a, b, c, d] = [v[j], v[j + 1], v[j + 2], v[j + 3]].map(
            #[inline(always)]
            |v| self.fourths(v),
        );
        let (first, last) = (self.seconds(a, b), self.seconds(c, d));
        // SAFETY: `self` proves NEON; the operation touches registers only. l + (l+1).
        unsafe { vpaddq_f32(first, last) }
    }
}

impl Simd for Neon {
    // 16 accumulators, a vector of samples and the weights, each multiplied as one lane of its register: of 32
    // registers, as many vectors as with AVX2.
    const TILE_OUTPUTS: usize = 4;
    const TILE_BLOCKS: usize = 1;

    #[inline(always)]
    fn load(self, from: &Block) -> [float32x4_t; 4] {
        // SAFETY: 64 bytes by value, of types that allow all bits; lanes ascend in memory on a little-endian target.
        unsafe { transmute::<Block, [float32x4_t; 4]>(*from) }
    }
    #[inline(always)]
    fn store(self, vector: [float32x4_t; 4], to: &mut Block) {
        // SAFETY: as in `load`.
        *to = unsafe { transmute::<[float32x4_t; 4], Block>(vector) };
    }
    /// Does nothing: Rust has no stable intrinsic for it on AArch64.
    #[inline(always)]
    fn prefetch(self, _: &Block) {}
    #[inline(always)]
    fn sums(self, v: [[float32x4_t; 4]; LANES]) -> [float32x4_t; 4] {
        [
            self.four(&v, 0),
            self.four(&v, 4),
            self.four(&v, 8),
            self.four(&v, 12),
        ]
    }
}

/// Implements one operation on all four registers by an intrinsic that touches registers only.
macro_rules! neon {
    ($($name:ident $(<const $count:ident: i32>)? ($($argument:ident),+) = $body:expr;)+) => {$(
        #[inline(always)]
        fn $name $(<const $count: i32>)? (self, $($argument: [float32x4_t; 4]),+) -> [float32x4_t; 4] {
            // SAFETY: `self` proves NEON; the operation touches registers only.
            unsafe { [
                { $(let $argument = $argument[0];)+ $body },
                { $(let $argument = $argument[1];)+ $body },
                { $(let $argument = $argument[2];)+ $body },
                { $(let $argument = $argument[3];)+ $body },
            ] }
        }
    )+};
}

/// An operation on the bits of each lane.
macro_rules! on_bits {
    ($operation:ident $(::<$count:ident>)? ($($argument:ident),+)) => {
        vreinterpretq_f32_u32($operation $(::<$count>)? ($(vreinterpretq_u32_f32($argument)),+))
    };
}

impl Arithmetic for Neon {
    type Vector = [float32x4_t; 4];

    #[inline(always)]
    fn splat(self, value: f32) -> [float32x4_t; 4] {
        // SAFETY: `self` proves NEON; the operation touches registers only.
        [unsafe { vdupq_n_f32(value) }; 4]
    }
    neon! {
        add(a, b) = vaddq_f32(a, b);
        sub(a, b) = vsubq_f32(a, b);
        mul(a, b) = vmulq_f32(a, b);
        div(a, b) = vdivq_f32(a, b);
        sqrt(a) = vsqrtq_f32(a);
        fma(a, b, c) = vfmaq_f32(c, a, b);
        if_less(a, b, yes, no) = vbslq_f32(vcltq_f32(a, b), yes, no);
        integer_add(a, b) = on_bits!(vaddq_u32(a, b));
        integer_sub(a, b) = on_bits!(vsubq_u32(a, b));
        shift_left<const COUNT: i32>(a) = on_bits!(vshlq_n_u32::<COUNT>(a));
        shift_right<const COUNT: i32>(a) = on_bits!(vshrq_n_u32::<COUNT>(a));
        and(a, b) = on_bits!(vandq_u32(a, b));
        or(a, b) = on_bits!(vorrq_u32(a, b));
    }
}
