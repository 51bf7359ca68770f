//! `neurogain run`: loads settings and data, runs the jobs, and prints the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use neurogain::run::settings::{self, Adjustments, Document};
use neurogain::run::{
    DataOrigin, DataSource, Lock, Outcome, Report, RunDirectory, Status, Store, System, all_ended,
    parse_seeds,
};
use neurogain::systems::with_system;
use neurogain::{Backend, Error, Result};

use super::arguments;
use super::device::{Device, on_device, one_each, processor, tell, threads};
use super::filling::{CHECKPOINT_EVERY, Filled, RunSession, experiments, total};
use super::output::{print, print_json, quoted, report_error};
use super::progress::Progress;
use crate::counted::counted;

/// The exit code of a program that was ended by Ctrl-C.
pub(super) const INTERRUPTED: u8 = 130;

/// Runs `neurogain run`.
pub fn run(arguments: &arguments::Run) -> Result<ExitCode> {
    let name = match &arguments.resume {
        Some(directory) => directory.join("config.toml").display().to_string(),
        None => benchmark(arguments).into(),
    };
    with_system!(settings::kind(&name).as_deref(), S => run_system::<S>(arguments))
}

/// The benchmark or file of settings to run, if no directory is resumed.
fn benchmark(arguments: &arguments::Run) -> &str {
    arguments.benchmark.as_deref().unwrap_or("split-digits")
}

/// Runs an experiment of a system on a device.
fn run_system<S: System>(arguments: &arguments::Run) -> Result<ExitCode> {
    if let Some(path) = &arguments.resume
        && let Some(code) = report_again::<S>(path, arguments)?
    {
        return Ok(code);
    }
    let device = Device::of(arguments.device.as_deref())?;
    let settings = settings::<S>(arguments)?;
    let files = data_directory::<S>(arguments)?;
    let data = S::load(&settings, &files)?;
    let settings = S::resolved(settings, &data)?;
    let card = device.open()?;
    let (jobs, threads) = (
        S::jobs(&settings).len(),
        threads(arguments.threads, card.as_ref()),
    );
    S::memory(&settings, &data, threads).check()?;
    let cards = one_each(device, card, threads.min(jobs))?;
    let cpu = processor(threads, jobs)?;
    let seen = cards.clone();
    let code = on_device!(cards, [cpu], |backends| run_on::<S, _>(
        backends.as_slice(),
        arguments,
        &settings,
        (&data, &files),
        threads
    ))?;
    tell(seen.as_ref(), arguments.quiet);
    Ok(code)
}

/// Writes the report of a directory in which every job has ended; `None` if one is left to do. Does not open data files;
/// `None` also if they are at hand, so that it is checked that they are those of the runs.
fn report_again<S: System>(path: &Path, arguments: &arguments::Run) -> Result<Option<ExitCode>> {
    let directory = RunDirectory::<S>::open(path)?;
    let built_in = directory.settings().common().data.source == DataSource::Digits;
    if built_in || arguments.data.given().is_some() {
        return Ok(None);
    }
    let ended = |of: &RunDirectory<S>| -> Result<Vec<Option<S::Outcome>>> {
        let jobs = of.jobs().iter();
        jobs.map(|job| of.ended(&job.id)).collect()
    };
    let outcomes = ended(&directory)?;
    if !all_ended(directory.jobs(), &outcomes) {
        return Ok(None);
    }
    let lock = Lock::take(path)?;
    // Event files that exist are continued.
    let directory = match arguments.tensorboard || path.join("tensorboard").exists() {
        true => {
            let directory = directory.with_tensorboard(true);
            // This writes the event files.
            ended(&directory)?;
            directory
        }
        false => directory,
    };
    let report = directory.report(&outcomes)?;
    lock.finish()?;
    if !arguments.quiet {
        nothing_left(outcomes.len(), path);
    }
    show(&report, path, None, arguments.json)?;
    Ok(Some(verdict(&outcomes, false, path, None)))
}

fn nothing_left(runs: usize, place: &Path) {
    let runs = match runs {
        1 => "the run has".into(),
        runs => format!("all {runs} runs have"),
    };
    let message = format!(
        "nothing was left to do in {}: {runs} already ended; the report was written again",
        place.display()
    );
    report_error("complete", &message);
}

