//! The summary of an experiment: every run, and the mean and standard deviation of its measures over seeds.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::measures::{Outcome, measures, rows};
use crate::error::{Error, Result};
use crate::metrics::{self, LearningCurves, PairedDifference, transfer};
use crate::report::measure::{ByMeasure, differences, over_seeds};
use crate::run::{Status, cannot_begin, hexadecimal};
use crate::systems::plasticity::experiment::{curves, job_id, plan};
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
    let (plan, jobs): (Vec<_>, Vec<_>) = plan(settings).into_iter().unzip();
    let mut lines = Vec::new();
    for (at, ((work, job), outcome)) in plan.iter().zip(&jobs).zip(outcomes).enumerate() {
        let total = (settings.evaluation.ticks + 1) * work.tasks(settings.stream.count()).len();
        if outcome.is_none() && cannot_begin(&jobs, outcomes, at) {
            continue;
        }
        let interrupted = || {
            let done = outcome.as_ref().map_or(0, |run| run.rows.len());
            format!("interrupted after {done} of {total} evaluations")
        };
        let end = Status::incomplete(outcome.as_ref().map(|run| &run.status), interrupted);
        debug_assert_eq!(job.id, job_id(&work.method.name, work.seed, work.start));
        lines.extend(end.map(|end| format!("{}: {end}", job.id)));
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
