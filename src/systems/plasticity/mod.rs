//! The loss of plasticity over a stream of tasks, and NeuMoSync (arXiv 2608.04358).
//!
//! The jobs of a method with a seed: `METHOD-SEED` learns the stream of tasks; `METHOD-SEED-fresh` learns each task but
//! the first from a fresh network, and `METHOD-SEED-again` each task but the last from the final state of the stream.
//! Records have one row per evaluation.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::data::digits;
//! use neurogain::systems::plasticity::{PlasticityExperiment, PlasticitySettings};
//! let short = ["stream.tasks=2", "stream.epochs=[1]", "evaluation.ticks=2"];
//! let settings = PlasticitySettings::preset("random-label-digits")?
//!     .with_methods(&["sgd"])?
//!     .with_overrides(&short)?
//!     .with_seeds(&[1])?;
//! let (cpu, digits) = (Cpu::new()?, digits::load());
//! let settings = settings.with_epochs_counted(&digits.train)?;
//! let experiment = PlasticityExperiment::new(&settings, &digits, &cpu)?;
//! let runs = experiment.run(1, &AtomicBool::new(false))?;
//! // The stream, its second task from a fresh network, its first from the final state.
//! let rows: Vec<usize> = runs.iter().flatten().map(|run| run.rows.len()).collect();
//! assert_eq!(rows, [6, 3, 3]);
//! # Ok::<(), neurogain::Error>(())
//! ```

mod experiment;
mod job;
mod memory;
mod records;
mod report;
mod settings;

use std::path::Path;

use crate::backend::Backend;
use crate::data::TrainTest;
use crate::error::Result;
use crate::report::Measure;
use crate::run::{
    Best, Compared, DataOrigin, ExperimentSummary, Job, MemoryNeed, Named, Report, Saved, System,
    data_digest, load_samples,
};

pub use self::experiment::{PlasticityExperiment, Start};
pub use self::records::{Curve, Ended, PlasticityRun, Tick};
pub use self::report::{MethodSummary, PlasticitySummary, RunSummary, summarize_plasticity};
pub use self::settings::{Kind, LearningCurveSettings, PlasticitySettings};

/// The system of learning curves over streams of tasks.
#[derive(Debug)]
pub struct Plasticity;

impl System for Plasticity {
    type Settings = PlasticitySettings;
    type Data = TrainTest;
    type Outcome = PlasticityRun;
    type Experiment<'a, B: Backend> = PlasticityExperiment<'a, B>;

    const BEST: Best = Best {
        measure: "final_accuracy",
        called: "accuracy at the ends of tasks",
        beside: Some(("online_accuracy", "online accuracy")),
        note: "",
    };

    fn jobs(settings: &PlasticitySettings) -> Vec<Job> {
        let plan = experiment::plan(settings).into_iter();
        plan.map(|(_, job)| job).collect()
    }

    fn load(settings: &PlasticitySettings, directory: &Path) -> Result<TrainTest> {
        load_samples(&settings.data, directory)
    }

    fn same_data(one: &PlasticitySettings, other: &PlasticitySettings) -> bool {
        one.data.same_samples(&other.data)
    }

    fn resolved(settings: PlasticitySettings, data: &TrainTest) -> Result<PlasticitySettings> {
        settings.with_epochs_counted(&data.train)
    }

    fn is_resolved(resolved: &PlasticitySettings, settings: &PlasticitySettings) -> bool {
        let stream = resolved.stream.clone();
        let with_stream = PlasticitySettings {
            stream,
            ..settings.clone()
        };
        settings.stream.resolves_to(&resolved.stream) && *resolved == with_stream
    }

    fn digest(data: &TrainTest) -> String {
        data_digest(data)
    }

    fn memory(settings: &PlasticitySettings, data: &TrainTest, threads: usize) -> MemoryNeed {
        memory::memory(settings, data, threads)
    }

    fn experiment<'a, B: Backend>(
        settings: &'a PlasticitySettings,
        data: &'a TrainTest,
        backend: &'a B,
    ) -> Result<PlasticityExperiment<'a, B>> {
        PlasticityExperiment::new(settings, data, backend)
    }

    fn read(settings: &PlasticitySettings, job: &Job, saved: Saved<'_>) -> Result<PlasticityRun> {
        PlasticityRun::read(settings, job, saved)
    }

    fn measures() -> Vec<Measure> {
        report::measures()
    }

    fn summary(
        settings: &PlasticitySettings,
        outcomes: &[Option<PlasticityRun>],
    ) -> Result<ExperimentSummary> {
        report::summary(settings, outcomes)
    }

    fn report(
        settings: &PlasticitySettings,
        outcomes: &[Option<PlasticityRun>],
        data: &DataOrigin,
    ) -> Result<Report> {
        report::report(settings, outcomes, data)
    }

    fn comparison(experiments: &[Named<Self>], compared: &Compared) -> Result<String> {
        report::comparison(experiments, compared)
    }
}
