//! The interface of a system: settings, a plan of jobs, the outcome of each job, and the report.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::settings::Document;
use super::{Compared, DataOrigin, MemoryNeed, Records, Session};
use crate::backend::Backend;
use crate::counted::counted;
use crate::error::Result;
use crate::metrics;
use crate::report::{ByMeasure, Measure};
use crate::state::Checkpoint;

/// The experiments of one paper.
pub trait System: Sized + Send + Sync + 'static {
    /// The settings of an experiment.
    type Settings: Document + Clone + PartialEq + Send + Sync;
    /// The samples and everything else that is read from files before an experiment begins.
    type Data: Send + Sync;
    /// The result of a job.
    type Outcome: Outcome;
    /// Settings with data and a backend, ready to run.
    type Experiment<'a, B: Backend>: Experiment<Self::Outcome>;

    /// How the report on a sweep chooses the best cell for each method.
    const BEST: Best;

    /// The jobs, each after the jobs that it depends on, in the order of the tables.
    fn jobs(settings: &Self::Settings) -> Vec<Job>;

    /// Reads the data from the files in `directory`.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Format`](crate::Error::Format) for unusable files.
    fn load(settings: &Self::Settings, directory: &Path) -> Result<Self::Data>;

    /// Whether two experiments have the same data.
    fn same_data(one: &Self::Settings, other: &Self::Settings) -> bool;

    /// The settings, completed from the data: epochs become iterations.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that do not fit the data.
    fn resolved(settings: Self::Settings, _data: &Self::Data) -> Result<Self::Settings> {
        Ok(settings)
    }

    /// Whether `resolved` can be what [`resolved`](Self::resolved) makes of `settings`, with data that are not at hand.
    fn is_resolved(resolved: &Self::Settings, settings: &Self::Settings) -> bool {
        resolved == settings
    }

    /// SHA-256 of the data, in hexadecimal.
    fn digest(data: &Self::Data) -> String;

    /// The memory that `threads` parallel jobs need at most.
    fn memory(settings: &Self::Settings, data: &Self::Data, threads: usize) -> MemoryNeed;

    /// Prepares an experiment and checks that the settings can be run on these data.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that cannot be run on these data,
    /// [`Error::Memory`](crate::Error::Memory) if memory does not suffice.
    fn experiment<'a, B: Backend>(
        settings: &'a Self::Settings,
        data: &'a Self::Data,
        backend: &'a B,
    ) -> Result<Self::Experiment<'a, B>>;

    /// Reads an outcome from a store.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) with file, line and value for damaged contents.
    fn read(settings: &Self::Settings, job: &Job, saved: Saved<'_>) -> Result<Self::Outcome>;

    /// The measures of a method, in the order of tables.
    fn measures() -> Vec<Measure>;

    /// Summarises outcomes, which are in the order of [`jobs`](Self::jobs); `None` for a job that has not begun.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a complete outcome whose records are not complete.
    fn summary(
        settings: &Self::Settings,
        outcomes: &[Option<Self::Outcome>],
    ) -> Result<ExperimentSummary>;

    /// The report on the same outcomes. `data` says whether they can be compared with published results.
    ///
    /// # Errors
    /// Those of [`summary`](Self::summary) and of drawing.
    fn report(
        settings: &Self::Settings,
        outcomes: &[Option<Self::Outcome>],
        data: &DataOrigin,
    ) -> Result<Report>;

    /// A page that compares several experiments: the differences between them, the same tables with a column for the
    /// name, and their curves overlaid.
    ///
    /// # Errors
    /// Those of [`report`](Self::report).
    fn comparison(experiments: &[Named<Self>], compared: &Compared) -> Result<String>;

    /// The axis title in the figure of a sweep over lists at this key; `None` for the default title.
    fn axis_title(_settings: &Self::Settings, _key: &str) -> Option<String> {
        None
    }
}

/// An experiment with its outcomes, named after its directory or by the settings that distinguish it from others.
#[derive(Debug, Clone)]
pub struct Named<S: System> {
    /// Its name in tables.
    pub name: String,
    /// Its settings.
    pub settings: S::Settings,
    /// The outcomes of its jobs, in the order of the plan.
    pub outcomes: Vec<Option<S::Outcome>>,
    /// Whether its data are the published ones.
    pub data: DataOrigin,
}

/// How the best cell of a sweep is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Best {
    /// The name of the measure that the best cell maximises.
    pub measure: &'static str,
    /// Its name in the report.
    pub called: &'static str,
    /// A second measure to show, and its name in the report.
    pub beside: Option<(&'static str, &'static str)>,
    /// A note on the measures for the figure's caption.
    pub note: &'static str,
}

/// One unit of work in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name, unique in the plan and part of file names: `ngm-sgd-42`.
    pub id: String,
    /// The jobs whose final states it starts from: indices in the plan, each less than its own.
    pub after: Vec<usize>,
}

