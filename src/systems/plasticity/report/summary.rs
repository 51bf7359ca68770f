//! The measures of every run, and their mean and standard deviation over seeds.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::metrics::{
    self, LearningCurves, PairedDifference, Transfer, stability_gap, summarize, transfer,
};
use crate::report::format::Unit;
use crate::report::measure::{
    Better, ByMeasure, Measure, MeasureOf, Shown, differences, over_seeds,
};
use crate::run::{Status, hexadecimal};
use crate::systems::plasticity::experiment::{curves, job_id};
use crate::systems::plasticity::{Curve, Ended, PlasticityRun, PlasticitySettings, Start, Tick};

/// The contents of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlasticitySummary {
    /// The experiment's name.
    pub experiment: String,
    /// The version of neurogain that wrote this.
    pub version: &'static str,
    /// SHA-256 over the hashes of all jobs, in order, if all are known.
    pub hash: Option<String>,
    /// Every method and seed whose stream was begun, in the order of the settings.
    pub runs: Vec<RunSummary>,
    /// Every method, in the order of the settings.
    pub methods: Vec<MethodSummary>,
    /// The first method minus each other, seed by seed.
    pub differences: Vec<Difference>,
    /// A line for each job that is not complete.
    pub incomplete: Vec<String>,
}

/// A method with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The method's name.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// How its stream ended.
    #[serde(flatten)]
    pub status: Status,
    /// Its measures; empty unless all its jobs are complete.
    pub measures: ByMeasure<f64>,
    /// The accuracy at the end of each task.
    pub final_accuracies: Vec<f64>,
    /// FKT_b for each b.
    pub forward_transfer: Vec<f64>,
    /// BKT_b for each b.
    pub backward_transfer: Vec<f64>,
}

/// A method over its complete seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodSummary {
    /// The method's name.
    pub method: String,
    /// Its name in tables and figures.
    pub label: String,
    /// The seeds of which all jobs are complete.
    pub seeds: Vec<u64>,
    /// The seeds of which a job diverged.
    pub diverged: Vec<u64>,
    /// Mean and standard deviation over seeds.
    pub measures: ByMeasure<metrics::Summary>,
}

/// The paired differences of two methods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The first method's label.
    pub label: String,
    /// The label of the method that is subtracted.
    pub other_label: String,
    /// The common seeds.
    pub seeds: Vec<u64>,
    /// The differences.
    pub measures: ByMeasure<PairedDifference>,
}

/// The data from which measures are computed: the complete jobs of a method with one seed.
pub(super) struct Outcome<'a> {
    settings: &'a PlasticitySettings,
    stream: &'a PlasticityRun,
    curves: Vec<Curve>,
    /// `None` if tasks are learnt only in the stream.
    transfer: Option<Transfer>,
}

/// The measure that published results have.
pub(super) const FINAL_ACCURACY: &str = "final_accuracy";

/// The groups of measures.
pub(super) const RESULTS: &str = "results";
pub(super) const TRANSFER: &str = "transfer";
pub(super) const RETENTION: &str = "retention";
pub(super) const NETWORK: &str = "network";

