//! Figures of a comodulation experiment.

use super::summary::{DECISIONS, ROWS, over_tasks};
use crate::error::Result;
use crate::metrics::{Calibration, merged_calibration, summarize};
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, Drawing, Point, Series, reliability_diagram,
};
use crate::report::measure::{Measure, MeasureOf};
use crate::systems::comodulation::{
    AdaptationRun, ComodulationMethod, ComodulationSettings, Condition, TaskMeasures,
};

/// Measures that share a figure, against the epochs of pretraining, the number of labelled samples or the task.
struct Group {
    /// The figures' names: against epochs, against numbers of samples, against tasks.
    names: [&'static str; 3],
    /// The title of the figure.
    title: &'static str,
    /// Whether it shows the measures of decisions, or all others.
    decisions: bool,
}

const GROUPS: [Group; 2] = [
    Group {
        names: [
            "pretraining-decisions",
            "samples-decisions",
            "tasks-decisions",
        ],
        title: "Decisions",
        decisions: true,
    },
    Group {
        names: ["pretraining-activity", "samples-activity", "tasks-activity"],
        title: "Calibration and activity",
        decisions: false,
    },
];

/// The charts of the runs.
pub(super) fn charts(settings: &ComodulationSettings, runs: &[AdaptationRun]) -> Vec<Chart> {
    let complete: Vec<&AdaptationRun> = runs.iter().filter(|run| run.complete()).collect();
    if complete.is_empty() {
        return Vec::new();
    }
    let (longest, last) = longest(settings, runs);
    let mut charts = Vec::new();
    for group in &GROUPS {
        charts.extend(pretraining(settings, group, &complete));
        charts.extend(samples(settings, group, &complete));
        charts.push(tasks(settings, group, &last, longest));
    }
    charts.extend(gains(settings, &last, longest));
    charts
}

/// The reliability diagram; `None` if no run is complete.
///
/// # Errors
/// Those of drawing.
pub(super) fn reliability(
    settings: &ComodulationSettings,
    runs: &[AdaptationRun],
) -> Result<Option<Drawing>> {
    let (_, last) = longest(settings, runs);
    let mut calibrations = Vec::new();
    for method in &settings.methods {
        let own = last.iter().filter(|run| run.method == method.name);
        let tasks = own.flat_map(|run| &run.tasks);
        let merged = merged_calibration(tasks.map(|task| &task.reliability[..]));
        calibrations.extend(merged.map(|merged| (method.label.as_str(), merged)));
    }
    let calibrations: Vec<(&str, &Calibration)> = calibrations
        .iter()
        .map(|(label, of)| (*label, of))
        .collect();
    if calibrations.is_empty() {
        return Ok(None);
    }
    let title = "Calibration of the predictions of all tasks and seeds together (the table measures each task separately)";
    reliability_diagram("reliability", title, &calibrations).map(Some)
}

/// The condition with the most epochs and samples, and the complete runs under it.
fn longest<'a>(
    settings: &ComodulationSettings,
    runs: &'a [AdaptationRun],
) -> (Condition, Vec<&'a AdaptationRun>) {
    let all = settings.conditions().into_iter();
    let longest = all.max_by_key(|condition| (condition.epochs, condition.samples));
    let longest = longest.unwrap_or(Condition {
        epochs: 0,
        samples: None,
    });
    let last = runs
        .iter()
        .filter(|run| run.complete() && run.condition() == longest);
    (longest, last.collect())
}

fn after(condition: Condition) -> String {
    let samples = condition.samples;
    let samples = samples.map(|samples| format!(", with {samples} labelled samples per task"));
    format!(
        "{} epochs of pretraining{}",
        condition.epochs,
        samples.unwrap_or_default()
    )
}

/// Values above this are drawn on a logarithmic axis; a percentage is at most 100.
const HUGE: f64 = 1e3;

/// Mean and standard deviation of values over seeds, on the figure's scale; `None` if there is no value or one is
/// missing.
fn point(measure: &Measure, x: f64, values: impl Iterator<Item = Option<f64>>) -> Option<Point> {
    let values: Option<Vec<f64>> = values.collect();
    let of = summarize(&values.filter(|values| !values.is_empty())?);
    let scale = measure.unit.scale();
    Some(Point {
        x,
        y: scale * of.mean,
        spread: scale * of.standard_deviation,
    })
}

/// A row with one panel.
fn row(title: String, x_title: &str, series: Vec<Series>) -> ChartRow {
    // A few samples far on the wrong side make cross-entropies of many orders of magnitude.
    let points = || series.iter().flat_map(|series| &series.points);
    let logarithmic = points().all(|point| point.y > 0.0) && points().any(|point| point.y > HUGE);
    let mut series = series;
    if logarithmic {
        // A band to 0 or below has no end on this axis.
        for point in series.iter_mut().flat_map(|series| &mut series.points) {
            if point.spread >= point.y {
                point.spread = 0.0;
            }
        }
    }
    ChartRow {
        title,
        logarithmic,
        x_title: x_title.into(),
        panels: vec![ChartPanel {
            title: String::new(),
            marks: Vec::new(),
            series,
        }],
    }
}

