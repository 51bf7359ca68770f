//! The figures of a plasticity experiment.

use super::summary::{ends, learning_curves, streams};
use crate::metrics::summarize;
use crate::report::figure::{Chart, ChartPanel, ChartRow, MOST_BANDS, Point, Series};
use crate::run::Status;
use crate::systems::plasticity::{Curve, Ended, PlasticityRun, PlasticitySettings, Start, Tick};

/// The charts of the runs; those without a complete run are left out.
pub(super) fn charts(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(by_task(
        settings,
        outcomes,
        "tasks",
        "Accuracy task by task",
        "accuracy at the end of each task",
        &[("accuracy at the end (%)", &|row, _| {
            Some(100.0 * row.accuracy)
        })],
    ));
    if let Some(every) = settings.stream.recurring {
        charts.extend(by_task(
            settings,
            outcomes,
            "recurrences",
            "The recurring task",
            "accuracy at the end of the first task and of each of its recurrences",
            &[("accuracy at the end (%)", &|row, _| {
                let recurs = row.task.is_multiple_of(every + 1);
                recurs.then_some(100.0 * row.accuracy)
            })],
        ));
    }
    charts.extend(within_tasks(settings, outcomes));
    charts.extend(by_task(
        settings,
        outcomes,
        "retention",
        "Earlier tasks",
        "mean accuracy on the earlier tasks at the end of each task",
        &[("accuracy on earlier tasks (%)", &|row, _| {
            Some(100.0 * row.earlier_tasks?)
        })],
    ));
    charts.extend(by_task(
        settings,
        outcomes,
        "network",
        "The network over the stream",
        "measures of the network at the end of each task",
        &[
            ("dormant units (%)", &|_, end| {
                Some(100.0 * end.dormant_units?)
            }),
            ("stable rank", &|_, end| end.stable_rank),
            ("effective rank", &|_, end| end.effective_rank),
            ("‖θ‖", &|_, end| Some(end.weight_norm)),
            ("‖θ − θ₀‖", &|_, end| Some(end.distance)),
        ],
    ));
    charts.extend(signals(settings, outcomes));
    charts
}

/// A number of the row at the end of a task.
type Quantity<'a> = &'a dyn Fn(&Tick, &Ended) -> Option<f64>;

/// Mean and standard deviation over seeds.
fn point(x: f64, values: &[f64]) -> Point {
    let of = summarize(values);
    Point {
        x,
        y: of.mean,
        spread: match of.standard_deviation.is_finite() {
            true => of.standard_deviation,
            false => 0.0,
        },
    }
}

/// The points of a quantity against the task; tasks for which a seed has no value are left out.
fn points(runs: &[&PlasticityRun], quantity: Quantity<'_>) -> Vec<Point> {
    let tasks = runs.iter().map(|run| ends(run).count()).min().unwrap_or(0);
    let at = |task: usize| {
        let values = runs.iter().map(|run| {
            let (row, end) = ends(run).nth(task)?;
            quantity(row, end)
        });
        let values: Option<Vec<f64>> = values.collect();
        Some(point(task as f64 + 1.0, &values?))
    };
    (0..tasks).filter_map(at).collect()
}

