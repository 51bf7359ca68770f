//! Noradrenergic gain modulation against the stability gap (arXiv 2507.14056): methods on streams of contexts.
//!
//! A job is a method with a seed, `METHOD-SEED`. Its records have one row per iteration; its final state is the
//! network.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::data::digits;
//! use neurogain::systems::stability_gap::{Experiment, Settings};
//! let short = ["stream.iterations=5", "stream.contexts=[[0, 1], [0, 1, 2, 3]]"];
//! let settings = Settings::preset("split-digits")?.with_overrides(&short)?.with_seeds(&[1])?;
//! let cpu = Cpu::new()?;
//! let experiment = Experiment::new(&settings, &digits::load(), &cpu)?;
//! let results = experiment.run(1, &AtomicBool::new(false))?;
//! assert_eq!(results.runs.len(), 4);
//! # Ok::<(), neurogain::Error>(())
//! ```
//!
//! ```
//! let (published, preset) = neurogain::systems::stability_gap::published("split-mnist")?.unwrap();
//! assert_eq!(preset.name, "split-mnist");
//! assert_eq!(published.methods[0].seed_averaged_gap, Some(0.017));
//! # Ok::<(), neurogain::Error>(())
//! ```

mod analyses;
mod experiment;
mod memory;
mod one_run;
mod report;
mod results;
mod settings;
mod validate;

use std::path::Path;

use crate::backend::Backend;
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::report::Measure;
use crate::run::{
    self, Best, Compared, DataOrigin, Job, MemoryNeed, Named, Outcome, Records, Report, Saved,
    Status, System, data_digest, load_samples,
};

pub use self::analyses::{
    ANALYSES, Analysis, Subject, TWO_TIMESCALE, analyse, analysed_by_default, two_timescale,
};
pub use self::experiment::Experiment;
pub use self::report::{
    Agreement, Comparison, ComparisonRow, Difference, MethodSummary, PerContext, Published,
    PublishedMethod, PublishedValue, RunSummary, Spread, StabilityGapSummary, agreement,
    compare_published, published, summarize_results, table,
};
pub use self::results::{Results, Run};
pub use self::settings::{EvaluatedTasks, EvaluationSettings, Settings};

/// The system of methods on streams of contexts.
#[derive(Debug)]
pub struct StabilityGap;

impl System for StabilityGap {
    type Settings = Settings;
    type Data = TrainTest;
    type Outcome = Run;
    type Experiment<'a, B: Backend> = Experiment<'a, B>;

    const BEST: Best = Best {
        // This measure balances final accuracy and gap. On the first task alone, a method that never learns another
        // task would be best.
        measure: "every_task_worst_case_accuracy",
        called: "worst-case accuracy over all tasks",
        beside: Some(("every_task_average_accuracy", "mean accuracy")),
        note: " avg-ACC and avg-SG are of the first task.",
    };

    fn jobs(settings: &Settings) -> Vec<Job> {
        experiment::jobs(settings)
    }

    fn load(settings: &Settings, directory: &Path) -> Result<TrainTest> {
        load_samples(&settings.data, directory)
    }

    fn same_data(one: &Settings, other: &Settings) -> bool {
        one.data.same_samples(&other.data)
    }

    fn resolved(settings: Settings, data: &TrainTest) -> Result<Settings> {
        settings.with_epochs_counted(&data.train)
    }

    fn is_resolved(resolved: &Settings, settings: &Settings) -> bool {
        let stream = resolved.stream.clone();
        let with_stream = Settings {
            stream,
            ..settings.clone()
        };
        settings.stream.resolves_to(&resolved.stream) && *resolved == with_stream
    }

    fn digest(data: &TrainTest) -> String {
        data_digest(data)
    }

    fn memory(settings: &Settings, data: &TrainTest, threads: usize) -> MemoryNeed {
        memory::memory(settings, data, threads)
    }

    fn experiment<'a, B: Backend>(
        settings: &'a Settings,
        data: &'a TrainTest,
        backend: &'a B,
    ) -> Result<Experiment<'a, B>> {
        Experiment::new(settings, data, backend)
    }

    fn read(settings: &Settings, job: &Job, saved: Saved<'_>) -> Result<Run> {
        let history = report::records::from_csv(saved.path, saved.records, &settings.stream)?;
        let total = settings.stream.total_iterations();
        let done = history.records.len();
        let not_finite = report::records::not_finite(&history);
        let inconsistent = |problem: String| {
            let problem = format!("{problem}, but the run is marked as complete");
            Err(Error::format(saved.path, problem))
        };
        let status = match (saved.status, not_finite) {
            (Some(Status::Complete), _) if done != total => {
                return inconsistent(format!("truncated: {done} of {total} iterations"));
            }
            (Some(Status::Complete), Some(found)) => {
                let line = found.iteration + 1;
                return inconsistent(format!("line {line}: {} is {}", found.column, found.value));
            }
            (Some(status), _) => status.clone(),
            (None, Some(found)) => Status::Diverged {
                iteration: found.iteration,
                quantity: found.column,
                value: found.value.to_string(),
            },
            (None, None) if done == total => Status::Complete,
            (None, None) => Status::Interrupted,
        };
        let unknown = || Error::format(saved.path, format!("config.toml has no run `{}`", job.id));
        let (method, seed) = experiment::method_and_seed(settings, &job.id).ok_or_else(unknown)?;
        Ok(Run {
            method: method.into(),
            seed,
            status,
            history,
            hash: saved.hash.map(String::from),
        })
    }

    fn measures() -> Vec<Measure> {
        report::measures()
    }

    fn summary(settings: &Settings, outcomes: &[Option<Run>]) -> Result<run::ExperimentSummary> {
        report::summary(&Results::new(settings, outcomes))
    }

    fn report(settings: &Settings, outcomes: &[Option<Run>], data: &DataOrigin) -> Result<Report> {
        report::report(&Results::new(settings, outcomes), data)
    }

    fn comparison(experiments: &[Named<Self>], compared: &Compared) -> Result<String> {
        report::comparison(experiments, compared)
    }

    fn axis_title(settings: &Settings, key: &str) -> Option<String> {
        let [_, items] = settings.stream.kind.item();
        (key == "stream.contexts").then(|| format!("{items} in the last context"))
    }
}

impl Outcome for Run {
    fn id(&self) -> String {
        format!("{}-{}", self.method, self.seed)
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    fn steps(&self) -> usize {
        self.history.records.len()
    }

    fn records(&self) -> Result<Records> {
        report::records::to_records(&self.history)
    }
}
