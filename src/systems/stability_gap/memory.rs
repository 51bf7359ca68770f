//! The memory estimate of an experiment, checked before it begins.

use super::{EvaluatedTasks, Settings};
use crate::counted::counted;
use crate::data::TrainTest;
use crate::run::MemoryNeed;
use crate::run::continual::{
    CHECKPOINT_COPIES, Demand, NetworkSettings, described, memory_of_runs,
};

/// Convolutions and head.
const SLIM_RESNET_LAYERS: u64 = 21;
/// Numbers of a record, without those of its layers.
const RECORD_NUMBERS: u64 = 7;
/// Most bytes of a number in a run's CSV.
const TEXT: u64 = 25;

/// An upper bound on the bytes that `settings` need on `samples`, with `side_by_side` parallel runs; `None` if it
/// exceeds a u64. It counts samples, runs, and the records of every run.
fn memory_needed(settings: &Settings, samples: &TrainTest, side_by_side: usize) -> Option<u64> {
    let tests = match settings.evaluation.tasks {
        EvaluatedTasks::First => 1,
        EvaluatedTasks::All => settings.stream.count(),
    };
    let running = memory_of_runs(Demand {
        samples,
        stream: &settings.stream,
        network: &settings.network,
        methods: &settings.methods,
        batch: settings.training.batch,
        tests,
        side_by_side,
    })?;
    // A record is its numbers, two more for each task after the first, and three lists; a growing list can have
    // twice the capacity of its contents, and the page of a running experiment has a copy.
    let layers = match &settings.network {
        NetworkSettings::Mlp { hidden, .. } => hidden.len() as u64 + 1,
        NetworkSettings::Feedforward {
            convolutions,
            hidden,
        } => (convolutions.len() + hidden.len()) as u64 + 1,
        NetworkSettings::SlimResnet18 { .. } => SLIM_RESNET_LAYERS,
    };
    let numbers = layers
        .checked_add(tests as u64)?
        .checked_mul(2)?
        .checked_add(RECORD_NUMBERS)?;
    let record = numbers.checked_mul(8)?.checked_add(3 * 24)?;
    let iterations = settings.stream.total_iterations() as u64;
    let records = iterations
        .checked_mul(runs(settings) as u64)?
        .checked_mul(record)?
        .checked_mul(3)?;
    let histories = iterations
        .checked_mul(numbers.checked_mul(TEXT * CHECKPOINT_COPIES)?)?
        .checked_mul(side_by_side.max(1) as u64)?;
    running.checked_add(records)?.checked_add(histories)
}

/// The memory that `threads` parallel runs need at most.
pub fn memory(settings: &Settings, samples: &TrainTest, threads: usize) -> MemoryNeed {
    let side_by_side = threads.min(runs(settings));
    MemoryNeed {
        bytes: memory_needed(settings, samples, side_by_side).unwrap_or(u64::MAX),
        purpose: format!(
            "{side_by_side} of {} at the same time, with training.batch = {}, {} and {} × {},",
            counted(runs(settings), "run"),
            settings.training.batch,
            described(&settings.network),
            settings.stream.count(),
            counted(settings.stream.iterations_of(0), "iteration"),
        ),
        remedy: "lower these settings, or --threads",
    }
}

fn runs(settings: &Settings) -> usize {
    let (methods, seeds) = (settings.methods.len(), settings.training.seeds.len());
    methods.saturating_mul(seeds)
}
