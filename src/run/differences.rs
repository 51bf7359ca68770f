//! Paired differences between experiments, by method and seed.

use maud::{Markup, html};

use super::{ExperimentSummary, MethodMeasures};
use crate::metrics::{LEAST_PAIRS, PairedDifference, RESAMPLES};
use crate::report::format::NONE;
use crate::report::measure::{self, ByMeasure, Measure};
use crate::report::page;
use crate::report::table::aligned;

/// Said where there are no rows.
const NO_DIFFERENCES: &str = "No differences: no method has a complete run, of the same seed, in two of the experiments \
    (runs that diverged are not complete)";

/// The settings that say which samples an experiment has.
const SAMPLES: [&str; 3] = ["data.source", "stream.kind", "stream.contexts"];

/// Several experiments: their names, the settings that differ, and each one minus the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The experiments: name and directory.
    pub(super) experiments: Vec<(String, String)>,
    /// The settings that differ: key, and the value in each experiment.
    pub(super) settings: Vec<(String, Vec<String>)>,
    pub(super) measures: Vec<Measure>,
    pub(super) rows: Vec<Between>,
    /// A line for each job that is not complete, with the name of its experiment.
    pub(super) incomplete: Vec<String>,
}

/// A method of an experiment minus the same method of the first experiment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Between {
    /// The method's label, with its conditions.
    pub(super) method: String,
    /// The name of the experiment.
    pub(super) experiment: String,
    /// The seeds that are complete in both; there may be none.
    pub(super) seeds: Vec<u64>,
    pub(super) measures: ByMeasure<PairedDifference>,
}

/// Every method of the later experiments minus the same method, under the same conditions, of the first one, over the
/// seeds that are complete in both. Empty if no method has such a seed.
pub(super) fn between(
    measures: &[Measure],
    experiments: &[(&str, &ExperimentSummary)],
) -> Vec<Between> {
    let Some(((_, first), others)) = experiments.split_first() else {
        return Vec::new();
    };
    let of_method = |method: &MethodMeasures| {
        others
            .iter()
            .filter_map(|(name, summary)| {
                let is_same = |other: &&MethodMeasures| {
                    (&other.method, &other.conditions) == (&method.method, &method.conditions)
                };
                let other = summary.methods.iter().find(is_same)?;
                Some(difference(measures, name, other, method))
            })
            .collect::<Vec<_>>()
    };
    let rows: Vec<Between> = first.methods.iter().flat_map(of_method).collect();
    match rows.iter().all(|row| row.seeds.is_empty()) {
        true => Vec::new(),
        false => rows,
    }
}

/// A method minus another one.
pub(super) fn difference(
    measures: &[Measure],
    experiment: &str,
    own: &MethodMeasures,
    other: &MethodMeasures,
) -> Between {
    let of = |method: &'_ MethodMeasures| -> Vec<(u64, ByMeasure<f64>)> { method.by_seed.clone() };
    let pairs = [of(own), of(other)];
    let pairs = pairs
        .each_ref()
        .map(|of| of.iter().map(|(seed, of)| (*seed, of)).collect::<Vec<_>>());
    let (seeds, found) = measure::differences(measures, &pairs[0], &pairs[1]);
    Between {
        method: own.label_with_conditions(),
        experiment: experiment.into(),
        seeds,
        measures: found,
    }
}

/// Those of `measures` of which a row has a difference.
fn there(measures: &[Measure], rows: &[Between], such: impl Fn(&Measure) -> bool) -> Vec<Measure> {
    let mut shown = Vec::from(measures);
    shown.retain(|measure| {
        such(measure)
            && rows
                .iter()
                .any(|row| row.measures.get(measure.name).is_some())
    });
    shown
}

