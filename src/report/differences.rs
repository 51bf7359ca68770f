//! Methods beside each other, seed by seed.

use serde::Serialize;

use super::summary::RunSummary;
use crate::experiment::{MethodSettings, Settings};
use crate::metrics::{PairedDifference, StabilityGap, paired_difference};

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
    /// avg-ACC, in [0, 1].
    pub average_accuracy: PairedDifference,
    /// avg-min-ACC, in [0, 1].
    pub average_minimum_accuracy: PairedDifference,
    /// avg-SG.
    pub average_gap: PairedDifference,
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
    let measures = |method: &MethodSettings, seed: u64| {
        let run = runs
            .iter()
            .find(|r| r.method == method.name && r.seed == seed);
        run.and_then(|run| run.measures.as_ref())
    };
    let mut common = Vec::new();
    let mut pairs: Vec<(&StabilityGap, &StabilityGap)> = Vec::new();
    for &seed in seeds {
        if let (Some(first), Some(second)) = (measures(method, seed), measures(other, seed)) {
            common.push(seed);
            pairs.push((first, second));
        }
    }
    let over_pairs = |of: &dyn Fn(&StabilityGap) -> f64| {
        let values: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (of(a), of(b))).collect();
        paired_difference(&values)
    };
    (!pairs.is_empty()).then(|| Difference {
        method: method.name.clone(),
        label: method.label.clone(),
        other: other.name.clone(),
        other_label: other.label.clone(),
        average_accuracy: over_pairs(&|m| m.average_accuracy),
        average_minimum_accuracy: over_pairs(&|m| m.average_minimum_accuracy),
        average_gap: over_pairs(&|m| m.average_gap),
        seeds: common,
    })
}
