//! The table of measures as text for a terminal, and sentences on the results.

use super::summary::{EVERY_TASK, MethodSummary, StabilityGapSummary, measures, summarize_results};
use crate::error::Result;
use crate::report::format::{Unit, by_seeds};
use crate::report::measure::Measure;
use crate::report::table::aligned;
use crate::run::Status;
use crate::systems::stability_gap::{Results, Run, Settings};

/// The aggregate table as aligned text: method, avg-ACC %, avg-min-ACC %, WC-ACC %, avg-SG (each seed measured
/// separately, mean ± standard deviation over seeds) and the number of complete runs; then a line for each run that is
/// not complete and therefore not in the table.
///
/// # Errors
/// Those of [`summarize_results`].
pub fn table(results: &Results) -> Result<String> {
    Ok(table_of(results, &summarize_results(results)?))
}

/// [`table`] of results that have been summarised.
pub(super) fn table_of(results: &Results, summary: &StabilityGapSummary) -> String {
    let mut text = rows(summary, "method", Measure::in_table);
    let all = summary.methods.iter();
    if all.clone().any(|method| method.accuracy_matrix.is_some()) {
        text.push('\n');
        text.push_str(&rows(summary, "over all tasks", |measure| {
            measure.group == EVERY_TASK
        }));
    }
    for line in incomplete(results) {
        text.push_str(&format!("not counted: {line}\n"));
    }
    text
}

/// A row for each method, with `such` of the measures.
fn rows(summary: &StabilityGapSummary, heading: &str, such: fn(&Measure) -> bool) -> String {
    let mut shown = measures();
    shown.retain(such);
    let mut headings = vec![String::from(heading)];
    headings.extend(shown.iter().map(Measure::heading));
    headings.push("seeds".into());
    let mut rows = vec![headings];
    for method in &summary.methods {
        let mut row = vec![method.label.clone()];
        row.extend(shown.iter().map(|measure| measure.cell(&method.measures)));
        row.push(method.seeds.len().to_string());
        rows.push(row);
    }
    aligned(&rows, 1)
}

/// A line for every run of the settings that is not complete.
pub(super) fn incomplete(results: &Results) -> Vec<String> {
    let total = results.settings.stream.total_iterations();
    let mut lines = Vec::new();
    for method in &results.settings.methods {
        for &seed in &results.settings.training.seeds {
            let is_this = |run: &&Run| run.method == method.name && run.seed == seed;
            let run = results.runs.iter().find(is_this);
            let interrupted = || {
                let done = run.map_or(0, |run| run.history.records.len());
                format!("interrupted after {done} of {total} iterations")
            };
            let end = Status::incomplete(run.map(|run| &run.status), interrupted);
            lines.extend(end.map(|end| (method.label.clone(), seed, end)));
        }
    }
    by_seeds(lines)
}

/// Sentences on the results: the smallest and the largest gap, and every method whose gap is smaller than that of a
/// gain-modulated method, with its accuracy.
pub(super) fn observations(settings: &Settings, summary: &StabilityGapSummary) -> Vec<String> {
    let measured: Vec<Measured> = summary.methods.iter().filter_map(Measured::of).collect();
    let mut sentences = Vec::new();
    let by_gap = |a: &&Measured, b: &&Measured| a.gap.total_cmp(&b.gap);
    let smallest = measured.iter().min_by(by_gap);
    let largest = measured.iter().max_by(by_gap);
    if let (Some(smallest), Some(largest)) = (smallest, largest)
        && smallest.gap < largest.gap
    {
        sentences.push(format!(
            "The smallest average gap is {}’s (avg-SG {}), the largest {}’s ({}).",
            smallest.label,
            Unit::Share.value(smallest.gap),
            largest.label,
            Unit::Share.value(largest.gap),
        ));
    }
    let is_modulated = |m: &&Measured| {
        let modulated = |s: &&crate::run::continual::MethodSettings| s.gain_modulated;
        let mut modulated = settings.methods.iter().filter(modulated);
        modulated.any(|s| s.name == m.name)
    };
    for ours in measured.iter().filter(is_modulated) {
        for other in measured.iter().filter(|m| !is_modulated(m)) {
            if other.gap < ours.gap {
                sentences.push(smaller_gap(ours, other));
            }
        }
    }
    sentences
}

struct Measured<'a> {
    name: &'a str,
    label: &'a str,
    gap: f64,
    accuracy: f64,
}

impl Measured<'_> {
    /// `None` if no run is complete, or if there is no switch and therefore no gap.
    fn of(method: &MethodSummary) -> Option<Measured<'_>> {
        let mean = |name: &str| Some(method.measures.get(name)?.mean);
        let gap = mean("average_gap")?;
        let accuracy = mean("average_accuracy")?;
        gap.is_finite().then_some(Measured {
            name: &method.method,
            label: &method.label,
            gap,
            accuracy,
        })
    }
}

fn smaller_gap(ours: &Measured, other: &Measured) -> String {
    let accuracy = match other.accuracy < ours.accuracy {
        true => "but its accuracy at the ends of contexts is lower",
        false => "and its accuracy at the ends of contexts is not lower",
    };
    format!(
        "{}’s gap is smaller than {}’s (avg-SG {} against {}), {accuracy} (avg-ACC {}\u{a0}% against {}\u{a0}%).",
        other.label,
        ours.label,
        Unit::Share.value(other.gap),
        Unit::Share.value(ours.gap),
        Unit::Percent.value(other.accuracy),
        Unit::Percent.value(ours.accuracy),
    )
}
