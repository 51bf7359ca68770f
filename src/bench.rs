//! What the kernels reach on this machine, as fractions of what it can do.
//!
//! Other work on the machine, and its clock, move every speed by tens of percent. So each kernel is
//! measured between two runs of a yardstick in the same thread: a loop of independent fused
//! multiply-adds (the peak), or a copy between two buffers (the bandwidth). The fraction is taken
//! round by round; medians and minima over the rounds are given.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;
use std::time::Instant;

use crate::backend::cpu::simd::{Block, Kernel, Simd};
use crate::backend::cpu::{Cpu, InstructionSet};
use crate::error::Result;
use crate::shape::LANES;

mod images;
mod kernels;
mod models;
pub use images::{CONVOLUTIONS, images};
pub use kernels::{PRODUCTS, kernels};
pub use models::models;

/// Seconds that a yardstick runs for at a time.
const YARDSTICK: f64 = 0.001;
/// Seconds that a kernel runs for between two yardsticks, at least.
const ROUND: f64 = 0.004;

/// What bounds a kernel, and how much of it one call needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Floating-point operations, two for each multiply-add: GFLOP/s against the FMA peak.
    Operations(f64),
    /// Bytes that must be read or written: GB/s against a copy of as many.
    Bytes(f64),
}

/// Something to measure.
pub struct Subject<'a> {
    /// What it is.
    pub name: String,
    /// What one call needs.
    pub amount: Amount,
    /// One call.
    pub call: Box<dyn FnMut() + 'a>,
}

/// What was measured of a [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Seconds a call, median.
    pub seconds: f64,
    /// GFLOP/s or GB/s, median.
    pub rate: f64,
    /// Fraction of the yardstick, median.
    pub fraction: f64,
    /// Fraction of the yardstick, smallest.
    pub least: f64,
}

/// Measures a subject in as many rounds, each between two runs of the yardstick.
pub fn measure(set: InstructionSet, rounds: usize, subject: &mut Subject<'_>) -> Figures {
    let mut yardstick = Yardstick::new(set, subject.amount);
    let (amount, giga) = match subject.amount {
        Amount::Operations(amount) | Amount::Bytes(amount) => (amount, 1e-9),
    };
    // The first calls allocate and warm the caches.
    let mut calls = 1usize;
    loop {
        let seconds = time(|| (0..calls).for_each(|_| (subject.call)()));
        if seconds >= ROUND / 2.0 || calls >= 1 << 30 {
            let factor = ROUND / seconds.max(1e-9);
            calls = ((calls as f64 * factor) as usize).max(1);
            break;
        }
        calls *= 2;
    }
    let mut seconds = Vec::new();
    let mut fractions = Vec::new();
    for _ in 0..rounds.max(1) {
        let before = yardstick.rate();
        let taken = time(|| (0..calls).for_each(|_| (subject.call)())) / calls as f64;
        let after = yardstick.rate();
        seconds.push(taken);
        fractions.push(amount * giga / taken / ((before + after) / 2.0));
    }
    let taken = median(&mut seconds);
    Figures {
        seconds: taken,
        rate: amount * giga / taken,
        fraction: median(&mut fractions),
        least: fractions[0],
    }
}

/// Sorts the values and gives the middle one.
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

/// The machine's own speed at what bounds a kernel.
pub struct Yardstick {
    set: InstructionSet,
    /// The copy's source and destination; empty for the FMA loop.
    buffers: [Vec<f32>; 2],
    repeats: usize,
}

impl Yardstick {
    /// The yardstick for a kernel that needs this much: for bytes, a copy that moves as many.
    pub fn new(set: InstructionSet, amount: Amount) -> Self {
        let numbers = match amount {
            Amount::Operations(_) => 0,
            Amount::Bytes(bytes) => (bytes as usize / 8).max(LANES),
        };
        let mut yardstick = Yardstick {
            set,
            buffers: [alloc::vec![1.0; numbers], alloc::vec![0.0; numbers]],
            repeats: 1,
        };
        while yardstick.seconds() < YARDSTICK && yardstick.repeats < 1 << 40 {
            yardstick.repeats *= 2;
        }
        yardstick
    }

    fn seconds(&mut self) -> f64 {
        let (set, repeats) = (self.set, self.repeats);
        let [from, to] = &mut self.buffers;
        time(|| {
            if from.is_empty() {
                black_box(set.run(FmaLoop { repeats }));
            }
            for _ in 0..if from.is_empty() { 0 } else { repeats } {
                black_box(&mut *to).copy_from_slice(black_box(&*from));
            }
        })
    }

    /// GFLOP/s of the FMA loop, or GB/s of the copy, read and written bytes both counted.
    pub fn rate(&mut self) -> f64 {
        let amount = match self.buffers[0].len() {
            0 => (CHAINS * STEPS * LANES * 2) as f64,
            numbers => (numbers * 8) as f64,
        };
        let repeats = self.repeats as f64;
        amount * repeats * 1e-9 / self.seconds()
    }
}

/// Independent chains of the FMA loop: more than its latency times two a cycle.
const CHAINS: usize = 10;
/// Steps of each chain in one repeat.
const STEPS: usize = 1000;

/// Fused multiply-adds on registers alone, as many as the processor can do.
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
            // With two registers a vector, half as many chains fit.
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

/// What `neurogain bench` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The instruction set in use.
    pub instruction_set: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// What one thread's FMA loop reaches, GFLOP/s.
    pub peak: f64,
    /// What one thread's copy of 64 MiB reaches, GB/s.
    pub bandwidth: f64,
    /// Each kernel's name and figures.
    pub kernels: Vec<(String, Figures)>,
}

/// Measures this machine in about a minute; `progress` hears of each kernel as it is done.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if there is no room for the operands.
pub fn summary(cpu: &Cpu, mut progress: impl FnMut(&str, &Figures)) -> Result<Summary> {
    let set = cpu.instruction_set();
    let best = |amount| {
        let mut yardstick = Yardstick::new(set, amount);
        (0..20).map(|_| yardstick.rate()).fold(0.0, f64::max)
    };
    let peak = best(Amount::Operations(0.0));
    let bandwidth = best(Amount::Bytes(128.0 * 1024.0 * 1024.0));
    let mut found = Vec::new();
    for mut subject in kernels(cpu)?.into_iter().chain(models(cpu)?) {
        let figures = measure(set, 51, &mut subject);
        progress(&subject.name, &figures);
        found.push((subject.name, figures));
    }
    Ok(Summary {
        instruction_set: set.name(),
        threads: cpu.threads(),
        peak,
        bandwidth,
        kernels: found,
    })
}

/// The operands were made to fit.
fn done(result: Result<()>) {
    debug_assert_eq!(result, Ok(()));
}
