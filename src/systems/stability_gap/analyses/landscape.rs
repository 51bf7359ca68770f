//! The loss landscape of a real network, NGM-SGD on Split-Digits (figure 2, right, and appendix B of arXiv
//! 2507.14056).

use rand::RngExt;
use rayon::prelude::*;

use super::Analysis;
use crate::analysis::{Coordinates, Eigenpair, LossSurface, Snapshot};
use crate::backend::Backend;
use crate::backend::cpu::on_all_cores;
use crate::data::{TrainTest, digits};
use crate::error::{Error, Result};
use crate::learn::DeviceDataset;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Scale, Series};
use crate::report::table::aligned;
use crate::rng::{Purpose, RandomStream};
use crate::systems::stability_gap::{Experiment, Settings};

/// The seed of the runs.
const SEED: u64 = 42;

/// Training samples over which a context's loss is computed.
const SAMPLES: usize = 128;

/// Iterations, relative to each switch, at which curvature is measured; up to 0 on the old context's samples.
const AROUND: [isize; 9] = [-20, 0, 1, 2, 5, 10, 15, 25, 50];

/// The largest gain is searched for within this many iterations after the first switch.
const PEAK_WITHIN: usize = 40;

/// Eigenvalues per measurement; then their relative tolerance and the largest number of Hessian products.
const EIGENVALUES: usize = 3;
const TOLERANCE: f64 = 1e-4;
const PRODUCTS: usize = 80;

/// Points of a line across the landscape.
const POINTS: usize = 41;

/// The rise, in nats, of the steepest parabola from the centre to the edge of the plot.
const RISE: f64 = 4.0;

const COORDINATES: [(Coordinates, &str); 2] = [
    (Coordinates::Weights, "W"),
    (Coordinates::Effective, "W_eff"),
];

pub(super) fn landscape<B: Backend>(backend: &B) -> Result<Analysis> {
    let probe = Probe::new(backend)?;
    let switches: Vec<usize> = (1..probe.contexts.len())
        .map(|t| t * probe.iterations)
        .collect();
    let around = switches
        .iter()
        .flat_map(|s| AROUND.iter().map(|o| s.saturating_add_signed(*o)));
    let peak_within = switches[0]..=switches[0] + PEAK_WITHIN;
    let rest = switches[0] + probe.iterations;
    let wanted: Vec<usize> = around.clone().chain(peak_within.clone()).collect();
    let modulated = probe.snapshots("ngm-sgd", &wanted)?;
    let plain = probe.snapshots("sgd", &wanted)?;

    let at = |iteration: usize| modulated.iter().find(|s| s.iteration == iteration);
    let first_gain = |s: &&Snapshot| s.layers[0].gains[0];
    let within = modulated
        .iter()
        .filter(|s| peak_within.contains(&s.iteration));
    let peak = within.max_by(|a, b| first_gain(a).total_cmp(&first_gain(b)));
    let (Some(low), Some(peak)) = (at(rest), peak) else {
        return Err(Error::shape(
            "landscape",
            "snapshots around the switch",
            modulated.len(),
        ));
    };
    let states = [
        State::new("low gain", low, &probe)?,
        State::new("peak gain", peak, &probe)?,
    ];

    let lines = [
        Line {
            label: "NGM-SGD, in W",
            snapshots: &modulated,
            coordinates: Coordinates::Weights,
        },
        Line {
            label: "NGM-SGD, in W_eff",
            snapshots: &modulated,
            coordinates: Coordinates::Effective,
        },
        Line {
            label: "SGD",
            snapshots: &plain,
            coordinates: Coordinates::Weights,
        },
    ];
    Ok(Analysis {
        figures: vec![
            across(&states)?.draw()?,
            eigenvalues(&probe, &switches, &lines)?.draw()?,
        ],
        table: table(&states)?,
    })
}

/// The digits, the preset, and the samples over which each context's loss is computed.
struct Probe<'a, B: Backend> {
    settings: Settings,
    samples: TrainTest,
    backend: &'a B,
    iterations: usize,
    /// Inputs and labels of each context.
    contexts: Vec<(Vec<Vec<f64>>, Vec<u8>)>,
}

impl<'a, B: Backend> Probe<'a, B> {
    fn new(backend: &'a B) -> Result<Self> {
        let mut settings = Settings::preset("split-digits")?;
        settings.evaluation.every = settings.stream.iterations;
        let samples = digits::load();
        let scaling = settings.data.scaling();
        let training = DeviceDataset::new(backend, &samples.train, &scaling)?;
        let mut contexts = Vec::new();
        for (context, classes) in settings.stream.contexts.iter().enumerate() {
            let classes: Vec<u8> = classes
                .iter()
                .filter_map(|&c| u8::try_from(c).ok())
                .collect();
            let all = samples.train.of_classes(&classes);
            let mut stream = RandomStream::new(SEED, Purpose::Probe, context as u64);
            let mut draw = || all[stream.random_range(0..all.len() as u32) as usize];
            let drawn: Vec<u32> = (0..SAMPLES).map(|_| draw()).collect();
            let mut batch = training.batch(backend)?;
            training.gather(backend, &drawn, &mut batch)?;
            let rows = batch.inputs.to_rows(backend)?;
            let rows = rows.chunks(samples.train.features());
            let inputs = rows.map(|row| row.iter().map(|&x| f64::from(x)).collect());
            let labels = drawn
                .iter()
                .map(|&index| samples.train.labels()[index as usize]);
            contexts.push((inputs.collect(), labels.collect()));
        }
        Ok(Probe {
            iterations: settings.stream.iterations,
            settings,
            samples,
            backend,
            contexts,
        })
    }

