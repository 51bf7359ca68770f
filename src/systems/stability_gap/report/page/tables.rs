//! The page's tables.

use maud::{Markup, html};

use super::Experiment;
use crate::metrics::{self, LEAST_PAIRS, RESAMPLES};
use crate::report::format::{NONE, Unit};
use crate::report::page::table;
use crate::systems::stability_gap::report::published::{Comparison, ComparisonRow};
use crate::systems::stability_gap::report::summary::{FIRST_TASK, GAIN, MethodSummary, measures};

/// A row for each method of each experiment; `cells` gives the cells after the method's name.
pub(super) fn by_method(
    experiments: &[Experiment],
    cells: &dyn Fn(&MethodSummary) -> Vec<String>,
) -> Markup {
    html! {
        @for experiment in experiments {
            tbody {
                @for method in &experiment.summary.methods {
                    tr {
                        th scope="row" { (method.label) }
                        @if experiments.len() > 1 { td.text { (experiment.name) } }
                        @for cell in cells(method) { td { (cell) } }
                    }
                }
            }
        }
    }
}

/// The heading of the method and, for several experiments, of the run.
pub(super) fn method_heading(experiments: &[Experiment]) -> Markup {
    html! {
        th scope="col" { "method" }
        @if experiments.len() > 1 { th.text scope="col" { "run" } }
    }
}

