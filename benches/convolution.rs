//! The image kernels at the layers of the slim ResNet-18, batch 256: convolution, batch
//! normalisation and pooling. `cargo bench --bench convolution -- FILTER` measures those whose name
//! contains FILTER.
#![allow(missing_docs)]

mod report;

use criterion::{Criterion, criterion_group, criterion_main};
use neurogain::backend::Cpu;
use neurogain::bench;

fn images(criterion: &mut Criterion) {
    let cpu = Cpu::new().expect("an instruction set");
    let subjects = bench::images(&cpu).expect("memory for the operands");
    report::report(criterion, &cpu, subjects);
}

criterion_group! {
    name = benches;
    config = report::configuration();
    targets = images
}
criterion_main!(benches);
