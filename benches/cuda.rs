//! Every kernel, training step and evaluation on a card, as fractions of its rated speed.
#![allow(missing_docs)]

use std::time::Instant;

use neurogain::backend::Cuda;
use neurogain::bench::{self, Amount, Subject};
use neurogain::{Backend, Result};

/// Seconds that a subject is called for between two looks at the clock.
const ROUND: f64 = 0.02;
/// Rounds, of which the median counts.
const ROUNDS: usize = 7;

fn main() -> Result<()> {
    let cuda = match Cuda::new(0) {
        Ok(cuda) => cuda,
        Err(error) => {
            println!("not measured: {error}");
            return Ok(());
        }
    };
    println!("{}", cuda.name());
    let subjects = bench::kernels(&cuda)?.into_iter();
    let subjects = subjects
        .chain(bench::images(&cuda)?)
        .chain(bench::models(&cuda)?);
    let megabytes = cuda.memory_in_use() as f64 / 1e6;
    println!("{megabytes:.0} MB of its memory in use");
    for mut subject in subjects {
        let seconds = seconds(&cuda, &mut subject)?;
        let (amount, unit, rated) = match subject.amount {
            Amount::Operations(amount) => (amount, "GFLOP/s", cuda.rated().map(|[r, _]| r)),
            Amount::Bytes(amount) => (amount, "GB/s", cuda.rated().map(|[_, r]| r)),
        };
        let rate = amount * 1e-9 / seconds;
        let share = rated.map_or(String::new(), |rated| {
            format!("{:5.1} %", 100.0 * rate / rated)
        });
        let (name, micros) = (&subject.name, 1e6 * seconds);
        println!("{name:<48} {micros:>10.1} µs {rate:>10.1} {unit:<7} {share}");
    }
    Ok(())
}

/// Seconds a call, median over the rounds, each of as many calls as fill it.
fn seconds(cuda: &Cuda, subject: &mut Subject<'_>) -> Result<f64> {
    let last = cuda.zeros(1)?;
    let mut round = |calls: usize| -> Result<f64> {
        let start = Instant::now();
        (0..calls).for_each(|_| (subject.call)());
        // A copy to the host waits for everything before it.
        cuda.download(&last, &mut [0.0])?;
        Ok(start.elapsed().as_secs_f64())
    };
    let mut calls = 1;
    while round(calls)? < ROUND {
        calls *= 2;
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(calls)? / calls as f64);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 2])
}
