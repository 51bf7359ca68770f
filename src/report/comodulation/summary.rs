//! What the cells of a comodulation experiment come to: measures of each arm, and arms beside each other.

use serde::Serialize;

use crate::experiment::comodulation::{Cell, ComodulationSettings, NEAR_ZERO, TaskMeasures};
use crate::metrics::{PairedDifference, Summary, paired_difference, summarise};
use crate::run::Status;

/// A measure: what tables call it, its name in files, whether it is shown in percent, and where it is
/// found.
pub(super) struct Measure {
    pub(super) heading: &'static str,
    pub(super) name: &'static str,
    pub(super) percent: bool,
    pub(super) of: fn(&TaskMeasures) -> Option<f64>,
}

/// Every measure of a task, in the order of the tables.
pub(super) const MEASURES: [Measure; 14] = [
    measure("accuracy %", "accuracy", true, |m| Some(m.accuracy)),
    measure("precision %", "macro_precision", true, |m| {
        Some(m.macro_average.precision)
    }),
    measure("recall %", "macro_recall", true, |m| {
        Some(m.macro_average.recall)
    }),
    measure("F1 %", "macro_f1", true, |m| Some(m.macro_average.f1)),
    measure("cross-entropy", "cross_entropy", false, |m| {
        Some(m.cross_entropy)
    }),
    measure("ECE %", "expected_calibration_error", true, |m| {
        Some(m.calibration_error)
    }),
    measure("separability", "separability", false, |m| m.separability),
    measure("dimensions", "participation_ratio", false, |m| {
        m.participation_ratio
    }),
    measure(
        "dimensions in the subspace",
        "subspace_participation_ratio",
        false,
        |m| m.subspace_participation_ratio,
    ),
    measure("d′", "informativeness", false, |m| m.informativeness),
    measure("d′ by gain", "gained_informativeness", false, |m| {
        m.gained_informativeness
    }),
    measure("g ≤ 0.01 %", "gains_below_0.01", true, |m| {
        near_zero(m, 0)
    }),
    measure("g ≤ 0.1 %", "gains_below_0.1", true, |m| near_zero(m, 1)),
    measure("g ≤ 0.5 %", "gains_below_0.5", true, |m| near_zero(m, 2)),
];

const fn measure(
    heading: &'static str,
    name: &'static str,
    percent: bool,
    of: fn(&TaskMeasures) -> Option<f64>,
) -> Measure {
    Measure {
        heading,
        name,
        percent,
        of,
    }
}

fn near_zero(measures: &TaskMeasures, which: usize) -> Option<f64> {
    debug_assert!(which < NEAR_ZERO.len());
    measures.gains_near_zero.get(which).copied()
}

/// An arm behind so many epochs of pretraining.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// The arm's name.
    pub arm: String,
    /// What tables call it.
    pub label: String,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Seeds whose cell has ended and did not diverge.
    pub seeds: Vec<u64>,
    /// Numbers that it learns besides the network's.
    pub learnt_numbers: Option<usize>,
    /// Each measure by name: the mean over the tasks, then over the seeds.
    pub measures: Vec<Measured>,
}

/// A measure over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Over the seeds; none where a task has none.
    pub over_seeds: Option<Summary>,
}

/// Two arms behind the same epochs of pretraining, seed by seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmDifference {
    /// The arm.
    pub arm: String,
    /// The arm that is subtracted.
    pub other: String,
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Each measure by name.
    pub measures: Vec<(&'static str, PairedDifference)>,
}

/// A comodulation experiment's results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComodulationSummary {
    /// The experiment's name.
    pub name: String,
    /// SHA-256 over the hashes of all cells, if all are there.
    pub hash: Option<String>,
    /// Accuracy on the primary tasks, mean over them, then over seeds, for each number of epochs.
    pub primary: Vec<(usize, Summary)>,
    /// Every arm and number of epochs.
    pub arms: Vec<ArmSummary>,
    /// Comodulation minus every other arm, or the first arm where there is no such.
    pub differences: Vec<ArmDifference>,
    /// A line for each cell that is missing or diverged, and for each file that is damaged.
    pub incomplete: Vec<String>,
}

