//! `neurogain figure`: analyses, runs and sweeps, by the name of the figure that they make.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use neurogain::run::System;
use neurogain::run::settings::{self, Document, unknown};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{
    ANALYSES, Analysis, Settings, Subject, TWO_TIMESCALE, analyse, analysed_by_default,
    two_timescale,
};
use neurogain::{Error, Result};

use super::arguments;
use super::device::{Card, Device, on_device, processor, threads};
use super::list::sweeps;
use super::output::{print, report_error};
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

/// The shortest time between two messages of how far an analysis is.
const PACE: Duration = Duration::from_secs(10);

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
    // Known before the work is done.
    if arguments.out.is_file() {
        let reason = "it is a file; name a directory with --out";
        return Err(Error::file(&arguments.out, "create", reason));
    }
    let card = Device::of(arguments.device.as_deref())?.open()?;
    let analysis = if name == TWO_TIMESCALE.0 {
        if let Some(base) = &arguments.base {
            let expected = format!("no value: {name} is the figure of a scalar model");
            return Err(wrong_base(base, expected));
        }
        two_timescale()?
    } else if ANALYSES.iter().any(|(known, _)| known == name) {
        analysis(name, arguments, card)?
    } else {
        let known: Vec<String> = figures()?.into_iter().map(|(name, _)| name).collect();
        return Err(unknown("figure", name, &known));
    };
    let paths = analysis.write(&arguments.out)?;
    let mut text = format!("{}\n", analysis.table);
    for (figure, path) in analysis.figures.iter().zip(paths) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "figure  {}", path.display());
        let _ = writeln!(text, "numbers {}", path.with_extension("csv").display());
        let _ = writeln!(text, "{}\n", figure.caption);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Trains the networks of an analysis, on the base or the digits.
fn analysis(name: &str, arguments: &arguments::Figure, card: Option<Card>) -> Result<Analysis> {
    let settings = match &arguments.base {
        None => analysed_by_default(name)?,
        Some(base) => {
            if let Some(kind) = settings::kind(base) {
                let known = <Settings as Document>::PRESETS.iter();
                let known: Vec<&str> = known.map(|(name, _)| *name).collect();
                let expected = format!(
                    "a stability-gap benchmark, or a file based on one, as {name} is not drawn for {kind} experiments: {}",
                    known.join(", ")
                );
                return Err(wrong_base(base, expected));
            }
            settings::find(base, Path::new(""))?
        }
    };
    let samples = StabilityGap::load(&settings, &arguments.data.directory())?;
    let settings = StabilityGap::resolved(settings, &samples)?;
    let (cores, seeds) = (threads(None, card.as_ref()), settings.training.seeds.len());
    // Only the sensitivity trains several networks at the same time: one for each seed.
    let runs = match name {
        "sensitivity" => cores.min(seeds),
        _ => 1,
    };
    StabilityGap::memory(&settings, &samples, runs).check()?;
    let cpu = processor(cores, runs)?;
    let told = Mutex::new(Instant::now());
    let tell = |message: &str| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= PACE {
            *told = Instant::now();
            report_error(name, &message);
        }
    };
    on_device!(card, cpu, |backend| analyse(
        name,
        &Subject {
            settings: &settings,
            samples: &samples,
            backend,
            threads: runs,
            tell: &tell,
        }
    ))
}

fn wrong_base(base: &str, expected: String) -> Error {
    Error::Setting {
        name: "--base".into(),
        value: base.into(),
        expected,
    }
}

/// Every figure: its name and description.
fn figures() -> Result<Vec<(String, String)>> {
    let analyses = [TWO_TIMESCALE].into_iter().chain(ANALYSES.iter().copied());
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
