//! exp, ln, tanh, 1/√x and GELU: polynomials with explicit fused multiply-adds in a fixed order, on 16
//! lanes or, with [`Scalar`](super::simd::Scalar), on one number, with the same bits.
//!
//! The largest error over all 2³² inputs, in units in the last place of the exact result (measured by
//! `tests/kernels/math_functions.rs` against f64):
//!
//! | function | largest error | at |
//! | --- | --- | --- |
//! | [`exp`] | 0.780 | −87.71 |
//! | [`ln`] | 0.864 | 0.70649 |
//! | [`tanh`] | 1.349 | 0.62597 |
//! | [`rsqrt`] | 0.501 | everywhere |
//! | [`gelu`] | 10.919 | −10.0857, where the exponential underflows |
//! | [`gelu_slope`] | 7.312 (in the unit defined there) | −3.88421 |
//!
//! Infinities, NaN, subnormal numbers and signed zeros follow IEEE 754: exp overflows to
//! +∞ and underflows gradually; ln ±0 = −∞, ln of a negative number is NaN; tanh ±0 = ±0;
//! 1/√±0 = ±∞; gelu ±0 = ±0, gelu +∞ = +∞, gelu −∞ = −0.

use super::simd::Arithmetic;

/// ln 2, rounded to 15 bits, so that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_145_75;
/// ln 2 − [`LN_2_HIGH`].
const LN_2_LOW: f32 = 1.428_606_8e-6;

/// eˣ.
///
/// x = n·ln 2 + r with |r| ≤ ln 2/2; eʳ = 1 + r + r²·q(r), q of degree 4, minimax in the
/// relative error (3.1·10⁻⁹); scaled by 2ⁿ in two factors, so that the result may be subnormal or
/// overflow.
#[inline(always)]
pub fn exp<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    // Beyond these bounds the result is 0 or +∞ anyway. A comparison with NaN is false, so NaN stays.
    let x = s.if_less(x, s.splat(-104.0), s.splat(-104.0), x);
    let x = s.if_less(s.splat(89.0), x, s.splat(89.0), x);
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
    let magic = s.splat(12_582_912.0);
    let shifted = s.fma(x, s.splat(core::f32::consts::LOG2_E), magic);
    let n = s.sub(shifted, magic);
    // r = high + low, and `high` is exact.
    let high = s.fma(n, s.splat(-LN_2_HIGH), x);
    let low = s.mul(n, s.splat(-LN_2_LOW));
    let r = s.add(high, low);
    let mut q = s.splat(0.001_381_454);
    for coefficient in [0.008_368_745, 0.041_668_39, 0.166_665_21, 0.499_999_94] {
        q = s.fma(q, r, s.splat(coefficient));
    }
    // Adds the rounding error of 1 + high, so that only the last addition rounds.
    let tail = s.fma(q, s.mul(r, r), low);
    let sum = s.add(s.splat(1.0), high);
    let error = s.add(s.sub(s.splat(1.0), sum), high);
    let power = s.add(sum, s.add(error, tail));
    // n as an integer, biased by 256 to be positive, and split into two halves as exponents of 2.
    let n = s.integer_sub(shifted, s.splat_bits(0x4b40_0000 - 256));
    let half = s.shift_right::<1>(n);
    let rest = s.integer_sub(n, half);
    let bias = s.splat_bits(128 - 127);
    let factor = |half| s.shift_left::<23>(s.integer_sub(half, bias));
    s.mul(s.mul(power, factor(half)), factor(rest))
}

/// ln x.
///
/// x = 2ⁿ·m with m in [√½, √2), f = m − 1 (exact); ln m = f − f²/2 + f³·p(f), p of degree 7,
/// minimax in the relative error (5.8·10⁻⁹). n·ln 2 + f is added with its rounding error.
#[inline(always)]
pub fn ln<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    let zero = s.splat(0.0);
    // Subnormal numbers are scaled by 2²³.
    let smallest = s.splat(f32::MIN_POSITIVE);
    let normal = s.if_less(x, smallest, s.mul(x, s.splat(8_388_608.0)), x);
    let scaled = s.if_less(x, smallest, s.splat(-23.0), zero);

    let offset = s.splat_bits(0x3f35_04f3); // √½
    let shifted = s.integer_sub(normal, offset);
    let mantissa = s.integer_add(s.and(shifted, s.splat_bits(0x007f_ffff)), offset);
    // The exponent, biased by 128 so that it is not negative, as a float by the 2²³ trick.
    let exponent = s.shift_right::<23>(s.integer_add(shifted, s.splat_bits(0x4000_0000)));
    let exponent = s.or(exponent, s.splat_bits(0x4b00_0000));
    let n = s.add(s.sub(exponent, s.splat(8_388_608.0 + 128.0)), scaled);

    let f = s.sub(mantissa, s.splat(1.0));
    let square = s.mul(f, f);
    let mut p = s.splat(-0.076_345_064);
    for coefficient in [
        0.127_615_93,
        -0.131_601_86,
        0.142_017_56,
        -0.166_233_57,
        0.200_012_27,
        -0.250_008_2,
        0.333_333_3,
    ] {
        p = s.fma(p, f, s.splat(coefficient));
    }
    let tail = s.fma(s.mul(p, f), square, s.mul(s.splat(-0.5), square));
    let tail = s.fma(n, s.splat(LN_2_LOW), tail);
    let high = s.mul(n, s.splat(LN_2_HIGH));
    let sum = s.add(high, f);
    let error = s.add(s.sub(high, sum), f);
    let result = s.add(sum, s.add(error, tail));

    // ±0 gives −∞ and negative numbers give NaN; +∞ and NaN give themselves.
    let other = s.if_less(x, zero, s.splat(f32::NAN), s.splat(f32::NEG_INFINITY));
    let result = s.if_less(zero, x, result, other);
    s.if_less(x, s.splat(f32::INFINITY), result, x)
}

