//! What a system provides: settings, a plan of jobs, what each job leaves, and the report of all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::settings::Document;
use super::{Memory, Records, Session};
use crate::backend::Backend;
use crate::error::Result;
use crate::metrics;
use crate::report::{ByMeasure, Measure};
use crate::state::Checkpoint;

/// One paper's experiments.
pub trait System: Sized + Send + Sync + 'static {
    /// The settings of an experiment.
    type Settings: Document + Clone + PartialEq + Send + Sync;
    /// The samples, and whatever else is read from files before an experiment begins.
    type Data: Send + Sync;
    /// What a job leaves.
    type Outcome: Outcome;
    /// Settings on data and on a backend, ready to run.
    type Experiment<'a, B: Backend>: Experiment<Self::Outcome>;

    /// How the report on a sweep tells which of its cells is best for a method.
    const BEST: Best;

    /// The jobs, each after those that it depends on, in the order in which tables list them.
    fn jobs(settings: &Self::Settings) -> Vec<Job>;

    /// Reads the data from the files in `directory`.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Format`](crate::Error::Format) for files that cannot be used.
    fn load(settings: &Self::Settings, directory: &Path) -> Result<Self::Data>;

    /// Whether two experiments have the same data.
    fn same_data(one: &Self::Settings, other: &Self::Settings) -> bool;

    /// The settings with what follows from the data: epochs as iterations.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that do not fit the data.
    fn resolved(settings: Self::Settings, _data: &Self::Data) -> Result<Self::Settings> {
        Ok(settings)
    }

    /// SHA-256 of the data, in hexadecimal: equal data, equal digest.
    fn digest(data: &Self::Data) -> String;

    /// The memory that `threads` jobs side by side need at most.
    fn memory(settings: &Self::Settings, data: &Self::Data, threads: usize) -> Memory;

    /// Prepares an experiment: everything that can be wrong with settings on these data shows here.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that cannot be run on these data,
    /// [`Error::Memory`](crate::Error::Memory) if there is no room.
    fn experiment<'a, B: Backend>(
        settings: &'a Self::Settings,
        data: &'a Self::Data,
        backend: &'a B,
    ) -> Result<Self::Experiment<'a, B>>;

    /// Reads an outcome back from what a store has kept of it.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) with file, line and value for what is not as it was written.
    fn read(settings: &Self::Settings, job: &Job, saved: Saved<'_>) -> Result<Self::Outcome>;

    /// The measures of a method, in the order of tables.
    fn measures() -> Vec<Measure>;

    /// What outcomes in the order of [`jobs`](Self::jobs) come to; none where a job has not begun.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a complete outcome whose records are not complete.
    fn summary(settings: &Self::Settings, outcomes: &[Option<Self::Outcome>]) -> Result<Summary>;

    /// The report on the same outcomes.
    ///
    /// # Errors
    /// Those of [`summary`](Self::summary), and of drawing.
    fn report(settings: &Self::Settings, outcomes: &[Option<Self::Outcome>]) -> Result<Report>;

    /// One page on several experiments: the same tables with a column for the name, and the figures of each.
    ///
    /// # Errors
    /// Those of [`report`](Self::report).
    fn comparison(experiments: &[Named<Self>]) -> Result<String>;

    /// The title of an axis in the figure of a sweep through lists at this key; none for its name.
    fn axis_title(_settings: &Self::Settings, _key: &str) -> Option<String> {
        None
    }
}

/// An experiment and its outcomes, by the name of its directory.
#[derive(Debug, Clone)]
pub struct Named<S: System> {
    /// What tells it from others.
    pub name: String,
    /// Its settings.
    pub settings: S::Settings,
    /// What its jobs have left, in the order of the plan.
    pub outcomes: Vec<Option<S::Outcome>>,
}

/// How the best cell of a sweep is told.
#[derive(Debug, Clone, Copy)]
pub struct Best {
    /// The name of the measure that is largest there.
    pub measure: &'static str,
    /// What the report calls it.
    pub called: &'static str,
    /// A second measure that is shown, and what the report calls it.
    pub beside: Option<(&'static str, &'static str)>,
    /// What the caption of the figure says of the measures.
    pub note: &'static str,
}

/// One piece of work of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name, unique in the plan and part of file names: `ngm-sgd-42`.
    pub id: String,
    /// The jobs whose final states it starts from, by their indices in the plan, all before its own.
    pub after: Vec<usize>,
}

/// Steps of a job and their cost: on the progress bar, steps are counted and costs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Iterations or batches.
    pub steps: usize,
    /// The cost of all steps together, in forward passes of an image.
    pub cost: u64,
}

/// Settings on data and on a backend.
pub trait Experiment<O>: Sync {
    /// The size of the job with this index.
    fn size(&self, job: usize) -> Size;

    /// Runs the job with this index, from the beginning or from [`Session::resumed`], and returns its outcome and
    /// state: the final ones, or those it was stopped at.
    ///
    /// # Errors
    /// What the kernels and the store fail with. Training that diverges is no error: the outcome's status says so.
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

/// What a job leaves.
pub trait Outcome: Clone + Send + Sync {
    /// The job's name.
    fn id(&self) -> String;

    /// How the job ended.
    fn status(&self) -> &Status;

    /// SHA-256 over every recorded number and the final weights, in hexadecimal, if it is known.
    fn hash(&self) -> Option<&str>;

    /// Steps that were finished.
    fn steps(&self) -> usize;

    /// One row a step.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for steps that do not have the same numbers.
    fn records(&self) -> Result<Records>;

    /// What no column holds, as JSON; none where the records are all, and before the end.
    ///
    /// # Errors
    /// [`Error::Encoding`](crate::Error::Encoding) for what JSON cannot hold.
    fn details(&self) -> Result<Option<String>> {
        Ok(None)
    }
}

/// What a store has kept of an outcome.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// The file of the records, or the checkpoint that holds them, for messages.
    pub path: &'a Path,
    /// The records as CSV.
    pub records: &'a [u8],
    /// The details; none before the end.
    pub details: Option<&'a str>,
    /// How the job ended; none if nothing says so but the records.
    pub status: Option<&'a Status>,
    /// The outcome's hash, if it is known.
    pub hash: Option<&'a str>,
}

/// What outcomes come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What `summary.json` holds.
    pub json: serde_json::Value,
    /// SHA-256 over the hashes of all outcomes, if all are there: equal where all bits are.
    pub hash: Option<String>,
    /// Every method over its seeds, in the order of tables.
    pub methods: Vec<MethodMeasures>,
    /// A line for each job that is missing or diverged.
    pub incomplete: Vec<String>,
}

/// The measures of a method over its seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodMeasures {
    /// The method's name.
    pub method: String,
    /// What tables call it.
    pub label: String,
    /// What else tells its rows apart: the epochs of pretraining.
    pub condition: Option<(&'static str, usize)>,
    /// The seeds of its complete jobs.
    pub seeds: Vec<u64>,
    /// The seeds of its jobs that diverged.
    pub diverged: Vec<u64>,
    /// Mean and spread over its seeds of each measure that all of them have.
    pub measures: ByMeasure<metrics::Summary>,
}

/// What a system reports on its outcomes: a pure function of settings and outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The tables for the terminal.
    pub table: String,
    /// The measures.
    pub summary: Summary,
    /// Further files by their path in the run directory: CSV, figures, the page.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}
