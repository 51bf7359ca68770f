//! AVX2 + FMA and AVX-512.
//!
//! Only detection creates an [`Avx2`] or [`Avx512`] token, so holding one proves that the
//! processor runs the instructions. Loads and stores go through references to 16 elements.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::{Arithmetic, Block, Kernel, Simd};
use crate::shape::LANES;

/// AVX2 with FMA: two registers of 8 lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

/// AVX-512 F: one register of 16 lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

macro_rules! detected {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let found = $(std::arch::is_x86_feature_detected!($feature))&&+;
        // Run-time detection needs the standard library; without it, the build's target features decide.
        #[cfg(not(feature = "std"))]
        let found = $(cfg!(target_feature = $feature))&&+;
        found
    }};
}

impl Avx2 {
    /// The token, if the processor runs AVX2 and FMA.
    pub fn detect() -> Option<Self> {
        detected!("avx2", "fma").then_some(Avx2(()))
    }

    /// Runs a kernel compiled for AVX2 and FMA.
    #[inline]
    pub fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enter<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so `detect` found AVX2 and FMA on this processor.
        unsafe { enter(self, kernel) }
    }
}

impl Avx512 {
    /// The token, if the processor runs AVX-512 F.
    pub fn detect() -> Option<Self> {
        detected!("avx512f", "avx2", "fma").then_some(Avx512(()))
    }

    /// Runs a kernel compiled for AVX-512 F.
    #[inline]
    pub fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn enter<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so `detect` found AVX-512 F, AVX2 and FMA on this processor.
        unsafe { enter(self, kernel) }
    }
}

/// Adds the halves of two vectors, and puts both results side by side in one.
macro_rules! halves {
    ($vector:ty, $add:ident: $($name:ident = $shuffle:ident($low:literal, $high:literal);)+) => {$(
        #[inline(always)]
        fn $name(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: `self` proves the instruction set; the operations touch registers only.
            unsafe { $add($shuffle::<$low>(a, b), $shuffle::<$high>(a, b)) }
        }
    )+};
}

impl Avx512 {
    halves! { __m512, _mm512_add_ps:
        eighths = _mm512_shuffle_f32x4(0x44, 0xee); // l + (l+8)
        fourths = _mm512_shuffle_f32x4(0x88, 0xdd); // l + (l+4)
        seconds = _mm512_shuffle_ps(0x44, 0xee); // l + (l+2)
        firsts = _mm512_shuffle_ps(0x88, 0xdd); // l + (l+1)
    }

    /// Vectors j, j+4, j+8 and j+12, reduced to 4 lanes each; they end at the same position in the
    /// four quarters.
    #[inline(always)]
    fn quarter(self, v: &[__m512; LANES], j: usize) -> __m512 {
        self.fourths(
            self.eighths(v[j], v[j + 4]),
            self.eighths(v[j + 8], v[j + 12]),
        )
    }
}

impl Avx2 {
    halves! { __m256, _mm256_add_ps:
        fourths = _mm256_permute2f128_ps(0x20, 0x31); // l + (l+4)
        seconds = _mm256_shuffle_ps(0x44, 0xee); // l + (l+2)
        firsts = _mm256_shuffle_ps(0x88, 0xdd); // l + (l+1)
    }

    /// Vectors j and j+4, reduced to 4 lanes each; they end at the same position in the two halves.
    #[inline(always)]
    fn half(self, v: &[[__m256; 2]; LANES], j: usize) -> __m256 {
        let [a, b] = [v[j], v[j + 4]];
        // SAFETY: `self` proves AVX2; the operations touch registers only. l + (l+8).
        let (a, b) = unsafe { (_mm256_add_ps(a[0], a[1]), _mm256_add_ps(b[0], b[1])) };
        self.fourths(a, b)
    }

    /// The sums of vectors j to j+7.
    #[inline(always)]
    fn eight(self, v: &[[__m256; 2]; LANES], j: usize) -> __m256 {
        self.firsts(
            self.seconds(self.half(v, j), self.half(v, j + 1)),
            self.seconds(self.half(v, j + 2), self.half(v, j + 3)),
        )
    }
}

/// Implements one operation by an intrinsic that touches registers only.
macro_rules! avx512 {
    ($($name:ident($($argument:ident),+) = $body:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($argument: __m512),+) -> __m512 {
            // SAFETY: `self` proves AVX-512 F; the operation touches registers only.
            unsafe { $body }
        }
    )+};
}

impl Simd for Avx512 {
    // 24 accumulators, 3 vectors of samples and a broadcast weight: 28 of 32 registers.
    const TILE_OUTPUTS: usize = 8;
    const TILE_BLOCKS: usize = 3;

    #[inline(always)]
    fn load(self, from: &Block) -> __m512 {
        // SAFETY: `self` proves AVX-512 F; `from` is a reference to 16 numbers.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, vector: __m512, to: &mut Block) {
        // SAFETY: `self` proves AVX-512 F; `to` is an exclusive reference to 16 numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) }
    }
    #[inline(always)]
    fn prefetch(self, block: &Block) {
        // SAFETY: SSE is part of x86-64; a prefetch of a reference's address reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(block.as_ptr().cast()) }
    }
    #[inline(always)]
    fn sums(self, v: [__m512; LANES]) -> __m512 {
        self.firsts(
            self.seconds(self.quarter(&v, 0), self.quarter(&v, 1)),
            self.seconds(self.quarter(&v, 2), self.quarter(&v, 3)),
        )
    }
}