    fn snapshots(&self, method: &str, wanted: &[usize]) -> Result<Vec<Snapshot>> {
        let settings = self.settings.clone().with_methods(&[method.to_string()])?;
        let experiment = Experiment::new(&settings, &self.samples, self.backend)?;
        experiment.snapshots(&settings.methods[0], SEED, wanted.to_vec())
    }

    /// The loss on the samples of `context` (counted from 0) around a snapshot's weights.
    fn surface(&self, snapshot: &Snapshot, context: usize) -> Result<LossSurface> {
        let (inputs, labels) = &self.contexts[context.min(self.contexts.len() - 1)];
        LossSurface::new(snapshot.layers.clone(), inputs, labels)
    }
}

fn largest(surface: &LossSurface, coordinates: Coordinates) -> Result<Vec<Eigenpair>> {
    surface.largest_eigenpairs(coordinates, EIGENVALUES, TOLERANCE, PRODUCTS)
}

/// The second context's loss around the weights at one gain.
struct State {
    name: &'static str,
    iteration: usize,
    gain: f64,
    surface: LossSurface,
    /// In the order of [`COORDINATES`].
    eigenpairs: [Vec<Eigenpair>; 2],
}

impl State {
    fn new(
        name: &'static str,
        snapshot: &Snapshot,
        probe: &Probe<'_, impl Backend>,
    ) -> Result<Self> {
        let surface = probe.surface(snapshot, 1)?;
        let [in_weights, effective] = COORDINATES.map(|(of, _)| largest(&surface, of));
        Ok(State {
            name,
            iteration: snapshot.iteration,
            gain: snapshot.layers[0].gains[0],
            eigenpairs: [in_weights?, effective?],
            surface,
        })
    }

    /// The largest eigenvalue in both coordinates, as text.
    fn curvature(&self) -> String {
        let [in_weights, effective] = self.eigenpairs.each_ref().map(|pairs| pairs[0].value);
        let gain = self.gain;
        format!("{in_weights:.1} in W and {effective:.1} in W_eff at g = {gain:.2}")
    }

    /// Unit vectors along the gradient and the top eigenvectors.
    fn directions(&self, coordinates: usize) -> Vec<Vec<f64>> {
        let mut gradient = self.surface.gradient(COORDINATES[coordinates].0);
        let length = norm(&gradient);
        gradient.iter_mut().for_each(|number| *number /= length);
        let vectors = self.eigenpairs[coordinates]
            .iter()
            .map(|pair| pair.vector.clone());
        [gradient].into_iter().chain(vectors).collect()
    }
}

fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|x| x * x).sum())
}

/// The smallest 1.25·{1, 2, 5}·10^k that is at least `reach`: tick labels then do not touch the next panel's.
fn round_reach(reach: f64) -> f64 {
    let power = libm::exp10(libm::floor(libm::log10(reach)));
    let reaches = [1.25, 2.5, 6.25].map(|factor| factor * power);
    reaches
        .into_iter()
        .find(|round| *round >= reach)
        .unwrap_or(12.5 * power)
}

/// The loss along each direction, in W and in W_eff on the same axes.
fn across(states: &[State; 2]) -> Result<Chart> {
    let largest = states.iter().map(|state| state.eigenpairs[0][0].value);
    let steepest = largest.fold(f64::MIN_POSITIVE, f64::max);
    let reach = round_reach(libm::sqrt(2.0 * RISE / steepest));
    let mut panels = ["gradient", "eigenvector 1", "eigenvector 2"].map(|title| ChartPanel {
        title: title.into(),
        ..ChartPanel::default()
    });
    for state in states {
        for (place, (coordinates, name)) in COORDINATES.into_iter().enumerate() {
            let label = format!("{} ({:.2}), in {name}", state.name, state.gain);
            for (panel, direction) in panels.iter_mut().zip(state.directions(place)) {
                let step = |at: usize| reach * (2.0 * at as f64 / (POINTS - 1) as f64 - 1.0);
                let points = (0..POINTS).into_par_iter().map(|at| {
                    let loss = state
                        .surface
                        .loss_along(coordinates, &direction, step(at))?;
                    Ok((step(at), loss))
                });
                let points: Vec<_> = on_all_cores(|| points.collect::<Result<_>>())?;
                let colour = panel.series.len();
                panel.series.push(Series::line(&label, colour, points));
            }
        }
    }
    Ok(Chart {
        name: "landscape".into(),
        title: "The loss around the weights, in W and in g·W".into(),
        caption: format!(
            "NGM-SGD on Split-Digits, seed {SEED}: the loss on {SAMPLES} training samples of the second \
             context, along the gradient and along the eigenvectors of the Hessian's two largest \
             eigenvalues, at that context's last iteration, {} (low gain), and at iteration {}, where \
             the gain is largest. A step in W moves the trained weights; a step in W_eff = g·W moves the \
             effective weights. The Hessians are H_W = g²·H_(W_eff): in W the curvature is multiplied by \
             g², and the flattening to λ/g², as the paper draws it, is that of W_eff's coordinates. The \
             largest eigenvalue is {}.",
            states[0].iteration,
            states[1].iteration,
            states.each_ref().map(State::curvature).join(", and "),
        ),
        rows: vec![ChartRow::new(
            "loss (nats)",
            "step along a direction of length 1",
            panels.into(),
        )],
    })
}

