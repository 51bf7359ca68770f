//! Figures of a comodulation experiment.

use super::summary::{DECISIONS, ROWS, over_tasks};
use crate::counted::counted;
use crate::error::Result;
use crate::metrics::{Calibration, merged_calibration, summarize};
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, Drawing, Places, Point, Scale, Series, reliability_diagram,
};
use crate::report::measure::{Measure, MeasureOf};
use crate::run::Status;
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
    if !runs.iter().any(AdaptationRun::complete) {
        return Vec::new();
    }
    let (longest, last) = longest(settings, runs);
    let mut charts = Vec::new();
    for group in &GROUPS {
        charts.extend(pretraining(settings, group, runs));
        charts.extend(samples(settings, group, runs));
        charts.push(tasks(settings, group, &last, longest));
    }
    charts.extend(gains(settings, &last, longest));
    charts.retain(|chart| chart.rows.iter().any(ChartRow::has_points));
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
        let tasks = complete(&last, method).flat_map(|run| &run.tasks);
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

/// The condition with the most epochs and samples, and the runs under it.
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
    let last = runs.iter().filter(|run| run.condition() == longest);
    (longest, last.collect())
}

/// The complete ones of these runs that are of a method.
fn complete<'a>(
    runs: &[&'a AdaptationRun],
    method: &ComodulationMethod,
) -> impl Iterator<Item = &'a AdaptationRun> {
    let own = runs.iter().filter(|run| run.method == method.name);
    own.filter(|run| run.complete()).copied()
}

/// Notes how many of these runs of a method diverged; if there are several places, at this x.
fn note_diverged(
    series: &mut Series,
    place: Option<f64>,
    runs: &[&AdaptationRun],
    method: &ComodulationMethod,
    settings: &ComodulationSettings,
) {
    let own = runs.iter().filter(|run| run.method == method.name);
    let diverged = own.filter(|run| matches!(run.status, Status::Diverged { .. }));
    let name = place.map(|x| x.to_string()).unwrap_or_default();
    let asked = settings.training.seeds.len();
    series.note_diverged(place.map(|x| (x, &*name)), diverged.count(), asked);
}

