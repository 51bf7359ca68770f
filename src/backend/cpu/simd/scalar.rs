//! The lanes' arithmetic on a single number.

use super::Arithmetic;

/// One lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar;

/// a · b + c, rounded once, on any processor.
#[inline(always)]
pub(super) fn fused(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(feature = "std")]
    return a.mul_add(b, c);
    #[cfg(not(feature = "std"))]
    return libm::fmaf(a, b, c);
}

/// √a, rounded correctly, on any processor.
#[inline(always)]
fn root(a: f32) -> f32 {
    #[cfg(feature = "std")]
    return a.sqrt();
    #[cfg(not(feature = "std"))]
    return libm::sqrtf(a);
}

#[inline(always)]
fn on_bits(a: f32, b: f32, f: impl Fn(u32, u32) -> u32) -> f32 {
    f32::from_bits(f(a.to_bits(), b.to_bits()))
}

impl Arithmetic for Scalar {
    type Vector = f32;

    #[inline(always)]
    fn splat(self, value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32) -> f32 {
        root(a)
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        fused(a, b, c)
    }
    #[inline(always)]
    fn if_less(self, a: f32, b: f32, yes: f32, no: f32) -> f32 {
        if a < b { yes } else { no }
    }
    #[inline(always)]
    fn integer_add(self, a: f32, b: f32) -> f32 {
        on_bits(a, b, u32::wrapping_add)
    }
    #[inline(always)]
    fn integer_sub(self, a: f32, b: f32) -> f32 {
        on_bits(a, b, u32::wrapping_sub)
    }
    #[inline(always)]
    fn shift_left<const COUNT: i32>(self, a: f32) -> f32 {
        f32::from_bits(a.to_bits() << COUNT)
    }
    #[inline(always)]
    fn shift_right<const COUNT: i32>(self, a: f32) -> f32 {
        f32::from_bits(a.to_bits() >> COUNT)
    }
    #[inline(always)]
    fn and(self, a: f32, b: f32) -> f32 {
        on_bits(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: f32, b: f32) -> f32 {
        on_bits(a, b, |a, b| a | b)
    }
}