/// A chart of quantities against the task, a row for each; `None` if no method has a value.
fn by_task(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
    name: &'static str,
    title: &'static str,
    about: &str,
    quantities: &[(&str, Quantity<'_>)],
) -> Option<Chart> {
    let row = |(title, quantity): &(&str, Quantity<'_>)| {
        let methods = settings.methods.iter().enumerate();
        let series = methods.map(|(colour, method)| {
            let points = points(&streams(outcomes, &method.name), *quantity);
            let mut series = Series::new(&method.label, colour, points);
            let asked = settings.training.seeds.len();
            series.note_diverged(None, diverged(outcomes, &method.name), asked);
            series
        });
        let row = panel_row(title, "task", series.filter(Series::is_there).collect());
        row.has_points().then_some(row)
    };
    let rows: Vec<ChartRow> = quantities.iter().filter_map(row).collect();
    (!rows.is_empty()).then(|| Chart {
        name: name.into(),
        title: title.into(),
        caption: format!(
            "{}: {about}. Mean over seeds{}.",
            settings.title,
            band(settings)
        ),
        rows,
    })
}

/// What a caption says of the bands; charts of many methods have none.
fn band(settings: &PlasticitySettings) -> &'static str {
    match settings.methods.len() <= MOST_BANDS {
        true => ", band ± standard deviation over seeds",
        false => " (the standard deviations are in the figure's CSV)",
    }
}

/// The number of seeds with which the stream of a method diverged.
fn diverged(outcomes: &[Option<PlasticityRun>], method: &str) -> usize {
    let own = outcomes.iter().flatten().filter(|run| run.method == method);
    let own = own.filter(|run| run.start == Start::Stream);
    own.filter(|run| matches!(run.status, Status::Diverged { .. }))
        .count()
}

fn panel_row(title: &str, x_title: &str, series: Vec<Series>) -> ChartRow {
    ChartRow::new(title, x_title, vec![ChartPanel::of(series)])
}

/// The mean over tasks of the curves, tick by tick.
fn mean_curve(curves: &[Curve]) -> Vec<f64> {
    let ticks = curves.first().map_or(0, Vec::len);
    let at = |tick: usize| {
        let values: Vec<f64> = curves.iter().map(|curve| curve[tick]).collect();
        summarize(&values).mean
    };
    (0..ticks).map(at).collect()
}

/// The learning curves within tasks: in the stream, from a fresh network, from the final state.
fn within_tasks(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
) -> Option<Chart> {
    if !settings.evaluation.transfer || settings.stream.count() < 2 {
        return None;
    }
    let titles = ["stream", "fresh network", "final state"];
    let mut panels: Vec<ChartPanel> = titles
        .iter()
        .map(|title| ChartPanel {
            title: title.to_string(),
            ..ChartPanel::default()
        })
        .collect();
    for (colour, method) in settings.methods.iter().enumerate() {
        let seeds = settings.training.seeds.iter();
        let seeds =
            seeds.filter_map(|&seed| learning_curves(settings, outcomes, &method.name, seed));
        let seeds: Vec<[Vec<Curve>; 3]> = seeds.collect();
        for (start, panel) in panels.iter_mut().enumerate() {
            let means: Vec<Vec<f64>> = seeds
                .iter()
                .map(|seed| {
                    let tasks = seed[start].len();
                    mean_curve(match start {
                        2 => &seed[start][..tasks - 1],
                        _ => &seed[start][1..],
                    })
                })
                .collect();
            let points = (0..=settings.evaluation.ticks).filter(|_| !means.is_empty());
            let points = points.map(|tick| {
                let values: Vec<f64> = means.iter().map(|mean| 100.0 * mean[tick]).collect();
                point(tick as f64, &values)
            });
            let mut series = Series::new(&method.label, colour, points.collect());
            let asked = settings.training.seeds.len();
            series.note_diverged(None, diverged(outcomes, &method.name), asked);
            panel.series.extend(series.is_there().then_some(series));
        }
    }
    let mut drawn = panels.iter().flat_map(|panel| &panel.series);
    let drawn = drawn.any(|series| !series.points.is_empty());
    drawn.then(|| Chart {
        name: "curves".into(),
        title: "Learning curves within tasks".into(),
        caption: format!(
            "{}: accuracy on a task against the evaluation b, mean over tasks (without the first; from the final state \
             without the last) and seeds{}. The means over b in the stream and from the final state are LCA F and LCA B; \
             that from a fresh network is LCA₀ over the tasks of LCA F.",
            settings.title,
            band(settings)
        ),
        rows: vec![ChartRow::new("accuracy (%)", "evaluation b", panels)],
    })
}

/// The learners' signals over the stream: a row for each method and signal, a line for each layer. Signals are named
/// `SIGNAL_mean_LAYER` and `SIGNAL_deviation_LAYER`, which are those of the layer's neurons.
fn signals(settings: &PlasticitySettings, outcomes: &[Option<PlasticityRun>]) -> Option<Chart> {
    let mut rows = Vec::new();
    for method in &settings.methods {
        let runs = streams(outcomes, &method.name);
        let names = runs.first().map_or(&[][..], |run| &run.signals);
        let mut of_signals: Vec<(&str, Vec<Series>)> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let Some((signal, layer)) = name.split_once("_mean_") else {
                continue;
            };
            let of_layer = format!("{signal}_deviation_{layer}");
            let deviation = names.iter().position(|name| *name == of_layer);
            let mut points = points(&runs, &|_, end| end.signals.get(place).copied());
            for (point, spread) in points.iter_mut().zip(self::points(&runs, &|_, end| {
                end.signals.get(deviation?).copied()
            })) {
                point.spread = spread.y;
            }
            let series = |colour| Series::new(layer, colour, points);
            match of_signals.iter_mut().find(|(found, _)| *found == signal) {
                Some((_, all)) => all.push(series(all.len())),
                None => of_signals.push((signal, vec![series(0)])),
            }
        }
        for (signal, mut series) in of_signals {
            series.retain(|of| !of.points.is_empty());
            if !series.is_empty() {
                let title = format!("{}: {}", method.label, signal.replace("alpha", "α"));
                rows.push(panel_row(&title, "task", series));
            }
        }
    }
    (!rows.is_empty()).then(|| Chart {
        name: "signals".into(),
        title: "Signals over the stream".into(),
        caption: format!(
            "{}: the learner's signals at the end of each task, by layer. Line: mean over the neurons, band: ± standard \
             deviation over the neurons, both averaged over seeds.",
            settings.title
        ),
        rows,
    })
}