/// A row for each measure of the group, with a line for each method.
fn rows(
    settings: &ComodulationSettings,
    group: &Group,
    x_title: &str,
    points: impl Fn(&MeasureOf<TaskMeasures>, &ComodulationMethod) -> Vec<Point>,
) -> Vec<ChartRow> {
    let series = |row: &MeasureOf<TaskMeasures>, method: &ComodulationMethod| Series {
        label: method.label.clone(),
        points: points(row, method),
        diverged: Vec::new(),
    };
    let measured = |of: &MeasureOf<TaskMeasures>| {
        let all = settings.methods.iter().map(|method| series(of, method));
        row(of.measure.axis_title(), x_title, all.collect())
    };
    let drawn = ROWS.iter().filter(|of| of.measure.in_page_charts());
    let own = drawn.filter(|of| (of.measure.group == DECISIONS) == group.decisions);
    // Two classes have no dimensions in the subspace of their means.
    let has_points = |row: &ChartRow| {
        let mut series = row.panels.iter().flat_map(|panel| &panel.series);
        series.any(|series| !series.points.is_empty())
    };
    own.map(measured).filter(has_points).collect()
}

/// Measures against the epochs of pretraining, if there are several numbers of epochs.
fn pretraining(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&AdaptationRun],
) -> Option<Chart> {
    let samples = settings.adaptation.samples.iter().max().copied();
    let levels = settings.pretraining.epochs.iter();
    let levels = levels.map(|&epochs| (epochs as f64, Condition { epochs, samples }));
    let against = ["the epochs of pretraining", "epochs of pretraining"];
    conditions(
        settings,
        group,
        cells,
        group.names[0],
        against,
        &levels.collect::<Vec<_>>(),
    )
}

/// Measures against the number of labelled samples, if there are several numbers.
fn samples(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&AdaptationRun],
) -> Option<Chart> {
    let mut numbers = settings.adaptation.samples.clone();
    numbers.sort_unstable();
    let epochs = settings.pretraining.epochs.last().copied().unwrap_or(0);
    let numbers = numbers.into_iter().map(|number| {
        let samples = Some(number);
        (libm::log10(number as f64), Condition { epochs, samples })
    });
    let against = [
        "the number of labelled samples per task",
        "log₁₀ of labelled samples per task",
    ];
    conditions(
        settings,
        group,
        cells,
        group.names[1],
        against,
        &numbers.collect::<Vec<_>>(),
    )
}

/// Measures against conditions, each at its x, if there are several. `against` names them in the caption and on the axis.
fn conditions(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&AdaptationRun],
    name: &'static str,
    against: [&str; 2],
    conditions: &[(f64, Condition)],
) -> Option<Chart> {
    let points = |row: &MeasureOf<TaskMeasures>, method: &ComodulationMethod| {
        let point = |&(x, condition): &(f64, Condition)| {
            let of_method = cells.iter().filter(|cell| cell.method == method.name);
            let own = of_method.filter(|cell| cell.condition() == condition);
            let values = own.map(|cell| over_tasks(cell, row.of));
            point(&row.measure, x, values)
        };
        conditions.iter().filter_map(point).collect()
    };
    let [caption, axis] = against;
    (conditions.len() > 1).then(|| Chart {
        name,
        title: group.title,
        caption: format!(
            "{}: measures against {caption}. Mean over tasks and seeds, band ± standard deviation over seeds.",
            settings.title
        ),
        rows: rows(settings, group, axis, points),
    })
}

/// Measures against the task.
fn tasks(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&AdaptationRun],
    condition: Condition,
) -> Chart {
    let points = |row: &MeasureOf<TaskMeasures>, method: &ComodulationMethod| {
        let point = |task: usize| {
            let own = cells.iter().filter(|cell| cell.method == method.name);
            let values = own.map(|cell| cell.tasks.get(task).and_then(row.of));
            point(&row.measure, task as f64 + 1.0, values)
        };
        (0..settings.tasks.len()).filter_map(point).collect()
    };
    let names = settings.tasks.iter().enumerate();
    let names: Vec<String> = names
        .map(|(number, task)| format!("{} {}", number + 1, task.name))
        .collect();
    Chart {
        name: group.names[2],
        title: group.title,
        caption: format!(
            "{}: each task after {}. Mean over seeds, band ± standard deviation. Tasks: {}.",
            settings.title,
            after(condition),
            names.join(", ")
        ),
        rows: rows(settings, group, "task", points),
    }
}

/// The decoder's gains in descending order, for the methods with gains.
fn gains(
    settings: &ComodulationSettings,
    cells: &[&AdaptationRun],
    condition: Condition,
) -> Option<Chart> {
    let mut all = Vec::new();
    for method in &settings.methods {
        let own = cells.iter().filter(|cell| cell.method == method.name);
        let tasks: Vec<&TaskMeasures> = own.flat_map(|cell| &cell.tasks).collect();
        let neurons = tasks.iter().map(|task| task.gains.len()).max();
        let mut mean = vec![0.0; neurons.unwrap_or(0)];
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
            all.push(Series::line(&method.label, points));
        }
    }
    (!all.is_empty()).then(|| Chart {
        name: "gains",
        title: "The decoder's gains, sorted",
        caption: format!(
            "{}: gains of the decoder's neurons after {}. The gains of each task and seed are sorted in descending order, then averaged over tasks and seeds.",
            settings.title,
            after(condition)
        ),
        rows: vec![row("gain".into(), "neuron, sorted by gain", all)],
    })
}
