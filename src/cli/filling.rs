//! Running the jobs of a run directory with a progress bar, for `run` and for each cell of a sweep.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use neurogain::run::{self, Experiment, Lock, Options, PlanProgress, Report, RunDirectory, System};
use neurogain::{Backend, Result};

use super::output::report_error;
use super::progress::{Progress, Watched};

/// Default iterations between checkpoints: seconds with a small network, minutes with a large one. Writing a
/// checkpoint takes milliseconds.
pub const CHECKPOINT_EVERY: usize = 500;

/// How the jobs of a run directory are run.
pub struct RunSession<'a> {
    pub threads: usize,
    pub checkpoint_every: usize,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
    /// The text before the names of jobs in the progress.
    pub label: &'a str,
    /// Units of the progress bar per unit of the experiment's cost.
    pub share: f64,
    /// Whether the progress bar counts steps.
    pub counts_steps: bool,
}

/// The results.
pub struct Filled<O> {
    pub outcomes: Vec<Option<O>>,
    pub report: Report,
    /// Images per second that this process trained on or evaluated; `None` if there were none.
    pub images_per_second: Option<f64>,
}

/// The number of steps of all jobs of an experiment, and their cost.
pub fn total<S: System, B: Backend>(
    directory: &RunDirectory<S>,
    experiments: &[S::Experiment<'_, B>],
) -> (u64, u64) {
    let jobs = experiments.first().map_or(0, |_| directory.jobs().len());
    let sizes = (0..jobs).map(|job| experiments[0].size(job));
    sizes.fold((0, 0), |(steps, cost), size| {
        (steps + size.steps as u64, cost + size.cost)
    })
}

/// An experiment on each of some backends.
pub fn experiments<'a, S: System, B: Backend>(
    settings: &'a S::Settings,
    data: &'a S::Data,
    backends: &'a [B],
) -> Result<Vec<S::Experiment<'a, B>>> {
    let on_each = backends
        .iter()
        .map(|backend| S::experiment(settings, data, backend));
    on_each.collect()
}

impl RunSession<'_> {
    /// Runs the jobs that are missing in `directory`, and writes its report.
    pub fn run<S: System, B: Backend>(
        &self,
        directory: &RunDirectory<S>,
        lock: Lock,
        experiments: &[S::Experiment<'_, B>],
    ) -> Result<Filled<S::Outcome>> {
        let images = AtomicU64::new(0);
        let watched = experiments.first().map(|first| {
            let plan = PlanProgress::new(directory.jobs(), first);
            let (share, counts_steps) = (self.share, self.counts_steps);
            self.progress.watch(self.label, plan, share, counts_steps)
        });
        let on_progress = |progress: run::Progress| {
            watched.iter().for_each(|watched| watched.add(&progress));
            images.fetch_add(progress.done.images, Ordering::Relaxed);
        };
        let options = Options {
            threads: self.threads,
            stop: self.stop,
            checkpoint_every: self.checkpoint_every,
            on_progress: &on_progress,
        };
        let begun = Instant::now();
        let done = run::fill(directory, lock, experiments, &options);
        let seconds = begun.elapsed().as_secs_f64();
        watched.into_iter().for_each(Watched::end);
        for note in directory.take_notes() {
            report_error("warning", &note);
        }
        let (outcomes, report) = done?;
        let images = images.into_inner();
        Ok(Filled {
            outcomes,
            report,
            images_per_second: (images > 0).then(|| images as f64 / seconds),
        })
    }
}
