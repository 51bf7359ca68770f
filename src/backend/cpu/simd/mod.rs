//! One type of 16 logical lanes, three instruction sets.
//!
//! A kernel is written once, generic over [`Simd`], and instantiated for each set behind run-time
//! detection: [`InstructionSet::run`] enters the set's `#[target_feature]` function, into which
//! everything marked `#[inline(always)]` is compiled. A user who builds the crate without compiler
//! flags gets the code of the machine's best set.
//!
//! Every operation rounds as IEEE 754 says, so that all sets give the same bits. [`Scalar`] does the
//! same arithmetic on one number.

mod portable;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use alloc::string::{String, ToString};

use crate::error::{Error, Result};
use crate::shape::LANES;

pub use portable::Portable;
pub use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// 16 numbers in memory.
pub type Block = [f32; LANES];

/// IEEE 754 arithmetic on a vector of lanes, or on one number.
///
/// Integer operations act on the bits of each lane. Which NaN an operation gives is not fixed.
pub trait Arithmetic: Copy {
    /// f32 lanes.
    type Vector: Copy;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::Vector;
    /// a + b.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a − b.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a / b.
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// √a, rounded correctly.
    fn sqrt(self, a: Self::Vector) -> Self::Vector;
    /// a · b + c, rounded once.
    fn fma(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `yes` where a < b, else `no`; false where either is NaN.
    fn if_less(
        self,
        a: Self::Vector,
        b: Self::Vector,
        yes: Self::Vector,
        no: Self::Vector,
    ) -> Self::Vector;
    /// Bits of each lane as a 32-bit integer: a + b, wrapping.
    fn integer_add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a − b, wrapping.
    fn integer_sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a << `COUNT`.
    fn shift_left<const COUNT: i32>(self, a: Self::Vector) -> Self::Vector;
    /// Bits: a >> `COUNT`, zeros coming in.
    fn shift_right<const COUNT: i32>(self, a: Self::Vector) -> Self::Vector;
    /// Bits: a & b.
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a | b.
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// These bits in every lane.
    #[inline(always)]
    fn splat_bits(self, bits: u32) -> Self::Vector {
        self.splat(f32::from_bits(bits))
    }
}

/// Proof that the processor runs an instruction set, and its operations on vectors of 16 lanes.
pub trait Simd: Arithmetic + Send + Sync {
    /// Outputs of the register tile of a product.
    const TILE_OUTPUTS: usize;
    /// Blocks of samples of the register tile of a product.
    const TILE_BLOCKS: usize;

    /// Reads 16 numbers.
    fn load(self, from: &Block) -> Self::Vector;
    /// Writes 16 numbers.
    fn store(self, vector: Self::Vector, to: &mut Block);
    /// Asks for a block that will be read soon. Changes nothing but the time it takes.
    fn prefetch(self, block: &Block);
    /// Lane j of the result is the sum of the lanes of vector j, in the tree of
    /// [`summation::lanes`](crate::backend::summation::lanes).
    fn sums(self, vectors: [Self::Vector; LANES]) -> Self::Vector;
}

/// Code that runs under any instruction set. `run` must be `#[inline(always)]`.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// The code.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor was found to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionSet(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl InstructionSet {
    /// Every set that this processor runs, the fastest last.
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        let portable = Some(Set::Portable(Portable));
        #[cfg(target_arch = "x86_64")]
        let sets = [
            portable,
            Avx2::detect().map(Set::Avx2),
            Avx512::detect().map(Set::Avx512),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let sets = [portable];
        sets.into_iter().flatten().map(InstructionSet)
    }

    /// The fastest set, or the one that the environment variable `NEUROGAIN_SIMD` names, if it is not
    /// empty.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if it names a set that this processor cannot run.
    pub fn detect() -> Result<Self> {
        #[cfg(feature = "std")]
        if let Ok(name) = std::env::var("NEUROGAIN_SIMD")
            && !name.is_empty()
        {
            return Self::named(&name);
        }
        Ok(Self::available()
            .last()
            .unwrap_or(InstructionSet(Set::Portable(Portable))))
    }

    /// The set called `portable`, `avx2` or `avx512`.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if there is none of that name that this processor can run.
    pub fn named(name: &str) -> Result<Self> {
        Self::available()
            .find(|set| set.name() == name)
            .ok_or_else(|| {
                let mut available = String::new();
                for set in Self::available() {
                    if !available.is_empty() {
                        available.push_str(", ");
                    }
                    available.push_str(set.name());
                }
                Error::InstructionSet {
                    name: name.to_string(),
                    available,
                }
            })
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
        }
    }

    /// Runs a kernel compiled for this set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Portable(simd) => kernel.run(simd),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => simd.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(simd) => simd.enter(kernel),
        }
    }
}
