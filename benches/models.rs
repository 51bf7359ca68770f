//! Complete training steps and evaluations of the models, on one thread and on two.
#![allow(missing_docs)]

mod report;

use criterion::{Criterion, criterion_group, criterion_main};
use neurogain::backend::Cpu;
use neurogain::backend::cpu::InstructionSet;
use neurogain::bench;

fn models(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let set = InstructionSet::detect().expect("an instruction set");
        let cpu = Cpu::with(set, threads).expect("threads");
        let mut subjects = bench::models(&cpu).expect("memory for the operands");
        for subject in &mut subjects {
            subject.name += &format!(", {threads} threads");
        }
        report::report(criterion, &cpu, subjects);
    }
}

criterion_group! {
    name = benches;
    config = report::configuration();
    targets = models
}
criterion_main!(benches);
