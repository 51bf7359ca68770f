//! Task adaptation by stochastic comodulation (arXiv 2311.15053): pretrained networks, and methods that start from
//! them.
//!
//! The jobs are the pretrainings, `pretraining-EPOCHS-SEED`, each from the previous one; the readouts,
//! `readouts-EPOCHS-SEED`, if they are learnt before the methods; and the methods, `METHOD-EPOCHS-SEED` or, with
//! limited numbers of samples, `METHOD-EPOCHS-SAMPLES-SEED`, each from a pretraining. Records have one row per batch; details are the measures of each
//! task.
//!
//! ```
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::systems::comodulation::{ComodulationExperiment, ComodulationSettings, TaskData};
//!
//! let settings = ComodulationSettings::preset("comodulation-digits")?
//!     .with_methods(&["attention", "comodulation"])?
//!     .with_seeds(&[42])?
//!     .with_overrides(&["network.stages=1", "adaptation.iterations=2", "pretraining.epochs=[0]"])?;
//! // The digits are built in: no directory is read.
//! let material = TaskData::load(&settings, Path::new(""))?;
//! let backend = Cpu::new()?;
//! let experiment = ComodulationExperiment::new(&settings, &material, &backend)?;
//! let cells = experiment.run(2, &AtomicBool::new(false))?;
//!
//! let [attention, comodulation] = &cells[..] else { panic!("one seed of two methods") };
//! // Twelve tasks, two batches of each; the gains are computed, not learnt.
//! assert_eq!(comodulation.steps.len(), 24);
//! assert_eq!(comodulation.learnt_numbers, attention.learnt_numbers);
//! assert!(attention.tasks[0].gains.iter().all(|gain| *gain == 1.0));
//! assert!(comodulation.tasks[0].gains.iter().any(|gain| *gain != 1.0));
//! println!("{:.1} %", 100.0 * comodulation.tasks[0].accuracy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adaptation;
mod any_number;
mod check;
mod experiment;
mod learning;
mod measures;
mod memory;
mod plan;
mod report;
mod samples;
mod scenes;
mod settings;
mod tasks;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::report::Measure;
use crate::run::{
    self, Best, Column, Compared, Csv, DataOrigin, Job, MemoryNeed, Named, Outcome, Records,
    Report, Saved, Status, System,
};

pub use self::experiment::{
    AdaptationRun, BatchRecord, ComodulationExperiment, ComodulationRun, Preparation,
    PretrainingRun,
};
pub use self::measures::{Kept, NEAR_ZERO, TaskMeasures};
use self::plan::{Phase, adaptation_id, plan, preparation_id};
pub use self::report::{
    ComodulationSummary, MethodDifference, MethodSummary, comodulation_table,
    summarize_comodulation,
};
pub use self::scenes::SceneSettings;
pub use self::settings::{
    AdaptationSettings, ComodulationMethod, ComodulationNetwork, ComodulationSettings, Condition,
    EvaluationLimit, Kind, ModulatorChanges, PhasesSettings, PretrainingSettings, PrimaryTurns,
    ReadoutSettings, ReadoutSource, TaskSettings,
};
pub use self::tasks::TaskData;

/// The system of pretrained networks and methods that start from them.
#[derive(Debug)]
pub struct Comodulation;

/// The details of a method's run: results that are not columns of its records.
#[derive(Serialize, Deserialize)]
struct AdaptationDetails<T> {
    method: String,
    epochs: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    samples: Option<usize>,
    seed: u64,
    learnt_numbers: usize,
    tasks: T,
}

/// The details of a pretraining: results that are not columns of its records.
#[derive(Serialize, Deserialize)]
struct PretrainingDetails<T> {
    epochs: usize,
    seed: u64,
    accuracies: T,
}

const HEADINGS: [&str; 4] = ["batch", "task", "loss", "accuracy"];

impl System for Comodulation {
    type Settings = ComodulationSettings;
    type Data = TaskData;
    type Outcome = ComodulationRun;
    type Experiment<'a, B: Backend> = ComodulationExperiment<'a, B>;

    const BEST: Best = Best {
        measure: "accuracy",
        called: "accuracy, mean over tasks",
        beside: Some(("macro_f1", "F1")),
        note: "",
    };