impl Compared {
    /// The differences in the measures of the terminal's tables as aligned text; then a line for each job that is not
    /// complete.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, directory) in self.experiments.iter().filter(|(name, of)| name != of) {
            text.push_str(&format!("{name}: {directory}\n"));
        }
        if let [(first, _), _, ..] = self.experiments.as_slice() {
            match self.rows.is_empty() {
                true => text.push_str(&format!("{NO_DIFFERENCES}\n")),
                false => text.push_str(&self.differences(first)),
            }
            if let Some(warning) = self.other_samples() {
                text.push_str(&format!("{warning}\n"));
            }
        }
        for line in &self.incomplete {
            text.push_str(&format!("not counted: {line}\n"));
        }
        text
    }

    /// A warning if a seed pairs nothing, because the experiments have other samples.
    fn other_samples(&self) -> Option<String> {
        let keys = self.settings.iter().map(|(key, _)| key.as_str());
        let keys = keys.filter(|key| SAMPLES.contains(key));
        let keys: Vec<&str> = keys.collect();
        (!keys.is_empty()).then(|| {
            format!(
                "The runs differ in {}: the same seed draws other samples, so that the differences are between \
                 benchmarks.",
                keys.join(", ")
            )
        })
    }

    fn differences(&self, first: &str) -> String {
        let shown = there(&self.measures, &self.rows, Measure::in_table);
        let mut heading = vec![String::from("method"), format!("minus {first}")];
        heading.extend(shown.iter().map(Measure::heading));
        heading.push("seeds".into());
        let mut lines = vec![heading];
        for row in &self.rows {
            let mut line = vec![row.method.clone(), row.experiment.clone()];
            line.extend(shown.iter().map(|of| of.difference(&row.measures)));
            line.push(row.seeds.len().to_string());
            lines.push(line);
        }
        let enough = self.rows.iter().any(|row| row.seeds.len() >= LEAST_PAIRS);
        let note = match enough {
            true => "mean over common seeds [95 % bootstrap interval, for 3 seeds or more]\n",
            false => "mean over common seeds; intervals need 3 common seeds\n",
        };
        aligned(&lines, 2) + note
    }

    /// The section of the page; empty for one experiment.
    pub(crate) fn section(&self) -> Markup {
        if self.experiments.len() < 2 {
            return html! {};
        }
        let content = html! {
            (self.settings_table())
            @if let Some(warning) = self.other_samples() { p { (warning) } }
            @if self.rows.is_empty() {
                p { (NO_DIFFERENCES) "." }
            } @else if let Some((first, _)) = self.experiments.first() {
                (minus_first(&self.measures, &self.rows, "run", first))
            }
        };
        page::section("between", "Differences between runs", content)
    }

    /// The experiments, and their values of the settings that differ: a row for each setting, a column for each
    /// experiment.
    fn settings_table(&self) -> Markup {
        let head = html! {
            th scope="col" { "setting" }
            @for (name, _) in &self.experiments { th.text scope="col" { (name) } }
        };
        let value = |value: &str| match value {
            "" => html! { (NONE) },
            value => html! { code { (value) } },
        };
        let body = html! {
            tbody {
                tr {
                    th scope="row" { "directory" }
                    @for (_, directory) in &self.experiments { td.text { (directory) } }
                }
                @for (key, values) in &self.settings {
                    tr {
                        th scope="row" { code { (key) } }
                        @for of in values { td.text { (value(of)) } }
                    }
                }
            }
        };
        let caption = match self.settings.is_empty() {
            true => "The runs. Their settings are equal.",
            false => "The runs, and the settings that differ. A dash: not set.",
        };
        page::table("table-runs", html! { (caption) }, head, body)
    }
}

/// A table of differences for each group of measures: the headings of its first two columns, and its caption.
pub(super) fn tables(
    measures: &[Measure],
    rows: &[Between],
    id: &str,
    headings: [&str; 2],
    caption: &Markup,
) -> Markup {
    let mut groups: Vec<&str> = Vec::new();
    for measure in there(measures, rows, |_| true) {
        if !groups.contains(&measure.group) {
            groups.push(measure.group);
        }
    }
    let table = |group: &str| {
        let shown = there(measures, rows, |measure| measure.group == group);
        let head = html! {
            th scope="col" { (headings[0]) }
            th.text scope="col" { (headings[1]) }
            @for measure in &shown { th scope="col" { (measure.heading_with_arrow()) } }
            th scope="col" { "seeds" }
        };
        let body = html! {
            @for rows in rows.chunk_by(|a, b| a.method == b.method) {
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.method) }
                            td.text { (row.experiment) }
                            @for measure in &shown { td { (measure.difference(&row.measures)) } }
                            td { (row.seeds.len()) }
                        }
                    }
                }
            }
        };
        let caption = html! {
            (caption) ", seed by seed: mean over the seeds that are complete in both, and its 95\u{a0}% percentile \
             bootstrap interval (" (RESAMPLES) " resamples), for " (LEAST_PAIRS) " seeds or more. With few seeds the \
             interval is too narrow. A dash: no seed is complete in both."
        };
        page::table(&format!("table-{id}-{group}"), caption, head, body)
    };
    html! { @for group in groups { (table(group)) } }
}

/// The tables of each experiment, a `what`, minus the one called `first`.
pub(super) fn minus_first(
    measures: &[Measure],
    rows: &[Between],
    what: &str,
    first: &str,
) -> Markup {
    let caption = html! {
        "Paired differences: each " (what) " minus " strong { (first) } ", the same method"
    };
    tables(measures, rows, "between", ["method", what], &caption)
}
