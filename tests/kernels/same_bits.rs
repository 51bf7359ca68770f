//! A kernel's result is a function of its inputs alone: equal in bits on every instruction set of
//! this processor and with 1, 2 and 7 threads.

use crate::kernel_support::{
    Case, KERNELS, Kernel, LANES, Numbers, case, processors, runner, same_bits,
};
use neurogain::backend::Cpu;
use neurogain::backend::cpu::InstructionSet;
use proptest::prelude::*;

fn agree(case: Case, processors: &[Cpu]) -> Result<(), TestCaseError> {
    let fail = |problem: String| TestCaseError::fail(format!("{problem}; repeat with {case:?}"));
    let mut first: Option<Vec<Vec<f32>>> = None;
    for cpu in processors {
        let outcome = case.run(cpu).map_err(|error| fail(error.to_string()))?;
        let expected = first.get_or_insert_with(|| outcome.results.clone());
        for (expected, found) in expected.iter().zip(&outcome.results) {
            same_bits(expected, found).map_err(|problem| {
                let (set, threads) = (cpu.instruction_set().name(), cpu.threads());
                fail(format!("{set}, {threads} threads: {problem}"))
            })?;
        }
    }
    Ok(())
}

#[test]
fn on_every_instruction_set() {
    let processors = processors();
    for cpu in &processors {
        eprintln!("instruction set: {}", cpu.instruction_set().name());
    }
    for kernel in KERNELS {
        for (numbers, cases) in [(Numbers::Finite, 40), (Numbers::Any, 12)] {
            runner(cases)
                .run(&case(kernel, numbers, 1 << 19), |case| {
                    agree(case, &processors)
                })
                .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
        }
    }
}

#[test]
fn with_every_number_of_threads() {
    // Enough work for seven threads by the cost model, in shapes that split by samples and by results.
    let sizes = [
        (128, 301, 201),
        (16, 699, 703),
        (1000, 91, 93),
        (399, 140, 141),
        (1203, 1, 7000),
        (100, 7001, 11),
    ];
    let sets: Vec<_> = InstructionSet::available().collect();
    let processors: Vec<_> = sets
        .iter()
        .rev()
        .flat_map(|set| [1, 2, 7].map(|threads| Cpu::with(*set, threads).expect("threads")))
        .collect();
    for kernel in KERNELS {
        for (samples, outputs, inputs) in sizes {
            let case = Case {
                kernel,
                samples,
                outputs,
                inputs,
                gain: samples % 2 == 0,
                numbers: Numbers::Finite,
                seed: samples as u64,
            };
            agree(case, &processors).unwrap_or_else(|problem| panic!("{problem}"));
        }
    }
}

/// The order of summation as the contract defines it, in plain loops.
fn as_documented(case: &Case, operands: &[Vec<f32>], gain: impl Fn(usize) -> f32) -> Vec<f32> {
    let (n, k, blocks) = (case.outputs, case.inputs, case.blocks());
    let mut all = Vec::new();
    if case.kernel == Kernel::Forward {
        for i in 0..blocks * n * LANES {
            let (block, o, lane) = (i / LANES / n, i / LANES % n, i % LANES);
            let x = |j: usize| operands[1][(block * k + j) * LANES + lane];
            let term = |sum: f32, j: usize| (gain(o) * operands[0][o * k + j]).mul_add(x(j), sum);
            all.push((0..k).fold(0.0, term));
        }
        return all;
    }
    for i in 0..n * k {
        let (o, j) = (i / k, i % k);
        let mut lanes = [0.0f32; LANES];
        for (lane, total) in lanes.iter_mut().enumerate() {
            for chunk in (0..blocks).step_by(32) {
                let mut sum = 0.0f32;
                for block in chunk..blocks.min(chunk + 32) {
                    let dy = operands[0][(block * n + o) * LANES + lane];
                    sum = dy.mul_add(operands[1][(block * k + j) * LANES + lane], sum);
                }
                *total = if chunk == 0 { sum } else { *total + sum };
            }
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        all.push(gain(o) * lanes[0]);
    }
    all
}

#[test]
fn in_the_documented_order() {
    let cpu = Cpu::new().expect("an instruction set");
    for kernel in [Kernel::Forward, Kernel::ToWeights] {
        runner(30)
            .run(&case(kernel, Numbers::Finite, 1 << 18), |case| {
                let outcome = case.run(&cpu).expect("it fits");
                let gain = |o: usize| outcome.gain.as_ref().map_or(1.0, |gain| gain[o]);
                let expected = as_documented(&case, &outcome.operands, gain);
                same_bits(&expected, &outcome.results[0])
                    .map_err(|problem| TestCaseError::fail(format!("{problem}; {case:?}")))
            })
            .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
    }
}
