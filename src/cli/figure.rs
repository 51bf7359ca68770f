//! `neurogain figure`: analyses, runs and sweeps, by the name of the figure that they make.

use std::fmt::Write;
use std::process::ExitCode;

use neurogain::run::settings::unknown;
use neurogain::systems::stability_gap::{ANALYSES, analyse};
use neurogain::{Cpu, Error, Result};

use super::arguments;
use super::device::{Device, on_device, threads};
use super::list::sweeps;
use super::output::print;
use super::run::run;
use super::sweep::sweep;

/// A figure of a run: its name, its description, its default benchmark, and the list of methods that replaces the
/// benchmark's, if any.
type OfRun = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const RUNS: &[OfRun] = &[
    (
        "class-incremental",
        "accuracy, loss and gain while contexts add classes (figure 3 of the paper)",
        "split-digits",
        None,
    ),
    (
        "domain-incremental",
        "accuracy, loss and gain while contexts add rotations (figure 4 of the paper)",
        "rotated-digits",
        None,
    ),
    (
        "ablation",
        "accuracy, loss and gain of NGM-SGD, of its gain held at g0, and of its slow part alone (figure 5 of the paper)",
        "split-digits",
        Some("ablation"),
    ),
];

/// Runs `neurogain figure`.
pub fn figure(arguments: &arguments::Figure) -> Result<ExitCode> {
    let Some(name) = &arguments.name else {
        print(&list()?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let out = Some(arguments.out.join(name));
    if let Some(&(_, _, benchmark, variants)) = RUNS.iter().find(|(known, ..)| known == name) {
        return run(&arguments::Run {
            benchmark: arguments.base.clone().or(Some(benchmark.into())),
            variants: variants.map(String::from),
            data: arguments.data.clone(),
            device: arguments.device.clone(),
            out,
            continues: true,
            ..arguments::Run::default()
        });
    }
    if sweeps()?.iter().any(|(known, _)| known == name) {
        return sweep(&arguments::Sweep {
            file: Some(name.into()),
            base: arguments.base.clone(),
            data: arguments.data.clone(),
            device: arguments.device.clone(),
            out,
            ..arguments::Sweep::default()
        });
    }
    if !ANALYSES.iter().any(|(known, _)| known == name) {
        let known: Vec<String> = figures()?.into_iter().map(|(name, _)| name).collect();
        return Err(unknown("figure", name, &known));
    }
    if let Some(base) = &arguments.base {
        return Err(Error::Setting {
            name: "--base".into(),
            value: base.clone(),
            expected: format!("no value: {name} is not a figure of runs or sweeps"),
        });
    }
    let card = Device::of(arguments.device.as_deref())?.open()?;
    let threads = threads(None, card.as_ref());
    let cpu = Cpu::new()?;
    let analysis = on_device!(card, cpu, |backend| analyse(name, backend, threads))?;
    let paths = analysis.write(&arguments.out)?;
    let mut text = format!("{}\n", analysis.table);
    for path in paths {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "figure  {}", path.display());
        let _ = writeln!(text, "numbers {}", path.with_extension("csv").display());
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Every figure: its name and description.
fn figures() -> Result<Vec<(String, String)>> {
    let analyses = ANALYSES.iter().copied();
    let runs = RUNS.iter().map(|&(name, shows, ..)| (name, shows));
    let described = analyses
        .chain(runs)
        .map(|(name, shows)| (name.to_string(), shows.to_string()));
    let sweeps = sweeps()?.into_iter();
    Ok(described
        .chain(sweeps.map(|(name, shows)| (name.to_string(), shows)))
        .collect())
}

fn list() -> Result<String> {
    let mut text = String::new();
    for (name, shows) in figures()? {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<18} {}", shows.replace('\n', " "));
    }
    text.push_str("\nTo make a figure, run: neurogain figure NAME\n");
    Ok(text)
}
