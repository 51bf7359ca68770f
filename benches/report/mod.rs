//! Measures and reports benchmarks.

use std::time::Duration;

use criterion::{Criterion, Throughput};
use neurogain::backend::Cpu;
use neurogain::bench::{Benchmark, Work, measure};

/// Short measurements, because there are many.
pub fn configuration() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args()
}

/// Measures each subject with Criterion, then its fraction of the peak or of the bandwidth that
/// this process measures just before and after each round.
pub fn report(criterion: &mut Criterion, cpu: &Cpu, subjects: Vec<Benchmark<'_>>) {
    for mut subject in subjects {
        let mut group = criterion.benchmark_group("cpu");
        group.throughput(match subject.amount {
            Work::Operations(operations) => Throughput::Elements(operations as u64),
            Work::Bytes(bytes) => Throughput::Bytes(bytes as u64),
        });
        let mut chosen = false;
        group.bench_function(subject.name.as_str(), |bencher| {
            chosen = true;
            bencher.iter(|| (subject.call)());
        });
        group.finish();
        if chosen {
            let figures = measure(cpu.instruction_set(), 31, &mut subject).expect("it runs");
            let (unit, yardstick) = match subject.amount {
                Work::Operations(_) => ("GFLOP/s", "FMA peak"),
                Work::Bytes(_) => ("GB/s", "copy bandwidth"),
            };
            println!(
                "  {:<48} {:>10.1} µs {:>7.1} {unit}: {:5.1} % of the {yardstick}, least {:5.1} %",
                subject.name,
                figures.seconds * 1e6,
                figures.rate,
                figures.fraction * 100.0,
                figures.least * 100.0,
            );
        }
    }
}
