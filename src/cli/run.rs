//! `neurogain run`: settings, samples, the runs with their progress, and what they gave.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use neurogain::data::TrainTest;
use neurogain::experiment::{
    self, DataSettings, DataSource, Experiment, Outcome, Settings, parse_seeds,
};
use neurogain::experiment::{Results, Run, Status};
use neurogain::report::{self, Lock, Resumed};
use neurogain::{Backend, Error, Result};

use super::arguments;
use super::comodulation;
use super::device::{Device, on_device, processor, tell, threads};
use super::filling::{CHECKPOINT_EVERY, Filling};
use super::output::{complain, print, print_json};
use super::progress::{self, Progress};

/// What a shell reports of a program that Ctrl-C has ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Does what `neurogain run` promises.
pub fn run(arguments: &arguments::Run) -> Result<ExitCode> {
    let device = Device::of(arguments.device.as_deref())?;
    if let Some(settings) = comodulation::settings(arguments)? {
        return comodulation::run(arguments, &settings, device);
    }
    let settings = settings(arguments)?;
    let samples = samples(&settings.data, &arguments.data.directory())?;
    let card = device.open()?;
    let threads = threads(arguments.threads, card.as_ref());
    experiment::check_memory(&settings, &samples, threads)?;
    let runs = settings.methods.len() * settings.training.seeds.len();
    let cpu = processor(threads, runs)?;
    let seen = card.clone();
    let code = on_device!(card, cpu, |backend| run_on(
        backend, arguments, &settings, &samples, threads
    ))?;
    tell(seen.as_ref(), arguments.quiet);
    Ok(code)
}

/// The runs on a backend.
fn run_on<B: Backend>(
    backend: &B,
    arguments: &arguments::Run,
    settings: &Settings,
    samples: &TrainTest,
    threads: usize,
) -> Result<ExitCode> {
    let experiment = Experiment::new(settings, samples, backend)?;
    let stop = stop_on_interrupt()?;
    let directory = match (&arguments.resume, &arguments.out) {
        (Some(directory), _) => directory.clone(),
        (None, Some(directory)) => {
            report::create(directory, settings)?;
            directory.clone()
        }
        (None, None) => create_next(Path::new("runs"), &settings.name, &|directory| {
            report::create(directory, settings)
        })?,
    };
    let lock = Lock::take(&directory)?;
    let resumed = match arguments.resume {
        Some(_) => resume(&directory, settings, arguments.quiet)?,
        None => Resumed::default(),
    };
    let total = progress::iterations(settings);
    let cost = experiment.total_cost();
    let progress = Progress::new(&settings.title, total, cost, arguments.quiet);
    let filling = Filling {
        directory: &directory,
        settings,
        data: &experiment::data_digest(samples),
        threads,
        checkpoint_every: arguments.checkpoint_every.unwrap_or(CHECKPOINT_EVERY),
        tensorboard: arguments.tensorboard,
        stop: &stop,
        progress: &progress,
        share: 1.0,
    };
    let outcome = filling.run(experiment, resumed, lock);
    progress.clear();
    let Outcome {
        results,
        images_per_second,
    } = outcome?;
    let hash = results.hash().unwrap_or_default();
    let page = directory.join("report.html");
    if arguments.json {
        let summary = report::summarise_results(&results)?;
        print_json(&serde_json::json!({
            "directory": directory.display().to_string(),
            "report": page.display().to_string(),
            "hash": hash,
            "images_per_second": images_per_second,
            "summary": summary,
        }))?;
    } else {
        let speed = images_per_second.map(|speed| format!("speed   {speed:.0} images/s\n"));
        print(&format!(
            "{}\nhash    {hash}\n{}report  {}\n",
            report::table(&results)?,
            speed.unwrap_or_default(),
            page.display(),
        ))?;
    }
    Ok(verdict(&results, stop.load(Ordering::SeqCst), &directory))
}

/// What the directory has, and a word on what is damaged, or on there being nothing left to do.
fn resume(directory: &Path, settings: &Settings, quiet: bool) -> Result<Resumed> {
    let resumed = report::resume(directory, settings)?;
    for note in &resumed.notes {
        complain("warning", note);
    }
    let runs = settings.methods.len() * settings.training.seeds.len();
    if resumed.ended.len() == runs && !quiet {
        let directory = directory.display();
        complain(
            "complete",
            &format!("all {runs} runs of {directory} had ended"),
        );
    }
    Ok(resumed)
}

