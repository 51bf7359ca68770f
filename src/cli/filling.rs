//! Filling a run directory, with checkpoints on the way: what `run` does, and each cell of a sweep.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use neurogain::experiment::{Checkpoints, Experiment, Outcome, Run, Settings, Status};
use neurogain::learn::Record;
use neurogain::report::{self, Lock, Resumed};
use neurogain::state::Checkpoint;
use neurogain::{Backend, Result};

use super::progress::Progress;

/// Seconds of work with a small network, minutes with a large one; a checkpoint takes milliseconds.
pub const CHECKPOINT_EVERY: usize = 500;

/// A run directory, and how it is filled.
pub struct Filling<'a> {
    pub directory: &'a Path,
    pub settings: &'a Settings,
    /// The digest of the samples.
    pub data: &'a str,
    pub threads: usize,
    pub checkpoint_every: usize,
    pub tensorboard: bool,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
    /// What a unit of the experiment's cost is on the progress bar.
    pub share: f64,
}

impl Filling<'_> {
    /// Runs `experiment`, going on from what the directory had, and writes what follows from its runs.
    pub fn run<B: Backend>(
        &self,
        experiment: Experiment<B>,
        resumed: Resumed,
        lock: Lock,
    ) -> Result<Outcome> {
        let Filling {
            directory,
            settings,
            progress,
            ..
        } = *self;
        report::check_data(directory, self.data)?;
        let cost = |record: &Record| (self.share * experiment.cost(record) as f64) as u64;
        for run in resumed.runs() {
            let records = &run.history.records;
            progress.skip(records.len(), records.iter().map(cost).sum());
        }
        let write_events = |run: &Run| match self.tensorboard {
            true => report::write_events(directory, settings, run),
            false => Ok(()),
        };
        resumed.ended.iter().try_for_each(write_events)?;
        let save = |run: &Run, state: &Checkpoint| report::save(directory, settings, run, state);
        let experiment = experiment.with_checkpoints(Checkpoints {
            every: self.checkpoint_every,
            ended: resumed.ended,
            stopped: resumed.stopped,
            save: &save,
        });
        let cost = |record: &Record| (self.share * experiment.cost(record) as f64) as u64;
        let on_iteration = |record: &Record| progress.advance(cost(record));
        let outcome = experiment.run(self.threads, self.stop, &on_iteration, &|run| {
            report::write_run(directory, settings, run)?;
            write_events(run)
        })?;
        let asked = settings.methods.len() * settings.training.seeds.len();
        let goes_on = |run: &Run| run.status == Status::Interrupted;
        let runs = &outcome.results.runs;
        if runs.len() == asked && !runs.iter().any(goes_on) {
            lock.finish()?;
        }
        report::finish(directory, &outcome.results)?;
        Ok(outcome)
    }
}