/// A cell's measure: the mean over its tasks.
pub(super) fn over_tasks(cell: &Cell, of: fn(&TaskMeasures) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = cell.tasks.iter().map(of).collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Summarises the cells that are there.
pub fn summarise_comodulation(
    settings: &ComodulationSettings,
    cells: &[Cell],
    primary: &[(u64, usize, Vec<f64>)],
) -> ComodulationSummary {
    let seeds = &settings.training.seeds;
    let of = |arm: &str, epochs: usize| -> Vec<&Cell> {
        let cells = cells.iter();
        let found = cells.filter(|c| c.arm == arm && c.epochs == epochs && c.complete());
        found.collect()
    };
    let mut arms = Vec::new();
    let mut incomplete = Vec::new();
    for arm in &settings.arms {
        for &epochs in &settings.pretraining.epochs {
            let found = of(&arm.name, epochs);
            let measured = |measure: &Measure| {
                let values: Option<Vec<f64>> = found
                    .iter()
                    .map(|cell| over_tasks(cell, measure.of))
                    .collect();
                Measured {
                    name: measure.name,
                    over_seeds: values.filter(|v| !v.is_empty()).map(|v| summarise(&v)),
                }
            };
            arms.push(ArmSummary {
                arm: arm.name.clone(),
                label: arm.label.clone(),
                epochs,
                seeds: found.iter().map(|cell| cell.seed).collect(),
                learnt_numbers: found.first().map(|cell| cell.learnt_numbers),
                measures: MEASURES.iter().map(measured).collect(),
            });
            for &seed in seeds {
                let cell = cells
                    .iter()
                    .find(|c| c.arm == arm.name && (c.epochs, c.seed) == (epochs, seed));
                let place = format!("{}, {epochs} epochs, seed {seed}", arm.name);
                match cell {
                    None => incomplete.push(format!("{place}: not done")),
                    Some(cell) => match &cell.status {
                        Status::Complete => {}
                        Status::Interrupted => incomplete.push(format!("{place}: not done")),
                        Status::Diverged { iteration, .. } => {
                            incomplete.push(format!("{place}: diverged at batch {iteration}"));
                        }
                    },
                }
            }
        }
    }
    let all = settings.arms.len() * settings.pretraining.epochs.len() * seeds.len();
    let reference = settings.arms.iter().find(|arm| arm.name == "comodulation");
    let reference = reference.or(settings.arms.first());
    let mut differences = Vec::new();
    for &epochs in &settings.pretraining.epochs {
        for other in &settings.arms {
            let Some(arm) = reference.filter(|arm| arm.name != other.name) else {
                continue;
            };
            let (own, others) = (of(&arm.name, epochs), of(&other.name, epochs));
            let pairs = |measure: &Measure| -> Option<Vec<(f64, f64)>> {
                let mut pairs = Vec::new();
                for cell in &own {
                    if let Some(other) = others.iter().find(|other| other.seed == cell.seed) {
                        pairs.push((
                            over_tasks(cell, measure.of)?,
                            over_tasks(other, measure.of)?,
                        ));
                    }
                }
                (!pairs.is_empty()).then_some(pairs)
            };
            let measures = MEASURES
                .iter()
                .filter_map(|measure| Some((measure.name, paired_difference(&pairs(measure)?))));
            differences.push(ArmDifference {
                arm: arm.name.clone(),
                other: other.name.clone(),
                epochs,
                measures: measures.collect(),
            });
        }
    }
    for &epochs in &settings.pretraining.epochs {
        for &seed in seeds {
            let mut networks = primary.iter();
            if !networks.any(|(known, of, _)| (*known, *of) == (seed, epochs)) {
                incomplete.push(format!(
                    "pretraining, {epochs} epochs, seed {seed}: not done"
                ));
            }
        }
    }
    let primary = settings.pretraining.epochs.iter().filter_map(|&epochs| {
        let of_epochs = primary.iter().filter(|(_, found, _)| *found == epochs);
        let means: Vec<f64> = of_epochs
            .map(|(_, _, tasks)| tasks.iter().sum::<f64>() / tasks.len() as f64)
            .collect();
        (!means.is_empty()).then(|| (epochs, summarise(&means)))
    });
    ComodulationSummary {
        name: settings.name.clone(),
        hash: hash(cells).filter(|_| cells.len() == all),
        primary: primary.collect(),
        arms,
        differences,
        incomplete,
    }
}

fn hash(cells: &[Cell]) -> Option<String> {
    let all: Option<String> = cells.iter().map(|cell| cell.hash.as_deref()).collect();
    all.map(|all| crate::run::digest(all.as_bytes()))
}
