//! Shared by the tests of the image kernels: awkward numbers, blocks of samples, every
//! instruction set and number of threads, and an allocator that guards the memory around a buffer.
#![allow(dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use neurogain::backend::cpu::{Floats, InstructionSet};
use neurogain::backend::{Cpu, Memory};

/// Puts 64 bytes of a pattern before and after every allocation, and ends the process if they have
/// changed when it is freed: then a kernel wrote outside a buffer.
pub struct Guarded;

const GUARD: usize = 64;

std::thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The number of allocations that this thread makes in `run`.
pub fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}
const PATTERN: u8 = 0xa5;

impl Guarded {
    fn layout(layout: Layout) -> Layout {
        let align = layout.align().max(GUARD);
        Layout::from_size_align(layout.size() + align + GUARD, align).unwrap_or(layout)
    }
}

// SAFETY: every request goes to the system's allocator with room for the guards before and after;
// the returned pointer is one alignment (at least a guard) after the start.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        let guarded = Self::layout(layout);
        // SAFETY: the size is not zero, and the guards lie inside the allocation.
        unsafe {
            let start = System.alloc(guarded);
            if start.is_null() {
                return start;
            }
            let given = start.add(guarded.align());
            given.sub(GUARD).write_bytes(PATTERN, GUARD);
            given.add(layout.size()).write_bytes(PATTERN, GUARD);
            given
        }
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        let guarded = Self::layout(layout);
        // SAFETY: `given` came from `alloc` with the same layout.
        unsafe {
            let before = std::slice::from_raw_parts(given.sub(GUARD), GUARD);
            let after = std::slice::from_raw_parts(given.add(layout.size()), GUARD);
            if before.iter().chain(after).any(|&byte| byte != PATTERN) {
                eprintln!("something wrote outside of a buffer of {layout:?}");
                std::process::abort();
            }
            System.dealloc(given.sub(guarded.align()), guarded);
        }
    }
}

/// Numbers of all signs over twelve binades, with zeros in between.
pub struct Awkward(u64);

impl Awkward {
    pub fn new(seed: u64) -> Self {
        Awkward(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn number(&mut self) -> f32 {
        let bits = self.bits() >> 16;
        let fraction = 1.0 + (bits & 0x7f_ffff) as f32 / 8_388_608.0;
        let sign = if bits >> 23 & 1 == 0 { 1.0 } else { -1.0 };
        match bits >> 24 & 15 {
            0..12 => sign * fraction * ((bits >> 28 & 15) as f32 - 9.0).exp2(),
            12..14 => sign * fraction,
            _ => 0.0,
        }
    }

    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }

    /// `samples` rows of `features` in blocks of 16, the last padded with zeros.
    pub fn samples(&mut self, samples: usize, features: usize) -> Vec<f32> {
        let mut blocked = vec![0.0; samples.div_ceil(16) * features * 16];
        for sample in 0..samples {
            for feature in 0..features {
                blocked[(sample / 16 * features + feature) * 16 + sample % 16] = self.number();
            }
        }
        blocked
    }
}

/// γ_k = k·u/(1 − k·u).
pub fn gamma(k: usize) -> f64 {
    let ku = k as f64 * (0.5 * f64::from(f32::EPSILON));
    ku / (1.0 - ku)
}

/// A backend for each instruction set of this machine, on one thread.
pub fn backends() -> Vec<Cpu> {
    InstructionSet::available()
        .map(|set| Cpu::with(set, 1).unwrap())
        .collect()
}

pub fn upload(cpu: &Cpu, host: &[f32]) -> Floats {
    let mut floats = cpu.zeros(host.len()).unwrap();
    cpu.upload(host, &mut floats).unwrap();
    floats
}

/// An output, initially NaN so that an element that is not written shows.
pub fn unwritten(cpu: &Cpu, length: usize) -> Floats {
    upload(cpu, &vec![f32::NAN; length])
}

pub fn bits(numbers: &Floats) -> Vec<u32> {
    numbers.as_slice().iter().map(|n| n.to_bits()).collect()
}

/// Runs with each instruction set and, with threads, on 1, 2 and 7 of them, and fails unless
/// all results are equal.
pub fn same_everywhere<T: PartialEq + std::fmt::Debug>(run: impl Fn(&Cpu) -> T) -> T {
    let counts: &[usize] = if cfg!(feature = "parallel") {
        &[1, 2, 7]
    } else {
        &[1]
    };
    let mut first = None;
    for set in InstructionSet::available() {
        for &threads in counts {
            let found = run(&Cpu::with(set, threads).unwrap());
            let first = first.get_or_insert_with(|| run(&Cpu::with(set, 1).unwrap()));
            assert!(
                *first == found,
                "{} with {threads} threads gives other bits",
                set.name()
            );
        }
    }
    first.unwrap()
}

/// The central difference of `f` along one number, `step` to either side.
pub fn difference(at: &mut [f64], i: usize, step: f64, f: impl Fn(&[f64]) -> f64) -> f64 {
    let value = at[i];
    at[i] = value + step;
    let above = f(at);
    at[i] = value - step;
    let below = f(at);
    at[i] = value;
    (above - below) / (2.0 * step)
}
