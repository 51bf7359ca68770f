//! Tables of a comodulation experiment: in the terminal and as CSV.

use super::summary::{ComodulationSummary, MEASURES};
use crate::error::Result;
use crate::metrics::LEAST_PAIRS;
use crate::report::measure::Measure;
use crate::report::table::{aligned, csv};
use crate::systems::comodulation::Cell;

/// The table of arms as aligned text: the mean over tasks of accuracy, F1, calibration error and share of gains
/// near zero, mean ± standard deviation over the seeds; then comodulation minus each other arm in accuracy.
pub fn comodulation_table(summary: &ComodulationSummary) -> String {
    let shown = || MEASURES.iter().filter(|measure| measure.in_table());
    let several = summary.primary.len() > 1;
    let mut heading = vec!["arm".to_string()];
    if several {
        heading.push("epochs".into());
    }
    heading.extend(shown().map(Measure::heading));
    heading.push("seeds".into());
    let mut rows = vec![heading];
    for arm in &summary.arms {
        let mut row = vec![arm.label.clone()];
        if several {
            row.push(arm.epochs.to_string());
        }
        row.extend(shown().map(|measure| measure.cell(&arm.measures)));
        row.push(arm.seeds.len().to_string());
        rows.push(row);
    }
    let mut text = aligned(&rows, 1);
    let accuracy = &MEASURES[0];
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
                found.arm,
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

/// Every measure of every task of every cell, a line each.
pub(super) fn measures_csv(cells: &[Cell]) -> Result<String> {
    let mut heading: Vec<String> = ["arm", "epochs", "seed", "task", "samples"]
        .map(String::from)
        .to_vec();
    heading.extend(MEASURES.iter().map(|measure| measure.name.to_string()));
    let mut lines = vec![heading];
    for cell in cells {
        for task in &cell.tasks {
            let mut line = vec![
                cell.arm.clone(),
                cell.epochs.to_string(),
                cell.seed.to_string(),
                task.task.clone(),
                task.samples.to_string(),
            ];
            let value =
                |measure: &Measure<_>| (measure.of)(task).map_or(String::new(), |v| v.to_string());
            line.extend(MEASURES.iter().map(value));
            lines.push(line);
        }
    }
    csv("measures.csv", &lines)
}

/// Precision, recall and F1 of every class of every task of every cell, a line each.
pub(super) fn classes_csv(cells: &[Cell]) -> Result<String> {
    let heading = [
        "arm",
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
                    cell.arm.clone(),
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
