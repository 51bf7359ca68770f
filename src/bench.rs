//! Measures the speed of kernels on this machine, as fractions of its peak.
//!
//! Other processes and changes of the clock shift every speed by tens of percent. Each kernel is therefore measured
//! between two runs of a reference in the same thread: a loop of independent fused multiply-adds (the peak), or a copy
//! between two buffers (the bandwidth). The fraction is computed for each round; medians and minima over the rounds
//! are reported.
//!
//! ```
//! use neurogain::backend::cpu::InstructionSet;
//! use neurogain::bench::{Work, Reference};
//! let mut peak = Reference::new(InstructionSet::detect()?, Work::Operations(0.0));
//! assert!(peak.rate() > 0.0); // GFLOP/s
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;
use std::time::Instant;

use crate::backend::cpu::InstructionSet;
use crate::backend::cpu::simd::{Block, Kernel, Simd};
use crate::error::Result;
use crate::shape::LANES;

#[cfg(feature = "cuda")]
mod card;
mod images;
mod kernels;
mod models;
mod plasticity;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub use card::measure_on_card;
pub use images::{CONVOLUTIONS, images};
pub use kernels::{PRODUCTS, kernels, products};
pub use models::models;

/// Minimum duration of one run of the reference, in seconds.
const REFERENCE: f64 = 0.000_2;
/// Target duration of a kernel between two runs of the reference, in seconds. It is short, so that another process
/// which takes the core for some milliseconds spoils few rounds.
const ROUND: f64 = 0.000_6;

/// Minimum duration of all rounds together, in seconds.
const ENOUGH: f64 = 0.5;
/// Duration after which three rounds suffice, in seconds.
const LONG: f64 = 4.0;

/// The resource that limits a kernel, and the amount that one call needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Floating-point operations, two for each multiply-add: GFLOP/s, relative to the FMA peak.
    Operations(f64),
    /// Bytes that must be read or written: GB/s, relative to a copy of the same size.
    Bytes(f64),
}

/// A benchmark.
pub struct Benchmark<'a> {
    /// Name.
    pub name: String,
    /// Amount that one call needs.
    pub amount: Work,
    /// Makes one call; returns errors of the kernels.
    pub call: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// The measured speed of a [`Benchmark`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Median seconds per call.
    pub seconds: f64,
    /// Median GFLOP/s or GB/s.
    pub rate: f64,
    /// Median fraction of the reference's speed, or of a GPU's rated speed; NaN if the GPU does not report one.
    pub fraction: f64,
    /// Smallest of these fractions.
    pub least: f64,
}

impl Benchmark<'_> {
    /// Seconds that `calls` calls take.
    fn seconds(&mut self, calls: usize) -> Result<f64> {
        let mut done = Ok(());
        let seconds = time(|| done = (0..calls).try_for_each(|_| (self.call)()));
        done.map(|()| seconds)
    }
}

/// Measures a subject in `rounds` rounds, and for at least half a second. Each round is between two runs of the
/// reference. After four seconds, three rounds suffice.
///
/// # Errors
/// Errors of the call.
pub fn measure(
    set: InstructionSet,
    rounds: usize,
    benchmark: &mut Benchmark<'_>,
) -> Result<Measurement> {
    let mut reference = Reference::new(set, benchmark.amount);
    let (amount, giga) = match benchmark.amount {
        Work::Operations(amount) | Work::Bytes(amount) => (amount, 1e-9),
    };
    // The first calls allocate and warm the caches.
    let mut calls = 1usize;
    loop {
        let seconds = benchmark.seconds(calls)?;
        if seconds >= ROUND / 2.0 || calls >= 1 << 30 {
            let factor = ROUND / seconds.max(1e-9);
            calls = ((calls as f64 * factor) as usize).max(1);
            break;
        }
        calls *= 2;
    }
    let mut seconds = Vec::new();
    let mut fractions = Vec::new();
    let start = Instant::now();
    let go_on = |done: usize| match start.elapsed().as_secs_f64() {
        elapsed if elapsed < ENOUGH => true,
        elapsed if elapsed < LONG => done < rounds.max(1),
        _ => done < rounds.clamp(1, 3),
    };
    while go_on(seconds.len()) {
        let before = reference.rate();
        let taken = benchmark.seconds(calls)? / calls as f64;
        let after = reference.rate();
        seconds.push(taken);
        fractions.push(amount * giga / taken / ((before + after) / 2.0));
    }
    let taken = median(&mut seconds);
    Ok(Measurement {
        seconds: taken,
        rate: amount * giga / taken,
        fraction: median(&mut fractions),
        least: fractions[0],
    })
}

