//! `neurogain sweep`: the cells of a grid, each a run directory, and what they gave together.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use neurogain::data::TrainTest;
use neurogain::report;
use neurogain::run::{Cell, DataSettings, Sweep, available_memory, data_digest};
use neurogain::run::{Lock, RunDirectory};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{self, Experiment};
use neurogain::{Backend, Error, Result};

use super::arguments;
use super::device::{Device, on_device, processor, threads};
use super::filling::{CHECKPOINT_EVERY, Filling, total};
use super::output::{complain, print};
use super::progress::{Progress, iterations};
use super::run::{INTERRUPTED, samples, stop_on_interrupt};
use super::slurm;

/// What an iteration costs on the progress bar, in the mean: fine enough for shares of it.
const COST_OF_ITERATION: u64 = 1000;

/// Does what `neurogain sweep` promises.
pub fn sweep(arguments: &arguments::Sweep) -> Result<ExitCode> {
    // One of the two is there: clap sees to it.
    let file = match (&arguments.collect, &arguments.file) {
        (Some(directory), _) => return collect(directory),
        (None, file) => file.as_deref().unwrap_or(Path::new("")),
    };
    let sweep = Sweep::find(file, arguments.base.as_deref())?;
    let chosen: Vec<&Cell> = match arguments.cell {
        Some(number) => vec![cell(&sweep, number)?],
        None => sweep.cells().iter().collect(),
    };
    let directory = match &arguments.out {
        Some(directory) => directory.clone(),
        None => Path::new("runs").join(file.file_stem().unwrap_or_default()),
    };
    if arguments.slurm {
        let device = arguments.device.as_deref();
        Device::of(device)?;
        report::begin_sweep(&directory, &sweep)?;
        slurm::write_scripts(&directory, &sweep, device.unwrap_or("cpu"))?;
        let submit = directory.join("submit.sh");
        let cells = sweep.cells().len();
        print(&format!("submit  {} ({cells} tasks)\n", submit.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let work = Work::new(arguments, &sweep, &directory, chosen)?;
    report::begin_sweep(&directory, &sweep)?;
    let left = work.run(arguments.quiet)?;
    if left > 0 && work.stop.load(Ordering::SeqCst) {
        let message = format!("{left} cells are left; the same command goes on with them");
        complain("interrupted", &message);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    match arguments.cell {
        Some(_) if left > 0 => Ok(ExitCode::FAILURE),
        Some(_) => Ok(ExitCode::SUCCESS),
        None => collect(&directory),
    }
}

/// Gathers the cells of `directory` and prints their table.
fn collect(directory: &Path) -> Result<ExitCode> {
    let collected = report::collect_sweep(directory)?;
    let file = |name: &str| directory.join(name).display().to_string();
    let figure = collected.figure.as_ref();
    let figure = figure.map_or(String::new(), |path| {
        format!("figure  {}\n", path.display())
    });
    print(&format!(
        "{}\ncsv     {}\njson    {}\n{figure}",
        collected.table,
        file("sweep.csv"),
        file("sweep.json"),
    ))?;
    for line in &collected.incomplete {
        complain("error", line);
    }
    Ok(match collected.incomplete.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn cell(sweep: &Sweep, number: usize) -> Result<&Cell> {
    let cells = sweep.cells();
    let found = number.checked_sub(1).and_then(|index| cells.get(index));
    found.ok_or_else(|| Error::Setting {
        name: "--cell".into(),
        value: number.to_string(),
        expected: format!("a cell of the sweep, from 1 to {}", cells.len()),
    })
}

/// A cell that is left to do.
struct Task<'a> {
    cell: &'a Cell,
    samples: Arc<TrainTest>,
}

/// The cells that are left to do, and how.
struct Work<'a> {
    sweep: &'a Sweep,
    directory: &'a Path,
    tasks: Vec<Task<'a>>,
    workers: usize,
    /// Runs side by side in each cell.
    threads: usize,
    /// A card that was seen to be there, or the processor.
    device: Device,
    stop: Arc<AtomicBool>,
}

impl<'a> Work<'a> {
    /// Loads what the cells need and checks that there is room for them.
    fn new(
        arguments: &arguments::Sweep,
        sweep: &'a Sweep,
        directory: &'a Path,
        mut cells: Vec<&'a Cell>,
    ) -> Result<Self> {
        cells.retain(|cell| !report::cell_has_ended(directory, cell));
        let device = Device::of(arguments.device.as_deref())?;
        let card = device.open()?;
        let device = match (device, &card) {
            (_, None) => Device::Cpu,
            (Device::Auto, Some(_)) => Device::Cuda(0),
            (named, Some(_)) => named,
        };
        let threads = threads(arguments.threads, card.as_ref());
        let workers = arguments.workers.map_or(1, usize::from);
        let threads = (threads / workers).max(1);
        let tasks = tasks(&cells, &arguments.data.directory())?;
        check_memory(&tasks, workers, threads)?;
        Ok(Work {
            sweep,
            directory,
            tasks,
            workers,
            threads,
            device,
            stop: stop_on_interrupt()?,
        })
    }

    /// Runs the cells, as many side by side as there are workers, and says how many are left; those that
    /// could not be done are complained about, and the others go on.
    fn run(&self, quiet: bool) -> Result<usize> {
        let total = self.tasks.iter();
        let total = total.map(|task| iterations(&task.cell.settings)).sum();
        let cost = total * COST_OF_ITERATION;
        let progress = Progress::new(&self.sweep.base().title, total, cost, quiet);
        let (next, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            while !self.stop.load(Ordering::SeqCst) {
                let Some(task) = self.tasks.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                match self.one(task, &progress) {
                    Ok(()) if report::cell_has_ended(self.directory, task.cell) => {
                        ended.fetch_add(1, Ordering::Relaxed);
                    }
                    // Stopped.
                    Ok(()) => {}
                    Err(error) => {
                        let label = self.sweep.label(task.cell);
                        let number = task.cell.number;
                        complain("error", &format!("cell {number} ({label}): {error}"));
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.workers {
                scope.spawn(work);
            }
            work();
        });
        progress.clear();
        Ok(self.tasks.len() - ended.into_inner())
    }

    /// Runs one cell into its directory, going on from what is there.
    fn one(&self, task: &Task, progress: &Progress) -> Result<()> {
        let settings = &task.cell.settings;
        let runs = settings.methods.len() * settings.training.seeds.len();
        // Each cell opens the card for itself: what cells side by side ask of it does not mix.
        let card = self.device.open()?;
        let cpu = processor(self.threads, runs)?;
        on_device!(card, cpu, |backend| self.one_on(backend, task, progress))
    }

    /// Runs one cell on a backend.
    fn one_on<B: Backend>(&self, backend: &B, task: &Task, progress: &Progress) -> Result<()> {
        let settings = &task.cell.settings;
        let path = report::cell_directory(self.directory, task.cell);
        let directory = match RunDirectory::<StabilityGap>::open(&path) {
            Ok(begun) if begun.settings() == settings => begun,
            Ok(_) => {
                return Err(Error::Format {
                    path: path.join("config.toml").display().to_string(),
                    problem: "it is not of this cell's settings; put it back as it was, or name another directory for the sweep with --out".into(),
                });
            }
            Err(_) if !path.exists() => RunDirectory::create(&path, settings)?,
            Err(error) => return Err(error),
        };
        let lock = Lock::take(&path)?;
        directory.check_data(&data_digest(&task.samples))?;
        let experiment = Experiment::new(settings, &task.samples, backend)?;
        let (steps, cost) = total::<StabilityGap, B>(&directory, &experiment);
        let filling = Filling {
            threads: self.threads,
            checkpoint_every: CHECKPOINT_EVERY,
            stop: &self.stop,
            progress,
            // Cells count by their iterations, and these within a cell by what they cost.
            share: (steps * COST_OF_ITERATION) as f64 / cost.max(1) as f64,
        };
        filling.run::<StabilityGap, B>(&directory, lock, &experiment)?;
        Ok(())
    }
}

/// Refuses cells that need more memory than there is, alone or side by side.
fn check_memory(tasks: &[Task], workers: usize, threads: usize) -> Result<()> {
    let mut needs = Vec::with_capacity(tasks.len());
    for Task { cell, samples } in tasks {
        let settings = &cell.settings;
        stability_gap::check_memory(settings, samples, threads)?;
        let runs = settings.methods.len() * settings.training.seeds.len();
        let needed = stability_gap::memory_needed(settings, samples, threads.min(runs));
        needs.push(needed.unwrap_or(u64::MAX));
    }
    needs.sort_unstable();
    let largest = needs.iter().rev().take(workers);
    let needed = largest.fold(0, |sum: u64, &needed| sum.saturating_add(needed));
    match available_memory() {
        Some(available) if needed > available => Err(Error::Memory {
            purpose: format!("{workers} cells side by side"),
            bytes: needed,
            remedy: format!(
                "{:.1} MiB are free: lower --workers or --threads",
                available as f64 / (1024.0 * 1024.0)
            ),
        }),
        _ => Ok(()),
    }
}

/// The cells with their samples, which those with the same data share.
fn tasks<'a>(cells: &[&'a Cell], directory: &Path) -> Result<Vec<Task<'a>>> {
    let of = |data: &DataSettings| (data.source, data.name.clone(), data.side);
    let mut tasks: Vec<Task> = Vec::with_capacity(cells.len());
    for &cell in cells {
        let data = &cell.settings.data;
        let same = |task: &&Task| of(&task.cell.settings.data) == of(data);
        let samples = match tasks.iter().find(same) {
            Some(task) => Arc::clone(&task.samples),
            None => Arc::new(samples(data, directory)?),
        };
        tasks.push(Task { cell, samples });
    }
    Ok(tasks)
}
