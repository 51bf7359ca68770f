//! The figures of a report: curves over the iterations as mean ± standard error over seeds (figure 3 of
//! arXiv 2507.14056), and accuracy matrices.

use super::curves::{Quantity, curves};
use super::summary::StabilityGapSummary;
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, HeatMap, MOST_BANDS, Point, Scale, Series,
};
use crate::report::format::Unit;
use crate::systems::stability_gap::{EvaluatedTasks, Results, Settings};

/// The most dashed lines at switches in one panel; closer ones would merge.
const SWITCH_LINES: usize = 50;

/// The most panels of a figure with one for each switch or task. With more switches or tasks, the first and the last are
/// drawn.
const MOST_PANELS: usize = 24;

/// The most rows of an accuracy matrix that is drawn.
const MOST_TASKS: usize = 30;

/// The charts, in the order of the report; those without a curve are left out.
pub(super) fn charts(results: &Results) -> Vec<Chart> {
    let settings = &results.settings;
    let band = band(settings);
    let accuracy = curves(results, Quantity::Accuracy(0));
    let whole = |name: &str, title: &str, caption: &str, axis: &str, series| {
        let row = ChartRow::new(axis, "iteration", vec![whole_stream(settings, series)]);
        chart(settings, name, title, caption, row)
    };
    let mut loss = whole(
        "loss",
        "Loss on the first task",
        &format!("Mean cross-entropy over seeds{band}. Logarithmic axis."),
        "loss on task 1 (nats)",
        curves(results, Quantity::Loss),
    );
    for row in &mut loss.rows {
        row.scale = Scale::Logarithmic;
    }
    let all = [
        Some(whole(
            "accuracy",
            "Accuracy on the first task",
            &format!(
                "Mean over seeds{band}. Dashed: switches of context, at most 50 of them. Dotted: the minimum of the mean \
                 curve within each context from the second on."
            ),
            "accuracy on task 1 (%)",
            accuracy.clone(),
        )),
        switches(settings, &accuracy),
        tasks(results),
        Some(loss),
        Some(whole(
            "gain",
            "Gain",
            &format!(
                "Mean over layers and seeds{band}, for methods with a moving gain; the gain of the other methods is 1."
            ),
            "gain g (1 = no modulation)",
            curves(results, Quantity::Gain),
        )),
    ];
    let drawn = all.into_iter().flatten();
    drawn
        .filter(|chart| chart.rows.iter().any(ChartRow::has_points))
        .collect()
}

/// What a caption says of the bands; charts of many methods have none.
fn band(settings: &Settings) -> &'static str {
    match settings.methods.len() <= MOST_BANDS {
        true => ", band ± standard error",
        false => "",
    }
}

fn chart(settings: &Settings, name: &str, title: &str, caption: &str, row: ChartRow) -> Chart {
    Chart {
        name: name.into(),
        title: title.into(),
        caption: format!("{}. {caption}", settings.title),
        rows: vec![row],
    }
}

/// A panel over all iterations, with the switches and the numbers of the contexts.
fn whole_stream(settings: &Settings, series: Vec<Series>) -> ChartPanel {
    let starts = settings.stream.starts();
    let contexts = settings.stream.count();
    // Only as many labels as fit.
    let every = contexts.div_ceil(8);
    let label = |context: usize| {
        let middle = (starts[context] + starts[context + 1]) as f64 / 2.0;
        let label = match contexts <= 5 {
            true => format!("context {}", context + 1),
            false => (context + 1).to_string(),
        };
        (middle, label)
    };
    let marks = (1..contexts).step_by(contexts.div_ceil(SWITCH_LINES));
    ChartPanel {
        labels: (0..contexts).step_by(every).map(label).collect(),
        marks: marks.map(|context| starts[context] as f64).collect(),
        x: Some((0.0, starts[contexts] as f64)),
        ..ChartPanel::of(series)
    }
}

/// The first of `count`, or the first and the last, and a note on those that are left out.
fn shown(count: usize, of: &str) -> (Vec<usize>, String) {
    if count <= MOST_PANELS {
        return ((0..count).collect(), String::new());
    }
    let half = MOST_PANELS / 2;
    let note = format!(" Of {count} {of}, the first {half} and the last {half} are drawn.");
    ((0..half).chain(count - half..count).collect(), note)
}

/// A panel for each switch: a few iterations before it and the first ones after it; `None` without a switch.
fn switches(settings: &Settings, accuracy: &[Series]) -> Option<Chart> {
    let starts = settings.stream.starts();
    let (switches, note) = shown(settings.stream.count().checked_sub(1)?, "switches");
    let shortest = switches
        .iter()
        .map(|switch| settings.stream.iterations_of(switch + 1));
    // At least a few evaluations.
    let after = shortest.min()?.min(50.max(5 * settings.evaluation.every)) as f64;
    let before = (after / 5.0).ceil();
    let panel = |&switch: &usize| {
        let origin = starts[switch + 1] as f64;
        let series = accuracy
            .iter()
            .map(|of| around(of, origin, (-before, after)));
        ChartPanel {
            title: format!("{} → {}", switch + 1, switch + 2),
            marks: vec![0.0],
            x: Some((-before, after)),
            ..ChartPanel::of(series.collect())
        }
    };
    let panels: Vec<ChartPanel> = switches.iter().map(panel).collect();
    let title = "accuracy on task 1 (%)";
    let row = ChartRow {
        scale: Scale::Error,
        columns: panels.len().min(4),
        ..ChartRow::new(title, "iterations after the switch", panels)
    };
    let caption = format!(
        "The same curves enlarged; 0 is the last iteration before the switch. The axis is logarithmic in the error, \
         100 % − accuracy, which makes small and large gaps visible, and ends at 99.9 %. Dotted: the minimum of the mean \
         curve within the context.{note}"
    );
    let title = "Accuracy on the first task around the switches";
    Some(chart(settings, "switches", title, &caption, row))
}

