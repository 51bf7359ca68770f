//! The jobs of a comodulation experiment, and their names.

use super::{ComodulationMethod, ComodulationSettings, Condition, Preparation, ReadoutSource};
use crate::run::Job;

/// The work of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase<'a> {
    /// Pretraining on the primary tasks: seed, and index in the list of numbers of epochs.
    Pretrain(u64, usize),
    /// Readouts for a pretrained network: seed, and index in the list of numbers of epochs.
    Readouts(u64, usize),
    /// A method: seed and condition.
    Adapt(&'a ComodulationMethod, u64, Condition),
}

/// Every job. First, for each seed, a pretraining to each number of epochs, each from the previous one; then the
/// readouts for each, if a method uses them; then the methods, in the order of methods, conditions and seeds.
pub(crate) fn plan(settings: &ComodulationSettings) -> Vec<(Phase<'_>, Job)> {
    let (epochs, seeds) = (&settings.pretraining.epochs, &settings.training.seeds);
    let mut plan = Vec::new();
    for &seed in seeds {
        for (level, count) in epochs.iter().enumerate() {
            let job = Job {
                id: preparation_id(Preparation::Pretraining, *count, seed),
                after: (level > 0).then(|| plan.len() - 1).into_iter().collect(),
            };
            plan.push((Phase::Pretrain(seed, level), job));
        }
    }
    let pretrainings = plan.len();
    if settings.reads(ReadoutSource::Before) {
        for (place, &seed) in seeds.iter().enumerate() {
            for (level, count) in epochs.iter().enumerate() {
                let job = Job {
                    id: preparation_id(Preparation::Readouts, *count, seed),
                    after: vec![place * epochs.len() + level],
                };
                plan.push((Phase::Readouts(seed, level), job));
            }
        }
    }
    for method in &settings.methods {
        for condition in settings.conditions() {
            let level = epochs.iter().position(|count| *count == condition.epochs);
            for (place, &seed) in seeds.iter().enumerate() {
                let pretraining = place * epochs.len() + level.unwrap_or(0);
                let mut after = vec![pretraining];
                if settings.readout(method) == ReadoutSource::Before {
                    after.push(pretrainings + pretraining);
                }
                let job = Job {
                    id: adaptation_id(&method.name, condition, seed),
                    after,
                };
                plan.push((Phase::Adapt(method, seed, condition), job));
            }
        }
    }
    plan
}

pub(crate) fn preparation_id(preparation: Preparation, epochs: usize, seed: u64) -> String {
    let [pretraining, readouts] = RESERVED;
    let name = match preparation {
        Preparation::Pretraining => pretraining,
        Preparation::Readouts => readouts,
    };
    format!("{name}-{epochs}-{seed}")
}

pub(crate) fn adaptation_id(method: &str, condition: Condition, seed: u64) -> String {
    let epochs = condition.epochs;
    match condition.samples {
        Some(samples) => format!("{method}-{epochs}-{samples}-{seed}"),
        None => format!("{method}-{epochs}-{seed}"),
    }
}

/// The names of preparation jobs; no method has these names.
pub(super) const RESERVED: [&str; 2] = ["pretraining", "readouts"];