/// Sorts the values and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds that a call takes.
fn time(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

/// The reference: this machine's peak speed for the resource that limits a kernel.
pub struct Reference {
    set: InstructionSet,
    /// The copy's source and destination; empty for the FMA loop.
    buffers: [Vec<f32>; 2],
    repeats: usize,
}

impl Reference {
    /// The reference for a kernel that needs this amount; for bytes, a copy of the same size.
    pub fn new(set: InstructionSet, amount: Work) -> Self {
        let numbers = match amount {
            Work::Operations(_) => 0,
            Work::Bytes(bytes) => (bytes as usize / 8).max(LANES),
        };
        let mut reference = Reference {
            set,
            buffers: [alloc::vec![1.0; numbers], alloc::vec![0.0; numbers]],
            repeats: 1,
        };
        while reference.seconds() < REFERENCE && reference.repeats < 1 << 40 {
            reference.repeats *= 2;
        }
        reference
    }

    fn seconds(&mut self) -> f64 {
        time(|| {
            self.run();
        })
    }

    /// Runs once (a fraction of a millisecond). Returns the number of operations, or of bytes read and written.
    pub fn run(&mut self) -> f64 {
        let [from, to] = &mut self.buffers;
        let amount = match from.len() {
            0 => {
                let repeats = self.repeats;
                black_box(self.set.run(FmaLoop { repeats }));
                CHAINS * STEPS * LANES * 2
            }
            numbers => {
                for _ in 0..self.repeats {
                    black_box(&mut *to).copy_from_slice(black_box(&*from));
                }
                numbers * 8
            }
        };
        amount as f64 * self.repeats as f64
    }

    /// GFLOP/s of the FMA loop, or GB/s of the copy, counting bytes read and bytes written.
    pub fn rate(&mut self) -> f64 {
        let start = Instant::now();
        let amount = self.run();
        amount * 1e-9 / start.elapsed().as_secs_f64()
    }
}

/// Independent chains of the FMA loop: more than the latency in cycles times two FMAs per cycle.
const CHAINS: usize = 10;
/// Steps of each chain in one repeat.
const STEPS: usize = 1000;

/// Fused multiply-adds on registers only, at the processor's peak rate.
struct FmaLoop {
    repeats: usize,
}

impl Kernel for FmaLoop {
    type Output = Block;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Block {
        let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let mut chains = [a; CHAINS];
        if S::TILE_BLOCKS == 1 {
            // A vector takes two registers here, so half as many chains fit.
            let mut chains = [a; CHAINS / 2];
            for _ in 0..self.repeats * STEPS * 2 {
                for chain in &mut chains {
                    *chain = s.fma(*chain, a, b);
                }
            }
            return total(s, chains);
        }
        for _ in 0..self.repeats * STEPS {
            for chain in &mut chains {
                *chain = s.fma(*chain, a, b);
            }
        }
        total(s, chains)
    }
}

#[inline(always)]
fn total<S: Simd, const N: usize>(s: S, chains: [S::Vector; N]) -> Block {
    let mut sum = s.splat(0.0);
    for chain in chains {
        sum = s.add(sum, chain);
    }
    let mut block = [0.0; LANES];
    s.store(sum, &mut block);
    block
}

/// Discards a call's value and keeps its error.
fn done<T>(result: Result<T>) -> Result<()> {
    black_box(result).map(|_| ())
}