/// The points of a curve from `low` to `high` after `origin`.
fn around(of: &Series, origin: f64, (low, high): (f64, f64)) -> Series {
    let moved = of.points.iter().map(|point| Point {
        x: point.x - origin,
        ..*point
    });
    let floors = of.floors.iter();
    let floors = floors.map(|&(from, to, y)| (from - origin, (to - origin).min(high), y));
    Series {
        points: moved.filter(|p| (low..=high).contains(&p.x)).collect(),
        floors: floors
            .filter(|&(from, to, _)| from > 0.0 && from < to)
            .collect(),
        ..of.clone()
    }
}

/// A panel for each task, from its own context on; `None` if only the first task was evaluated.
fn tasks(results: &Results) -> Option<Chart> {
    let settings = &results.settings;
    if settings.evaluation.tasks != EvaluatedTasks::All {
        return None;
    }
    let evaluated = results
        .runs
        .iter()
        .flat_map(|run| run.history.records.last());
    let count = evaluated.map(|last| last.later_tasks.len() + 1).max()?;
    let (tasks, note) = shown(count, "tasks");
    let panel = |&task: &usize| ChartPanel {
        title: format!("task {}", task + 1),
        labels: Vec::new(),
        ..whole_stream(
            settings,
            without_floors(curves(results, Quantity::Accuracy(task))),
        )
    };
    let panels: Vec<ChartPanel> = tasks.iter().map(panel).collect();
    let row = ChartRow {
        columns: panels.len().min(2),
        ..ChartRow::new("accuracy (%)", "iteration", panels)
    };
    let caption = format!(
        "Accuracy on each task seen so far: mean over seeds{}. Dashed: switches of context.{note}",
        band(settings)
    );
    Some(chart(
        settings,
        "tasks",
        "Accuracy on each task",
        &caption,
        row,
    ))
}

fn without_floors(mut series: Vec<Series>) -> Vec<Series> {
    for of in &mut series {
        of.floors.clear();
    }
    series
}

/// The whole per cents around all accuracies in the matrices of several experiments, so that their heat maps have one
/// scale.
pub(super) fn accuracy_range<'a>(
    summaries: impl Iterator<Item = &'a StabilityGapSummary>,
) -> (f64, f64) {
    let methods = summaries.flat_map(|summary| &summary.methods);
    let matrices = methods.filter_map(|method| method.accuracy_matrix.as_ref());
    let (mut low, mut high) = (100.0_f64, 0.0_f64);
    for mean in matrices.flatten().flatten().map(|of| 100.0 * of.mean) {
        if mean.is_finite() {
            (low, high) = (low.min(mean.floor()), high.max(mean.ceil()));
        }
    }
    match low < high {
        true => (low / 100.0, high / 100.0),
        false => (0.0, 1.0),
    }
}

/// The accuracy matrix of each method as a heat map, with colours for this range of accuracies; `None` if only the first
/// task was evaluated, and for many tasks.
pub(super) fn accuracy_matrices(
    summary: &StabilityGapSummary,
    title: &str,
    range: (f64, f64),
) -> Option<HeatMap> {
    let matrices = summary.methods.iter().filter_map(|method| {
        let matrix = method.accuracy_matrix.as_ref()?;
        Some((method.label.as_str(), matrix))
    });
    let matrices: Vec<_> = matrices.collect();
    let size = matrices.iter().map(|(_, matrix)| matrix.len()).max()?;
    if size > MOST_TASKS {
        return None;
    }
    let map = |&(label, matrix): &(&str, &Vec<Vec<_>>)| {
        let value = |context: usize, task: usize| -> f64 {
            let row: Option<&Vec<crate::metrics::Summary>> = matrix.get(context);
            row.and_then(|row| row.get(task))
                .map_or(f64::NAN, |of| of.mean)
        };
        let row = |context| (0..size).map(|task| value(context, task)).collect();
        (
            format!("{label}: accuracy (%)"),
            Unit::Percent,
            (0..size).map(row).collect(),
        )
    };
    let numbers: Vec<f64> = (1..=size).map(|number| number as f64).collect();
    Some(HeatMap {
        name: "accuracy-matrix",
        title: "Accuracy on each task at the end of each context".into(),
        caption: format!(
            "{title}. Mean over seeds. A row is the end of a context, a column a task. The colour goes from {:.0} to {:.0} %, in \
             every map of the page.",
            100.0 * range.0,
            100.0 * range.1
        ),
        columns: ("task", numbers.clone()),
        rows: ("end of context", numbers),
        maps: matrices.iter().map(map).collect(),
        range: Some(range),
        framed: Vec::new(),
        frame: "",
        none: "not yet seen",
    })
}
