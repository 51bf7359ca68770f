//! Comparison with published results, from `data/published/`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::summary::{MethodSummary, StabilityGapSummary, measures};
use crate::error::{Error, Result};
use crate::metrics;
use crate::report::format::Unit;
use crate::run::DataOrigin;
use crate::run::continual::MethodSettings;
use crate::systems::stability_gap::{EvaluationSettings, Settings};

/// The built-in published experiments, by the name of the preset that repeats each.
const EXPERIMENTS: [(&str, &str); 6] = [
    (
        "split-mnist",
        include_str!("../../../../data/published/split-mnist.toml"),
    ),
    (
        "rotated-mnist",
        include_str!("../../../../data/published/rotated-mnist.toml"),
    ),
    (
        "split-cifar10",
        include_str!("../../../../data/published/split-cifar10.toml"),
    ),
    (
        "domain-cifar100",
        include_str!("../../../../data/published/domain-cifar100.toml"),
    ),
    (
        "domain-cifar100-as-recorded",
        include_str!("../../../../data/published/domain-cifar100-as-recorded.toml"),
    ),
    (
        "split-mini-imagenet",
        include_str!("../../../../data/published/split-mini-imagenet.toml"),
    ),
];

/// The quantity that is compared when a run has only the first contexts.
const FIRST_SWITCH: &str = "SG₂, first switch";

/// The published results of an experiment. Accuracies and gaps are in [0, 1].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The experiment's name.
    pub experiment: String,
    /// The seeds of the published runs.
    pub seeds: Vec<u64>,
    /// The source of the per-seed numbers, if there are any.
    pub records_source: Option<String>,
    /// The source of the numbers of the seed-averaged curve.
    pub table_source: String,
    /// The results of each method.
    pub methods: Vec<PublishedMethod>,
}

/// The published results of one method; unpublished values are missing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedMethod {
    /// The method's name in the preset.
    pub name: String,
    /// Mean over seeds of SG_2.
    pub first_gap: Option<f64>,
    /// avg-SG of the seed-averaged curve.
    pub seed_averaged_gap: Option<f64>,
    /// Mean gain at the end of each context; empty without gain modulation.
    #[serde(default)]
    pub final_gain: Vec<f64>,
    /// Measures by their names in files, each seed measured separately.
    #[serde(flatten)]
    pub measures: BTreeMap<String, PublishedValue>,
}

/// A published measure, with or without its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PublishedValue {
    /// Mean and standard deviation over the published seeds.
    Spread(Spread),
    /// The mean alone.
    Mean(f64),
}

impl PublishedValue {
    /// As a summary of `count` values; the standard deviation is NaN if only the mean is published.
    pub fn over(self, count: usize) -> metrics::Summary {
        let mean_only = |mean| Spread {
            mean,
            standard_deviation: f64::NAN,
        };
        match self {
            PublishedValue::Spread(spread) => spread.over(count),
            PublishedValue::Mean(mean) => mean_only(mean).over(count),
        }
    }
}

/// Mean and sample standard deviation over the published seeds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1).
    pub standard_deviation: f64,
}

impl Spread {
    /// As a summary of `count` values.
    pub fn over(self, count: usize) -> metrics::Summary {
        metrics::Summary {
            count,
            mean: self.mean,
            standard_deviation: self.standard_deviation,
            standard_error: self.standard_deviation / (count as f64).sqrt(),
        }
    }
}

/// Whether two means agree within sampling error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// m₁ − m₂, ours minus theirs.
    pub difference: f64,
    /// 3·√(s₁²/n₁ + s₂²/n₂).
    pub bound: f64,
    /// |m₁ − m₂| ≤ bound.
    pub agrees: bool,
}

/// One published number and ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonRow {
    /// The method's label.
    pub method: String,
    /// The quantity.
    pub quantity: String,
    /// How its values are printed.
    pub unit: Unit,
    /// Ours, over our seeds; a single value for a seed-averaged curve.
    pub ours: metrics::Summary,
    /// Theirs; the standard deviation is NaN if only a mean is published.
    pub published: metrics::Summary,
    /// The verdict; `None` if a standard deviation is missing on either side.
    pub agreement: Option<Agreement>,
}