/// A job's steps and their cost: the progress bar counts steps and advances by cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Iterations or batches.
    pub steps: usize,
    /// The cost of all steps together; the unit is the forward pass of one image.
    pub cost: u64,
}

/// An experiment that is ready to run: settings with data and a backend.
pub trait Experiment<O>: Sync {
    /// The size of the job with this index.
    fn size(&self, job: usize) -> Size;

    /// Runs the job with this index, from the beginning or from [`Session::resumed`], and returns its outcome and
    /// state: the final ones, or those at which it was stopped.
    ///
    /// # Errors
    /// Those of the kernels and the store. Training that diverges is not an error: the outcome's status says so.
    fn run(&self, job: usize, session: &mut Session<'_, O>) -> Result<(O, Checkpoint)>;
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// Every step was done.
    Complete,
    /// Stopped before its end.
    Interrupted,
    /// Training produced a number that is not finite.
    Diverged {
        /// The step, counted from 1.
        iteration: usize,
        /// The quantity that is not finite.
        quantity: String,
        /// Its value.
        value: String,
    },
}

impl Status {
    /// What a report says of a job that is not complete; `None` of a complete one. A job without a status has not begun.
    pub(crate) fn incomplete(
        of: Option<&Self>,
        interrupted: impl FnOnce() -> String,
    ) -> Option<String> {
        match of {
            None => Some(String::from("not begun")),
            Some(Status::Interrupted) => Some(interrupted()),
            Some(status) => status.diverged(),
        }
    }

    /// What diverged, where, such as `diverged: test loss is NaN at iteration 3`; `None` unless training diverged.
    pub fn diverged(&self) -> Option<String> {
        match self {
            Status::Complete | Status::Interrupted => None,
            Status::Diverged {
                iteration,
                quantity,
                value,
            } => Some(format!(
                "diverged: {quantity} is {value} at iteration {iteration}"
            )),
        }
    }
}

/// The result of a job.
pub trait Outcome: Clone + Send + Sync {
    /// The job's name.
    fn id(&self) -> String;

    /// How the job ended.
    fn status(&self) -> &Status;

    /// SHA-256 over every recorded number and the final weights, in hexadecimal, if known.
    fn hash(&self) -> Option<&str>;

    /// Number of finished steps.
    fn steps(&self) -> usize;

    /// The records, one row per step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the steps do not have the same numbers.
    fn records(&self) -> Result<Records>;

    /// Results that are not columns, as JSON; `None` if there are none, and before the job has ended.
    ///
    /// # Errors
    /// [`Error::Encoding`](crate::Error::Encoding) for values that JSON cannot represent.
    fn details(&self) -> Result<Option<String>> {
        Ok(None)
    }
}

/// An outcome as a store holds it.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// The file of the records, or the checkpoint that holds them; used in messages.
    pub path: &'a Path,
    /// The records as CSV.
    pub records: &'a [u8],
    /// The details; `None` before the job has ended.
    pub details: Option<&'a str>,
    /// How the job ended; `None` if it must be inferred from the records.
    pub status: Option<&'a Status>,
    /// The outcome's hash, if known.
    pub hash: Option<&'a str>,
}

/// The summary of an experiment's outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentSummary {
    /// The contents of `summary.json`.
    pub json: serde_json::Value,
    /// SHA-256 over the hashes of all outcomes, if all are known.
    pub hash: Option<String>,
    /// Every method over its seeds, in the order of tables.
    pub methods: Vec<MethodMeasures>,
    /// A line for each job that is not complete.
    pub incomplete: Vec<String>,
}

/// The measures of a method over its seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodMeasures {
    /// The method's name.
    pub method: String,
    /// Its name in tables.
    pub label: String,
    /// What distinguishes its rows besides the method, such as the epochs of pretraining.
    pub conditions: Vec<(&'static str, usize)>,
    /// The seeds of its complete jobs.
    pub seeds: Vec<u64>,
    /// The seeds of its jobs that diverged.
    pub diverged: Vec<u64>,
    /// Mean and standard deviation over its seeds, for each measure that all of them have.
    pub measures: ByMeasure<metrics::Summary>,
    /// The measures of each of its complete seeds.
    pub by_seed: Vec<(u64, ByMeasure<f64>)>,
}

impl MethodMeasures {
    /// The label with the conditions, such as `Attention, 5 epochs`.
    pub(crate) fn label_with_conditions(&self) -> String {
        let conditions = self.conditions.iter();
        let conditions: String = conditions
            .map(|(name, of)| format!(", {}", counted(*of, name.trim_end_matches('s'))))
            .collect();
        format!("{}{conditions}", self.label)
    }
}

/// A system's report: a pure function of settings and outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The tables for the terminal.
    pub table: String,
    /// The measures.
    pub summary: ExperimentSummary,
    /// Further files, by path in the run directory: CSV, figures, the page.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}