#[rustfmt::skip]
const fn rows<'a>() -> [MeasureOf<Outcome<'a>>; 23] {
    use Better::{Higher, Lower, Neither};
    use Shown::{Chart, PageOnly, Table, TableAndChart};
    use Unit::{Number, Percent, Share};
    [
        MeasureOf::new(FINAL_ACCURACY, "final accuracy", Percent, Higher, RESULTS, TableAndChart,
            |run: &Outcome| Some(mean(run.ends())))
            .defined("mean over tasks of the accuracy at the end of each task, on its own test samples (on its training samples with evaluation.training_samples and for random labels)"),
        MeasureOf::new("last_accuracy", "last task", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.ends().last())
            .defined("accuracy at the end of the last task"),
        MeasureOf::new("online_accuracy", "online accuracy", Percent, Higher, RESULTS, TableAndChart,
            |run: &Outcome| Some(run.online()))
            .defined("mean over all iterations of the accuracy on the training batch before the update (Cai et al. 2021)"),
        MeasureOf::new("lca_fresh", "LCA₀", Percent, Higher, RESULTS, Table,
            |run: &Outcome| Some(run.transfer.as_ref()?.lca_fresh))
            .defined("mean over evaluations b = 0..β and all tasks of the accuracy while a fresh network learns the task"),
        MeasureOf::new("lca_forward", "LCA F", Percent, Higher, RESULTS, Table,
            |run: &Outcome| run.transfer.as_ref()?.lca_forward)
            .defined("the same from the state before the task, for all tasks but the first"),
        MeasureOf::new("lca_backward", "LCA B", Percent, Higher, RESULTS, Table,
            |run: &Outcome| run.transfer.as_ref()?.lca_backward)
            .defined("the same from the final state, for all tasks but the last, each on a copy"),
        MeasureOf::new("recurring_accuracy", "recurrences", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.recurrences(|rows| rows.last()))
            .defined("accuracy at the end of each recurrence of the first task, mean over its recurrences"),
        MeasureOf::new("recurring_start", "recurrences, start", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.recurrences(|rows| rows.first()))
            .defined("the same before the first iteration of each recurrence"),
        MeasureOf::new("forward_transfer_half", "FKT, half", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| half(&run.transfer.as_ref()?.forward))
            .defined("mean over tasks of the accuracy after ⌊β/2⌋ evaluations minus that of a fresh network"),
        MeasureOf::new("forward_transfer_end", "FKT, end", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.forward.last().copied())
            .defined("the same after β evaluations"),
        MeasureOf::new("forward_transfer", "FKT, mean", Percent, Higher, TRANSFER, Chart,
            |run: &Outcome| all(&run.transfer.as_ref()?.forward))
            .defined("mean over b; LCA F = LCA₀ of F + this"),
        MeasureOf::new("lca_fresh_forward", "LCA₀ of F", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.lca_fresh_of[0])
            .defined("LCA₀ over the tasks of LCA F: all but the first"),
        MeasureOf::new("backward_transfer_half", "BKT, half", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| half(&run.transfer.as_ref()?.backward))
            .defined("as FKT, from the final state"),
        MeasureOf::new("backward_transfer_end", "BKT, end", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.backward.last().copied()),
        MeasureOf::new("backward_transfer", "BKT, mean", Percent, Higher, TRANSFER, Chart,
            |run: &Outcome| all(&run.transfer.as_ref()?.backward))
            .defined("mean over b; LCA B = LCA₀ of B + this"),
        MeasureOf::new("lca_fresh_backward", "LCA₀ of B", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.lca_fresh_of[1])
            .defined("LCA₀ over the tasks of LCA B: all but the last"),
        MeasureOf::new("forgetting", "forgetting", Percent, Lower, RETENTION, Chart,
            Outcome::forgetting)
            .defined("mean over all tasks but the last of the accuracy at the end of the task minus that at the end of the stream"),
        MeasureOf::new("average_gap", "avg-SG", Share, Lower, RETENTION, Chart,
            Outcome::gap)
            .defined("mean over switches of the relative drop of the accuracy on the first task, from its value before the switch to its minimum in the next task, at the evaluations; switches before which it is 0 are left out"),
        MeasureOf::new("dormant_units", "dormant units", Percent, Lower, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| end.dormant_units))
            .defined("share of hidden units whose mean activity is at most 1 % of their layer's mean (Sokar et al. 2023), at the end of the last task, mean over layers"),
        MeasureOf::new("stable_rank", "stable rank", Number, Higher, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| end.stable_rank))
            .defined("the number of singular values of the last hidden layer's activity that make up 99 % of their sum"),
        MeasureOf::new("effective_rank", "effective rank", Number, Higher, NETWORK, PageOnly,
            |run: &Outcome| run.at_end(|end| end.effective_rank))
            .defined("exp of the entropy of the singular values divided by their sum (Roy & Vetterli 2007)"),
        MeasureOf::new("weight_norm", "‖θ‖", Number, Neither, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| Some(end.weight_norm)))
            .defined("the norm of all weights at the end of the last task"),
        MeasureOf::new("distance", "‖θ − θ₀‖", Number, Neither, NETWORK, PageOnly,
            |run: &Outcome| run.at_end(|end| Some(end.distance)))
            .defined("the same of the difference to the initial weights"),
    ]
}

/// Every measure, in the order of the tables.
pub(super) fn measures() -> Vec<Measure> {
    rows().iter().map(|row| row.measure).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    summarize(&values.collect::<Vec<f64>>()).mean
}

fn half(values: &[f64]) -> Option<f64> {
    values.get(values.len().saturating_sub(1) / 2).copied()
}

fn all(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| summarize(values).mean)
}