/// Prints the results.
fn show(report: &Report, place: &Path, images_per_second: Option<f64>, json: bool) -> Result<()> {
    let page = place.join("report.html");
    let hash = report.summary.hash.as_ref();
    if json {
        return print_json(&serde_json::json!({
            "directory": place.display().to_string(),
            "report": page.display().to_string(),
            "hash": hash,
            "images_per_second": images_per_second,
            "summary": report.summary.json,
        }));
    }
    let hash = hash.map(|hash| format!("hash    {hash}\n"));
    let speed = images_per_second.map(|speed| format!("speed   {speed:.0} images/s\n"));
    print(&format!(
        "{}\n{}{}report  {}\n",
        report.table,
        hash.unwrap_or_default(),
        speed.unwrap_or_default(),
        page.display(),
    ))
}

/// Runs an experiment on one backend for all threads, or on one for each thread.
fn run_on<S: System, B: Backend>(
    backends: &[B],
    arguments: &arguments::Run,
    settings: &S::Settings,
    (data, files): (&S::Data, &Path),
    threads: usize,
) -> Result<ExitCode> {
    let experiments = experiments::<S, B>(settings, data, backends)?;
    let stop = stop_on_interrupt()?;
    let directory = match (&arguments.resume, &arguments.out) {
        (Some(path), _) => RunDirectory::<S>::open(path)?,
        (None, Some(path)) if arguments.continues && path.join("config.toml").exists() => {
            continued(path, settings)?
        }
        (None, Some(path)) => RunDirectory::create(path, settings)?,
        (None, None) => create_next(Path::new("runs"), settings)?,
    };
    // Event files that exist are continued.
    let has_events = directory.path().join("tensorboard").exists();
    let directory = directory.with_tensorboard(arguments.tensorboard || has_events);
    let lock = Lock::take(directory.path())?;
    let origin = DataOrigin::of(settings.common().data, files)?;
    directory.check_data(&S::digest(data), &origin)?;
    directory.remember_data(files)?;
    let (steps, cost) = total::<S, B>(&directory, &experiments);
    let progress = Progress::new(
        settings.common().title,
        "iterations",
        steps,
        cost,
        arguments.quiet,
    );
    let filling = RunSession {
        threads,
        checkpoint_every: arguments.checkpoint_every.unwrap_or(CHECKPOINT_EVERY),
        stop: &stop,
        progress: &progress,
        label: "",
        share: 1.0,
        counts_steps: true,
    };
    let filled = filling.run::<S, B>(&directory, lock, &experiments);
    progress.clear();
    let Filled {
        outcomes,
        report,
        images_per_second,
    } = filled?;
    let place = directory.path();
    if images_per_second.is_none() && outcomes.iter().all(Option::is_some) && !arguments.quiet {
        nothing_left(outcomes.len(), place);
    }
    show(&report, place, images_per_second, arguments.json)?;
    let is_needed = settings.common().data.source != DataSource::Digits
        && directory.remembered_data()?.is_none();
    Ok(verdict(
        &outcomes,
        stop.load(Ordering::SeqCst),
        place,
        is_needed.then_some(files),
    ))
}

/// The settings: those of the resumed directory, or of the benchmark or file with the requested changes.
fn settings<S: System>(arguments: &arguments::Run) -> Result<S::Settings> {
    if let Some(directory) = &arguments.resume {
        return Ok(RunDirectory::<S>::open(directory)?.settings().clone());
    }
    let settings: S::Settings = settings::find(benchmark(arguments), Path::new(""))?;
    let mut overrides = arguments.overrides.clone();
    let evaluation = [
        ("every", arguments.eval_every.map(|every| every.to_string())),
        ("limit", arguments.eval_limit.map(|limit| limit.to_string())),
        ("tasks", arguments.eval_tasks.clone()),
    ];
    for (key, value) in evaluation {
        let Some(value) = value else { continue };
        if !settings::has_key::<S::Settings>(&format!("evaluation.{key}")) {
            let system = <S::Settings as Document>::SYSTEM;
            let expected = format!("no value: a {system} experiment has no evaluation.{key}");
            return Err(Error::setting(format!("--eval-{key}"), value, expected));
        }
        overrides.push(format!("evaluation.{key}={value}"));
    }
    let made = Adjustments {
        variants: arguments.variants.as_deref(),
        methods: arguments.methods.as_deref(),
        changes: &overrides,
    };
    let settings = settings::adjusted(&settings, &made)?;
    match &arguments.seeds {
        Some(seeds) => settings::with_seeds(&settings, &parse_seeds(seeds)?),
        None => Ok(settings),
    }
}

