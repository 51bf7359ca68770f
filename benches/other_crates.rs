//! The matrix products of a layer compared with the crates `gemm` and `matrixmultiply`, on one thread.
//! `cargo bench --bench other_crates -- FILTER` measures those whose name contains FILTER.
//!
//! The three and the FMA loop take turns in one thread, so that other load on the machine affects all
//! of them. The time is the thread's own (other processes' turns on the core do not count), and
//! ratios are computed turn by turn. Ours also computes the effective weights g·W, which the
//! other crates cannot.
#![allow(unsafe_code, missing_docs)]

use neurogain::backend::Cpu;
use neurogain::bench::{self, Benchmark, Reference, Work};

/// Turns per measurement.
const TURNS: usize = 61;

fn main() {
    let filter = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let filter = filter.unwrap_or_default();
    let cpu = Cpu::new().expect("an instruction set");
    println!(
        "{:<38}{:>16}{:>9}{:>16}",
        "fraction of the FMA peak", "ours", "gemm", "matrixmultiply"
    );
    for (samples, outputs, inputs) in bench::PRODUCTS {
        let ours = bench::products(&cpu, samples, outputs, inputs).expect("memory");
        let [gemm, matrixmultiply] = [gemm as MatmulDims, matrixmultiply]
            .map(|library| products(library, samples, outputs, inputs));
        for ((ours, gemm), matrixmultiply) in ours.into_iter().zip(gemm).zip(matrixmultiply) {
            if ours.name.contains(&filter) {
                compare(&cpu, [ours, gemm, matrixmultiply]);
            }
        }
    }
}

/// CPU time of this thread in seconds.
fn thread_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one `timespec`, through an exclusive pointer to one.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Prints the fraction of the peak that each reaches, and our time relative to each other crate's.
fn compare(cpu: &Cpu, mut subjects: [Benchmark<'_>; 3]) {
    let mut yardstick = Reference::new(cpu.instruction_set(), subjects[0].amount);
    let Work::Operations(operations) = subjects[0].amount else {
        return;
    };
    let seconds = |subject: &mut Benchmark<'_>| {
        let calls = (2e7 / operations) as usize + 1;
        let start = thread_seconds();
        (0..calls)
            .try_for_each(|_| (subject.call)())
            .expect("it runs");
        (thread_seconds() - start) / calls as f64
    };
    let (mut fractions, mut ratios) = ([(); 3].map(|()| Vec::new()), [(); 3].map(|()| Vec::new()));
    for _ in 0..TURNS {
        let start = thread_seconds();
        let peak = yardstick.run() * 1e-9 / (thread_seconds() - start);
        let turn = subjects.each_mut().map(&seconds);
        for i in 0..3 {
            fractions[i].push(operations * 1e-9 / turn[i] / peak);
            ratios[i].push(turn[0] / turn[i]);
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [ours, gemm, other] = fractions.each_mut().map(median).map(|f| f * 100.0);
    let [_, by_gemm, by_other] = ratios.each_mut().map(median);
    println!(
        "{:<38}{ours:>14.1} %{gemm:>7.1} %{other:>14.1} %   our time: {by_gemm:.2} of gemm's, {by_other:.2} of matrixmultiply's",
        subjects[0].name,
    );
}

/// A matrix for the other crates: its elements, and the strides along rows and columns.
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

    /// The same elements with rows and columns exchanged.
    fn transposed(mut self) -> Self {
        std::mem::swap(&mut self.along_row, &mut self.along_column);
        self
    }
}

/// The three products of a layer, weights and activations row-major (`[outputs][inputs]`,
/// `[features][samples]`).
fn products(
    library: MatmulDims,
    samples: usize,
    outputs: usize,
    inputs: usize,
) -> [Benchmark<'static>; 3] {
    let (m, n, k) = (samples, outputs, inputs);
    let w = || Matrix::new(n, k);
    let x = || Matrix::new(k, m);
    let dy = || Matrix::new(n, m);
    let subject = |[rows, terms, columns]: [usize; 3], a: Matrix, b: Matrix| {
        let mut c = Matrix::new(rows, columns);
        Benchmark {
            name: String::new(),
            amount: Work::Operations(2.0 * (m * n * k) as f64),
            call: Box::new(move || {
                library([rows, terms, columns], &a, &b, &mut c);
                Ok(())
            }),
        }
    };
    [
        subject([n, k, m], w(), x()),
        subject([k, n, m], w().transposed(), dy()),
        subject([n, m, k], dy(), x().transposed()),
    ]
}

/// C ← A·B for A `[rows][terms]` and B `[terms][columns]`.
type MatmulDims = fn([usize; 3], &Matrix, &Matrix, &mut Matrix);

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
