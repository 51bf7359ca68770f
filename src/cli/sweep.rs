//! `neurogain sweep`: runs the cells of a grid, each in a run directory, and collects their results.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use neurogain::run::settings::Document;
use neurogain::run::{
    Cell, DataOrigin, Lock, MemoryNeed, RunDirectory, Sweep, SweepSource, System, begin_sweep,
    cell_directory, cell_has_ended, collect_sweep, on_threads,
};
use neurogain::systems::with_system;
use neurogain::{Backend, Error, Result};

use super::arguments;
use super::device::{Device, on_device, one_each, processor, threads};
use super::filling::{CHECKPOINT_EVERY, RunSession, experiments, total};
use super::output::{print, report_error};
use super::progress::Progress;
use super::run::{INTERRUPTED, stop_on_interrupt};
use super::slurm;
use crate::counted::counted;

/// Units of the progress bar per cell.
const COST_OF_CELL: u64 = 1_000_000_000;

/// Runs `neurogain sweep`.
pub fn sweep(arguments: &arguments::Sweep) -> Result<ExitCode> {
    // clap guarantees that one of the two is given.
    let file = match (&arguments.collect, &arguments.file) {
        (Some(directory), _) => {
            let source = SweepSource::from_file(&directory.join("sweep.toml"));
            let kind = source.ok().and_then(|source| source.kind());
            return with_system!(kind.as_deref(), S => collect::<S>(directory));
        }
        (None, file) => file.as_deref().unwrap_or(Path::new("")),
    };
    let source = SweepSource::find(file, arguments.base.as_deref())?;
    let directory = match &arguments.out {
        Some(directory) => directory.clone(),
        None => Path::new("runs").join(file.file_stem().unwrap_or_default()),
    };
    let kind = source.kind();
    with_system!(kind.as_deref(), S => sweep_system::<S>(arguments, &source, &directory))
}

