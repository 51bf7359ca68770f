//! How the benchmarks measure and report, and the products of other crates.
#![allow(unsafe_code, dead_code)]

use std::time::Duration;

use criterion::{Criterion, Throughput};
use neurogain::backend::Cpu;
use neurogain::bench::{Amount, Subject, measure};

/// Short measurements, as there are many.
pub fn configuration() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args()
}

/// Criterion's measurement of each subject, then its fraction of the peak or of the bandwidth that
/// this process measures just before and after each round.
pub fn report(criterion: &mut Criterion, cpu: &Cpu, subjects: Vec<Subject<'_>>) {
    for mut subject in subjects {
        let mut group = criterion.benchmark_group("cpu");
        group.throughput(match subject.amount {
            Amount::Operations(operations) => Throughput::Elements(operations as u64),
            Amount::Bytes(bytes) => Throughput::Bytes(bytes as u64),
        });
        let mut chosen = false;
        group.bench_function(subject.name.as_str(), |bencher| {
            chosen = true;
            bencher.iter(|| (subject.call)());
        });
        group.finish();
        if chosen {
            let figures = measure(cpu.instruction_set(), 31, &mut subject);
            let (unit, yardstick) = match subject.amount {
                Amount::Operations(_) => ("GFLOP/s", "FMA peak"),
                Amount::Bytes(_) => ("GB/s", "copy bandwidth"),
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

/// A matrix of another crate: its numbers, and the distances of neighbours in a row and a column.
struct Matrix {
    numbers: Vec<f32>,
    along_row: isize,
    along_column: isize,
}

impl Matrix {
    /// Row-major.
    fn new(rows: usize, columns: usize) -> Self {
        let numbers = (0..rows * columns).map(|i| (i % 1013) as f32 / 1013.0 - 0.5);
        Matrix {
            numbers: numbers.collect(),
            along_row: 1,
            along_column: columns as isize,
        }
    }

    /// The same numbers with rows and columns exchanged.
    fn transposed(mut self) -> Self {
        std::mem::swap(&mut self.along_row, &mut self.along_column);
        self
    }
}

/// The three products of a layer by `gemm` and `matrixmultiply`, one thread each, weights and
/// activations row-major (`[outputs][inputs]`, `[features][samples]`).
pub fn products(samples: usize, outputs: usize, inputs: usize) -> Vec<Subject<'static>> {
    let (m, n, k) = (samples, outputs, inputs);
    let w = || Matrix::new(n, k);
    let x = || Matrix::new(k, m);
    let dy = || Matrix::new(n, m);
    let mut subjects = Vec::new();
    for (name, library) in [
        ("gemm", gemm as Product),
        ("matrixmultiply", matrixmultiply),
    ] {
        for (kind, [rows, terms, columns], a, b) in [
            ("forward", [n, k, m], w(), x()),
            ("to input", [k, n, m], w().transposed(), dy()),
            ("to weights", [n, m, k], dy(), x().transposed()),
        ] {
            let mut c = Matrix::new(rows, columns);
            subjects.push(Subject {
                name: format!("{name}: product {kind} {samples}×{outputs}×{inputs}"),
                amount: Amount::Operations(2.0 * (m * n * k) as f64),
                call: Box::new(move || library([rows, terms, columns], &a, &b, &mut c)),
            });
        }
    }
    subjects
}

/// C ← A·B for A `[rows][terms]` and B `[terms][columns]`.
type Product = fn([usize; 3], &Matrix, &Matrix, &mut Matrix);

fn gemm([rows, terms, columns]: [usize; 3], a: &Matrix, b: &Matrix, c: &mut Matrix) {
    // SAFETY: `products` makes the matrices with these sizes, and their strides fit their numbers.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            terms,
            c.numbers.as_mut_ptr(),
            c.along_row,
            c.along_column,
            false,
            a.numbers.as_ptr(),
            a.along_row,
            a.along_column,
            b.numbers.as_ptr(),
            b.along_row,
            b.along_column,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn matrixmultiply([rows, terms, columns]: [usize; 3], a: &Matrix, b: &Matrix, c: &mut Matrix) {
    // SAFETY: `products` makes the matrices with these sizes, and their strides fit their numbers.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            terms,
            columns,
            1.0,
            a.numbers.as_ptr(),
            a.along_column,
            a.along_row,
            b.numbers.as_ptr(),
            b.along_column,
            b.along_row,
            0.0,
            c.numbers.as_mut_ptr(),
            c.along_column,
            c.along_row,
        );
    }
}
