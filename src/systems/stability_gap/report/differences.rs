//! Methods beside each other, seed by seed.

use serde::Serialize;

use super::summary::{RunSummary, measures};
use crate::metrics::PairedDifference;
use crate::report::measure::{self, ByMeasure};
use crate::systems::stability_gap::{MethodSettings, Settings};

/// A gain-modulated method minus another one, over the seeds whose runs of both are complete.
///
/// A seed names the initial weights and the batches of both, so that what the two share drops out of each
/// seed's difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The gain-modulated method's name.
    pub method: String,
    /// What tables call it.
    pub label: String,
    /// The name of the method that is subtracted.
    pub other: String,
    /// What tables call that one.
    pub other_label: String,
    /// The seeds that both have complete.
    pub seeds: Vec<u64>,
    /// Each measure.
    pub measures: ByMeasure<PairedDifference>,
}

/// Each gain-modulated method minus every other that has a complete seed in common with it, in the order of
/// the settings; of two gain-modulated ones the first minus the second.
pub(super) fn differences(settings: &Settings, runs: &[RunSummary]) -> Vec<Difference> {
    let mut found = Vec::new();
    for (place, method) in settings.methods.iter().enumerate() {
        for (other_place, other) in settings.methods.iter().enumerate() {
            let twice = other.gain_modulated && other_place <= place;
            if method.gain_modulated && !twice {
                found.extend(difference(method, other, &settings.training.seeds, runs));
            }
        }
    }
    found
}

fn difference(
    method: &MethodSettings,
    other: &MethodSettings,
    seeds: &[u64],
    runs: &[RunSummary],
) -> Option<Difference> {
    let of = |method: &MethodSettings| -> Vec<(u64, &ByMeasure<f64>)> {
        let run = |seed: &u64| {
            let mut own = runs.iter().filter(|run| run.method == method.name);
            let run = own.find(|run| run.seed == *seed && run.first_task.is_some())?;
            Some((*seed, &run.measures))
        };
        seeds.iter().filter_map(run).collect()
    };
    let (seeds, measures) = measure::differences(&measures(), &of(method), &of(other));
    (!seeds.is_empty()).then(|| Difference {
        method: method.name.clone(),
        label: method.label.clone(),
        other: other.name.clone(),
        other_label: other.label.clone(),
        seeds,
        measures,
    })
}
