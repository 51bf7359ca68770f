//! exp and ln on 16 lanes: polynomials with explicit fused multiply-adds in a fixed order.

use super::simd::Simd;

/// eˣ for x ≤ 0, as softmax needs it; 0 below −87.
///
/// x = n·ln 2 + r with |r| ≤ ln 2/2 (ln 2 in two parts), eʳ by a polynomial of degree 6, scaled by 2ⁿ.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
    let magic = s.splat(12_582_912.0);
    let shifted = s.fma(x, s.splat(core::f32::consts::LOG2_E), magic);
    let n = s.sub(shifted, magic);
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.0 / 720.0);
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = s.fma(p, r, s.splat(coefficient));
    }
    let scaled = s.integer_add(p, s.shift_left::<23>(shifted));
    s.if_less(x, s.splat(-87.0), s.splat(0.0), scaled)
}

/// ln x for normal x > 0.
///
/// x = 2ⁿ·m with m in [√½, √2), f = m − 1, s = f/(2 + f): ln m = 2·atanh s, by a polynomial in s².
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::Vector) -> S::Vector {
    let offset = s.splat_bits(0x3f35_04f3); // √½
    let shifted = s.integer_sub(x, offset);
    let mantissa = s.integer_add(s.and(shifted, s.splat_bits(0x007f_ffff)), offset);
    // The exponent, biased by 128 so that it is not negative, as a float by the 2²³ trick.
    let exponent = s.shift_right::<23>(s.integer_add(shifted, s.splat_bits(0x4000_0000)));
    let n = s.sub(
        s.or(exponent, s.splat_bits(0x4b00_0000)),
        s.splat(8_388_608.0 + 128.0),
    );
    let f = s.sub(mantissa, s.splat(1.0));
    let q = s.div(f, s.add(s.splat(2.0), f));
    let z = s.mul(q, q);
    let mut p = s.splat(2.0 / 9.0);
    for coefficient in [2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0] {
        p = s.fma(p, z, s.splat(coefficient));
    }
    let tail = s.mul(s.mul(p, z), q);
    // ln m = 2q + tail; n·ln 2 in two parts.
    let low = s.fma(n, s.splat(-2.121_944_4e-4), tail);
    let high = s.fma(q, s.splat(2.0), low);
    s.fma(n, s.splat(0.693_359_4), high)
}
