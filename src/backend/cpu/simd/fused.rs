//! Fused multiply-adds without an instruction for them.

use super::Block;

/// a·b + c in every lane, rounded once to f32: the bits of `f32::mul_add`, from operations that every processor has on
/// vectors.
///
/// The product of two f32 has at most 48 significant bits and is exact in f64. Rounding the sum first to f64 and then to
/// f32 goes wrong only if the f64 is halfway between two f32 and the exact sum is not. Such lanes, about one in 2²⁹, are
/// computed by [`fused_to_odd`].
#[inline(always)]
pub(super) fn fused_in_double(a: &Block, b: &Block, c: &Block) -> Block {
    let sum = |lane: usize| f64::from(a[lane]) * f64::from(b[lane]) + f64::from(c[lane]);
    let sums: [f64; 16] = core::array::from_fn(sum);
    let mut fused = sums.map(|sum| sum as f32);
    if sums
        .iter()
        .fold(false, |any, sum| any | may_be_halfway(*sum))
    {
        fused = core::array::from_fn(|lane| fused_to_odd(a[lane], b[lane], c[lane]));
    }
    fused
}

/// Whether an f64 may be halfway between two f32: where its last 29 bits are 10…0; and everywhere below f32's normal
/// numbers, whose distance is larger.
#[inline(always)]
fn may_be_halfway(sum: f64) -> bool {
    const BELOW: u64 = (1 << 29) - 1;
    let bits = sum.to_bits();
    let size = bits & (u64::MAX >> 1);
    (bits & BELOW == 1 << 28) | ((size != 0) & (size < (f32::MIN_POSITIVE as f64).to_bits()))
}

/// a·b + c of one lane: the sum is rounded to f64 *to odd*, so that a sum that is not exact becomes the neighbour in f64
/// whose last bit is 1. Rounding that number to f32 gives the exact sum rounded once, because f64 has more than two bits
/// more than f32 (Boldo, Melquiond 2008, "Emulation of FMA and correctly rounded sums", theorem 1). Knuth's error of the
/// sum (TwoSum) shows on which side of the nearest f64 the exact sum is.
///
/// Infinities and NaN pass through: TwoSum then has a NaN, which is neither above nor below 0.
#[cold]
fn fused_to_odd(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let of_c = sum - product;
    let error = (product - (sum - of_c)) + (c - of_c);
    let bits = sum.to_bits();
    let inexact = error != 0.0 && !error.is_nan();
    let odd = match inexact && bits & 1 == 0 {
        // Adding 1 to the bits moves away from 0.
        true if (error > 0.0) == (sum > 0.0) => bits + 1,
        true => bits - 1,
        false => bits,
    };
    f64::from_bits(odd) as f32
}

#[cfg(test)]
mod tests {
    use super::{fused_in_double, fused_to_odd};
    use crate::rng::{Purpose, RandomStream};
    use rand::RngExt;

    /// Compares bits; any NaN equals any other.
    #[track_caller]
    fn check(a: f32, b: f32, c: f32) {
        let right = a.mul_add(b, c);
        // The other lanes have other numbers.
        let lanes =
            |x: f32, other: f32| core::array::from_fn(|lane| if lane == 5 { x } else { other });
        let all = fused_in_double(&lanes(a, 1.5), &lanes(b, 2.0), &lanes(c, 0.25));
        assert!(
            all.iter()
                .enumerate()
                .all(|(lane, y)| lane == 5 || *y == 3.25)
        );
        for found in [all[5], fused_to_odd(a, b, c)] {
            let same = found.to_bits() == right.to_bits() || (found.is_nan() && right.is_nan());
            assert!(same, "{a:e}·{b:e} + {c:e}: {found:e}, not {right:e}");
        }
    }

    #[test]
    fn random_bits_of_all_numbers() {
        let mut stream = RandomStream::new(1, Purpose::User, 0);
        let mut number = || f32::from_bits(stream.random());
        for _ in 0..3_000_000 {
            check(number(), number(), number());
        }
    }

    /// Sums near halves between two f32, where rounding twice goes wrong: c cancels most of the product, or is far below
    /// its last bit.
    #[test]
    fn sums_that_cancel_or_end_near_a_tie() {
        let mut stream = RandomStream::new(2, Purpose::User, 0);
        for _ in 0..1_000_000 {
            let [a, b]: [f32; 2] = core::array::from_fn(|_| stream.random_range(1.0..2.0));
            let product = f64::from(a) * f64::from(b);
            let near = -(product as f32);
            for c in [near, near.next_up(), near.next_down()] {
                check(a, b, c);
            }
            let half = f32::from_bits(stream.random_range(0x2000_0000..0x4000_0000));
            check(a, b, half);
            check(a, b, -half);
        }
    }

    /// Every pair of exponents of the product and the addend, with mantissas at both ends, and all special numbers.
    #[test]
    fn every_exponent_and_special_numbers() {
        let mantissas = [0, 1, 0x40_0000, 0x7f_fffe, 0x7f_ffff];
        let number = |exponent: u32, mantissa: u32| f32::from_bits(exponent << 23 | mantissa);
        for exponents in 0..=255 * 2 {
            let (first, second) = (u32::min(exponents, 255), exponents.saturating_sub(255));
            for third in 0..=255 {
                for mantissa in mantissas {
                    let a = number(first, mantissa);
                    let b = number(second, 0x7f_ffff - mantissa);
                    let c = number(third, mantissa ^ 0x2a_aaaa);
                    check(a, b, c);
                    check(a, b, -c);
                    check(-a, b, number(third, mantissa));
                }
            }
        }
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::from_bits(1),
            f32::from_bits(0x007f_ffff),
        ];
        for a in special {
            for b in special {
                for c in special {
                    check(a, b, c);
                }
            }
        }
    }
}
