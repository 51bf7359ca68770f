//! Awkward sizes and numbers.

use proptest::prelude::*;

/// Sizes around every boundary of the blocking, primes, and 1.
pub fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        1usize..=20,
        prop::sample::select(vec![
            23, 31, 32, 33, 37, 47, 48, 49, 53, 61, 64, 97, 127, 128
        ]),
        prop::sample::select(vec![143, 144, 145, 191, 193, 287, 288, 289]),
    ]
}

/// Blocks of 16 samples, around the boundaries of the tiles (3), chunks of a product (24) and of a
/// sum (32).
pub fn blocks() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1usize..=8,
        1 => prop::sample::select(vec![23, 24, 25, 31, 32, 33, 48, 49, 65]),
    ]
}

/// A stream of pseudo-random bits (xorshift64*), so that a case is repeated from its seed.
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// An index below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// A number: mostly of the order of 1, of either sign; sometimes a zero of either sign, a
    /// subnormal number or one of another magnitude; never so large that a sum overflows.
    pub fn number(&mut self) -> f32 {
        let unit = self.bits() as f32 / u32::MAX as f32 * 2.0 - 1.0;
        match self.below(16) {
            0 => [0.0, -0.0][self.below(2)],
            1 => unit * 1e-39,
            2 => unit * 1e-20,
            3 => unit * 1e4,
            _ => unit,
        }
    }

    /// Any number: sometimes an infinity, NaN, or the largest finite number.
    pub fn any_number(&mut self) -> f32 {
        match self.below(64) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => f32::NEG_INFINITY,
            3 => f32::MAX,
            _ => self.number(),
        }
    }
}

/// The kind of numbers in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// [`Random::number`].
    Finite,
    /// [`Random::any_number`].
    Any,
}
