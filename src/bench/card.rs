//! Measures the speed of kernels on a GPU, as fractions of its rated speed.

use alloc::vec::Vec;

use super::{Benchmark, Measurement, Work, median, time};
use crate::backend::{Cuda, Memory};
use crate::error::Result;

/// Minimum duration of a round, in seconds: long compared with the copy that ends it.
const ROUND: f64 = 0.01;
/// Maximum calls per round.
const MOST: usize = 1 << 16;

/// Measures a subject on a GPU in `rounds` rounds. A round launches all its calls and synchronises once at the end.
///
/// # Errors
/// Errors of the kernels.
pub fn measure_on_card(
    cuda: &Cuda,
    rounds: usize,
    benchmark: &mut Benchmark<'_>,
) -> Result<Measurement> {
    let last = cuda.zeros(1)?;
    let mut round = |calls: usize| -> Result<f64> {
        let mut done = Ok(());
        let seconds = time(|| {
            done = (0..calls).try_for_each(|_| (benchmark.call)());
            // A copy to the host waits for all earlier work.
            done = done.clone().and(cuda.download(&last, &mut [0.0]));
        });
        done.map(|()| seconds)
    };
    let mut calls = 1;
    while round(calls)? < ROUND && calls < MOST {
        calls *= 2;
    }
    let mut seconds = Vec::new();
    for _ in 0..rounds.max(1) {
        seconds.push(round(calls)? / calls as f64);
    }
    let taken = median(&mut seconds);
    let slowest = seconds.last().copied().unwrap_or(taken);
    let (amount, peak) = match benchmark.amount {
        Work::Operations(amount) => (amount, cuda.peak().map(|[operations, _]| operations)),
        Work::Bytes(amount) => (amount, cuda.peak().map(|[_, bytes]| bytes)),
    };
    let rate = |seconds: f64| amount * 1e-9 / seconds;
    let peak = peak.unwrap_or(f64::NAN);
    Ok(Measurement {
        seconds: taken,
        rate: rate(taken),
        fraction: rate(taken) / peak,
        least: rate(slowest) / peak,
    })
}