/// The benchmark or file, with the changes asked for; those that a directory was begun with, to go on.
fn settings(arguments: &arguments::Run) -> Result<Settings> {
    if let Some(directory) = &arguments.resume {
        return report::settings(directory)
            .map_err(|error| error.advised("; name a directory that `neurogain run` has made"));
    }
    let name = arguments.benchmark.as_deref().unwrap_or("split-digits");
    let mut settings = Settings::find(name, Path::new(""))?;
    if let Some(variants) = &arguments.variants {
        settings = settings.with_variants(variants)?;
    }
    let mut overrides = arguments.overrides.clone();
    if let Some(every) = arguments.eval_every {
        overrides.push(format!("evaluation.every={every}"));
    }
    if let Some(limit) = arguments.eval_limit {
        overrides.push(format!("evaluation.limit={limit}"));
    }
    if let Some(tasks) = &arguments.eval_tasks {
        overrides.push(format!("evaluation.tasks={tasks}"));
    }
    settings = settings.with_overrides(&overrides)?;
    if let Some(methods) = &arguments.methods {
        settings = settings.with_methods(methods)?;
    }
    if let Some(seeds) = &arguments.seeds {
        settings = settings.with_seeds(&parse_seeds(seeds)?)?;
    }
    Ok(settings)
}

/// The samples; if a file is missing, the error also says how to get them.
pub(super) fn samples(data: &DataSettings, directory: &Path) -> Result<TrainTest> {
    experiment::load_samples(data, directory).map_err(|error| advised(error, data.source))
}

/// How to get the files of a source that are missing.
pub(super) fn advised(error: Error, source: DataSource) -> Error {
    let home = match source {
        // CelebA's reader says it itself.
        DataSource::Digits | DataSource::Images | DataSource::Celeba => return error,
        DataSource::Mnist => "https://ossci-datasets.s3.amazonaws.com/mnist/ (each with .gz)",
        DataSource::FashionMnist => {
            "https://github.com/zalandoresearch/fashion-mnist (each with .gz)"
        }
        DataSource::Cifar10 => "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        DataSource::Cifar100 => "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    };
    error.advised(&format!(
        ". Get them from {home}, and name their directory with --data DIR or the variable NEUROGAIN_DATA"
    ))
}

/// A flag that the first Ctrl-C raises; the second ends the program at once.
pub(super) fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        complain(
            "interrupted",
            &"writing what is done; again to leave at once",
        );
    })
    .map_err(|error| Error::File {
        path: "Ctrl-C".into(),
        action: "listen for",
        reason: error.to_string(),
    })?;
    Ok(stop)
}

/// Makes the run directory with the next free number: `runs/split-digits-001`.
pub(super) fn create_next(
    parent: &Path,
    name: &str,
    create: &dyn Fn(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| {
        let file_name = entry.file_name();
        let number = file_name.to_str()?.strip_prefix(name)?.strip_prefix('-')?;
        number.parse::<u32>().ok()
    });
    for number in numbers.max().unwrap_or(0)..u32::MAX {
        let directory = parent.join(format!("{name}-{:03}", number + 1));
        match create(&directory) {
            // Another run, started at the same time, was first: the next number is ours.
            Err(_) if directory.exists() => {}
            made => return made.map(|()| directory),
        }
    }
    Err(Error::File {
        path: parent.display().to_string(),
        action: "number a directory in",
        reason: format!("{name}-{} exists; name one with --out DIR", u32::MAX),
    })
}

/// Says what was not done, if anything, and gives the exit code for it.
fn verdict(results: &Results, stopped: bool, directory: &Path) -> ExitCode {
    let settings = &results.settings;
    let asked = settings.methods.len() * settings.training.seeds.len();
    let cut_short = |run: &Run| run.status == Status::Interrupted;
    if stopped && (results.runs.len() < asked || results.runs.iter().any(cut_short)) {
        let iterations: usize = results.runs.iter().map(|r| r.history.records.len()).sum();
        let place = directory.display();
        let message = format!(
            "stopped after {iterations} iterations, which are in {place}; `neurogain run --resume {place}` goes on"
        );
        complain("interrupted", &message);
        return ExitCode::from(INTERRUPTED);
    }
    let mut code = ExitCode::SUCCESS;
    for run in &results.runs {
        if let Status::Diverged {
            iteration,
            quantity,
            value,
        } = &run.status
        {
            let (method, seed) = (&run.method, run.seed);
            let message = format!(
                "{method}, seed {seed}: training diverged: {quantity} is {value} at iteration {iteration}"
            );
            complain("error", &message);
            code = ExitCode::FAILURE;
        }
    }
    code
}
