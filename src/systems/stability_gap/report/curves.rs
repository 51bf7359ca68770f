//! Curves: mean and standard error over seeds at every iteration.

use super::summary::{complete_runs, mean_gain};
use crate::learn::{Evaluation, History};
use crate::metrics::summarize;
use crate::report::figure::Curve;
use crate::systems::stability_gap::Results;

/// The quantity of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::systems::stability_gap::report) enum Quantity {
    /// Accuracy on the first task, per cent.
    Accuracy,
    /// Cross-entropy on the first task, nats.
    Loss,
    /// Mean gain over the layers.
    Gain,
}

/// The curves of every method with complete runs; for gains, of every such method whose gains move.
pub(in crate::systems::stability_gap::report) fn curves(
    results: &Results,
    quantity: Quantity,
) -> Vec<Curve> {
    let mut found = Vec::new();
    for (colour, method) in results.settings.methods.iter().enumerate() {
        let runs = complete_runs(results, &method.name);
        if runs.is_empty() || (quantity == Quantity::Gain && !method.gain_modulated) {
            continue;
        }
        let series: Vec<Vec<f64>> = runs.iter().map(|r| values(&r.history, quantity)).collect();
        let iterations = series.iter().map(Vec::len).min().unwrap_or(0);
        let (mut mean, mut error) = (Vec::new(), Vec::new());
        for iteration in 0..iterations {
            let seeds: Vec<f64> = series.iter().map(|s| s[iteration]).collect();
            let summary = summarize(&seeds);
            mean.push(summary.mean);
            error.push(summary.standard_error);
        }
        let minima = match quantity {
            Quantity::Accuracy => minima(&mean, &results.settings.stream.starts()),
            Quantity::Loss | Quantity::Gain => Vec::new(),
        };
        found.push(Curve {
            label: method.label.clone(),
            colour,
            mean,
            error,
            minima,
        });
    }
    found
}

fn values(history: &History, quantity: Quantity) -> Vec<f64> {
    match quantity {
        Quantity::Accuracy => held(history, |test| 100.0 * test.accuracy),
        Quantity::Loss => held(history, |test| test.loss),
        Quantity::Gain => mean_gain(history),
    }
}

/// A value for each iteration: that of the last evaluation, and before the first evaluation that of the first.
fn held(history: &History, of: impl Fn(Evaluation) -> f64) -> Vec<f64> {
    let first = history.evaluated().next();
    let mut value = first.map_or(f64::NAN, |(_, test)| of(test));
    let records = history.records.iter().map(|record| {
        value = record.test.map_or(value, &of);
        value
    });
    records.collect()
}

/// The first and last iteration of each context after the first, and the smallest value in it.
fn minima(mean: &[f64], starts: &[usize]) -> Vec<(usize, usize, f64)> {
    let contexts = starts.windows(2).skip(1);
    let contexts = contexts.filter_map(|bounds| Some((bounds, mean.get(bounds[0]..)?)));
    contexts
        .filter(|(_, rest)| !rest.is_empty())
        .map(|(bounds, rest)| {
            let within = &rest[..rest.len().min(bounds[1] - bounds[0])];
            let minimum = within.iter().copied().fold(f64::INFINITY, f64::min);
            (bounds[0] + 1, bounds[0] + within.len(), minimum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Record;
    use crate::run::Status;
    use crate::systems::stability_gap::Run;

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
        let found = &curves(&results, Quantity::Accuracy)[0];
        assert_eq!(found.mean, [50.0, 50.0, 50.0, 50.0]);
        // s/√n = |a − b|/2 for two values.
        let expected = [0.0, 25.0, 25.0, 50.0];
        for (found, expected) in found.error.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(found.minima, [(3, 4, 50.0)]);
        assert_eq!(curves(&results, Quantity::Loss)[0].mean, [0.5; 4]);
        assert_eq!(curves(&results, Quantity::Gain)[0].mean, [1.5; 4]);
    }
}
