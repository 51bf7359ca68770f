//! Paired differences between methods.

use serde::Serialize;

use super::summary::{RunSummary, measures};
use crate::metrics::PairedDifference;
use crate::report::measure::{self, ByMeasure};
use crate::run::continual::MethodSettings;
use crate::systems::stability_gap::Settings;

/// A gain-modulated method minus another one, over the seeds for which the runs of both are complete.
///
/// A seed determines the initial weights and the batches of both methods, so that their shared variation cancels in
/// each seed's difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The gain-modulated method's name.
    pub method: String,
    /// Its name in tables.
    pub label: String,
    /// The name of the method that is subtracted.
    pub other: String,
    /// The name of that method in tables.
    pub other_label: String,
    /// The seeds for which both are complete.
    pub seeds: Vec<u64>,
    /// The difference of each measure.
    pub measures: ByMeasure<PairedDifference>,
}

/// Each gain-modulated method minus every other that shares a complete seed with it, in the order of the settings; for
/// two gain-modulated methods, the first minus the second.
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
