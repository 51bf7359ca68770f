//! One vector type with 16 logical lanes, four instruction sets.
//!
//! A kernel is written once, generic over [`Simd`], and compiled for each set. The set is chosen at run
//! time: [`InstructionSet::run`] enters the set's `#[target_feature]` function, into which
//! everything marked `#[inline(always)]` is compiled. Without any compiler flags, a user gets the code for
//! the machine's best set.
//!
//! Every operation rounds as IEEE 754 specifies, so all sets give the same bits. [`Scalar`] does the
//! same arithmetic on one number.

mod arm;
mod fused;
#[cfg(all(
    target_arch = "aarch64",
    target_feature = "neon",
    target_endian = "little"
))]
mod neon;
mod portable;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use alloc::string::{String, ToString};

use crate::error::{Error, Result};
use crate::shape::LANES;

#[cfg(all(
    target_arch = "aarch64",
    target_feature = "neon",
    target_endian = "little"
))]
pub use neon::Neon;
pub use portable::Portable;
pub use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// 16 f32 in memory.
pub type Block = [f32; LANES];

/// IEEE 754 arithmetic on a vector of lanes, or on one number.
///
/// Integer operations act on the bits of each lane. The sign and payload of a NaN result are unspecified.
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
    /// `yes` where a < b, else `no`; a comparison with NaN is false.
    fn if_less(
        self,
        a: Self::Vector,
        b: Self::Vector,
        yes: Self::Vector,
        no: Self::Vector,
    ) -> Self::Vector;
    /// a + b on the bits of each lane as 32-bit integers, wrapping.
    fn integer_add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a − b, wrapping.
    fn integer_sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a << `COUNT`.
    fn shift_left<const COUNT: i32>(self, a: Self::Vector) -> Self::Vector;
    /// Bits: a >> `COUNT`, filled with zeros.
    fn shift_right<const COUNT: i32>(self, a: Self::Vector) -> Self::Vector;
    /// Bits: a & b.
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Bits: a | b.
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The same bits in every lane.
    #[inline(always)]
    fn splat_bits(self, bits: u32) -> Self::Vector {
        self.splat(f32::from_bits(bits))
    }
}

/// Proof that the processor runs an instruction set, and its operations on vectors of 16 lanes.
pub trait Simd: Arithmetic + Send + Sync {
    /// Outputs in the register tile of a product.
    const TILE_OUTPUTS: usize;
    /// Blocks of samples in the register tile of a product.
    const TILE_BLOCKS: usize;

    /// Loads 16 elements.
    fn load(self, from: &Block) -> Self::Vector;
    /// Stores 16 elements.
    fn store(self, vector: Self::Vector, to: &mut Block);
    /// Prefetches a block. Affects only the time.
    fn prefetch(self, block: &Block);
    /// Lane j of the result is the sum of the lanes of vector j, in the tree of
    /// [`summation::lanes`](crate::backend::summation::lanes).
    fn sums(self, vectors: [Self::Vector; LANES]) -> Self::Vector;
}

/// Code that runs under any instruction set. `run` must be `#[inline(always)]`.
pub trait Kernel {
    /// The type of the result.
    type Output;
    /// The code.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionSet(Set);

/// Declares the sets, the fastest last, each with its name and the targets that have it.
macro_rules! sets {
    ($($(#[$target:meta])? $set:ident = $name:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Set {
            $($(#[$target])? $set($set),)+
        }

        impl InstructionSet {
            /// Every set that this processor can run, the fastest last.
            pub fn available() -> impl Iterator<Item = InstructionSet> {
                let sets = [$($(#[$target])? $set::detect().map(Set::$set),)+];
                sets.into_iter().flatten().map(InstructionSet)
            }

            /// The name by which [`named`](Self::named) finds the set.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($(#[$target])? Set::$set(_) => $name,)+
                }
            }

            /// Runs a kernel compiled for this set.
            #[inline]
            pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
                match self.0 {
                    $($(#[$target])? Set::$set(simd) => simd.enter(kernel),)+
                }
            }
        }
    };
}

sets! {
    Portable = "portable";
    #[cfg(target_arch = "x86_64")]
    Avx2 = "avx2";
    #[cfg(target_arch = "x86_64")]
    Avx512 = "avx512";
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    Neon = "neon";
}

impl InstructionSet {
    /// The fastest set, or the one named by the environment variable `NEUROGAIN_SIMD` if that is not
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

    /// The set called `portable`, `avx2`, `avx512` or `neon`.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if no such set exists or this processor cannot run it.
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
}