/// tanh x.
///
/// Below 0.625, x + x³·p(x²), p of degree 4, minimax in the relative error (4.4·10⁻⁹); from 0.625 on,
/// 1 − 2/(e^{2x} + 1). The sign is removed first and restored at the end.
#[inline(always)]
pub fn tanh<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    let sign = s.and(x, s.splat_bits(0x8000_0000));
    let x = s.and(x, s.splat_bits(0x7fff_ffff));
    let z = s.mul(x, x);
    let mut p = s.splat(-0.005_704_531);
    for coefficient in [0.020_638_695, -0.053_739_6, 0.133_314_42, -0.333_332_8] {
        p = s.fma(p, z, s.splat(coefficient));
    }
    let small = s.fma(s.mul(z, p), x, x);
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let power = exp(s, s.add(x, x));
    let large = s.sub(one, s.div(two, s.add(power, one)));
    s.or(s.if_less(x, s.splat(0.625), small, large), sign)
}

/// 1/√x.
///
/// y = 1/√x from a square root and a division, then one Newton step,
/// y + (y/2)·(1 − x·y²), with x·y² in twice the precision.
#[inline(always)]
pub fn rsqrt<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let y = s.div(one, s.sqrt(x));
    let product = s.mul(x, y);
    let minus = s.sub(zero, product);
    let error = s.fma(x, y, minus);
    let rest = s.fma(minus, y, one);
    let rest = s.fma(s.sub(zero, error), y, rest);
    let better = s.fma(s.mul(s.splat(0.5), y), rest, y);
    // Zeros and +∞ have exact results; the Newton step would turn them into NaN.
    let infinity = s.splat(f32::INFINITY);
    s.if_less(zero, x, s.if_less(x, infinity, better, y), y)
}

/// 2·√(2/π), and 0.044715 times it, each as the nearest f32 plus the remainder.
const GELU_LINEAR: [f32; 2] = [1.595_769_2, -4.534_068e-8];
const GELU_CUBIC: [f32; 2] = [0.071_354_814, 2.398_832_5e-9];

/// The Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2):
/// `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
///
/// Computed as x·σ(z) with the logistic σ and z = 2·√(2/π)·(x + 0.044715·x³). This is equal, and free of
/// cancellation for negative x: with e = exp(−|z|), x/(1 + e) for x ≥ 0 and x·e/(1 + e) below.
#[inline(always)]
pub fn gelu<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    let sign = s.and(x, s.splat_bits(0x8000_0000));
    let magnitude = s.and(x, s.splat_bits(0x7fff_ffff));
    let (near, e) = gelu_exponential(s, magnitude);
    let numerator = s.if_less(x, s.splat(0.0), s.mul(near, e), magnitude);
    s.or(s.div(numerator, s.add(s.splat(1.0), e)), sign)
}

/// The derivative of [`gelu`]: `σ(z) + x·z′·σ(z)·(1 − σ(z))`.
///
/// With the same e, w = e/(1 + e) and t = |x|·fma(x², 3·0.044715·2·√(2/π), 2·√(2/π))·(w/(1 + e)):
/// 1/(1 + e) + t for x ≥ 0 and w − t below. The largest error over all inputs is 7.312·u·(σ + |t|), u = 2⁻²⁴,
/// plus 10⁻⁴² where e underflows.
#[inline(always)]
pub fn gelu_slope<A: Arithmetic>(s: A, x: A::Vector) -> A::Vector {
    let magnitude = s.and(x, s.splat_bits(0x7fff_ffff));
    let (near, e) = gelu_exponential(s, magnitude);
    let one = s.splat(1.0);
    let d = s.add(one, e);
    let w = s.div(e, d);
    let z = s.fma(
        s.mul(near, near),
        s.splat(3.0 * GELU_CUBIC[0]),
        s.splat(GELU_LINEAR[0]),
    );
    let t = s.mul(s.mul(near, z), s.div(w, d));
    s.if_less(x, s.splat(0.0), s.sub(w, t), s.add(s.div(one, d), t))
}

/// For x ≥ 0: min(x, 16), beyond which the logistic is 0 or 1, and exp(−z) there.
///
/// z = x·(c₁ + c₂·x²) has a rounding error of about |z|·u, which would give exp(−z) a relative
/// error of up to 100 u. The error is therefore computed too, and the result is exp(−z)·(1 − error).
#[inline(always)]
fn gelu_exponential<A: Arithmetic>(s: A, x: A::Vector) -> (A::Vector, A::Vector) {
    let most = s.splat(16.0);
    let x = s.if_less(most, x, most, x);
    let minus = |a| s.sub(s.splat(0.0), a);
    let [linear, linear_rest] = GELU_LINEAR.map(|c| s.splat(c));
    let [cubic, cubic_rest] = GELU_CUBIC.map(|c| s.splat(c));
    let square = s.mul(x, x);
    let square_error = s.fma(x, x, minus(square));
    let product = s.mul(cubic, square);
    let product_error = s.fma(cubic, square, minus(product));
    let product_error = s.fma(cubic, square_error, product_error);
    let product_error = s.fma(cubic_rest, square, product_error);
    let sum = s.add(linear, product);
    let part = s.sub(sum, linear);
    let sum_error = s.add(s.sub(linear, s.sub(sum, part)), s.sub(product, part));
    let rest = s.add(s.add(sum_error, product_error), linear_rest);
    let z = s.mul(x, sum);
    let error = s.fma(x, rest, s.fma(x, sum, minus(z)));
    let e = exp(s, minus(z));
    (x, s.fma(e, minus(error), e))
}