/// The comparison of our results with the published ones. Without one, the reason.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// The reason, as a sentence.
    NotCompared(String),
    /// The comparison.
    Compared {
        /// Every published number, method by method.
        rows: Vec<ComparisonRow>,
        /// Sentences on omitted methods, with the reason.
        left_out: Vec<String>,
        /// The sources of the published numbers.
        sources: Vec<String>,
    },
}

/// Whether our mean is within three standard errors of the published one: |m₁ − m₂| ≤ 3·√(s₁²/n₁ + s₂²/n₂). `None` if
/// either side has fewer than two values or a standard deviation that is NaN.
pub fn agreement(ours: &metrics::Summary, published: &metrics::Summary) -> Option<Agreement> {
    let variance_of_mean = |s: &metrics::Summary| {
        let known = s.count >= 2 && s.standard_deviation.is_finite() && s.mean.is_finite();
        known.then(|| s.standard_deviation * s.standard_deviation / s.count as f64)
    };
    let bound = 3.0 * (variance_of_mean(ours)? + variance_of_mean(published)?).sqrt();
    let difference = ours.mean - published.mean;
    Some(Agreement {
        difference,
        bound,
        agrees: difference.abs() <= bound,
    })
}

/// The published results of the experiment called `name`, and the preset that repeats it; `None` if there are none.
///
/// # Errors
/// [`Error::Format`] if a built-in file is not valid.
pub fn published(name: &str) -> Result<Option<(Published, Settings)>> {
    let known = EXPERIMENTS.iter().find(|(known, _)| *known == name);
    let Some((_, found)) = known else {
        return Ok(None);
    };
    let path = format!("data/published/{name}.toml");
    let found: Published = toml::from_str(found).map_err(|e| Error::format(Path::new(&path), e))?;
    let names = found.methods.iter().flat_map(|of| of.measures.keys());
    for name in names {
        if !measures().iter().any(|measure| measure.name == name) {
            let reason = format!("{name:?} is not a measure");
            return Err(Error::format(Path::new(&path), reason));
        }
    }
    Ok(Some((found, Settings::preset(name)?)))
}

/// Compares `summary`, of an experiment with `settings`, with the results of [`published`].
///
/// Seeds, titles and descriptions may differ, and methods may be missing. With any other different setting, nothing is
/// compared; a method whose own settings differ is omitted. If only later contexts are missing, or evaluation is
/// sparser, only the first switch is compared. There is no verdict unless the data are the published ones.
pub fn compare_published(
    settings: &Settings,
    summary: &StabilityGapSummary,
    published: Option<&(Published, Settings)>,
    data: &DataOrigin,
) -> Comparison {
    let Some((published, preset)) = published else {
        return Comparison::NotCompared(format!(
            "There are no published numbers for the experiment “{}”.",
            settings.name
        ));
    };
    let differing = differing_sections(settings, preset);
    let first_switch_only = !differing.is_empty();
    let has_one = published
        .methods
        .iter()
        .any(|method| method.first_gap.is_some())
        && has_its_first_switch(settings, preset, &differing);
    if first_switch_only && !has_one {
        return Comparison::NotCompared(format!(
            "Not compared: the settings differ from those of the published experiment in {}.",
            differing.join(", ")
        ));
    }
    let mut rows = Vec::new();
    let mut left_out = Vec::new();
    if first_switch_only {
        left_out.push(format!(
            "Only the first switch is compared: the settings differ from those of the published experiment in {}.{}",
            differing.join(", "),
            match settings.evaluation.every > preset.evaluation.every {
                true => " A sparser evaluation can miss minima, which makes gaps smaller.",
                false => "",
            }
        ));
    }
    for method in &summary.methods {
        let label = &method.label;
        let Some(theirs) = published.methods.iter().find(|p| p.name == method.method) else {
            left_out.push(format!("{label}: no results are published."));
            continue;
        };
        let ours = settings.methods.iter().find(|m| m.name == method.method);
        let known = preset.methods.iter().find(|m| m.name == method.method);
        if !same_method(ours, known) {
            left_out.push(format!(
                "{label}: its settings differ from those of the published experiment."
            ));
            continue;
        }
        if method.per_context.is_none() {
            left_out.push(format!("{label}: no run is complete."));
            continue;
        }
        let of_method = method_rows(method, theirs, published.seeds.len());
        rows.extend(
            of_method
                .into_iter()
                .filter(|row| !first_switch_only || row.quantity == FIRST_SWITCH),
        );
    }
    if let Some(reason) = data.no_verdict().filter(|_| !rows.is_empty()) {
        rows.iter_mut()
            .for_each(|row: &mut ComparisonRow| row.agreement = None);
        left_out.insert(0, reason);
    }
    Comparison::Compared {
        rows,
        left_out,
        sources: published
            .records_source
            .iter()
            .chain([&published.table_source])
            .cloned()
            .collect(),
    }
}

