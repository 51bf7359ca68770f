//! Tables of a comodulation experiment, for the terminal and as CSV.

use super::summary::{ComodulationSummary, ROWS, measures};
use crate::error::Result;
use crate::metrics::LEAST_PAIRS;
use crate::report::measure::{Measure, MeasureOf};
use crate::report::table::{aligned, csv};
use crate::systems::comodulation::AdaptationRun;

/// The table of methods as aligned text: the mean over tasks of accuracy, F1, calibration error and share of gains
/// near zero, mean ± standard deviation over the seeds; then comodulation minus each other method in accuracy.
pub fn comodulation_table(summary: &ComodulationSummary) -> String {
    let measures = measures();
    let shown = || measures.iter().filter(|measure| measure.in_table());
    let several = summary.primary.len() > 1;
    let mut heading = vec!["method".to_string()];
    if several {
        heading.push("epochs".into());
    }
    heading.extend(shown().map(Measure::heading));
    heading.push("seeds".into());
    let mut rows = vec![heading];
    for method in &summary.methods {
        let mut row = vec![method.label.clone()];
        if several {
            row.push(method.epochs.to_string());
        }
        row.extend(shown().map(|measure| measure.cell(&method.measures)));
        row.push(method.seeds.len().to_string());
        rows.push(row);
    }
    let mut text = aligned(&rows, 1);
    let accuracy = &measures[0];
    for found in &summary.differences {
        if let Some(of) = found.measures.get(accuracy.name) {
            let epochs = match several {
                true => format!(", {} epochs", found.epochs),
                false => String::new(),
            };
            let interval = match of.count >= LEAST_PAIRS {
                true => " [95 % interval]",
                false => "",
            };
            text.push_str(&format!(
                "{} − {}{epochs}: accuracy {} points{interval}, {} seeds\n",
                found.method,
                found.other,
                accuracy.difference(&found.measures),
                of.count,
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
    let mut heading: Vec<String> = ["method", "epochs", "seed", "task", "samples"]
        .map(String::from)
        .to_vec();
    heading.extend(ROWS.iter().map(|row| row.measure.name.to_string()));
    let mut lines = vec![heading];
    for cell in cells {
        for task in &cell.tasks {
            let mut line = vec![
                cell.method.clone(),
                cell.epochs.to_string(),
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

/// Precision, recall and F1 of every class of every task of every run, one line per class.
pub(super) fn classes_csv(cells: &[AdaptationRun]) -> Result<String> {
    let heading = [
        "method",
        "epochs",
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
