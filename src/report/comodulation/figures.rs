//! Figures of a comodulation experiment.

use super::summary::{MEASURES, Measure, over_tasks};
use crate::error::Result;
use crate::experiment::comodulation::{ArmSettings, Cell, ComodulationSettings, TaskMeasures};
use crate::metrics::{CALIBRATION_BINS, Calibration, CalibrationBin, summarise};
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, Drawing, Point, Series, reliability_diagram,
};

/// Measures that are drawn in one figure, against the epochs of pretraining or against the task.
struct Group {
    /// The figures' names.
    names: [&'static str; 2],
    /// What the measures are of.
    title: &'static str,
    measures: &'static [&'static str],
}

const GROUPS: [Group; 2] = [
    Group {
        names: ["pretraining-decisions", "tasks-decisions"],
        title: "Decisions",
        measures: &["accuracy", "macro_precision", "macro_recall", "macro_f1"],
    },
    Group {
        names: ["pretraining-activity", "tasks-activity"],
        title: "Calibration and activity",
        measures: &[
            "cross_entropy",
            "expected_calibration_error",
            "separability",
            "participation_ratio",
            "subspace_participation_ratio",
            "informativeness",
            "gained_informativeness",
            "gains_below_0.1",
        ],
    },
];

impl Group {
    fn measures(&self) -> impl Iterator<Item = &'static Measure> {
        MEASURES
            .iter()
            .filter(|measure| self.measures.contains(&measure.name))
    }
}

/// Every figure that the cells give.
pub(super) fn figures(settings: &ComodulationSettings, cells: &[Cell]) -> Result<Vec<Drawing>> {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| !cell.diverged()).collect();
    let mut drawings = Vec::new();
    if cells.is_empty() {
        return Ok(drawings);
    }
    let longest = settings.pretraining.epochs.last().copied().unwrap_or(0);
    let last: Vec<&Cell> = cells
        .iter()
        .copied()
        .filter(|c| c.epochs == longest)
        .collect();
    let mut charts = Vec::new();
    for group in &GROUPS {
        charts.extend(pretraining(settings, group, &cells));
        charts.extend(tasks(settings, group, &last, longest));
    }
    charts.extend(gains(settings, &last, longest));
    for chart in charts {
        drawings.push(chart.draw()?);
    }
    let mut calibrations = Vec::new();
    for arm in &settings.arms {
        let found: Vec<&Cell> = last.iter().copied().filter(|c| c.arm == arm.name).collect();
        calibrations.extend(merged(&found).map(|merged| (arm.label.as_str(), merged)));
    }
    let calibrations: Vec<(&str, &Calibration)> = calibrations
        .iter()
        .map(|(label, of)| (*label, of))
        .collect();
    if !calibrations.is_empty() {
        let title = "Calibration of all tasks' and seeds' predictions taken together, not of each task as in the table";
        drawings.push(reliability_diagram("reliability", title, &calibrations)?);
    }
    Ok(drawings)
}

/// Mean and spread of values over seeds, on the figure's scale.
fn point(measure: &Measure, x: f64, values: &[f64]) -> Point {
    let of = summarise(values);
    let scale = if measure.percent { 100.0 } else { 1.0 };
    Point {
        x,
        y: scale * of.mean,
        spread: scale * of.standard_deviation,
    }
}

fn row(measure: &Measure, x_title: &str, series: Vec<Series>) -> ChartRow {
    ChartRow {
        title: measure.heading.replace(" %", " (%)"),
        logarithmic: false,
        x_title: x_title.into(),
        panels: vec![ChartPanel {
            title: String::new(),
            marks: Vec::new(),
            series,
        }],
    }
}

/// Measures against the epochs of pretraining, where there are several numbers of these.
fn pretraining(settings: &ComodulationSettings, group: &Group, cells: &[&Cell]) -> Option<Chart> {
    let epochs = &settings.pretraining.epochs;
    if epochs.len() < 2 {
        return None;
    }
    let series = |measure: &'static Measure, arm: &ArmSettings| {
        let points = epochs.iter().filter_map(|&epochs| {
            let own = cells
                .iter()
                .filter(|c| c.arm == arm.name && c.epochs == epochs);
            let values: Option<Vec<f64>> = own.map(|cell| over_tasks(cell, measure.of)).collect();
            let values = values.filter(|values| !values.is_empty())?;
            Some(point(measure, epochs as f64, &values))
        });
        Series {
            label: arm.label.clone(),
            points: points.collect(),
            diverged: Vec::new(),
        }
    };
    let rows = group.measures().map(|measure| {
        let all = settings.arms.iter().map(|arm| series(measure, arm));
        row(measure, "epochs of pretraining", all.collect())
    });
    Some(Chart {
        name: group.names[0],
        title: group.title,
        caption: format!(
            "{}: against the epochs of pretraining, mean over tasks and seeds, band ± standard deviation over seeds.",
            settings.title
        ),
        rows: rows.collect(),
    })
}

