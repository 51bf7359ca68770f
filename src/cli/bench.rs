//! `neurogain bench`: what the kernels reach on this machine.

use neurogain::backend::cpu::InstructionSet;
use neurogain::bench::{self, Amount, Yardstick};
use neurogain::{Cpu, Error, Result};
use serde_json::json;

use super::arguments;
use super::output::{print, print_json};

/// Rounds a kernel: enough for a median on a busy machine, in about a minute for all.
const ROUNDS: usize = 15;

/// Does what `neurogain bench` promises.
pub fn bench(arguments: &arguments::Bench) -> Result<()> {
    let set = InstructionSet::detect()?;
    let threads = arguments.threads.map_or(1, usize::from);
    let cpu = Cpu::with(set, threads)?;
    let peak = Yardstick::new(set, Amount::Operations(0.0)).rate();
    let copy = Yardstick::new(set, Amount::Bytes(128.0 * 1024.0 * 1024.0)).rate();
    if !arguments.json {
        print(&format!(
            "instruction set  {}\nFMA peak         {peak:.1} GFLOP/s, one thread\ncopy             {copy:.1} GB/s, one thread\nkernels on       {threads} thread(s)\n\n{:<44} {:>9} {:<9} {:>9} {:>6}\n",
            set.name(),
            "kernel",
            "speed",
            "",
            "of bound",
            "least",
        ))?;
    }
    let mut rows = Vec::new();
    let subjects = bench::kernels(&cpu)?
        .into_iter()
        .chain(bench::images(&cpu)?)
        .chain(bench::models(&cpu)?);
    let filter = arguments.filter.as_deref().unwrap_or_default();
    for mut subject in subjects.filter(|subject| subject.name.contains(filter)) {
        let figures = bench::measure(set, ROUNDS, &mut subject);
        let (unit, bound) = match subject.amount {
            Amount::Operations(_) => ("GFLOP/s", "FMA peak"),
            Amount::Bytes(_) => ("GB/s", "copy"),
        };
        if !arguments.json {
            print(&format!(
                "{:<44} {:>9.1} {unit:<9} {:>7.0} % {:>4.0} %\n",
                subject.name,
                figures.rate,
                100.0 * figures.fraction,
                100.0 * figures.least,
            ))?;
        }
        rows.push(json!({
            "kernel": subject.name,
            "bound": bound,
            "unit": unit,
            "rate": figures.rate,
            "fraction": figures.fraction,
            "least_fraction": figures.least,
            "seconds": figures.seconds,
        }));
    }
    if rows.is_empty() {
        return Err(Error::Setting {
            name: "filter".into(),
            value: filter.into(),
            expected: "a part of a name that `neurogain bench` prints, such as ResNet".into(),
        });
    }
    if arguments.json {
        print_json(&json!({
            "instruction_set": set.name(),
            "threads": threads,
            "fma_peak_gflops": peak,
            "copy_gb_per_second": copy,
            "kernels": rows,
        }))?;
    }
    Ok(())
}
