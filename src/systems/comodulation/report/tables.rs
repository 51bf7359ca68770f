//! Tables of a comodulation experiment, for the terminal and as CSV.

use super::summary::{ComodulationSummary, ROWS, measures};
use crate::counted::counted;
use crate::error::Result;
use crate::metrics::LEAST_PAIRS;
use crate::report::format::NONE;
use crate::report::measure::{Measure, MeasureOf};
use crate::report::table::{aligned, csv};
use crate::systems::comodulation::AdaptationRun;

/// The table of methods as aligned text: the mean over tasks of accuracy, F1, calibration error and share of gains
/// near zero, mean ± standard deviation over the seeds; then comodulation minus each other method in accuracy.
pub fn comodulation_table(summary: &ComodulationSummary) -> String {
    let measures = measures();
    let shown = || measures.iter().filter(|measure| measure.in_table());
    let several = summary.primary.len() > 1;
    let limited = summary
        .methods
        .iter()
        .any(|of| of.condition.samples.is_some());
    let mut heading = vec!["method".to_string()];
    if several {
        heading.push("epochs".into());
    }
    if limited {
        heading.push("samples".into());
    }
    heading.extend(shown().map(Measure::heading));
    heading.push("seeds".into());
    let mut rows = vec![heading];
    for method in &summary.methods {
        let mut row = vec![method.label.clone()];
        if several {
            row.push(method.condition.epochs.to_string());
        }
        if limited {
            row.push(
                method
                    .condition
                    .samples
                    .map_or(NONE.into(), |n| n.to_string()),
            );
        }
        row.extend(shown().map(|measure| measure.cell(&method.measures)));
        row.push(method.seeds.len().to_string());
        rows.push(row);
    }
    let mut text = aligned(&rows, 1);
    let accuracy = &measures[0];
    let means = summary.mean_differences.iter().map(|found| (found, true));
    let each = summary.differences.iter().map(|found| (found, false));
    for (found, is_mean) in each.chain(means) {
        if let Some(of) = found.measures.get(accuracy.name) {
            let epochs = match several {
                true => format!(", {}", counted(found.condition.epochs, "epoch")),
                false => String::new(),
            };
            let samples = match found.condition.samples {
                Some(samples) => format!(", {}", counted(samples, "sample")),
                None if is_mean => ", mean over numbers of samples".into(),
                None => String::new(),
            };
            let interval = match of.count >= LEAST_PAIRS {
                true => " [95 % interval]",
                false => "",
            };
            text.push_str(&format!(
                "{} − {}{epochs}{samples}: accuracy {} points{interval}, {}\n",
                found.method,
                found.other,
                accuracy.difference(&found.measures),
                counted(of.count, "seed"),
            ));
        }
    }
    for line in &summary.incomplete {
        text.push_str(&format!("not counted: {line}\n"));
    }
    text
}

/// Every measure of every task of every run, one line per task.
pub(super) fn measures_csv(cells: &[AdaptationRun]) -> Result<String> {
    let mut heading: Vec<String> = [
        "method",
        "epochs",
        "labelled_samples",
        "seed",
        "task",
        "samples",
    ]
    .map(String::from)
    .to_vec();
    heading.extend(ROWS.iter().map(|row| row.measure.name.to_string()));
    let mut lines = vec![heading];
    for cell in cells {
        for task in &cell.tasks {
            let mut line = vec![
                cell.method.clone(),
                cell.epochs.to_string(),
                labelled(cell),
                cell.seed.to_string(),
                task.task.clone(),
                task.samples.to_string(),
            ];
            let value =
                |row: &MeasureOf<_>| (row.of)(task).map_or(String::new(), |v| v.to_string());
            line.extend(ROWS.iter().map(value));
            lines.push(line);
        }
    }
    csv("measures.csv", &lines)
}

/// The number of labelled samples per task; empty for all.
fn labelled(cell: &AdaptationRun) -> String {
    cell.samples
        .map_or(String::new(), |samples| samples.to_string())
}

/// Precision, recall and F1 of every class of every task of every run, one line per class.
pub(super) fn classes_csv(cells: &[AdaptationRun]) -> Result<String> {
    let heading = [
        "method",
        "epochs",
        "labelled_samples",
        "seed",
        "task",
        "class",
        "precision",
        "recall",
        "f1",
    ];
    let mut lines = vec![heading.map(String::from).to_vec()];
    for cell in cells {
        for task in &cell.tasks {
            for (class, scores) in task.classes.iter().enumerate() {
                lines.push(vec![
                    cell.method.clone(),
                    cell.epochs.to_string(),
                    labelled(cell),
                    cell.seed.to_string(),
                    task.task.clone(),
                    class.to_string(),
                    scores.precision.to_string(),
                    scores.recall.to_string(),
                    scores.f1.to_string(),
                ]);
            }
        }
    }
    csv("classes.csv", &lines)
}
