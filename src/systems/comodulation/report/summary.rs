//! The summary of a comodulation experiment: measures of each method, and differences between methods.

use serde::Serialize;

use crate::counted::counted;
use crate::metrics::{PairedDifference, Summary, summarize};
use crate::report::format::{Unit, by_seeds};
use crate::report::measure::{self, Better, ByMeasure, Measure, MeasureOf, Shown, over_seeds};
use crate::run::Status;
use crate::systems::comodulation::{
    AdaptationRun, ComodulationSettings, Condition, NEAR_ZERO, Preparation, PretrainingRun,
    TaskMeasures,
};

/// The groups of measures, each with a table on the page, and the captions of the tables.
pub(super) const GROUPS: [(&str, &str); 4] = [
    (
        DECISIONS,
        "Decisions: accuracy; precision, recall and F1 averaged over the classes, and those of the positive class of tasks of two classes",
    ),
    (
        "calibration",
        "Calibration: cross-entropy, and expected calibration error in 15 bins",
    ),
    (
        "geometry",
        "The readout's input: class separability, dimensions of the noise in the whole space and in the \
        task-relevant subspace; the informativeness of the decoder's neurons, unweighted and weighted by gain",
    ),
    ("sparsity", "The share of gains near zero"),
];

pub(super) const DECISIONS: &str = "decisions";

/// Every measure of a task, in the order of the tables.
#[rustfmt::skip]
pub(super) const ROWS: [MeasureOf<TaskMeasures>; 17] = {
    use Better::{Higher, Lower, Neither};
    use Shown::{PageChart, PageOnly, TableAndChart};
    use Unit::{Number, Percent};
    [
        MeasureOf::new("accuracy", "accuracy", Percent, Higher, DECISIONS, TableAndChart,
            |m| Some(m.accuracy)),
        MeasureOf::new("macro_precision", "precision", Percent, Higher, DECISIONS, PageChart,
            |m| Some(m.macro_average.precision)),
        MeasureOf::new("macro_recall", "recall", Percent, Higher, DECISIONS, PageChart,
            |m| Some(m.macro_average.recall)),
        MeasureOf::new("macro_f1", "F1", Percent, Higher, DECISIONS, TableAndChart,
            |m| Some(m.macro_average.f1)),
        MeasureOf::new("positive_precision", "precision, positive class", Percent, Higher, DECISIONS, PageOnly,
            |m| Some(m.positive()?.precision)),
        MeasureOf::new("positive_recall", "recall, positive class", Percent, Higher, DECISIONS, PageOnly,
            |m| Some(m.positive()?.recall)),
        MeasureOf::new("positive_f1", "F1, positive class", Percent, Higher, DECISIONS, PageChart,
            |m: &TaskMeasures| Some(m.positive()?.f1))
            .defined("of tasks of two classes: class 1, such as having the attribute. Means over both classes hide a recall that rises while precision falls"),
        MeasureOf::new("cross_entropy", "cross-entropy", Number, Lower, "calibration", PageChart,
            |m| Some(m.cross_entropy)),
        MeasureOf::new("expected_calibration_error", "ECE", Percent, Lower, "calibration", TableAndChart,
            |m: &TaskMeasures| Some(m.calibration_error))
            .defined("expected calibration error: mean distance between confidence and accuracy, in 15 bins of equal width"),
        MeasureOf::new("separability", "separability", Number, Higher, "geometry", PageChart,
            |m: &TaskMeasures| m.separability)
            .defined("the Fisher ratio, scatter between classes divided by scatter within classes, in the span of the class means"),
        MeasureOf::new("participation_ratio", "dimensions", Number, Neither, "geometry", PageChart,
            |m: &TaskMeasures| m.participation_ratio)
            .defined("participation ratio (Σλ)²/Σλ² of the covariance within classes"),
        MeasureOf::new("subspace_participation_ratio", "dimensions in the subspace", Number, Lower, "geometry", PageChart,
            |m: &TaskMeasures| m.subspace_participation_ratio)
            .defined("the same, projected to the span of the class means; not for two classes, where it is 1 by construction"),
        MeasureOf::new("informativeness", "d′", Number, Higher, "geometry", PageChart,
            |m: &TaskMeasures| m.informativeness)
            .defined("|μ₁ − μ₂|/√(½(σ₁² + σ₂²)) of a neuron for the first class against the others, mean over the neurons; a silent neuron counts as 0"),
        MeasureOf::new("gained_informativeness", "d′ by gain", Number, Higher, "geometry", PageChart,
            |m: &TaskMeasures| m.gained_informativeness)
            .defined("the same, as a mean weighted by the neurons' gains"),
        MeasureOf::new("gains_below_0.01", "g ≤ 0.01", Percent, Neither, "sparsity", PageOnly,
            |m| near_zero(m, 0)),
        MeasureOf::new("gains_below_0.1", "g ≤ 0.1", Percent, Neither, "sparsity", TableAndChart,
            |m| near_zero(m, 1)),
        MeasureOf::new("gains_below_0.5", "g ≤ 0.5", Percent, Neither, "sparsity", PageOnly,
            |m| near_zero(m, 2)),
    ]
};

