//! `neurogain bench`: the speed of the kernels on this machine.

use neurogain::backend::cpu::InstructionSet;
use neurogain::bench::{self, Benchmark, Measurement, Reference, Work};
use neurogain::{Backend, Cpu, Error, Result};
use serde_json::{Value, json};

use super::arguments;
use super::device::Device;
use super::output::{print, print_json};

/// Rounds per kernel: enough for a median on a busy machine; all kernels take about a minute.
const ROUNDS: usize = 15;

/// Runs `neurogain bench`.
pub fn bench(arguments: &arguments::Bench) -> Result<()> {
    match Device::of(arguments.device.as_deref())?.open()? {
        #[cfg(feature = "cuda")]
        Some(card) => {
            let peak = card.peak();
            let speeds = peak.map_or(
                "(the card does not report it)".into(),
                |[operations, bytes]| format!("{operations:.0} GFLOP/s, {bytes:.0} GB/s"),
            );
            let name = card.name();
            let head = format!("device           {name}\nrated            {speeds}\n");
            let facts = json!({
                "device": name,
                "rated_gflops": peak.map(|[operations, _]| operations),
                "rated_gb_per_second": peak.map(|[_, bytes]| bytes),
            });
            let measure = |subject: &mut Benchmark| bench::measure_on_card(&card, ROUNDS, subject);
            table(arguments, &card, &head, facts, ["rated"; 2], measure)?;
            let megabytes = card.most_memory_in_use() as f64 / 1e6;
            if !arguments.json {
                print(&format!(
                    "\nin use           at most {megabytes:.0} MB of its memory\n"
                ))?;
            }
            Ok(())
        }
        None => {
            let set = InstructionSet::detect()?;
            let threads = arguments.threads.map_or(1, usize::from);
            let cpu = Cpu::with(set, threads)?;
            let peak = Reference::new(set, Work::Operations(0.0)).rate();
            let copy = Reference::new(set, Work::Bytes(128.0 * 1024.0 * 1024.0)).rate();
            let head = format!(
                "instruction set  {}\nFMA peak         {peak:.1} GFLOP/s, one thread\ncopy             {copy:.1} GB/s, one thread\nkernels on       {threads} thread(s)\n",
                set.name(),
            );
            let facts = json!({
                "instruction_set": set.name(),
                "threads": threads,
                "fma_peak_gflops": peak,
                "copy_gb_per_second": copy,
            });
            let measure = |subject: &mut Benchmark| bench::measure(set, ROUNDS, subject);
            table(arguments, &cpu, &head, facts, ["FMA peak", "copy"], measure)
        }
    }
}

/// A fraction as text; `-` if it is unknown.
fn percent(fraction: f64) -> String {
    match fraction.is_nan() {
        true => "-".into(),
        false => format!("{:.0} %", 100.0 * fraction),
    }
}

/// Measures the selected kernels on a backend and prints the results: a table below `head`, or JSON with `facts`.
/// `bounds` are the names of the bounds on operations and on bytes.
fn table<B: Backend>(
    arguments: &arguments::Bench,
    backend: &B,
    head: &str,
    mut facts: Value,
    bounds: [&str; 2],
    measure: impl Fn(&mut Benchmark) -> Result<Measurement>,
) -> Result<()> {
    if !arguments.json {
        print(&format!(
            "{head}\n{:<44} {:>9} {:<9} {:>9} {:>6}\n",
            "kernel", "speed", "", "of bound", "least",
        ))?;
    }
    let mut rows = Vec::new();
    let subjects = bench::kernels(backend)?
        .into_iter()
        .chain(bench::images(backend)?)
        .chain(bench::models(backend)?);
    let filter = arguments.filter.as_deref().unwrap_or_default();
    for mut subject in subjects.filter(|subject| subject.name.contains(filter)) {
        let figures = measure(&mut subject)?;
        let (unit, bound) = match subject.amount {
            Work::Operations(_) => ("GFLOP/s", bounds[0]),
            Work::Bytes(_) => ("GB/s", bounds[1]),
        };
        if !arguments.json {
            print(&format!(
                "{:<44} {:>9.1} {unit:<9} {:>9} {:>6}\n",
                subject.name,
                figures.rate,
                percent(figures.fraction),
                percent(figures.least),
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
        facts["kernels"] = rows.into();
        print_json(&facts)?;
    }
    Ok(())
}
