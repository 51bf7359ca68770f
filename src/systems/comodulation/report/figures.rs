//! Figures of a comodulation experiment.

use super::summary::{DECISIONS, MEASURES, over_tasks};
use crate::error::Result;
use crate::metrics::{Calibration, merged_calibration, summarise};
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, Drawing, Point, Series, reliability_diagram,
};
use crate::report::measure::Measure;
use crate::systems::comodulation::{ArmSettings, Cell, ComodulationSettings, TaskMeasures};

/// Measures that are drawn in one figure, against the epochs of pretraining or against the task.
struct Group {
    /// The figures' names.
    names: [&'static str; 2],
    /// What the measures are of.
    title: &'static str,
    /// Whether the measures are those of decisions, or all others.
    decisions: bool,
}

const GROUPS: [Group; 2] = [
    Group {
        names: ["pretraining-decisions", "tasks-decisions"],
        title: "Decisions",
        decisions: true,
    },
    Group {
        names: ["pretraining-activity", "tasks-activity"],
        title: "Calibration and activity",
        decisions: false,
    },
];

/// Every figure that the cells give.
pub(super) fn figures(settings: &ComodulationSettings, cells: &[Cell]) -> Result<Vec<Drawing>> {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.complete()).collect();
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
        charts.push(tasks(settings, group, &last, longest));
    }
    charts.extend(gains(settings, &last, longest));
    for chart in charts {
        drawings.push(chart.draw()?);
    }
    let mut calibrations = Vec::new();
    for arm in &settings.arms {
        let own = last.iter().filter(|cell| cell.arm == arm.name);
        let tasks = own.flat_map(|cell| &cell.tasks);
        let merged = merged_calibration(tasks.map(|task| &task.reliability[..]));
        calibrations.extend(merged.map(|merged| (arm.label.as_str(), merged)));
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

/// Mean and spread of values over seeds, on the figure's scale; none where there is no value, or one is missing.
fn point(
    measure: &Measure<TaskMeasures>,
    x: f64,
    values: impl Iterator<Item = Option<f64>>,
) -> Option<Point> {
    let values: Option<Vec<f64>> = values.collect();
    let of = summarise(&values.filter(|values| !values.is_empty())?);
    let scale = measure.unit.scale();
    Some(Point {
        x,
        y: scale * of.mean,
        spread: scale * of.standard_deviation,
    })
}

/// A row of one panel.
fn row(title: String, x_title: &str, series: Vec<Series>) -> ChartRow {
    ChartRow {
        title,
        logarithmic: false,
        x_title: x_title.into(),
        panels: vec![ChartPanel {
            title: String::new(),
            marks: Vec::new(),
            series,
        }],
    }
}

/// A row for each measure of the group, in it a line for each arm.
fn rows(
    settings: &ComodulationSettings,
    group: &Group,
    x_title: &str,
    points: impl Fn(&Measure<TaskMeasures>, &ArmSettings) -> Vec<Point>,
) -> Vec<ChartRow> {
    let series = |measure: &Measure<TaskMeasures>, arm: &ArmSettings| Series {
        label: arm.label.clone(),
        points: points(measure, arm),
        diverged: Vec::new(),
    };
    let measured = |measure: &Measure<TaskMeasures>| {
        let all = settings.arms.iter().map(|arm| series(measure, arm));
        row(measure.axis_title(), x_title, all.collect())
    };
    let measures = MEASURES.iter();
    let drawn = measures.filter(|measure| measure.in_charts());
    let own = drawn.filter(|measure| (measure.group == DECISIONS) == group.decisions);
    own.map(measured).collect()
}

/// Measures against the epochs of pretraining, where there are several numbers of these.
fn pretraining(settings: &ComodulationSettings, group: &Group, cells: &[&Cell]) -> Option<Chart> {
    let levels = &settings.pretraining.epochs;
    let points = |measure: &Measure<TaskMeasures>, arm: &ArmSettings| {
        let point = |&epochs: &usize| {
            let of_arm = cells.iter().filter(|cell| cell.arm == arm.name);
            let own = of_arm.filter(|cell| cell.epochs == epochs);
            let values = own.map(|cell| over_tasks(cell, measure.of));
            point(measure, epochs as f64, values)
        };
        levels.iter().filter_map(point).collect()
    };
    (levels.len() > 1).then(|| Chart {
        name: group.names[0],
        title: group.title,
        caption: format!(
            "{}: against the epochs of pretraining, mean over tasks and seeds, band ± standard deviation over seeds.",
            settings.title
        ),
        rows: rows(settings, group, "epochs of pretraining", points),
    })
}

/// Measures against the task.
fn tasks(settings: &ComodulationSettings, group: &Group, cells: &[&Cell], epochs: usize) -> Chart {
    let points = |measure: &Measure<TaskMeasures>, arm: &ArmSettings| {
        let point = |task: usize| {
            let own = cells.iter().filter(|cell| cell.arm == arm.name);
            let values = own.map(|cell| cell.tasks.get(task).and_then(measure.of));
            point(measure, task as f64 + 1.0, values)
        };
        (0..settings.tasks.len()).filter_map(point).collect()
    };
    let names = settings.tasks.iter().enumerate();
    let names: Vec<String> = names
        .map(|(number, task)| format!("{} {}", number + 1, task.name))
        .collect();
    Chart {
        name: group.names[1],
        title: group.title,
        caption: format!(
            "{}: each task behind {epochs} epochs of pretraining, mean over seeds, band ± standard deviation. Tasks: {}.",
            settings.title,
            names.join(", ")
        ),
        rows: rows(settings, group, "task", points),
    }
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
        rows: vec![row("gain".into(), "neuron, by its gain", all)],
    })
}
