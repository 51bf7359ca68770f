//! The tables of runs that evaluated every task.

use maud::{Markup, html};

use super::Experiment;
use super::tables::{measured, padded};
use crate::metrics;
use crate::report::format::Unit;
use crate::report::page::table;
use crate::systems::stability_gap::report::summary::{EVERY_TASK, MethodSummary};

/// Whether any experiment evaluated every task.
pub(super) fn is_there(experiments: &[Experiment]) -> bool {
    let mut methods = experiments.iter().flat_map(|e| &e.summary.methods);
    methods.any(|method| method.accuracy_matrix.is_some())
}

/// The measures over all tasks, and each method's accuracy matrix.
pub(super) fn every_task(experiments: &[Experiment]) -> Markup {
    let caption = html! {
        "Measures over all K tasks. ACC: the mean of the final accuracies. Forgetting: for each task before the "
        "last, its best accuracy before the last context minus its final accuracy; then the mean (Chaudhry et al. "
        "2018). BWT: for each task before the last, its final accuracy minus its accuracy at the end of its own "
        "context; then the mean (Lopez-Paz and Ranzato 2017). min-ACC: for each task before the last, its smallest "
        "accuracy after its own context; then the mean. Worst-case accuracy over all tasks: (final accuracy on the "
        "last task)/K + (1 − 1/K) · min-ACC (De Lange et al. 2023); WC-ACC in the tables above is of the first "
        "task only. Mean ± standard deviation over seeds."
    };
    html! {
        (measured(experiments, EVERY_TASK, caption))
        @for (place, experiment) in experiments.iter().enumerate() {
            @for method in &experiment.summary.methods {
                @if let Some(matrix) = &method.accuracy_matrix {
                    (accuracies(place, experiment, method, matrix))
                }
            }
        }
    }
}

fn percent<'a>(values: impl Iterator<Item = &'a metrics::Summary>) -> impl Iterator<Item = String> {
    values.map(|value| Unit::Percent.mean_and_spread(value))
}

fn accuracies(
    place: usize,
    experiment: &Experiment,
    method: &MethodSummary,
    matrix: &[Vec<metrics::Summary>],
) -> Markup {
    let head = html! {
        th scope="col" { "end of context" }
        @for task in 1..=matrix.len() { th scope="col" { "task " (task) } }
    };
    let caption = html! {
        (method.label)
        @if !experiment.name.is_empty() { ", " (experiment.name) }
        ": accuracy on each task, %."
    };
    let body = html! {
        tbody {
            @for (context, row) in (1..).zip(matrix) {
                tr {
                    th scope="row" { (context) }
                    @for cell in padded(percent(row.iter()), matrix.len()) { td { (cell) } }
                }
            }
        }
    };
    let id = format!("table-accuracy-matrix-{}-{}", place + 1, method.method);
    table(&id, caption, head, body)
}
