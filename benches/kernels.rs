//! All kernels at the models' shapes. `cargo bench --bench kernels -- FILTER` measures those whose name contains
//! FILTER.
#![allow(missing_docs)]

mod report;

use criterion::{Criterion, criterion_group, criterion_main};
use neurogain::backend::Cpu;
use neurogain::bench;

fn kernels(criterion: &mut Criterion) {
    let cpu = Cpu::new().expect("an instruction set");
    let subjects = bench::kernels(&cpu).expect("memory for the operands");
    report::report(criterion, &cpu, subjects);
}

criterion_group! {
    name = benches;
    config = report::configuration();
    targets = kernels
}
criterion_main!(benches);
