//! How far the weights move after a switch, for each method, on Split-Digits.
//!
//! Between two iterations the weights of all layers together move by ‖W′ − W‖/‖W‖ (Euclidean norm); W_eff = g·W
//! likewise. A rising gain moves W_eff but not W.

use super::Analysis;
use crate::analysis::{LayerWeights, Snapshot};
use crate::backend::Backend;
use crate::data::digits;
use crate::error::{Error, Result};
use crate::metrics;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Point, Series};
use crate::report::table::aligned;
use crate::systems::stability_gap::{Experiment, Settings};

const SEEDS: [u64; 3] = [42, 43, 44];
/// The number of iterations after a switch for the short span.
const SOON: usize = 10;

/// Returns one layer's W or W_eff.
type Of = fn(&LayerWeights) -> Vec<f64>;

const COORDINATES: [(&str, Of); 2] = [("W", |layer| layer.weights.clone()), ("W_eff", effective)];

/// A method's movements: `[soon or whole context][W or W_eff][switch][seed]`.
struct Moved {
    label: String,
    by: [[Vec<Vec<f64>>; 2]; 2],
}

pub(super) fn movement<B: Backend>(backend: &B) -> Result<Analysis> {
    let mut settings = Settings::preset("split-digits")?;
    settings.evaluation.every = settings.stream.iterations;
    let samples = digits::load();
    let iterations = settings.stream.iterations;
    let switches: Vec<usize> = (1..settings.stream.contexts.len())
        .map(|context| context * iterations)
        .collect();
    let wanted = switches
        .iter()
        .flat_map(|at| [*at, at + SOON, at + iterations]);
    let wanted: Vec<usize> = wanted.collect();
    let experiment = Experiment::new(&settings, &samples, backend)?;
    let mut methods = Vec::new();
    for method in &settings.methods {
        let empty = || [(); 2].map(|()| vec![Vec::new(); switches.len()]);
        let mut by = [empty(), empty()];
        for seed in SEEDS {
            let snapshots = experiment.snapshots(method, seed, wanted.clone())?;
            let at = |iteration: usize| {
                let found = snapshots.iter().find(|s| s.iteration == iteration);
                found.ok_or_else(|| Error::shape("movement", "a snapshot", iteration))
            };
            for (place, &switch) in switches.iter().enumerate() {
                for (after, by) in [SOON, iterations].into_iter().zip(&mut by) {
                    for ((_, of), by) in COORDINATES.into_iter().zip(by) {
                        by[place].push(distance(at(switch)?, at(switch + after)?, of));
                    }
                }
            }
        }
        methods.push(Moved {
            label: method.label.clone(),
            by,
        });
    }
    Ok(Analysis {
        figures: vec![chart(&methods).draw()?],
        table: table(&methods),
    })
}

fn effective(layer: &LayerWeights) -> Vec<f64> {
    let inputs = layer.weights.len() / layer.gains.len().max(1);
    let rows = layer.weights.chunks(inputs.max(1)).zip(&layer.gains);
    rows.flat_map(|(row, gain)| row.iter().map(move |weight| gain * weight))
        .collect()
}

/// ‖to − from‖/‖from‖.
fn distance(from: &Snapshot, to: &Snapshot, of: Of) -> f64 {
    let numbers =
        |snapshot: &Snapshot| -> Vec<f64> { snapshot.layers.iter().flat_map(of).collect() };
    let (from, to) = (numbers(from), numbers(to));
    let moved: f64 = from.iter().zip(&to).map(|(a, b)| (b - a) * (b - a)).sum();
    let length: f64 = from.iter().map(|a| a * a).sum();
    libm::sqrt(moved / length)
}

fn chart(methods: &[Moved]) -> Chart {
    let panel = |soon: usize, coordinate: usize, name: &str| {
        let moved = methods.iter().enumerate();
        let series =
            moved.map(|(colour, method)| series(colour, method, &method.by[soon][coordinate]));
        ChartPanel {
            title: name.into(),
            ..ChartPanel::of(series.collect())
        }
    };
    let row = |(soon, title): (usize, String)| {
        let coordinates = COORDINATES.iter().enumerate();
        let panels = coordinates.map(|(coordinate, (name, _))| panel(soon, coordinate, name));
        ChartRow::new(&title, "new context", panels.collect())
    };
    Chart {
        name: "movement".into(),
        title: "How far the weights move".into(),
        caption: format!(
            "‖W′ − W‖/‖W‖ of all layers from the switch to {SOON} iterations after it, and to the end of the context; Split-Digits, mean over {} seeds, band ± standard deviation.",
            SEEDS.len()
        ),
        rows: [
            (0, format!("moved in {SOON} iterations")),
            (1, String::from("moved in the context")),
        ]
        .map(row)
        .into(),
    }
}

fn series(colour: usize, method: &Moved, by_switch: &[Vec<f64>]) -> Series {
    let point = |(place, values): (usize, &Vec<f64>)| {
        let summary = metrics::summarize(values);
        Point {
            x: (place + 2) as f64,
            y: summary.mean,
            spread: summary.standard_deviation,
        }
    };
    let points = by_switch.iter().enumerate().map(point);
    Series::new(&method.label, colour, points.collect())
}

/// Means over switches and seeds.
fn table(methods: &[Moved]) -> String {
    let mut rows = vec![vec![String::from("method")]];
    for span in [format!("{SOON} iterations"), String::from("context")] {
        for (name, _) in COORDINATES {
            rows[0].push(format!("{name}, {span}"));
        }
    }
    for method in methods {
        let mut row = vec![method.label.clone()];
        for by in method.by.iter().flatten() {
            let mean = metrics::summarize(&by.concat()).mean;
            row.push(format!("{mean:.3}"));
        }
        rows.push(row);
    }
    aligned(&rows, 1)
}