/// Measures against the task, where there are several.
fn tasks(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&Cell],
    epochs: usize,
) -> Option<Chart> {
    let series = |measure: &'static Measure, arm: &ArmSettings| {
        let own: Vec<&&Cell> = cells.iter().filter(|cell| cell.arm == arm.name).collect();
        let points = (0..settings.tasks.len()).filter_map(|task| {
            let of_task = |cell: &&&Cell| cell.tasks.get(task).and_then(measure.of);
            let values: Option<Vec<f64>> = own.iter().map(of_task).collect();
            let values = values.filter(|values| !values.is_empty())?;
            Some(point(measure, task as f64 + 1.0, &values))
        });
        Series {
            label: arm.label.clone(),
            points: points.collect(),
            diverged: Vec::new(),
        }
    };
    let rows = group.measures().map(|measure| {
        let all = settings.arms.iter().map(|arm| series(measure, arm));
        row(measure, "task", all.collect())
    });
    let names = settings.tasks.iter().enumerate();
    let names: Vec<String> = names
        .map(|(number, task)| format!("{} {}", number + 1, task.name))
        .collect();
    Some(Chart {
        name: group.names[1],
        title: group.title,
        caption: format!(
            "{}: each task behind {epochs} epochs of pretraining, mean over seeds, band ± standard deviation. Tasks: {}.",
            settings.title,
            names.join(", ")
        ),
        rows: rows.collect(),
    })
}

/// The decoder's gains from the largest to the smallest, for the arms that have any.
fn gains(settings: &ComodulationSettings, cells: &[&Cell], epochs: usize) -> Option<Chart> {
    let mut all = Vec::new();
    for arm in &settings.arms {
        let own = cells.iter().filter(|cell| cell.arm == arm.name);
        let tasks: Vec<&TaskMeasures> = own.flat_map(|cell| &cell.tasks).collect();
        let mut mean = vec![0.0; settings.network.decoder];
        for task in &tasks {
            let mut sorted = task.gains.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            for (mean, gain) in mean.iter_mut().zip(sorted) {
                *mean += f64::from(gain) / tasks.len() as f64;
            }
        }
        let ranks = mean.into_iter().enumerate();
        let points = ranks.map(|(rank, gain)| (rank as f64 + 1.0, gain));
        if tasks.iter().any(|task| !task.gains.is_empty()) {
            all.push(Series::line(&arm.label, points));
        }
    }
    (!all.is_empty()).then(|| Chart {
        name: "gains",
        title: "The decoder's gains, sorted",
        caption: format!(
            "{}: gains of the decoder's neurons behind {epochs} epochs of pretraining, those of each task and seed from the largest to the smallest, then their mean over tasks and seeds.",
            settings.title
        ),
        rows: vec![ChartRow {
            title: "gain".into(),
            logarithmic: false,
            x_title: "neuron, by its gain".into(),
            panels: vec![ChartPanel {
                title: String::new(),
                marks: Vec::new(),
                series: all,
            }],
        }],
    })
}

/// The calibration of all tasks of all cells together.
fn merged(cells: &[&Cell]) -> Option<Calibration> {
    let mut bins = Vec::with_capacity(CALIBRATION_BINS);
    let mut total = 0;
    let mut distance = 0.0;
    for bin in 0..CALIBRATION_BINS {
        let tasks = cells.iter().flat_map(|cell| &cell.tasks);
        let parts = tasks.filter_map(|task| task.reliability.get(bin));
        let (mut count, mut confidence, mut accuracy) = (0, 0.0, 0.0);
        for part in parts {
            count += part.count;
            confidence += part.count as f64 * part.confidence.unwrap_or(0.0);
            accuracy += part.count as f64 * part.accuracy.unwrap_or(0.0);
        }
        total += count;
        distance += (accuracy - confidence).abs();
        let mean = |sum: f64| (count > 0).then(|| sum / count as f64);
        bins.push(CalibrationBin {
            count,
            confidence: mean(confidence),
            accuracy: mean(accuracy),
        });
    }
    (total > 0).then(|| Calibration {
        bins,
        expected_error: distance / total as f64,
    })
}