/// Every measure, in the order of the tables.
pub(super) fn measures() -> Vec<Measure> {
    ROWS.iter().map(|row| row.measure).collect()
}

fn near_zero(measures: &TaskMeasures, which: usize) -> Option<f64> {
    debug_assert!(which < NEAR_ZERO.len());
    measures.gains_near_zero.get(which).copied()
}

/// A method after a number of epochs of pretraining.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodSummary {
    /// The method's name.
    pub method: String,
    /// Its name in tables.
    pub label: String,
    /// What it starts from.
    #[serde(flatten)]
    pub condition: Condition,
    /// Seeds whose run is complete.
    pub seeds: Vec<u64>,
    /// Seeds whose run diverged.
    pub diverged: Vec<u64>,
    /// The number of parameters that it adds to the network.
    pub learnt_numbers: Option<usize>,
    /// Each measure that exists for all seeds and tasks: the mean over tasks, then over seeds.
    pub measures: ByMeasure<Summary>,
    /// The mean over tasks for each seed; measures.csv has the tasks.
    #[serde(skip)]
    pub by_seed: Vec<(u64, ByMeasure<f64>)>,
}

/// The paired difference of two methods under the same condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodDifference {
    /// The method.
    pub method: String,
    /// The method that is subtracted.
    pub other: String,
    /// What both start from; in means over numbers of samples, without a number.
    #[serde(flatten)]
    pub condition: Condition,
    /// The seeds that both have.
    pub seeds: Vec<u64>,
    /// Each measure that exists for all seeds and tasks.
    pub measures: ByMeasure<PairedDifference>,
}

/// A comodulation experiment's results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComodulationSummary {
    /// The experiment's name.
    pub name: String,
    /// SHA-256 over the hashes of all runs, if all are complete.
    pub hash: Option<String>,
    /// Accuracy on the primary tasks for each number of epochs: mean over tasks, then over seeds.
    pub primary: Vec<(usize, Summary)>,
    /// Every method with every number of epochs.
    pub methods: Vec<MethodSummary>,
    /// Comodulation minus every other method; without comodulation, the first method minus every other.
    pub differences: Vec<MethodDifference>,
    /// The same as means over several numbers of labelled samples.
    pub mean_differences: Vec<MethodDifference>,
    /// A line for each run that is missing or diverged.
    pub incomplete: Vec<String>,
}