    fn jobs(settings: &ComodulationSettings) -> Vec<Job> {
        let plan = plan(settings).into_iter();
        plan.map(|(_, job)| job).collect()
    }

    fn load(settings: &ComodulationSettings, directory: &Path) -> Result<TaskData> {
        TaskData::load(settings, directory)
    }

    fn same_data(one: &ComodulationSettings, other: &ComodulationSettings) -> bool {
        let scenes = |of: &ComodulationSettings| {
            of.scenes.as_ref()?;
            let tasks = of.tasks.iter();
            let tasks = tasks.map(|task| (task.cell, task.used_labels(of.data.source)));
            Some((
                of.scenes.clone(),
                of.data.clone(),
                tasks.collect::<Vec<_>>(),
            ))
        };
        one.data.same_samples(&other.data)
            && one.network.weights == other.network.weights
            && scenes(one) == scenes(other)
    }

    fn digest(data: &TaskData) -> String {
        data.digest()
    }

    fn memory(settings: &ComodulationSettings, data: &TaskData, threads: usize) -> MemoryNeed {
        memory::memory(settings, &data.samples, threads)
    }

    fn experiment<'a, B: Backend>(
        settings: &'a ComodulationSettings,
        data: &'a TaskData,
        backend: &'a B,
    ) -> Result<ComodulationExperiment<'a, B>> {
        ComodulationExperiment::new(settings, data, backend)
    }

    fn read(
        settings: &ComodulationSettings,
        job: &Job,
        saved: Saved<'_>,
    ) -> Result<ComodulationRun> {
        let steps = steps(settings, saved)?;
        let damaged = |e: serde_json::Error| {
            Error::format(
                &saved.path.with_extension("json"),
                format!("is damaged: {e}"),
            )
        };
        // Details are written only at the end.
        let status = match (saved.status, saved.details) {
            (Some(status), _) => status.clone(),
            (None, Some(_)) => Status::Complete,
            (None, None) => Status::Interrupted,
        };
        let plan = plan(settings);
        let work = plan.iter().find(|(_, known)| known.id == job.id);
        let unknown = || Error::format(saved.path, format!("config.toml has no run `{}`", job.id));
        Ok(match work.ok_or_else(unknown)?.0 {
            phase @ (Phase::Pretrain(seed, level) | Phase::Readouts(seed, level)) => {
                let details = saved.details.map(serde_json::from_str).transpose();
                let details: Option<PretrainingDetails<_>> = details.map_err(damaged)?;
                let preparation = match phase {
                    Phase::Readouts(..) => Preparation::Readouts,
                    _ => Preparation::Pretraining,
                };
                ComodulationRun::Pretraining(PretrainingRun {
                    preparation,
                    seed,
                    epochs: settings.pretraining.epochs[level],
                    steps,
                    accuracies: details.map_or(Vec::new(), |details| details.accuracies),
                    status,
                })
            }
            Phase::Adapt(method, seed, condition) => {
                let details = saved.details.map(serde_json::from_str).transpose();
                let details: Option<AdaptationDetails<Vec<TaskMeasures>>> =
                    details.map_err(damaged)?;
                let (learnt_numbers, tasks) = match details {
                    Some(details) => (details.learnt_numbers, details.tasks),
                    None => (0, Vec::new()),
                };
                ComodulationRun::Adaptation(AdaptationRun {
                    method: method.name.clone(),
                    seed,
                    epochs: condition.epochs,
                    samples: condition.samples,
                    steps,
                    tasks,
                    learnt_numbers,
                    hash: saved.hash.map(String::from),
                    status,
                })
            }
        })
    }

    fn measures() -> Vec<Measure> {
        report::measures()
    }

    fn summary(
        settings: &ComodulationSettings,
        outcomes: &[Option<ComodulationRun>],
    ) -> Result<run::ExperimentSummary> {
        report::summary(settings, outcomes)
    }

    fn report(
        settings: &ComodulationSettings,
        outcomes: &[Option<ComodulationRun>],
        data: &DataOrigin,
    ) -> Result<Report> {
        report::report(settings, outcomes, data)
    }

    fn comparison(experiments: &[Named<Self>], compared: &Compared) -> Result<String> {
        report::comparison(experiments, compared)
    }
}

