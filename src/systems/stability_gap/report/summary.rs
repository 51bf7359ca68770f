//! The measures of every run, and their mean and standard deviation over seeds.

use std::string::String;

use serde::Serialize;

use super::differences::{Difference, differences};
use crate::error::{Error, Result};
use crate::learn::{History, Record};
use crate::metrics::{self, ContinualMetrics, StabilityGap, stability_gap, stability_gap_of_mean};
use crate::report::format::Unit;
use crate::report::measure::{Better, ByMeasure, Measure, MeasureOf, Shown, over_seeds};
use crate::run::Status;
use crate::systems::stability_gap::{EvaluatedTasks, Results, Run};

/// The contents of `summary.json`. Numbers that do not exist (the gap of a single context) are `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StabilityGapSummary {
    /// The experiment's name.
    pub experiment: String,
    /// The version of neurogain that wrote this.
    pub version: &'static str,
    /// The hash of all runs ([`Results::hash`]), if it is known.
    pub hash: Option<String>,
    /// Every run that was begun, in the order of the settings.
    pub runs: Vec<RunSummary>,
    /// Every method, in the order of the settings.
    pub methods: Vec<MethodSummary>,
    /// Each gain-modulated method minus every other, seed by seed.
    pub differences: Vec<Difference>,
}

/// One run: its status, and its measures if it is complete.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The method's name.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    #[serde(flatten)]
    pub status: Status,
    /// Number of finished iterations.
    pub iterations: usize,
    /// The run's hash, if it is known.
    pub hash: Option<String>,
    /// The run's measures; empty unless it is complete.
    pub measures: ByMeasure<f64>,
    /// The details of the first task's measures; `None` unless it is complete.
    pub first_task: Option<StabilityGap>,
    /// Its measures over every task; `None` unless it is complete and every task was evaluated.
    pub every_task: Option<ContinualMetrics>,
}

/// One method over the seeds whose runs are complete.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodSummary {
    /// The method's name.
    pub method: String,
    /// Its name in tables and figures.
    pub label: String,
    /// The seeds of the complete runs.
    pub seeds: Vec<u64>,
    /// The seeds of the runs that diverged.
    pub diverged: Vec<u64>,
    /// Every seed measured separately, then mean and standard deviation; empty without a complete run.
    pub measures: ByMeasure<metrics::Summary>,
    /// The same for each context; `None` without a complete run.
    pub per_context: Option<PerContext>,
    /// R_{i,j}: the accuracy at the end of context i (row) on task j ≤ i (column); `None` if only the first task was
    /// evaluated.
    pub accuracy_matrix: Option<Vec<Vec<metrics::Summary>>>,
    /// The published tables' convention, the seed-averaged curve measured once; `None` without a complete run.
    pub minimum_of_seed_averaged_curve: Option<StabilityGap>,
}

/// Mean and standard deviation over seeds of each seed's values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerContext {
    /// SG_t for t = 2..K.
    pub gap: Vec<metrics::Summary>,
    /// Iterations until recovery after each switch, over the seeds that recover (`count` is their number).
    pub recovery: Vec<metrics::Summary>,
    /// Mean gain of the layers at the end of context t, for t = 1..K.
    pub final_gain: Vec<metrics::Summary>,
}

/// The data from which a complete run's measures are computed.
pub(super) struct Outcome<'a> {
    history: &'a History,
    first_task: &'a StabilityGap,
    /// `None` if only the first task was evaluated.
    every_task: Option<&'a ContinualMetrics>,
}

/// The groups of the stability gap's measures.
pub(super) const FIRST_TASK: &str = "results";
pub(super) const GAIN: &str = "gain";
pub(super) const EVERY_TASK: &str = "every-task";

