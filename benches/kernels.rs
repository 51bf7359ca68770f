//! Every kernel at the models' shapes, and the products side by side with the crates `gemm` and
//! `matrixmultiply`. `cargo bench --bench kernels -- FILTER` measures those whose name holds FILTER.
#![allow(missing_docs)]

mod side_by_side;

use criterion::{Criterion, criterion_group, criterion_main};
use neurogain::backend::Cpu;
use neurogain::bench;

fn kernels(criterion: &mut Criterion) {
    let cpu = Cpu::new().expect("an instruction set");
    let subjects = bench::kernels(&cpu).expect("memory for the operands");
    side_by_side::report(criterion, &cpu, subjects);
}

fn products_of_other_crates(criterion: &mut Criterion) {
    let cpu = Cpu::new().expect("an instruction set");
    for (samples, outputs, inputs) in bench::PRODUCTS {
        let subjects = side_by_side::products(samples, outputs, inputs);
        side_by_side::report(criterion, &cpu, subjects);
    }
}

criterion_group! {
    name = benches;
    config = side_by_side::configuration();
    targets = kernels, products_of_other_crates
}
criterion_main!(benches);
