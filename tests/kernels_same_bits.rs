//! A kernel's result is a function of its inputs alone: equal in bits on every instruction set that
//! this processor runs and with 1, 2 and 7 threads.

mod kernel_support;

use kernel_support::{Case, KERNELS, Numbers, case, processors, runner, same_bits};
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
    // Work for seven threads by the cost model, in shapes that split by samples and by results.
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