fn after(condition: Condition) -> String {
    let samples = condition.samples;
    let samples =
        samples.map(|samples| format!(", with {} per task", counted(samples, "labelled sample")));
    format!(
        "{} of pretraining{}",
        counted(condition.epochs, "epoch"),
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
fn row(title: &str, x_title: &str, places: Places, series: Vec<Series>) -> ChartRow {
    let row = ChartRow::new(title, x_title, vec![ChartPanel::of(series)]);
    // A few samples far on the wrong side make cross-entropies of many orders of magnitude.
    let points = || {
        let series = row.panels.iter().flat_map(|panel| &panel.series);
        series.flat_map(|series| &series.points)
    };
    let wide = points().all(|point| point.y > 0.0) && points().any(|point| point.y > HUGE);
    ChartRow {
        scale: if wide { Scale::Logarithmic } else { row.scale },
        places,
        ..row
    }
}

/// A row for each measure of the group, with a line for each method.
fn rows(
    settings: &ComodulationSettings,
    group: &Group,
    (x_title, places): (&str, Places),
    series: impl Fn(&MeasureOf<TaskMeasures>, &ComodulationMethod, usize) -> Series,
) -> Vec<ChartRow> {
    let measured = |of: &MeasureOf<TaskMeasures>| {
        let methods = settings.methods.iter().enumerate();
        let all = methods.map(|(colour, method)| series(of, method, colour));
        let all = all.filter(Series::is_there);
        row(
            &of.measure.axis_title(),
            x_title,
            places.clone(),
            all.collect(),
        )
    };
    let drawn = ROWS.iter().filter(|of| of.measure.in_page_charts());
    let own = drawn.filter(|of| (of.measure.group == DECISIONS) == group.decisions);
    // Two classes have no dimensions in the subspace of their means.
    own.map(measured).filter(ChartRow::has_points).collect()
}

/// Measures against the epochs of pretraining, if there are several numbers of epochs.
fn pretraining(
    settings: &ComodulationSettings,
    group: &Group,
    runs: &[AdaptationRun],
) -> Option<Chart> {
    let samples = settings.adaptation.samples.iter().max().copied();
    let levels = settings.pretraining.epochs.iter();
    let levels = levels.map(|&epochs| (epochs as f64, Condition { epochs, samples }));
    let against = ["the epochs of pretraining", "epochs of pretraining"];
    conditions(
        settings,
        group,
        runs,
        group.names[0],
        against,
        &levels.collect::<Vec<_>>(),
    )
}

/// Measures against the number of labelled samples, if there are several numbers.
fn samples(
    settings: &ComodulationSettings,
    group: &Group,
    runs: &[AdaptationRun],
) -> Option<Chart> {
    let mut numbers = settings.adaptation.samples.clone();
    numbers.sort_unstable();
    let epochs = settings.pretraining.epochs.last().copied().unwrap_or(0);
    let numbers = numbers.into_iter().map(|number| {
        let samples = Some(number);
        (number as f64, Condition { epochs, samples })
    });
    let against = [
        "the number of labelled samples per task",
        "labelled samples per task",
    ];
    conditions(
        settings,
        group,
        runs,
        group.names[1],
        against,
        &numbers.collect::<Vec<_>>(),
    )
}

/// Measures against conditions, each at its x, if there are several. `against` names them in the caption and on the axis.
fn conditions(
    settings: &ComodulationSettings,
    group: &Group,
    runs: &[AdaptationRun],
    name: &'static str,
    against: [&str; 2],
    conditions: &[(f64, Condition)],
) -> Option<Chart> {
    let series = |row: &MeasureOf<TaskMeasures>, method: &ComodulationMethod, colour| {
        let mut series = Series::new(&method.label, colour, Vec::new());
        for &(x, condition) in conditions {
            let here = runs.iter().filter(|run| run.condition() == condition);
            let here: Vec<&AdaptationRun> = here.collect();
            let values = complete(&here, method).map(|run| over_tasks(run, row.of));
            series.points.extend(point(&row.measure, x, values));
            note_diverged(&mut series, Some(x), &here, method, settings);
        }
        series
    };
    let [caption, axis] = against;
    let places = Places::Values(conditions.iter().map(|(x, _)| *x).collect());
    (conditions.len() > 1).then(|| Chart {
        name: name.into(),
        title: group.title.into(),
        caption: format!(
            "{}: measures against {caption}. Mean over tasks and seeds, band ± standard deviation over seeds.",
            settings.title
        ),
        rows: rows(settings, group, (axis, places), series),
    })
}

/// Measures of each task.
fn tasks(
    settings: &ComodulationSettings,
    group: &Group,
    cells: &[&AdaptationRun],
    condition: Condition,
) -> Chart {
    let series = |row: &MeasureOf<TaskMeasures>, method: &ComodulationMethod, colour| {
        let point = |task: usize| {
            let values = complete(cells, method).map(|cell| cell.tasks.get(task).and_then(row.of));
            point(&row.measure, task as f64, values)
        };
        let points = (0..settings.tasks.len()).filter_map(point);
        let mut series = Series::new(&method.label, colour, points.collect());
        note_diverged(&mut series, None, cells, method, settings);
        series
    };
    let names: Vec<String> = settings
        .tasks
        .iter()
        .map(|task| task.name.clone())
        .collect();
    let numbered = (1..)
        .zip(&names)
        .map(|(number, name)| format!("{number} {name}"));
    let numbered: Vec<String> = numbered.collect();
    Chart {
        name: group.names[2].into(),
        title: format!("{}, task by task", group.title),
        caption: format!(
            "{}: each task after {}. Mean over seeds, bar ± standard deviation. Tasks: {}.",
            settings.title,
            after(condition),
            numbered.join(", ")
        ),
        rows: rows(settings, group, ("task", Places::Names(names)), series),
    }
}

/// The decoder's gains in descending order, for the methods with gains.
fn gains(
    settings: &ComodulationSettings,
    cells: &[&AdaptationRun],
    condition: Condition,
) -> Option<Chart> {
    let mut all = Vec::new();
    for (colour, method) in settings.methods.iter().enumerate() {
        let tasks = complete(cells, method).flat_map(|cell| &cell.tasks);
        let tasks: Vec<&TaskMeasures> = tasks.collect();
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
            let mut series = Series::line(&method.label, colour, points);
            note_diverged(&mut series, None, cells, method, settings);
            all.push(series);
        }
    }
    (!all.is_empty()).then(|| Chart {
        name: "gains".into(),
        title: "The decoder's gains, sorted".into(),
        caption: format!(
            "{}: gains of the decoder's neurons after {}. The gains of each task and seed are sorted in descending order, then averaged over tasks and seeds.",
            settings.title,
            after(condition)
        ),
        rows: vec![row("gain", "neuron, sorted by gain", Places::Numbers, all)],
    })
}