impl Arithmetic for Avx512 {
    type Vector = __m512;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512 F; the operation touches registers only.
        unsafe { _mm512_set1_ps(value) }
    }
    avx512! {
        add(a, b) = _mm512_add_ps(a, b);
        sub(a, b) = _mm512_sub_ps(a, b);
        mul(a, b) = _mm512_mul_ps(a, b);
        div(a, b) = _mm512_div_ps(a, b);
        sqrt(a) = _mm512_sqrt_ps(a);
        fma(a, b, c) = _mm512_fmadd_ps(a, b, c);
        if_less(a, b, yes, no) =
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes);
        integer_add(a, b) = _mm512_castsi512_ps(_mm512_add_epi32(
            _mm512_castps_si512(a), _mm512_castps_si512(b)));
        integer_sub(a, b) = _mm512_castsi512_ps(_mm512_sub_epi32(
            _mm512_castps_si512(a), _mm512_castps_si512(b)));
        and(a, b) = _mm512_castsi512_ps(_mm512_and_si512(
            _mm512_castps_si512(a), _mm512_castps_si512(b)));
        or(a, b) = _mm512_castsi512_ps(_mm512_or_si512(
            _mm512_castps_si512(a), _mm512_castps_si512(b)));
    }
    #[inline(always)]
    fn shift_left<const COUNT: i32>(self, a: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512 F; the operation touches registers only.
        unsafe {
            let count = _mm_cvtsi32_si128(COUNT);
            _mm512_castsi512_ps(_mm512_sll_epi32(_mm512_castps_si512(a), count))
        }
    }
    #[inline(always)]
    fn shift_right<const COUNT: i32>(self, a: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512 F; the operation touches registers only.
        unsafe {
            let count = _mm_cvtsi32_si128(COUNT);
            _mm512_castsi512_ps(_mm512_srl_epi32(_mm512_castps_si512(a), count))
        }
    }
}

/// Implements one operation on both halves by an intrinsic that touches registers only.
macro_rules! avx2 {
    ($($name:ident($($argument:ident),+) = $body:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($argument: [__m256; 2]),+) -> [__m256; 2] {
            // SAFETY: `self` proves AVX2 and FMA; the operation touches registers only.
            unsafe { [
                { $(let $argument = $argument[0];)+ $body },
                { $(let $argument = $argument[1];)+ $body },
            ] }
        }
    )+};
}

impl Simd for Avx2 {
    // 8 accumulators suffice for two chains with a latency of 4 cycles. With 12, the compiler loads all
    // weights of a term first and runs out of the 16 registers.
    const TILE_OUTPUTS: usize = 4;
    const TILE_BLOCKS: usize = 1;

    #[inline(always)]
    fn load(self, from: &Block) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; `from` is a reference to 16 numbers, read as 8 and 8.
        unsafe {
            [
                _mm256_loadu_ps(from.as_ptr()),
                _mm256_loadu_ps(from.as_ptr().add(8)),
            ]
        }
    }
    #[inline(always)]
    fn store(self, vector: [__m256; 2], to: &mut Block) {
        // SAFETY: `self` proves AVX2; `to` is an exclusive reference to 16 numbers, written as 8
        // and 8.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), vector[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), vector[1]);
        }
    }
    #[inline(always)]
    fn prefetch(self, block: &Block) {
        // SAFETY: SSE is part of x86-64; a prefetch of a reference's address reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(block.as_ptr().cast()) }
    }
    #[inline(always)]
    fn sums(self, v: [[__m256; 2]; LANES]) -> [__m256; 2] {
        [self.eight(&v, 0), self.eight(&v, 8)]
    }
}

impl Arithmetic for Avx2 {
    type Vector = [__m256; 2];

    #[inline(always)]
    fn splat(self, value: f32) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; the operation touches registers only.
        [unsafe { _mm256_set1_ps(value) }; 2]
    }
    avx2! {
        add(a, b) = _mm256_add_ps(a, b);
        sub(a, b) = _mm256_sub_ps(a, b);
        mul(a, b) = _mm256_mul_ps(a, b);
        div(a, b) = _mm256_div_ps(a, b);
        sqrt(a) = _mm256_sqrt_ps(a);
        fma(a, b, c) = _mm256_fmadd_ps(a, b, c);
        if_less(a, b, yes, no) = _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
        integer_add(a, b) = _mm256_castsi256_ps(_mm256_add_epi32(
            _mm256_castps_si256(a), _mm256_castps_si256(b)));
        integer_sub(a, b) = _mm256_castsi256_ps(_mm256_sub_epi32(
            _mm256_castps_si256(a), _mm256_castps_si256(b)));
        and(a, b) = _mm256_and_ps(a, b);
        or(a, b) = _mm256_or_ps(a, b);
    }
    #[inline(always)]
    fn shift_left<const COUNT: i32>(self, a: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; the operation touches registers only.
        unsafe {
            let shift = _mm256_slli_epi32::<COUNT>(_mm256_castps_si256(a[0]));
            let other = _mm256_slli_epi32::<COUNT>(_mm256_castps_si256(a[1]));
            [_mm256_castsi256_ps(shift), _mm256_castsi256_ps(other)]
        }
    }
    #[inline(always)]
    fn shift_right<const COUNT: i32>(self, a: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` proves AVX2; the operation touches registers only.
        unsafe {
            let shift = _mm256_srli_epi32::<COUNT>(_mm256_castps_si256(a[0]));
            let other = _mm256_srli_epi32::<COUNT>(_mm256_castps_si256(a[1]));
            [_mm256_castsi256_ps(shift), _mm256_castsi256_ps(other)]
        }
    }
}
