//! The memory estimate of an experiment, checked before it begins.

use super::{PlasticitySettings, experiment};
use crate::counted::counted;
use crate::data::TrainTest;
use crate::run::MemoryNeed;
use crate::run::continual::{CHECKPOINT_COPIES, Demand, described, memory_of_runs};

/// Bytes of an evaluation's row in memory and as text.
const ROW: u64 = 400;

/// The memory that `threads` parallel jobs need at most.
pub(super) fn memory(
    settings: &PlasticitySettings,
    samples: &TrainTest,
    threads: usize,
) -> MemoryNeed {
    let jobs = experiment::plan(settings).len();
    let side_by_side = threads.min(jobs);
    MemoryNeed {
        bytes: needed(settings, samples, side_by_side, jobs).unwrap_or(u64::MAX),
        purpose: format!(
            "{side_by_side} of {} at the same time, with training.batch = {}, {} and {},",
            counted(jobs, "job"),
            settings.training.batch,
            described(&settings.network),
            counted(settings.stream.count(), "task"),
        ),
        remedy: "lower these settings, or --threads",
    }
}

fn needed(
    settings: &PlasticitySettings,
    samples: &TrainTest,
    side_by_side: usize,
    jobs: usize,
) -> Option<u64> {
    let tests = settings.stream.count();
    let running = memory_of_runs(Demand {
        samples,
        stream: &settings.stream,
        network: &settings.network,
        methods: &settings.methods,
        batch: settings.training.batch,
        tests,
        side_by_side,
    })?;
    let ticks = (settings.evaluation.ticks as u64).checked_add(1)?;
    let rows = ticks.checked_mul(tests as u64)?.checked_mul(jobs as u64)?;
    let rows = rows.checked_mul(ROW * CHECKPOINT_COPIES)?;
    running.checked_add(rows)
}