/// Every measure of the stability gap, in the order of the tables.
#[rustfmt::skip]
const fn rows<'a>() -> [MeasureOf<Outcome<'a>>; 12] {
    use Better::{Higher, Lower, Neither};
    use Shown::{Chart, PageOnly, Table, TableAndChart};
    use Unit::{Gain, Percent, Share};
    [
        MeasureOf::new("average_accuracy", "avg-ACC", Percent, Higher, FIRST_TASK, TableAndChart,
            |run| Some(run.first_task.average_accuracy)),
        MeasureOf::new("average_minimum_accuracy", "avg-min-ACC", Percent, Higher, FIRST_TASK, Table,
            |run| Some(run.first_task.average_minimum_accuracy)),
        MeasureOf::new("worst_case_accuracy", "WC-ACC", Percent, Higher, FIRST_TASK, Table,
            |run| Some(run.first_task.worst_case_accuracy)),
        MeasureOf::new("average_gap", "avg-SG", Share, Lower, FIRST_TASK, TableAndChart,
            |run| Some(run.first_task.average_gap)),
        MeasureOf::new("online_accuracy", "online accuracy", Percent, Higher, FIRST_TASK, PageOnly,
            |run: &Outcome| online_accuracy(run.history))
            .defined("mean over all iterations of the accuracy on the training batch before the update (Cai et al. 2021)"),
        MeasureOf::new("final_gain", "gain at the end", Gain, Neither, GAIN, Chart,
            |run| mean_gain(run.history).last().copied()),
        MeasureOf::new("peak_gain", "largest gain", Gain, Neither, GAIN, PageOnly,
            |run| Some(mean_gain(run.history).into_iter().fold(f64::NAN, f64::max))),
        MeasureOf::new("every_task_average_accuracy", "ACC, all tasks", Percent, Higher, EVERY_TASK, Chart,
            |run| Some(run.every_task?.average_accuracy)),
        MeasureOf::new("every_task_forgetting", "forgetting", Percent, Lower, EVERY_TASK, PageOnly,
            |run| Some(run.every_task?.forgetting)),
        MeasureOf::new("every_task_backward_transfer", "BWT", Percent, Higher, EVERY_TASK, PageOnly,
            |run| Some(run.every_task?.backward_transfer)),
        MeasureOf::new("every_task_minimum_accuracy", "min-ACC", Percent, Higher, EVERY_TASK, PageOnly,
            |run| Some(run.every_task?.minimum_accuracy)),
        MeasureOf::new("every_task_worst_case_accuracy", "worst-case accuracy", Percent, Higher, EVERY_TASK, PageOnly,
            |run| Some(run.every_task?.worst_case_accuracy)),
    ]
}

/// Every measure, in the order of the tables.
pub(super) fn measures() -> Vec<Measure> {
    rows().iter().map(|row| row.measure).collect()
}

/// Measures every complete run of `results`, and every method over them.
///
/// # Errors
/// [`Error::Shape`] and those of [`stability_gap`], for a run that is marked as complete but whose history is not.
pub fn summarize_results(results: &Results) -> Result<StabilityGapSummary> {
    let total = results.settings.stream.total_iterations();
    let mut runs = Vec::with_capacity(results.runs.len());
    for run in &results.runs {
        let iterations = run.history.records.len();
        let first_task = match run.status {
            Status::Complete if iterations != total => {
                return Err(Error::shape(
                    "summarise_results",
                    format!("{total} iterations in a complete run"),
                    format!("{iterations} of {} with seed {}", run.method, run.seed),
                ));
            }
            Status::Complete => Some(measure(&run.history)?),
            _ => None,
        };
        let all = results.settings.evaluation.tasks == EvaluatedTasks::All;
        let every_task = match first_task.is_some() && all {
            true => Some(measure_every_task(&run.history)?),
            false => None,
        };
        let outcome = first_task.as_ref().map(|first_task| Outcome {
            history: &run.history,
            first_task,
            every_task: every_task.as_ref(),
        });
        let values = outcome.map(|outcome| ByMeasure::of(&rows(), &outcome));
        runs.push(RunSummary {
            method: run.method.clone(),
            seed: run.seed,
            status: run.status.clone(),
            iterations,
            hash: run.hash.clone(),
            measures: values.unwrap_or_default(),
            first_task,
            every_task,
        });
    }
    let mut methods = Vec::with_capacity(results.settings.methods.len());
    for method in &results.settings.methods {
        let complete = complete_runs(results, &method.name);
        let own = runs.iter().filter(|run| run.method == method.name);
        let has_diverged = |run: &&RunSummary| matches!(run.status, Status::Diverged { .. });
        let diverged = own.clone().filter(has_diverged);
        let every_task = own.clone().filter_map(|r| r.every_task.as_ref());
        let every_task: Vec<&ContinualMetrics> = every_task.collect();
        let measured = own.filter(|run| run.first_task.is_some());
        let values: Vec<&ByMeasure<f64>> = measured.clone().map(|r| &r.measures).collect();
        let first_task: Vec<&StabilityGap> =
            measured.filter_map(|r| r.first_task.as_ref()).collect();
        methods.push(MethodSummary {
            method: method.name.clone(),
            label: method.label.clone(),
            seeds: complete.iter().map(|run| run.seed).collect(),
            diverged: diverged.map(|run| run.seed).collect(),
            measures: over_seeds(&measures(), &values),
            per_context: (!first_task.is_empty()).then(|| per_context(&first_task, &complete)),
            accuracy_matrix: (!every_task.is_empty()).then(|| accuracy_matrix(&every_task)),
            minimum_of_seed_averaged_curve: of_mean(&complete)?,
        });
    }
    let differences = differences(&results.settings, &runs);
    Ok(StabilityGapSummary {
        experiment: results.settings.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        hash: results.hash(),
        runs,
        methods,
        differences,
    })
}