/// A flag that the first Ctrl-C sets; the second Ctrl-C ends the program at once.
pub(super) fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let set = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        report_error(
            "interrupted",
            &"saving the results so far; press Ctrl-C again to quit at once",
        );
    });
    match set {
        Ok(()) => {}
        // It needs a thread; checkpoints are written all the same.
        Err(ctrlc::Error::System(error)) => report_error(
            "warning",
            &format!("cannot listen for Ctrl-C ({error}): it will quit at once"),
        ),
        Err(error) => {
            return Err(Error::System {
                action: "listen for Ctrl-C",
                reason: error.to_string(),
            });
        }
    }
    Ok(stop)
}

/// The run directory at `path`, which must have been created with these settings.
fn continued<S: System>(path: &Path, settings: &S::Settings) -> Result<RunDirectory<S>> {
    let directory = RunDirectory::<S>::open(path)?;
    if directory.settings() == settings {
        return Ok(directory);
    }
    let reason = "it has runs with other settings; name another directory with --out";
    Err(Error::file(path, "continue", reason))
}

/// Creates the run directory with the next free number: `runs/split-digits-001`.
fn create_next<S: System>(parent: &Path, settings: &S::Settings) -> Result<RunDirectory<S>> {
    let name = settings.common().name;
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| {
        let file_name = entry.file_name();
        let number = file_name.to_str()?.strip_prefix(name)?.strip_prefix('-')?;
        number.parse::<u32>().ok()
    });
    for number in numbers.max().unwrap_or(0)..u32::MAX {
        let directory: PathBuf = parent.join(format!("{name}-{:03}", number + 1));
        match RunDirectory::create(&directory, settings) {
            // Another process has just created it: try the next number.
            Err(_) if directory.exists() => {}
            made => return made,
        }
    }
    Err(Error::Setting {
        name: "--out".into(),
        value: "(missing)".into(),
        expected: format!(
            "a new directory: {} already contains {name}-{}",
            parent.display(),
            u32::MAX
        ),
    })
}

/// The directory of the data files: the one that was given, the one with which the resumed runs were begun, or the
/// default.
fn data_directory<S: System>(arguments: &arguments::Run) -> Result<PathBuf> {
    let remembered = match (arguments.data.given(), &arguments.resume) {
        (None, Some(directory)) => RunDirectory::<S>::open(directory)?.remembered_data()?,
        _ => None,
    };
    match remembered {
        Some(path) if !path.exists() => {
            let reason = "the runs were begun with the data there, and it has gone; name the directory that holds them now with --data DIR";
            Err(Error::file(&path, "find", reason))
        }
        Some(path) => Ok(path),
        None => Ok(arguments.data.directory()),
    }
}

/// Prints which runs are not complete, and returns the exit code. `data` is the directory of the data files, if it must be
/// named to continue.
fn verdict<O: Outcome>(
    outcomes: &[Option<O>],
    stopped: bool,
    directory: &Path,
    data: Option<&Path>,
) -> ExitCode {
    let begun = || outcomes.iter().flatten();
    let interrupted = begun().any(|outcome| *outcome.status() == Status::Interrupted);
    if stopped && (interrupted || outcomes.iter().any(Option::is_none)) {
        let steps: usize = begun().map(Outcome::steps).sum();
        let place = quoted(directory);
        let data = data.map_or(String::new(), |data| format!(" --data {}", quoted(data)));
        let message = format!(
            "stopped after {}, saved in {}; to continue, run: neurogain run --resume {place}{data}",
            counted(steps, "iteration"),
            directory.display()
        );
        report_error("interrupted", &message);
        return ExitCode::from(INTERRUPTED);
    }
    let mut code = ExitCode::SUCCESS;
    for outcome in begun() {
        if let Some(diverged) = outcome.status().diverged() {
            report_error("error", &format!("{}: training {diverged}", outcome.id()));
            code = ExitCode::FAILURE;
        }
    }
    code
}
