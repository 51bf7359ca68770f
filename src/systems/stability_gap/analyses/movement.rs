//! How far the weights move after a switch, for each method.
//!
//! Between two iterations the weights of all layers together move by ‖W′ − W‖/‖W‖ (Euclidean norm); W_eff = g·W
//! likewise. A rising gain moves W_eff but not W. The weights are those of linear layers and convolutions, without
//! biases and the scales and shifts of normalisations.

use super::{Analysis, SEEDS, Subject, hardly_evaluated, over};
use crate::analysis::{LayerWeights, Snapshot};
use crate::backend::Backend;
use crate::counted::counted;
use crate::error::{Error, Result};
use crate::metrics;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Point, Series};
use crate::report::table::aligned;
use crate::systems::stability_gap::Experiment;

/// The number of iterations after a switch for the short span; fewer if a context is shorter.
const SOON: usize = 10;

/// Returns one layer's W or W_eff.
type Of = fn(&LayerWeights) -> Vec<f64>;

const COORDINATES: [(&str, Of); 2] = [
    ("W", |layer| layer.weights.clone()),
    ("W_eff", LayerWeights::effective),
];

/// A method's movements: `[soon or whole context][W or W_eff][switch][seed]`.
struct Moved {
    label: String,
    by: [[Vec<Vec<f64>>; 2]; 2],
}

pub(super) fn movement<B: Backend>(subject: &Subject<'_, B>) -> Result<Analysis> {
    let settings = hardly_evaluated(subject.settings);
    let stream = &settings.stream;
    let starts = stream.starts();
    let switches = &starts[1..stream.count()];
    let contexts = (1..stream.count()).map(|context| stream.iterations_of(context));
    let soon = contexts.fold(SOON, usize::min);
    // The iterations of each switch, of the end of the short span, and of the end of the context.
    let spans = switches.iter().zip(&starts[2..]);
    let spans: Vec<[usize; 3]> = spans.map(|(&at, &end)| [at, at + soon, end]).collect();
    let seeds = &settings.training.seeds;
    let seeds = &seeds[..seeds.len().min(SEEDS)];
    let experiment = Experiment::new(&settings, subject.samples, subject.backend)?;
    let mut methods = Vec::new();
    let mut trained = 0;
    for method in &settings.methods {
        let empty = || [(); 2].map(|()| vec![Vec::new(); switches.len()]);
        let mut by = [empty(), empty()];
        for &seed in seeds {
            let snapshots = experiment.snapshots(method, seed, &spans.concat())?;
            let at = |iteration: usize| {
                let found = snapshots.iter().find(|s| s.iteration == iteration);
                found.ok_or_else(|| Error::shape("movement", "a snapshot", iteration))
            };
            for (place, &[switch, near, end]) in spans.iter().enumerate() {
                for (after, by) in [near, end].into_iter().zip(&mut by) {
                    for ((_, of), by) in COORDINATES.into_iter().zip(by) {
                        by[place].push(distance(at(switch)?, at(after)?, of));
                    }
                }
            }
            trained += 1;
            let all = settings.methods.len() * seeds.len();
            (subject.tell)(&format!("trained {trained} of {all} networks"));
        }
        methods.push(Moved {
            label: method.label.clone(),
            by,
        });
    }
    let band = match seeds.len() {
        1 => "",
        _ => ", band ± standard deviation",
    };
    let of = format!("{}, {}{band}", settings.title, over(seeds));
    Ok(Analysis {
        figures: vec![chart(&methods, soon, &of).draw()?],
        table: table(&methods, soon),
    })
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

/// `of` says which networks moved.
fn chart(methods: &[Moved], soon: usize, of: &str) -> Chart {
    let panel = |span: usize, coordinate: usize, name: &str| {
        let moved = methods.iter().enumerate();
        let series =
            moved.map(|(colour, method)| series(colour, method, &method.by[span][coordinate]));
        ChartPanel {
            title: name.into(),
            ..ChartPanel::of(series.collect())
        }
    };
    let row = |(span, title): (usize, String)| {
        let coordinates = COORDINATES.iter().enumerate();
        let panels = coordinates.map(|(coordinate, (name, _))| panel(span, coordinate, name));
        ChartRow::new(&title, "new context", panels.collect())
    };
    Chart {
        name: "movement".into(),
        title: "How far the weights move".into(),
        caption: format!(
            "‖ΔW‖/‖W‖ of all layers from the switch to {} after it, and to the end of the context; {of}.",
            counted(soon, "iteration")
        ),
        rows: [
            (0, format!("‖ΔW‖/‖W‖ in {}", counted(soon, "iteration"))),
            (1, String::from("‖ΔW‖/‖W‖ in the context")),
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
fn table(methods: &[Moved], soon: usize) -> String {
    let mut rows = vec![vec![String::from("method")]];
    for span in [counted(soon, "iteration"), String::from("context")] {
        for (name, _) in COORDINATES {
            rows[0].push(format!("‖Δ{name}‖/‖{name}‖, {span}"));
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
