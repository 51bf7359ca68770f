//! `neurogain run` of a comodulation experiment.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use neurogain::experiment::comodulation::{
    self, ComodulationExperiment, ComodulationSettings, Material,
};
use neurogain::experiment::parse_seeds;
use neurogain::report::{self, ComodulationDirectory, Lock};
use neurogain::tensor::NamedTensor;
use neurogain::{Backend, Error, Result};

use super::arguments;
use super::device::{Device, on_device, processor, tell, threads};
use super::output::{complain, print, print_json};
use super::progress::Progress;
use super::run::{INTERRUPTED, advised, create_next, stop_on_interrupt};

/// The settings that the arguments ask for, if they are of such an experiment.
pub fn settings(arguments: &arguments::Run) -> Result<Option<ComodulationSettings>> {
    let name = match (&arguments.resume, &arguments.benchmark) {
        (Some(directory), _) => directory.join("config.toml").display().to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => return Ok(None),
    };
    let Some(mut settings) = comodulation::find(&name)? else {
        return Ok(None);
    };
    for (flag, given) in [
        ("--variants", arguments.variants.is_some()),
        ("--eval-every", arguments.eval_every.is_some()),
        ("--eval-tasks", arguments.eval_tasks.is_some()),
        ("--checkpoint-every", arguments.checkpoint_every.is_some()),
        ("--tensorboard", arguments.tensorboard),
    ] {
        if given {
            return Err(Error::Setting {
                name: flag.into(),
                value: "(given)".into(),
                expected: "no such flag: a comodulation experiment has no contexts, and keeps its networks behind every epoch and its arms as they end".into(),
            });
        }
    }
    let mut overrides = arguments.overrides.clone();
    if let Some(limit) = arguments.eval_limit {
        overrides.push(format!("evaluation.limit={limit}"));
    }
    settings = settings.with_overrides(&overrides)?;
    if let Some(arms) = &arguments.methods {
        settings = settings.with_arms(arms)?;
    }
    if let Some(seeds) = &arguments.seeds {
        settings = settings.with_seeds(&parse_seeds(seeds)?)?;
    }
    Ok(Some(settings))
}

/// Runs the experiment on a device, and reports.
pub fn run(
    arguments: &arguments::Run,
    settings: &ComodulationSettings,
    device: Device,
) -> Result<ExitCode> {
    let directory = arguments.data.directory();
    let material = Material::load(settings, &directory)
        .map_err(|error| advised(error, settings.data.source))?;
    let weights = settings.network.weights.as_deref();
    let weights = weights
        .map(|path| report::read_weights(Path::new(path)))
        .transpose()?;
    let card = device.open()?;
    let threads = threads(arguments.threads, card.as_ref());
    comodulation::check_memory(settings, &material.samples, threads)?;
    let runs = settings.arms.len() * settings.training.seeds.len();
    let cpu = processor(threads, runs)?;
    let seen = card.clone();
    let code = on_device!(card, cpu, |backend| run_on(
        backend, arguments, settings, &material, weights, threads
    ))?;
    tell(seen.as_ref(), arguments.quiet);
    Ok(code)
}

/// The experiment on a backend.
fn run_on<B: Backend>(
    backend: &B,
    arguments: &arguments::Run,
    settings: &ComodulationSettings,
    material: &Material,
    weights: Option<Vec<NamedTensor>>,
    threads: usize,
) -> Result<ExitCode> {
    let digest = material.digest(weights.as_deref());
    let experiment = ComodulationExperiment::new(settings, material, weights, backend)?;
    let stop = stop_on_interrupt()?;
    let directory = match (&arguments.resume, &arguments.out) {
        (Some(directory), _) => directory.clone(),
        (None, Some(directory)) => {
            ComodulationDirectory::create(directory, settings)?;
            directory.clone()
        }
        (None, None) => create_next(Path::new("runs"), &settings.name, &|directory| {
            ComodulationDirectory::create(directory, settings).map(|_| ())
        })?,
    };
    let lock = Lock::take(&directory)?;
    report::check_data(&directory, &digest)?;
    let store = ComodulationDirectory::open(&directory, settings)?;
    let total = experiment.total_batches() as u64;
    let cost = experiment.total_cost();
    let progress = Progress::new(&settings.title, total, cost, arguments.quiet);
    let on_batch = |batches: usize, cost: u64| match batches {
        1 => progress.advance(cost),
        several => progress.skip(several, cost),
    };
    let done = experiment.run(threads, &stop, &store, &on_batch);
    progress.clear();
    for note in store.notes() {
        complain("warning", &format!("{note}; it is done again"));
    }
    let place = directory.display();
    match done {
        Ok(_) => lock.finish()?,
        Err(Error::Interrupted { .. }) if stop.load(Ordering::SeqCst) => {
            report::finish_comodulation(&directory, settings)?;
            let message =
                format!("what has ended is in {place}; `neurogain run --resume {place}` goes on");
            complain("interrupted", &message);
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => return Err(error),
    }
    let (summary, cells) = report::finish_comodulation(&directory, settings)?;
    let page = directory.join("report.html");
    if arguments.json {
        print_json(&serde_json::json!({
            "directory": place.to_string(),
            "report": page.display().to_string(),
            "hash": summary.hash,
            "summary": summary,
        }))?;
    } else {
        let table = report::comodulation_table(&summary);
        let hash = summary.hash.as_ref();
        let hash = hash.map(|hash| format!("hash    {hash}\n"));
        print(&format!(
            "{table}\n{}report  {}\n",
            hash.unwrap_or_default(),
            page.display()
        ))?;
    }
    let mut code = ExitCode::SUCCESS;
    for cell in cells.iter().filter(|cell| cell.diverged()) {
        let (arm, epochs, seed) = (&cell.arm, cell.epochs, cell.seed);
        let batch = cell.steps.len();
        let message =
            format!("{arm}, {epochs} epochs, seed {seed}: training diverged at batch {batch}");
        complain("error", &message);
        code = ExitCode::FAILURE;
    }
    Ok(code)
}