/// Runs a sweep over experiments of a system.
fn sweep_system<S: System>(
    arguments: &arguments::Sweep,
    source: &SweepSource,
    directory: &Path,
) -> Result<ExitCode> {
    let sweep: Sweep<S::Settings> = Sweep::read(source)?;
    let chosen: Vec<&Cell<S::Settings>> = match arguments.cell {
        Some(number) => vec![cell(&sweep, number)?],
        None => sweep.cells().iter().collect(),
    };
    if arguments.slurm {
        let device = arguments.device.as_deref();
        Device::of(device)?;
        begin_sweep(directory, &sweep)?;
        slurm::write_scripts(directory, &sweep, device.unwrap_or("cpu"))?;
        let submit = directory.join("submit.sh");
        let cells = sweep.cells().len();
        let tasks = counted(cells, "task");
        print(&format!("submit  {} ({tasks})\n", submit.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let work = SweepRunner::<S>::new(arguments, &sweep, directory, chosen)?;
    begin_sweep(directory, &sweep)?;
    let elsewhere = work.run(arguments.quiet);
    // Counted at the end: another process may have ended cells since, and a cell can have all its records and lack its
    // report. Whoever is last collects.
    let left = work.left();
    if left > 0 && work.stop.load(Ordering::SeqCst) {
        let message = format!(
            "not finished: {}; to continue, run the same command again",
            counted(left, "cell")
        );
        report_error("interrupted", &message);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if left > 0 && elsewhere > 0 {
        let place = directory.display();
        let message = format!(
            "another process runs {elsewhere} of the cells; when it has ended: neurogain sweep --collect {place}"
        );
        report_error("error", &message);
        return Ok(ExitCode::FAILURE);
    }
    match arguments.cell {
        Some(_) if left > 0 => Ok(ExitCode::FAILURE),
        Some(_) => Ok(ExitCode::SUCCESS),
        None => {
            let collected = collect::<S>(directory)?;
            Ok(if left > 0 {
                ExitCode::FAILURE
            } else {
                collected
            })
        }
    }
}

/// Collects the results of the cells in `directory` and prints their table.
pub(super) fn collect<S: System>(directory: &Path) -> Result<ExitCode> {
    let collected = collect_sweep::<S>(directory)?;
    let file = |name: &str| directory.join(name).display().to_string();
    let figure = collected.figure.as_ref();
    let figure = figure.map_or(String::new(), |path| {
        format!("figure  {}\n", path.display())
    });
    print(&format!(
        "{}\ncsv     {}\njson    {}\n{figure}page    {}\n",
        collected.table,
        file("sweep.csv"),
        file("sweep.json"),
        collected.page.display(),
    ))?;
    for line in &collected.diverged {
        report_error("note", line);
    }
    if !collected.diverged.is_empty() && collected.incomplete.is_empty() {
        let message =
            "every cell has ended; training that diverged is a result, which the tables mark";
        report_error("complete", &message);
    }
    for line in &collected.incomplete {
        report_error("error", line);
    }
    Ok(match collected.incomplete.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn cell<D: Document>(sweep: &Sweep<D>, number: usize) -> Result<&Cell<D>> {
    let cells = sweep.cells();
    let found = number.checked_sub(1).and_then(|index| cells.get(index));
    found.ok_or_else(|| Error::Setting {
        name: "--cell".into(),
        value: number.to_string(),
        expected: format!("a cell of the sweep, from 1 to {}", cells.len()),
    })
}

/// A cell that has not ended.
struct Task<'a, S: System> {
    cell: &'a Cell<S::Settings>,
    /// The cell's, completed from the data.
    settings: S::Settings,
    data: Arc<S::Data>,
    /// Whether these are the published data.
    origin: DataOrigin,
}

/// The cells that have not ended, and how to run them.
struct SweepRunner<'a, S: System> {
    sweep: &'a Sweep<S::Settings>,
    directory: &'a Path,
    /// The directory of the data files.
    files: PathBuf,
    tasks: Vec<Task<'a, S>>,
    workers: usize,
    /// Parallel jobs in each cell.
    threads: usize,
    /// A card that could be opened, or the CPU.
    device: Device,
    stop: Arc<AtomicBool>,
}

impl<'a, S: System> SweepRunner<'a, S> {
    /// Loads the data of the cells and checks the memory.
    fn new(
        arguments: &arguments::Sweep,
        sweep: &'a Sweep<S::Settings>,
        directory: &'a Path,
        mut cells: Vec<&'a Cell<S::Settings>>,
    ) -> Result<Self> {
        // A process that was killed at the very end left checkpoints, which are removed under the cell's lock.
        let left = |cell: &Cell<S::Settings>| cell_directory(directory, cell).join("checkpoints");
        cells.retain(|cell| !cell_has_ended::<S>(directory, cell) || left(cell).exists());
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
        let files = arguments.data.directory();
        let tasks = tasks::<S>(&cells, &files)?;
        check_memory(&tasks, workers, threads)?;
        Ok(SweepRunner {
            sweep,
            directory,
            files,
            tasks,
            workers,
            threads,
            device,
            stop: stop_on_interrupt()?,
        })
    }

    /// The number of cells that have not ended.
    fn left(&self) -> usize {
        let cells = self.tasks.iter().map(|task| task.cell);
        cells
            .filter(|cell| !cell_has_ended::<S>(self.directory, cell))
            .count()
    }

    /// Runs the cells on `workers` threads and returns how many another process ran. An error of a cell is printed, and
    /// the other cells continue.
    fn run(&self, quiet: bool) -> usize {
        let total = self.tasks.len() as u64;
        let title = self.sweep.base().common().title;
        let progress = Progress::new(title, "cells", total, total * COST_OF_CELL, quiet);
        let [next, elsewhere] = [(); 2].map(|()| AtomicUsize::new(0));
        let work = || {
            while !self.stop.load(Ordering::SeqCst) {
                let Some(task) = self.tasks.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                match self.one(task, &progress) {
                    Ok(false) => {
                        elsewhere.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(true) if cell_has_ended::<S>(self.directory, task.cell) => {
                        progress.advance(1);
                    }
                    // Stopped.
                    Ok(true) => {}
                    Err(error) => {
                        let label = self.sweep.label(task.cell);
                        let number = task.cell.number;
                        report_error("error", &format!("cell {number} ({label}): {error}"));
                    }
                }
            }
        };
        on_threads(self.workers, work);
        progress.clear();
        elsewhere.into_inner()
    }

    /// Runs one cell in its directory, continuing from existing results; `false` if another process runs it.
    fn one(&self, task: &Task<'_, S>, progress: &Progress) -> Result<bool> {
        let jobs = S::jobs(&task.settings).len();
        // Each cell opens the card separately, so that parallel cells have separate queues.
        let cards = one_each(self.device, self.device.open()?, self.threads.min(jobs))?;
        let cpu = processor(self.threads, jobs)?;
        on_device!(cards, [cpu], |backends| self.one_on(
            backends.as_slice(),
            task,
            progress
        ))
    }

    /// Runs one cell on one backend for all threads, or on one for each thread.
    fn one_on<B: Backend>(
        &self,
        backends: &[B],
        task: &Task<'_, S>,
        progress: &Progress,
    ) -> Result<bool> {
        let settings = &task.settings;
        let path = cell_directory(self.directory, task.cell);
        // Another process may create it first.
        let created = match path.exists() {
            true => Ok(()),
            false => RunDirectory::<S>::create(&path, settings).map(drop),
        };
        created.or_else(|error| match path.exists() {
            true => Ok(()),
            false => Err(error),
        })?;
        let directory = match RunDirectory::<S>::open(&path)? {
            begun if begun.settings() == settings => begun,
            _ => {
                return Err(Error::Format {
                    path: path.join("config.toml").display().to_string(),
                    problem: "its settings are not those of this cell; restore it, or name another directory for the sweep with --out".into(),
                });
            }
        };
        let Some(lock) = Lock::try_take(&path)? else {
            return Ok(false);
        };
        if cell_has_ended::<S>(self.directory, task.cell) {
            lock.finish()?;
            return Ok(true);
        }
        directory.check_data(&S::digest(&task.data), &task.origin)?;
        directory.remember_data(&self.files)?;
        let experiments = experiments::<S, B>(settings, &task.data, backends)?;
        let (_, cost) = total::<S, B>(&directory, &experiments);
        let label = format!("cell {}, ", task.cell.number);
        let filling = RunSession {
            threads: self.threads,
            checkpoint_every: CHECKPOINT_EVERY,
            stop: &self.stop,
            progress,
            label: &label,
            share: COST_OF_CELL as f64 / cost.max(1) as f64,
            counts_steps: false,
        };
        filling.run::<S, B>(&directory, lock, &experiments)?;
        Ok(true)
    }
}

/// Refuses cells that need more memory than is available, alone or in parallel.
fn check_memory<S: System>(tasks: &[Task<'_, S>], workers: usize, threads: usize) -> Result<()> {
    let mut needs = Vec::with_capacity(tasks.len());
    for Task { settings, data, .. } in tasks {
        let needed = S::memory(settings, data, threads);
        needed.check()?;
        needs.push(needed.bytes);
    }
    needs.sort_unstable();
    let largest = needs.iter().rev().take(workers);
    MemoryNeed {
        bytes: largest.fold(0, |sum: u64, &needed| sum.saturating_add(needed)),
        purpose: format!("{} at the same time", counted(workers, "cell")),
        remedy: "lower --workers or --threads",
    }
    .check()
}

/// Pairs the cells with their data; cells with the same data share it.
fn tasks<'a, S: System>(
    cells: &[&'a Cell<S::Settings>],
    directory: &Path,
) -> Result<Vec<Task<'a, S>>> {
    let mut tasks: Vec<Task<'a, S>> = Vec::with_capacity(cells.len());
    for &cell in cells {
        let same = |task: &&Task<'a, S>| S::same_data(&task.cell.settings, &cell.settings);
        let data = match tasks.iter().find(same) {
            Some(task) => Arc::clone(&task.data),
            None => Arc::new(S::load(&cell.settings, directory)?),
        };
        let settings = S::resolved(cell.settings.clone(), &data)?;
        let origin = match tasks.iter().find(same) {
            Some(task) => task.origin.clone(),
            None => DataOrigin::of(settings.common().data, directory)?,
        };
        tasks.push(Task {
            cell,
            settings,
            origin,
            data,
        });
    }
    Ok(tasks)
}