impl Outcome<'_> {
    fn ends(&self) -> impl Iterator<Item = f64> {
        self.curves.iter().filter_map(|curve| curve.last().copied())
    }

    /// The mean over iterations: evaluations are weighted by the iterations before them.
    fn online(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in &self.stream.rows {
            if let Some(accuracy) = row.online_accuracy {
                let iterations = self.settings.iterations_to(row.task, row.tick) as f64;
                sum += accuracy * iterations;
                count += iterations;
            }
        }
        sum / count
    }

    /// The mean of a row's accuracy over the recurrences of the first task; `None` if it does not recur.
    fn recurrences(&self, row: impl Fn(&[f64]) -> Option<&f64>) -> Option<f64> {
        let every = self.settings.stream.recurring? + 1;
        let again = self.curves.iter().step_by(every).skip(1);
        let values: Vec<f64> = again.filter_map(|curve| row(curve).copied()).collect();
        all(&values)
    }

    fn at_end(&self, of: impl Fn(&Ended) -> Option<f64>) -> Option<f64> {
        of(self.stream.rows.last()?.ended.as_ref()?)
    }

    fn forgetting(&self) -> Option<f64> {
        let last = self.stream.rows.last()?;
        let ends: Vec<f64> = self.ends().collect();
        let before = ends.split_last()?.1;
        Some(all(before)? - last.earlier_tasks?)
    }

    fn gap(&self) -> Option<f64> {
        let rows = &self.stream.rows;
        let first: Option<Vec<f64>> = rows.iter().map(|row| row.first_task).collect();
        let contexts: Vec<usize> = rows.iter().map(|row| row.task + 1).collect();
        let found = stability_gap(&first?, &contexts).ok()?;
        let gaps = found.final_accuracy.iter().zip(&found.gap);
        let gaps: Vec<f64> = gaps
            .filter(|(before, _)| **before > 0.0)
            .map(|(_, gap)| *gap)
            .collect();
        all(&gaps)
    }
}

/// The run of a method with this seed and start.
pub(super) fn find<'a>(
    runs: &'a [Option<PlasticityRun>],
    method: &str,
    seed: u64,
    start: Start,
) -> Option<&'a PlasticityRun> {
    let is_it =
        |run: &&PlasticityRun| run.method == method && run.seed == seed && run.start == start;
    runs.iter().flatten().find(is_it)
}

fn complete(run: Option<&PlasticityRun>) -> Option<&PlasticityRun> {
    run.filter(|run| run.status == Status::Complete)
}

/// The curves of every task of a method with this seed: in the stream, from a fresh network, from the final state. The
/// missing ones, of the first task from a fresh network and the last from the final state, are those of the stream.
/// `None` unless all are complete.
pub(super) fn learning_curves(
    settings: &PlasticitySettings,
    runs: &[Option<PlasticityRun>],
    method: &str,
    seed: u64,
) -> Option<[Vec<Curve>; 3]> {
    let ticks = settings.evaluation.ticks;
    let of = |start| Some(curves(complete(find(runs, method, seed, start))?, ticks));
    let forward = of(Start::Stream)?;
    if settings.stream.count() < 2 {
        return Some([forward.clone(), forward.clone(), forward]);
    }
    let mut fresh = of(Start::Fresh)?;
    fresh.insert(0, forward.first()?.clone());
    let mut again = of(Start::Final)?;
    again.push(forward.last()?.clone());
    Some([forward, fresh, again])
}

fn outcome<'a>(
    settings: &'a PlasticitySettings,
    runs: &'a [Option<PlasticityRun>],
    method: &str,
    seed: u64,
) -> Result<Option<Outcome<'a>>> {
    let Some(stream) = complete(find(runs, method, seed, Start::Stream)) else {
        return Ok(None);
    };
    let found = match settings.evaluation.transfer {
        false => None,
        true => match learning_curves(settings, runs, method, seed) {
            None => return Ok(None),
            Some([forward, fresh, again]) => Some(transfer(LearningCurves {
                forward: &forward,
                fresh: &fresh,
                again: &again,
            })?),
        },
    };
    Ok(Some(Outcome {
        settings,
        stream,
        curves: curves(stream, settings.evaluation.ticks),
        transfer: found,
    }))
}