/// The measures of a group, and the number of seeds.
pub(super) fn measured(experiments: &[Experiment], group: &str, caption: Markup) -> Markup {
    let mut measures = measures();
    measures.retain(|measure| measure.group == group);
    let head = html! {
        (method_heading(experiments))
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let body = by_method(experiments, &|method| {
        let cells = measures.iter().map(|m| m.cell(&method.measures));
        cells.chain([method.seeds.len().to_string()]).collect()
    });
    table(&format!("table-{group}"), caption, head, body)
}

/// The aggregate table.
pub(super) fn results(experiments: &[Experiment]) -> Markup {
    let caption = html! {
        "Mean ± standard deviation over the seeds with complete runs; each seed is measured separately. "
        "Arrows: the direction that is better."
    };
    measured(experiments, FIRST_TASK, caption)
}

/// The gains; empty if no gain moves.
pub(super) fn gains(experiments: &[Experiment]) -> Markup {
    let mut methods = experiments.iter().flat_map(|e| &e.summary.methods);
    let moves = |method: &MethodSummary| {
        let all = measures();
        let mut gains = all.iter().filter(|measure| measure.group == GAIN);
        gains.any(|measure| measure.summary(&method.measures).is_some())
    };
    let caption = html! {
        "Mean gain of the layers whose gains move: mean ± standard deviation over seeds."
    };
    match methods.any(moves) {
        true => measured(experiments, GAIN, caption),
        false => html! {},
    }
}

/// The paired differences between gain-modulated methods and every other; empty if no two methods share a seed.
pub(super) fn differences(experiments: &[Experiment]) -> Markup {
    let mut measures = measures();
    measures.retain(|measure| measure.group == FIRST_TASK);
    let head = html! {
        (method_heading(experiments))
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let caption = html! {
        "Paired differences: mean over the seeds for which both methods are complete, and its 95\u{a0}% percentile "
        "bootstrap interval (" (RESAMPLES) " resamples), for " (LEAST_PAIRS) " seeds or more. With few seeds the "
        "interval is too narrow: for normally distributed differences it contains the true mean 83\u{a0}% of the "
        "time with 5 seeds, and 90\u{a0}% with 10."
    };
    let body = html! {
        @for experiment in experiments {
            tbody {
                @for row in &experiment.summary.differences {
                    tr {
                        th scope="row" { (row.label) " − " (row.other_label) }
                        @if experiments.len() > 1 { td.text { (experiment.name) } }
                        @for measure in &measures { td { (measure.difference(&row.measures)) } }
                        td { (row.seeds.len()) }
                    }
                }
            }
        }
    };
    match experiments.iter().all(|e| e.summary.differences.is_empty()) {
        true => html! {},
        false => table("table-differences", caption, head, body),
    }
}

/// The largest number of switches of an experiment.
pub(super) fn switches(experiments: &[Experiment]) -> usize {
    let contexts = experiments.iter().map(|e| e.settings().stream.count());
    contexts.max().unwrap_or(0).saturating_sub(1)
}

/// Headings for t = 2..K.
fn gap_headings(switches: usize) -> Markup {
    html! { @for t in 2..switches + 2 { th scope="col" { "SG" sub { (t) } } } }
}

/// `values`, padded with dashes to `count`.
pub(super) fn padded(values: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let mut cells: Vec<String> = values.collect();
    cells.resize(count.max(cells.len()), String::from(NONE));
    cells
}

/// The table of SG_t at every switch.
pub(super) fn gaps(experiments: &[Experiment]) -> Markup {
    let count = switches(experiments);
    let head = html! { (method_heading(experiments)) (gap_headings(count)) };
    let caption = html! {
        "Stability gap of each context, measured per seed: mean ± standard deviation over seeds."
    };
    let body = by_method(experiments, &|method| {
        let gaps = method.per_context.iter().flat_map(|of| &of.gap);
        padded(gaps.map(|gap| Unit::Share.mean_and_spread(gap)), count)
    });
    table("table-gaps", caption, head, body)
}

/// The table of the other convention: the seed-averaged curve, measured once.
pub(super) fn seed_averaged(experiments: &[Experiment]) -> Markup {
    let count = switches(experiments);
    let head = html! {
        (method_heading(experiments))
        th scope="col" { "avg-min-ACC %" }
        th scope="col" { "WC-ACC %" }
        th scope="col" { "avg-SG" }
        (gap_headings(count))
    };
    let caption = html! {
        "The same measures of the seed-averaged curve: the minimum of the mean over seeds, which is the "
        "convention of the published tables."
    };
    let body = by_method(experiments, &|method| {
        let Some(measured) = &method.minimum_of_seed_averaged_curve else {
            return padded(core::iter::empty(), count + 3);
        };
        let first = [
            Unit::Percent.value(measured.average_minimum_accuracy),
            Unit::Percent.value(measured.worst_case_accuracy),
            Unit::Share.value(measured.average_gap),
        ];
        let gaps = measured.gap.iter().map(|gap| Unit::Share.value(*gap));
        padded(first.into_iter().chain(gaps), count + 3)
    });
    table("table-seed-averaged", caption, head, body)
}

/// The table of iterations until recovery after every switch.
pub(super) fn recovery(experiments: &[Experiment]) -> Markup {
    let count = switches(experiments);
    let head = html! {
        (method_heading(experiments))
        @for t in 2..count + 2 { th scope="col" { (t - 1) " → " (t) } }
    };
    let caption = html! {
        "Iterations after each switch until the accuracy is back within 1 % of its value before, over the seeds "
        "that recover within the context."
    };
    let body = by_method(experiments, &|method| {
        let seeds = method.seeds.len();
        let cell = |summary: &metrics::Summary| match summary.count {
            0 => String::from("never"),
            n if n < seeds => {
                format!(
                    "{} ({n} of {seeds})",
                    Unit::Iterations.mean_and_spread(summary)
                )
            }
            _ => Unit::Iterations.mean_and_spread(summary),
        };
        let values = method.per_context.as_ref().map(|p| p.recovery.as_slice());
        padded(values.unwrap_or_default().iter().map(cell), count)
    });
    table("table-recovery", caption, head, body)
}

/// The comparison with published results. Without one, the reason.
///
/// `number` counts the experiments of a page with several.
pub(super) fn comparison(experiment: &Experiment, number: Option<usize>) -> Markup {
    html! {
        @if number.is_some() { h3 { (experiment.name) } }
        @match &experiment.comparison {
            Comparison::NotCompared(reason) => p { (reason) },
            Comparison::Compared { rows, left_out, sources } => {
                @if !rows.is_empty() { (comparison_table(number, rows)) }
                @for line in left_out { p { (line) } }
                p.muted { "Sources: " (sources.join("; ")) "." }
            }
        }
    }
}

fn comparison_table(number: Option<usize>, rows: &[ComparisonRow]) -> Markup {
    let id = match number {
        Some(number) => format!("table-published-{number}"),
        None => String::from("table-published"),
    };
    let caption = html! {
        "Mean ± standard deviation. Two means agree if they differ by at most 3·√(s₁²/n₁ + s₂²/n₂), three standard "
        "errors of their difference. There is no verdict if no standard deviation is published or if there is only "
        "one value."
    };
    let head = html! {
        th scope="col" { "method" }
        th.text scope="col" { "quantity" }
        th scope="col" { "here" }
        th scope="col" { "published" }
        th scope="col" { "difference" }
        th scope="col" { "bound" }
        th.text scope="col" { "verdict" }
    };
    let bodies = rows.chunk_by(|a, b| a.method == b.method);
    let body = html! {
        @for rows in bodies {
            tbody { @for row in rows { (comparison_row(row)) } }
        }
    };
    table(&id, caption, head, body)
}

fn comparison_row(row: &ComparisonRow) -> Markup {
    let difference = row.ours.mean - row.published.mean;
    html! {
        tr {
            th scope="row" { (row.method) }
            td.text { (row.quantity) (row.unit.suffix()) }
            td { (row.unit.mean_and_spread(&row.ours)) }
            td { (row.unit.mean_and_spread(&row.published)) }
            td { (row.unit.difference(difference)) }
            @match row.agreement {
                Some(agreement) => {
                    td { (row.unit.value(agreement.bound)) }
                    @if agreement.agrees { td.text.agrees { "✓ agrees" } }
                    @else { td.text.disagrees { "✗ does not agree" } }
                }
                None => { td { (NONE) } td.text.muted { "no verdict" } }
            }
        }
    }
}