/// The complete runs of the method called `method`.
pub(super) fn complete_runs<'a>(results: &'a Results, method: &str) -> Vec<&'a Run> {
    let complete = |run: &&Run| run.method == method && run.status == Status::Complete;
    results.runs.iter().filter(complete).collect()
}

/// Mean gain over the layers whose gains move, for each iteration; 1 if none does.
pub(super) fn mean_gain(history: &History) -> Vec<f64> {
    let records = &history.records;
    let moves = |layer: &usize| {
        records
            .iter()
            .any(|r| r.gain.get(*layer).is_some_and(|&gain| gain != 1.0))
    };
    let moving: Vec<usize> = (0..history.layers.len()).filter(moves).collect();
    let mean = |record: &Record| match moving.len() {
        0 => 1.0,
        n => moving.iter().map(|&layer| record.gain[layer]).sum::<f64>() / n as f64,
    };
    records.iter().map(mean).collect()
}

/// Mean accuracy on the training batches, each before the update; `None` without an iteration.
fn online_accuracy(history: &History) -> Option<f64> {
    let accuracies = history.records.iter().map(|record| record.train.accuracy);
    let accuracies: Vec<f64> = accuracies.collect();
    (!accuracies.is_empty()).then(|| metrics::summarize(&accuracies).mean)
}

fn test_accuracy(history: &History) -> Vec<f64> {
    history.evaluated().map(|(_, test)| test.accuracy).collect()
}

fn contexts(history: &History) -> Vec<usize> {
    history
        .evaluated()
        .map(|(record, _)| record.context)
        .collect()
}

/// The measures of the evaluated iterations. Recovery is counted in iterations after the switch.
fn measure(history: &History) -> Result<StabilityGap> {
    let contexts = contexts(history);
    let mut measures = stability_gap(&test_accuracy(history), &contexts)?;
    for (switch, recovery) in measures.recovery.iter_mut().enumerate() {
        let Some(evaluation) = recovery.as_mut().filter(|number| **number > 0) else {
            continue;
        };
        let context = switch + 2;
        let before = history
            .records
            .iter()
            .filter(|r| r.context < context)
            .count();
        let mut within = history.evaluated().filter(|(r, _)| r.context == context);
        if let Some((record, _)) = within.nth(*evaluation - 1) {
            *evaluation = record.iteration - before;
        }
    }
    Ok(measures)
}

fn measure_every_task(history: &History) -> Result<ContinualMetrics> {
    let accuracies = history.evaluated().map(|(record, first)| {
        let tests = [first]
            .into_iter()
            .chain(record.later_tasks.iter().copied());
        tests.map(|test| test.accuracy).collect()
    });
    let accuracies: Vec<Vec<f64>> = accuracies.collect();
    metrics::continual(&accuracies, &contexts(history))
}

fn accuracy_matrix(runs: &[&ContinualMetrics]) -> Vec<Vec<metrics::Summary>> {
    let cell = |i: usize, j: usize| {
        let values: Vec<f64> = runs.iter().map(|run| run.accuracy_matrix[i][j]).collect();
        metrics::summarize(&values)
    };
    let contexts = runs.iter().map(|run| run.accuracy_matrix.len());
    (0..contexts.min().unwrap_or(0))
        .map(|i| (0..=i).map(|j| cell(i, j)).collect())
        .collect()
}

fn of_mean(runs: &[&Run]) -> Result<Option<StabilityGap>> {
    let Some(first) = runs.first() else {
        return Ok(None);
    };
    let curves: Vec<Vec<f64>> = runs.iter().map(|r| test_accuracy(&r.history)).collect();
    let curves: Vec<&[f64]> = curves.iter().map(Vec::as_slice).collect();
    stability_gap_of_mean(&curves, &contexts(&first.history)).map(Some)
}

fn per_context(measures: &[&StabilityGap], runs: &[&Run]) -> PerContext {
    let gap = |switch: usize| {
        let values: Vec<f64> = measures.iter().map(|m| m.gap[switch]).collect();
        metrics::summarize(&values)
    };
    let switches = measures.iter().map(|m| m.gap.len()).min().unwrap_or(0);
    let recovery = |switch: usize| {
        let back = measures.iter().filter_map(|m| m.recovery[switch]);
        let back: Vec<f64> = back.map(|iterations| iterations as f64).collect();
        metrics::summarize(&back)
    };
    let final_gain = |context: usize| {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| {
                let last = run
                    .history
                    .records
                    .iter()
                    .rposition(|r| r.context == context)?;
                mean_gain(&run.history).get(last).copied()
            })
            .collect();
        metrics::summarize(&values)
    };
    PerContext {
        gap: (0..switches).map(gap).collect(),
        recovery: (0..switches).map(recovery).collect(),
        final_gain: (1..=switches + 1).map(final_gain).collect(),
    }
}