/// Measures every run, and every method over its seeds.
///
/// # Errors
/// [`Error::Shape`] for runs that are marked as complete but are not.
pub fn summarize_plasticity(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
) -> Result<PlasticitySummary> {
    let (mut runs, mut methods) = (Vec::new(), Vec::new());
    for method in &settings.methods {
        let (mut seeds, mut diverged) = (Vec::new(), Vec::new());
        let first = runs.len();
        for &seed in &settings.training.seeds {
            let Some(stream) = find(outcomes, &method.name, seed, Start::Stream) else {
                continue;
            };
            let found = outcome(settings, outcomes, &method.name, seed)?;
            let of_seed = outcomes.iter().flatten();
            let mut of_seed = of_seed.filter(|run| run.method == method.name && run.seed == seed);
            if of_seed.any(|run| matches!(run.status, Status::Diverged { .. })) {
                diverged.push(seed);
            }
            if found.is_some() {
                seeds.push(seed);
            }
            let transfer = found.as_ref().and_then(|found| found.transfer.as_ref());
            runs.push(RunSummary {
                method: method.name.clone(),
                seed,
                status: stream.status.clone(),
                measures: found
                    .as_ref()
                    .map_or_else(Default::default, |found| ByMeasure::of(&rows(), found)),
                final_accuracies: found.as_ref().map_or(Vec::new(), |of| of.ends().collect()),
                forward_transfer: transfer.map_or(Vec::new(), |of| of.forward.clone()),
                backward_transfer: transfer.map_or(Vec::new(), |of| of.backward.clone()),
            });
        }
        let own: Vec<&ByMeasure<f64>> = runs[first..]
            .iter()
            .filter(|run| seeds.contains(&run.seed))
            .map(|run: &RunSummary| &run.measures)
            .collect();
        methods.push(MethodSummary {
            method: method.name.clone(),
            label: method.label.clone(),
            measures: over_seeds(&measures(), &own),
            seeds,
            diverged,
        });
    }
    Ok(PlasticitySummary {
        experiment: settings.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        hash: hash(outcomes),
        differences: paired(&methods, &runs),
        incomplete: incomplete(settings, outcomes),
        runs,
        methods,
    })
}

fn hash(outcomes: &[Option<PlasticityRun>]) -> Option<String> {
    let mut hash = Sha256::new();
    for outcome in outcomes {
        hash.update(outcome.as_ref()?.hash.as_ref()?);
    }
    Some(hexadecimal(hash))
}

/// The first method minus each other.
fn paired(methods: &[MethodSummary], runs: &[RunSummary]) -> Vec<Difference> {
    let of = |method: &MethodSummary| -> Vec<(u64, &ByMeasure<f64>)> {
        let own = runs.iter().filter(|run| run.method == method.method);
        let own = own.filter(|run| method.seeds.contains(&run.seed));
        own.map(|run| (run.seed, &run.measures)).collect()
    };
    let Some((first, others)) = methods.split_first() else {
        return Vec::new();
    };
    let pair = |other: &MethodSummary| {
        let (seeds, found) = differences(&measures(), &of(first), &of(other));
        (!seeds.is_empty()).then(|| Difference {
            label: first.label.clone(),
            other_label: other.label.clone(),
            seeds,
            measures: found,
        })
    };
    others.iter().filter_map(pair).collect()
}

/// A line for each job that is not complete.
fn incomplete(settings: &PlasticitySettings, outcomes: &[Option<PlasticityRun>]) -> Vec<String> {
    let plan = crate::systems::plasticity::experiment::plan(settings);
    let mut lines = Vec::new();
    for ((work, job), outcome) in plan.iter().zip(outcomes) {
        let total = (settings.evaluation.ticks + 1) * work.tasks(settings.stream.count()).len();
        let diverged = |run: &PlasticityRun| {
            let same = run.method == work.method.name && run.seed == work.seed;
            same && matches!(run.status, Status::Diverged { .. })
        };
        let end = match outcome {
            // It learns again from a state that there is not.
            None if outcomes.iter().flatten().any(diverged) => continue,
            None => String::from("not begun"),
            Some(run) => match &run.status {
                Status::Complete => continue,
                Status::Interrupted => {
                    format!(
                        "interrupted after {} of {total} evaluations",
                        run.rows.len()
                    )
                }
                Status::Diverged {
                    iteration,
                    quantity,
                    value,
                } => format!("diverged: {quantity} is {value} at iteration {iteration}"),
            },
        };
        debug_assert_eq!(job.id, job_id(&work.method.name, work.seed, work.start));
        lines.push(format!("{}: {end}", job.id));
    }
    lines
}

/// The complete streams of a method.
pub(super) fn streams<'a>(
    outcomes: &'a [Option<PlasticityRun>],
    method: &str,
) -> Vec<&'a PlasticityRun> {
    let own = outcomes.iter().flatten();
    let own = own.filter(|run| run.method == method && run.start == Start::Stream);
    own.filter(|run| run.status == Status::Complete).collect()
}

/// The rows at the ends of tasks.
pub(super) fn ends(run: &PlasticityRun) -> impl Iterator<Item = (&Tick, &Ended)> {
    run.rows
        .iter()
        .filter_map(|row| Some((row, row.ended.as_ref()?)))
}

/// The summary as a JSON value.
pub(super) fn json(summary: &PlasticitySummary) -> Result<serde_json::Value> {
    serde_json::to_value(summary).map_err(|e| Error::encoding("summary", "JSON", e))
}
