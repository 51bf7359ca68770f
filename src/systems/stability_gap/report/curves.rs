//! Curves: mean and standard error over seeds at every evaluated iteration.

use super::summary::{complete_runs, mean_gain};
use crate::learn::{Evaluation, History, Record};
use crate::metrics::summarize;
use crate::report::figure::{Point, Series};
use crate::run::Status;
use crate::systems::stability_gap::{Results, Run};

/// The quantity of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::systems::stability_gap::report) enum Quantity {
    /// Accuracy on a task, counted from 0, per cent.
    Accuracy(usize),
    /// Cross-entropy on the first task, nats.
    Loss,
    /// Mean gain over the layers.
    Gain,
}

/// The curves of every method with complete runs; for gains, of every such method whose gains move. Methods with
/// diverged runs are named. Accuracies on the first task have their minima within each context.
pub(in crate::systems::stability_gap::report) fn curves(
    results: &Results,
    quantity: Quantity,
) -> Vec<Series> {
    let asked = results.settings.training.seeds.len();
    let mut found = Vec::new();
    for (colour, method) in results.settings.methods.iter().enumerate() {
        if quantity == Quantity::Gain && !method.modulates_weights() {
            continue;
        }
        let runs = complete_runs(results, &method.name);
        let seeds: Vec<Vec<(usize, f64)>> =
            runs.iter().map(|r| values(&r.history, quantity)).collect();
        let count = seeds.iter().map(Vec::len).min().unwrap_or(0);
        let point = |at: usize| {
            let values: Vec<f64> = seeds.iter().map(|seed| seed[at].1).collect();
            let summary = summarize(&values);
            Point {
                x: seeds[0][at].0 as f64,
                y: summary.mean,
                spread: summary.standard_error,
            }
        };
        let points: Vec<Point> = (0..count).map(point).collect();
        let mut series = Series::new(&method.label, colour, points);
        let diverged =
            |run: &&Run| run.method == method.name && matches!(run.status, Status::Diverged { .. });
        series.note_diverged(None, results.runs.iter().filter(diverged).count(), asked);
        if quantity == Quantity::Accuracy(0) {
            series.floors = minima(&series.points, &results.settings.stream.starts());
        }
        if series.is_there() {
            found.push(series);
        }
    }
    found
}

/// The value at each iteration that has one.
fn values(history: &History, quantity: Quantity) -> Vec<(usize, f64)> {
    let tested = |of: &dyn Fn(&Record, Evaluation) -> Option<f64>| {
        let evaluated = history.evaluated();
        let values =
            evaluated.filter_map(|(record, test)| Some((record.iteration, of(record, test)?)));
        values.collect()
    };
    match quantity {
        Quantity::Accuracy(0) => tested(&|_, test| Some(100.0 * test.accuracy)),
        Quantity::Accuracy(task) => {
            tested(&|record, _| Some(100.0 * record.later_tasks.get(task - 1)?.accuracy))
        }
        Quantity::Loss => tested(&|_, test| Some(test.loss)),
        Quantity::Gain => (1..).zip(mean_gain(history)).collect(),
    }
}

/// First and last iteration of each context from the second on, and the smallest value in it.
fn minima(points: &[Point], starts: &[usize]) -> Vec<(f64, f64, f64)> {
    let contexts = starts.windows(2).skip(1);
    let of_context = contexts.filter_map(|ends| {
        let (first, last) = (ends[0] as f64 + 1.0, ends[1] as f64);
        let within = points
            .iter()
            .filter(|point| (first..=last).contains(&point.x));
        let minimum = within.map(|point| point.y).reduce(f64::min)?;
        Some((first, last, minimum))
    });
    of_context.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two contexts of two iterations, one method, a seed for each of `accuracies`.
    fn results(accuracies: &[[f64; 4]]) -> Results {
        let mut settings = crate::systems::stability_gap::Settings::preset("split-mnist").unwrap();
        settings.stream.contexts.truncate(2);
        settings.stream.iterations = 2;
        let record = |(index, accuracy): (usize, &f64)| {
            let evaluation = Evaluation {
                loss: 1.0 - accuracy,
                accuracy: *accuracy,
            };
            Record {
                iteration: index + 1,
                context: index / 2 + 1,
                train: evaluation,
                test: Some(evaluation),
                entropy: 0.0,
                gain: vec![1.25, 1.75],
                mean_absolute_weight: vec![0.0, 0.0],
                later_tasks: Vec::new(),
            }
        };
        let runs = (42..).zip(accuracies).map(|(seed, accuracies)| Run {
            hash: None,
            method: settings.methods[0].name.clone(),
            seed,
            status: Status::Complete,
            history: History {
                layers: vec![String::from("a"), String::from("b")],
                records: accuracies.iter().enumerate().map(record).collect(),
            },
        });
        Results {
            runs: runs.collect(),
            settings,
        }
    }

    #[test]
    fn curves_are_mean_and_standard_error_with_the_minima_of_the_mean() {
        let results = results(&[[0.5, 0.75, 0.25, 1.0], [0.5, 0.25, 0.75, 0.0]]);
        let numbers = |of: &Series, number: fn(&Point) -> f64| -> Vec<f64> {
            of.points.iter().map(number).collect()
        };
        let found = &curves(&results, Quantity::Accuracy(0))[0];
        assert_eq!(numbers(found, |p| p.x), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(numbers(found, |p| p.y), [50.0, 50.0, 50.0, 50.0]);
        // s/√n = |a − b|/2 for two values.
        let expected = [0.0, 25.0, 25.0, 50.0];
        for (found, expected) in numbers(found, |p| p.spread).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(found.floors, [(3.0, 4.0, 50.0)]);
        assert_eq!(
            numbers(&curves(&results, Quantity::Loss)[0], |p| p.y),
            [0.5; 4]
        );
        assert_eq!(
            numbers(&curves(&results, Quantity::Gain)[0], |p| p.y),
            [1.5; 4]
        );
    }

    #[test]
    fn a_curve_has_points_where_it_was_measured_and_diverged_seeds_are_named() {
        let mut results = results(&[[0.5, 0.75, 0.25, 1.0], [0.5, 0.25, 0.75, 0.0]]);
        for run in &mut results.runs {
            run.history.records[0].test = None;
            run.history.records[2].test = None;
        }
        results.settings.training.seeds = vec![42, 43];
        results.runs[1].status = Status::Diverged {
            iteration: 4,
            quantity: "train loss".into(),
            value: "NaN".into(),
        };
        let found = &curves(&results, Quantity::Accuracy(0))[0];
        let points: Vec<(f64, f64)> = found.points.iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(points, [(2.0, 75.0), (4.0, 100.0)]);
        assert_eq!(found.diverged, ["1 of 2 seeds"]);
    }
}