/// A run's measure: the mean over its tasks.
pub(super) fn over_tasks(
    cell: &AdaptationRun,
    of: fn(&TaskMeasures) -> Option<f64>,
) -> Option<f64> {
    let values: Option<Vec<f64>> = cell.tasks.iter().map(of).collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Summarises the existing runs; `prepared` are pretrainings and readouts.
pub fn summarize_comodulation(
    settings: &ComodulationSettings,
    cells: &[AdaptationRun],
    prepared: &[&PretrainingRun],
) -> ComodulationSummary {
    let seeds = &settings.training.seeds;
    let whole = cells.iter().filter(|cell| cell.complete());
    let measured: Vec<(&AdaptationRun, ByMeasure<f64>)> = whole
        .map(|cell| (cell, ByMeasure::of_each(&ROWS, |of| over_tasks(cell, of))))
        .collect();
    let conditions = settings.conditions();
    let of = |method: &str, condition: Condition| -> Vec<(u64, &ByMeasure<f64>)> {
        let of_method = measured.iter().filter(|(cell, _)| cell.method == method);
        let own = of_method.filter(|(cell, _)| cell.condition() == condition);
        own.map(|(cell, values)| (cell.seed, values)).collect()
    };
    let mut methods = Vec::new();
    let mut incomplete = Vec::new();
    for method in &settings.methods {
        for &condition in &conditions {
            let found = of(&method.name, condition);
            let values: Vec<&ByMeasure<f64>> = found.iter().map(|(_, values)| *values).collect();
            let own =
                |cell: &&AdaptationRun| cell.method == method.name && cell.condition() == condition;
            let mut complete = cells.iter().filter(own).filter(|cell| cell.complete());
            let diverged = |cell: &&AdaptationRun| matches!(cell.status, Status::Diverged { .. });
            let diverged = cells.iter().filter(own).filter(diverged);
            methods.push(MethodSummary {
                method: method.name.clone(),
                label: method.label.clone(),
                condition,
                seeds: found.iter().map(|(seed, _)| *seed).collect(),
                diverged: diverged.map(|cell| cell.seed).collect(),
                learnt_numbers: complete.next().map(|cell| cell.learnt_numbers),
                measures: over_seeds(&measures(), &values),
                by_seed: owned(&found),
            });
            for &seed in seeds {
                let mut cells = cells.iter().filter(own);
                let cell = cells.find(|cell| cell.seed == seed);
                let place = format!("{}, {condition}", method.label);
                let end = end(cell.map(|cell| &cell.status));
                incomplete.extend(end.map(|end| (place, seed, end)));
            }
        }
    }
    let all = settings.methods.len() * conditions.len() * seeds.len();
    let reference = settings
        .methods
        .iter()
        .find(|method| method.name == "comodulation");
    let reference = reference.or(settings.methods.first());
    let (mut differences, mut mean_differences) = (Vec::new(), Vec::new());
    let others = settings.methods.iter().filter_map(|other| {
        let method = reference.filter(|method| method.name != other.name)?;
        Some((method.name.as_str(), other.name.as_str()))
    });
    let others: Vec<(&str, &str)> = others.collect();
    let difference = |(method, other): (&str, &str), condition, pairs: [&OfSeeds; 2]| {
        let borrowed = pairs.map(|of| of.iter().map(|(seed, of)| (*seed, of)).collect::<Vec<_>>());
        let (seeds, measures) = measure::differences(&measures(), &borrowed[0], &borrowed[1]);
        MethodDifference {
            method: method.into(),
            other: other.into(),
            condition,
            seeds,
            measures,
        }
    };
    for &condition in &conditions {
        for &pair in &others {
            let [own, other] = [pair.0, pair.1].map(|method| owned(&of(method, condition)));
            differences.push(difference(pair, condition, [&own, &other]));
        }
    }
    for &epochs in &settings.pretraining.epochs {
        let numbers: Vec<Condition> = conditions
            .iter()
            .copied()
            .filter(|condition| condition.epochs == epochs)
            .collect();
        for &pair in others.iter().filter(|_| numbers.len() > 1) {
            let [own, other] = [pair.0, pair.1].map(|method| {
                let found: Vec<_> = numbers.iter().map(|&number| of(method, number)).collect();
                over_numbers(&found)
            });
            let samples = None;
            let condition = Condition { epochs, samples };
            mean_differences.push(difference(pair, condition, [&own, &other]));
        }
    }
    let all_networks = |preparation| {
        let own = move |of: &&&PretrainingRun| of.preparation == preparation;
        prepared.iter().filter(own)
    };
    for &epochs in &settings.pretraining.epochs {
        for &seed in seeds {
            let place = |name: &str| format!("{name}, {}", counted(epochs, "epoch"));
            let is_this = |of: &&&PretrainingRun| (of.seed, of.epochs) == (seed, epochs);
            let network = all_networks(Preparation::Pretraining).find(is_this);
            let of_network = end(network.map(|of| &of.status));
            incomplete.extend(of_network.map(|end| (place("pretraining"), seed, end)));
            // The methods of readouts that have not begun say so.
            let readouts = all_networks(Preparation::Readouts).find(is_this);
            let of_readouts = readouts.and_then(|of| end(Some(&of.status)));
            incomplete.extend(of_readouts.map(|end| (place("readouts"), seed, end)));
        }
    }
    let primary = settings.pretraining.epochs.iter().filter_map(|&epochs| {
        let of_epochs = all_networks(Preparation::Pretraining)
            .filter(|of| of.epochs == epochs && of.status == Status::Complete);
        let tasks = of_epochs.map(|of| &of.accuracies);
        let means: Vec<f64> = tasks
            .map(|tasks| tasks.iter().sum::<f64>() / tasks.len() as f64)
            .collect();
        (!means.is_empty()).then(|| (epochs, summarize(&means)))
    });
    ComodulationSummary {
        name: settings.name.clone(),
        hash: hash(cells).filter(|_| cells.len() == all),
        primary: primary.collect(),
        methods,
        differences,
        mean_differences,
        incomplete: by_seeds(incomplete),
    }
}

fn end(status: Option<&Status>) -> Option<String> {
    Status::incomplete(status, || "interrupted".into())
}

/// The measures of each seed.
type OfSeeds = Vec<(u64, ByMeasure<f64>)>;

fn owned(of: &[(u64, &ByMeasure<f64>)]) -> OfSeeds {
    of.iter().map(|(seed, of)| (*seed, (*of).clone())).collect()
}

/// The mean over numbers of samples, of each seed that has all of them.
fn over_numbers(found: &[Vec<(u64, &ByMeasure<f64>)>]) -> OfSeeds {
    let Some(first) = found.first() else {
        return Vec::new();
    };
    let mean = |&(seed, _): &(u64, &ByMeasure<f64>)| {
        let of_seed = found.iter().map(|of| {
            let mut own = of.iter().filter(|(other, _)| *other == seed);
            own.next().map(|(_, measures)| *measures)
        });
        let of_seed: Vec<&ByMeasure<f64>> = of_seed.collect::<Option<_>>()?;
        let mean = |measure: &Measure| {
            let values = of_seed.iter().map(|of| of.get(measure.name).copied());
            let values: Vec<f64> = values.collect::<Option<_>>()?;
            Some(values.iter().sum::<f64>() / values.len() as f64)
        };
        Some((seed, ByMeasure::new(&measures(), mean)))
    };
    first.iter().filter_map(mean).collect()
}

fn hash(cells: &[AdaptationRun]) -> Option<String> {
    let all: Option<String> = cells.iter().map(|cell| cell.hash.as_deref()).collect();
    all.map(|all| crate::run::digest(all.as_bytes()))
}