fn differing_sections(ours: &Settings, preset: &Settings) -> Vec<&'static str> {
    let mut training = ours.training.clone();
    training.seeds = preset.training.seeds.clone();
    // Evaluating further tasks does not change the first task's numbers. The published code augments test images;
    // the presets do not.
    let evaluation = EvaluationSettings {
        tasks: preset.evaluation.tasks,
        test_time_augmentation: preset.evaluation.test_time_augmentation,
        ..ours.evaluation.clone()
    };
    let sections = [
        ("name", ours.name == preset.name),
        ("data", ours.data == preset.data),
        ("stream", ours.stream == preset.stream),
        ("network", ours.network == preset.network),
        ("training", training == preset.training),
        ("evaluation", evaluation == preset.evaluation),
        ("gain", ours.gain == preset.gain),
    ];
    let differing = sections.iter().filter(|(_, same)| !same);
    differing.map(|(name, _)| *name).collect()
}

/// Whether the first two contexts are those of the published experiment, in spite of the differences.
fn has_its_first_switch(ours: &Settings, preset: &Settings, differing: &[&str]) -> bool {
    let contexts = &ours.stream.contexts;
    let mut whole = ours.stream.clone();
    whole.contexts.clone_from(&preset.stream.contexts);
    let (evaluation, published) = (&ours.evaluation, &preset.evaluation);
    differing
        .iter()
        .all(|section| ["stream", "evaluation"].contains(section))
        && whole == preset.stream
        && contexts.len() >= 2
        && preset.stream.contexts.starts_with(contexts)
        && evaluation.limit == published.limit
}

fn same_method(ours: Option<&MethodSettings>, preset: Option<&MethodSettings>) -> bool {
    let (Some(ours), Some(preset)) = (ours, preset) else {
        return false;
    };
    let named = |method: &MethodSettings| MethodSettings {
        label: String::new(),
        ..method.clone()
    };
    named(ours) == named(preset)
}

fn method_rows(ours: &MethodSummary, theirs: &PublishedMethod, seeds: usize) -> Vec<ComparisonRow> {
    let (Some(per_context), Some(of_mean)) =
        (&ours.per_context, &ours.minimum_of_seed_averaged_curve)
    else {
        return Vec::new();
    };
    let one = |mean: Option<f64>| mean.map(|mean| PublishedValue::Mean(mean).over(seeds));
    let mut rows = Vec::new();
    let mut row =
        |quantity: String, unit, ours: metrics::Summary, published: Option<metrics::Summary>| {
            let Some(published) = published else { return };
            rows.push(ComparisonRow {
                method: String::new(),
                quantity,
                unit,
                ours,
                published,
                agreement: agreement(&ours, &published),
            });
        };
    for measure in measures() {
        let theirs = theirs.measures.get(measure.name);
        if let (Some(ours), Some(theirs)) = (ours.measures.get(measure.name), theirs) {
            let published = theirs.over(seeds);
            row(measure.label.into(), measure.unit, *ours, Some(published));
        }
    }
    if let Some(first) = per_context.gap.first() {
        row(
            FIRST_SWITCH.into(),
            Unit::Share,
            *first,
            one(theirs.first_gap),
        );
    }
    row(
        "avg-SG of the seed-averaged curve".into(),
        Unit::Share,
        metrics::summarize(&[of_mean.average_gap]),
        one(theirs.seed_averaged_gap),
    );
    for (at, (ours, theirs)) in per_context
        .final_gain
        .iter()
        .zip(&theirs.final_gain)
        .enumerate()
    {
        let quantity = format!("gain at the end of context {}", at + 1);
        row(quantity, Unit::Gain, *ours, one(Some(*theirs)));
    }
    for row in &mut rows {
        row.method.clone_from(&ours.label);
    }
    rows
}