/// The snapshots of one method, and the coordinates in which curvature is measured.
struct Line<'a> {
    label: &'static str,
    snapshots: &'a [Snapshot],
    coordinates: Coordinates,
}

/// The largest eigenvalues around each switch.
fn eigenvalues(
    probe: &Probe<'_, impl Backend>,
    switches: &[usize],
    lines: &[Line; 3],
) -> Result<Chart> {
    let mut places = Vec::new();
    for line in 0..lines.len() {
        for switch in 0..switches.len() {
            places.extend(AROUND.map(|offset| (line, switch, offset)));
        }
    }
    let measure = |&(line, switch, offset): &(usize, usize, isize)| -> Result<Vec<Eigenpair>> {
        let iteration = switches[switch].saturating_add_signed(offset);
        let line = &lines[line];
        let found = line.snapshots.iter().find(|s| s.iteration == iteration);
        let snapshot = found.ok_or_else(|| {
            Error::shape(
                "landscape",
                "a snapshot an iteration",
                format!("none of {iteration}"),
            )
        })?;
        let context = switch + usize::from(offset > 0);
        largest(&probe.surface(snapshot, context)?, line.coordinates)
    };
    let measured = places.par_iter().map(measure);
    let measured: Vec<Vec<Eigenpair>> = on_all_cores(|| measured.collect::<Result<_>>())?;
    let series = |rank: usize, line: usize, switch: usize| {
        let here = places.iter().zip(&measured);
        let here = here.filter(|((l, s, _), _)| (*l, *s) == (line, switch));
        Series::line(
            lines[line].label,
            line,
            here.map(|((_, _, o), pairs)| (*o as f64, pairs[rank].value)),
        )
    };
    let panel = |rank: usize, switch: usize| {
        let series = (0..lines.len()).map(|line| series(rank, line, switch));
        ChartPanel {
            title: format!("{} → {}", switch + 1, switch + 2),
            marks: vec![0.0],
            ..ChartPanel::of(series.collect())
        }
    };
    let row = |rank: usize| {
        let title = format!("eigenvalue {}", rank + 1);
        let panels = (0..switches.len()).map(|switch| panel(rank, switch));
        ChartRow {
            scale: Scale::Logarithmic,
            ..ChartRow::new(&title, "iterations after the switch", panels.collect())
        }
    };
    Ok(Chart {
        name: "landscape-eigenvalues".into(),
        title: "The largest eigenvalues of the Hessian around each switch".into(),
        caption: format!(
            "Split-Digits, seed {SEED}: the Hessian of the loss on {SAMPLES} training samples of the \
             context, its {EIGENVALUES} largest eigenvalues by the Lanczos method to {TOLERANCE} of the \
             largest. Up to iteration 0 the loss is that of the context before the switch. The eigenvalues \
             of NGM-SGD in W are those in W_eff = g·W multiplied by g². SGD has gain 1, so they are equal."
        ),
        rows: (0..EIGENVALUES).map(row).collect(),
    })
}

fn table(states: &[State; 2]) -> Result<String> {
    let mut rows = vec![
        [
            "",
            "iteration",
            "g",
            "g²",
            "loss",
            "|grad| W",
            "|grad| W_eff",
            "λ1 W",
            "λ1 W_eff",
            "ratio",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for state in states {
        let [in_weights, effective] = [0, 1].map(|place| state.eigenpairs[place][0].value);
        let [gradient, effective_gradient] =
            COORDINATES.map(|(of, _)| norm(&state.surface.gradient(of)));
        rows.push(vec![
            state.name.into(),
            state.iteration.to_string(),
            format!("{:.4}", state.gain),
            format!("{:.4}", state.gain * state.gain),
            format!("{:.4}", state.surface.loss()),
            format!("{gradient:.4}"),
            format!("{effective_gradient:.4}"),
            format!("{in_weights:.3}"),
            format!("{effective:.3}"),
            format!("{:.4}", in_weights / effective),
        ]);
    }
    Ok(aligned(&rows, 1))
}