impl ComodulationRun {
    fn steps(&self) -> &[BatchRecord] {
        match self {
            ComodulationRun::Pretraining(pretraining) => &pretraining.steps,
            ComodulationRun::Adaptation(cell) => &cell.steps,
        }
    }
}

impl Outcome for ComodulationRun {
    fn id(&self) -> String {
        match self {
            ComodulationRun::Pretraining(run) => {
                preparation_id(run.preparation, run.epochs, run.seed)
            }
            ComodulationRun::Adaptation(cell) => {
                adaptation_id(&cell.method, cell.condition(), cell.seed)
            }
        }
    }

    fn status(&self) -> &Status {
        match self {
            ComodulationRun::Pretraining(pretraining) => &pretraining.status,
            ComodulationRun::Adaptation(cell) => &cell.status,
        }
    }

    fn hash(&self) -> Option<&str> {
        match self {
            ComodulationRun::Pretraining(_) => None,
            ComodulationRun::Adaptation(cell) => cell.hash.as_deref(),
        }
    }

    fn steps(&self) -> usize {
        self.steps().len()
    }

    fn records(&self) -> Result<Records> {
        let [batch, task, loss, accuracy] = HEADINGS;
        let rows = (1..).zip(self.steps()).map(|(batch, step)| {
            let numbers = [
                f64::from(batch),
                step.task.map_or(0.0, |task| (task + 1) as f64),
                step.loss,
                step.accuracy,
            ];
            numbers.map(Some).to_vec()
        });
        Ok(Records {
            columns: vec![
                Column::count(batch),
                Column::count(task),
                Column::number(loss),
                Column::number(accuracy),
            ],
            rows: rows.collect(),
        })
    }

    fn details(&self) -> Result<Option<String>> {
        let text = match self {
            run if *run.status() == Status::Interrupted => return Ok(None),
            ComodulationRun::Pretraining(run) => {
                serde_json::to_string_pretty(&PretrainingDetails {
                    epochs: run.epochs,
                    seed: run.seed,
                    accuracies: &run.accuracies,
                })
            }
            ComodulationRun::Adaptation(cell) => serde_json::to_string_pretty(&AdaptationDetails {
                method: cell.method.clone(),
                epochs: cell.epochs,
                samples: cell.samples,
                seed: cell.seed,
                learnt_numbers: cell.learnt_numbers,
                tasks: &cell.tasks,
            }),
        };
        let text = text.map_err(|e| Error::encoding("details", "JSON", e))?;
        Ok(Some(format!("{text}\n")))
    }
}

/// Reads the batches from the CSV of a run.
fn steps(settings: &ComodulationSettings, saved: Saved<'_>) -> Result<Vec<BatchRecord>> {
    let csv = Csv::read(saved.path, saved.records, |headings| {
        match headings == HEADINGS {
            true => Ok(()),
            false => {
                let expected = HEADINGS.join(",");
                let problem = format!("line 1: `{}`, expected `{expected}`", headings.join(","));
                Err(Error::format(saved.path, problem))
            }
        }
    })?;
    let most = settings.tasks.len().max(settings.primary.len());
    let rows = csv.rows.iter().enumerate().map(|(index, row)| {
        let bad = |at: usize, expected: &str| {
            let line = csv.first_line + index;
            let value = row[at].map_or(String::new(), |value| value.to_string());
            let problem = format!(
                "line {line}: {} is `{value}`, expected {expected}",
                HEADINGS[at]
            );
            Error::format(saved.path, problem)
        };
        if row[0] != Some((index + 1) as f64) {
            return Err(bad(0, &(index + 1).to_string()));
        }
        let task = row[1].filter(|task| task.fract() == 0.0 && (0.0..=most as f64).contains(task));
        let task = task.ok_or_else(|| bad(1, &format!("a task from 1 to {most}, or 0 for all")))?;
        let number = |at: usize| row[at].ok_or_else(|| bad(at, "a number"));
        Ok(BatchRecord {
            task: (task as usize).checked_sub(1),
            loss: number(2)?,
            accuracy: number(3)?,
        })
    });
    rows.collect()
}
