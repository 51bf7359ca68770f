//! The figures: the loss across the landscape, and the largest eigenvalues around each switch.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::probe::Probe;
use super::{COORDINATES, Line, Measured, Precision, State, norm};
use crate::analysis::Coordinates;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::report::figure::{Chart, ChartPanel, ChartRow, Scale, Series};

/// Points of a line across the landscape.
const POINTS: usize = 41;

/// The rise, in nats, of the steepest parabola from the centre to the edge of the plot.
const RISE: f64 = 4.0;

/// The most names of layers in a caption.
const NAMES: usize = 3;

/// The smallest 1.25·{1, 2, 5}·10^k that is at least `reach`: tick labels then do not touch the next panel's.
fn round_reach(reach: f64) -> f64 {
    let power = libm::exp10(libm::floor(libm::log10(reach)));
    let reaches = [1.25, 2.5, 6.25].map(|factor| factor * power);
    reaches
        .into_iter()
        .find(|round| *round >= reach)
        .unwrap_or(12.5 * power)
}

/// A line across the landscape of a state: along one of its directions, in one of the [`COORDINATES`].
struct Across<'a> {
    state: &'a State<'a>,
    coordinates: Coordinates,
    name: &'static str,
    /// The panel.
    place: usize,
    direction: Vec<f64>,
}

/// The loss along each direction, in W and in W_eff on the same axes. `layers` are the names of the layers with gains,
/// and of those without.
pub(super) fn across(
    probe: &Probe<'_, impl Backend>,
    states: &[State<'_>; 2],
    layers: &[Vec<String>; 2],
) -> Result<Chart> {
    let largest = states.iter().map(|state| state.largest()[0]);
    let steepest = largest.fold(f64::MIN_POSITIVE, f64::max);
    let reach = round_reach(libm::sqrt(2.0 * RISE / steepest));
    let mut panels = ["gradient", "eigenvector 1", "eigenvector 2"].map(|title| ChartPanel {
        title: title.into(),
        ..ChartPanel::default()
    });
    let mut lines = Vec::new();
    for state in states {
        for (of, (coordinates, name)) in COORDINATES.into_iter().enumerate() {
            // Unit vectors.
            let mut gradient = state.gradients[of].clone();
            let length = norm(&gradient);
            gradient.iter_mut().for_each(|number| *number /= length);
            let vectors = state.eigenpairs[of].iter().map(|pair| pair.vector.clone());
            let directions = [gradient].into_iter().chain(vectors).take(panels.len());
            lines.extend(directions.enumerate().map(|(place, direction)| Across {
                state,
                coordinates,
                name,
                place,
                direction,
            }));
        }
    }
    let losses = probe.each(&lines, |line| {
        let surface = probe.surface(line.state.trained, 1)?;
        let step = |at: usize| reach * (2.0 * at as f64 / (POINTS - 1) as f64 - 1.0);
        let points = (0..POINTS).map(|at| {
            let loss = surface.loss_along(line.coordinates, &line.direction, step(at))?;
            Ok((step(at), loss))
        });
        points.collect::<Result<Vec<_>>>()
    })?;
    for (line, points) in lines.iter().zip(losses) {
        let (state, name) = (line.state, line.name);
        let label = format!("{}, g = {:.2}, in {name}", state.name, state.trained.gain);
        let panel = &mut panels[line.place];
        let colour = panel.series.len();
        panel.series.push(Series::line(&label, colour, points));
    }
    let curvature = |state: &State<'_>| {
        let ([in_weights, effective], gain) = (state.largest(), state.trained.gain);
        format!("{in_weights:.1} in W and {effective:.1} in W_eff at g = {gain:.2}")
    };
    let hessians = match &layers[..] {
        [_, without] if without.is_empty() => String::from(
            "The Hessians are H_W = g²·H_(W_eff): in W the curvature is multiplied by \
             g², and the flattening to λ/g², as the paper draws it, is that of W_eff's coordinates.",
        ),
        layers => format!(
            "{} a gain: with G = g in these and 1 in the other layers, the Hessians are \
             H_W = G·H_(W_eff)·G.",
            having(layers)
        ),
    };
    Ok(Chart {
        name: "landscape".into(),
        title: "The loss around the weights, in W and in g·W".into(),
        caption: format!(
            "{} on {}, seed {}: the loss on {} training samples of the second \
             context, along the gradient and along the eigenvectors of the Hessian's two largest \
             eigenvalues, at that context's last iteration, {}, and at iteration {}, where the gain is \
             largest after the switch. A step in W moves the trained weights; a step in W_eff = g·W moves the \
             effective weights. {hessians} The largest eigenvalue is {}.{}",
            states[0].trained.method.label,
            probe.settings.title,
            probe.seed,
            probe.samples,
            states[0].trained.iteration,
            states[1].trained.iteration,
            states.each_ref().map(curvature).join(", and "),
            probe.note(),
        ),
        rows: vec![ChartRow::new(
            "loss (nats)",
            "step along a direction of length 1",
            panels.into(),
        )],
    })
}

/// Which layers have gains, as the beginning of a sentence.
fn having(layers: &[Vec<String>]) -> String {
    let with = &layers[0];
    match with.len() {
        1 => format!("Only {} has", with[0]),
        2..=NAMES => format!("Only {} have", with.join(", ")),
        some => format!("{some} of {} layers have", layers.concat().len()),
    }
}

/// The largest eigenvalues around each switch.
pub(super) fn eigenvalues(
    probe: &Probe<'_, impl Backend>,
    measured: &[Measured],
    lines: &[Line<'_>; 3],
    layers: &[Vec<String>; 2],
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Chart> {
    let mut places: Vec<(usize, Measured)> = Vec::new();
    for line in 0..lines.len() {
        places.extend(measured.iter().map(|at| (line, *at)));
    }
    let done = AtomicUsize::new(0);
    let found = probe.each(&places, |&(line, at)| {
        let Line {
            networks,
            coordinates,
            ..
        } = &lines[line];
        let found = networks.iter().find(|n| n.iteration == at.iteration);
        let network = found.ok_or_else(|| {
            let found = format!("none of {}", at.iteration);
            Error::shape("landscape", "a network an iteration", found)
        })?;
        let context = at.switch - usize::from(at.offset <= 0);
        let surface = probe.surface(network, context)?;
        let pairs = probe.largest(&*surface, *coordinates)?;
        let number = done.fetch_add(1, Ordering::Relaxed) + 1;
        tell(&format!("measured {number} of {} curvatures", places.len()));
        Ok(pairs.iter().map(|pair| pair.value).collect::<Vec<f64>>())
    })?;
    let series = |rank: usize, line: usize, switch: usize| {
        let here = places.iter().zip(&found);
        let here = here.filter(|((of, at), _)| (*of, at.switch) == (line, switch));
        let points = here.filter_map(|((_, at), values)| {
            let value = values.get(rank)?;
            Some((at.offset as f64, *value))
        });
        Series::line(&lines[line].label, line, points)
    };
    let panel = |rank: usize, switch: usize| {
        let series = (0..lines.len()).map(|line| series(rank, line, switch));
        ChartPanel {
            title: format!("{} → {}", switch, switch + 1),
            marks: vec![0.0],
            ..ChartPanel::of(series.collect())
        }
    };
    let switches = probe.settings.stream.count();
    let row = |rank: usize| {
        let title = format!("eigenvalue {}", rank + 1);
        let panels = (1..switches).map(|switch| panel(rank, switch));
        ChartRow {
            scale: Scale::Logarithmic,
            ..ChartRow::new(&title, "iterations after the switch", panels.collect())
        }
    };
    let Precision {
        eigenvalues,
        tolerance,
        ..
    } = *probe.precision();
    let [gained, plain] = [0, 2].map(|line| lines[line].method.label.as_str());
    let relation = match layers[1].is_empty() {
        true => format!(
            "The eigenvalues of {gained} in W are those in W_eff = g·W multiplied by g². \
             {plain} has gain 1, so they are equal."
        ),
        false => format!("{plain} has gain 1: its eigenvalues in W and in W_eff are equal."),
    };
    Ok(Chart {
        name: "landscape-eigenvalues".into(),
        title: "The largest eigenvalues of the Hessian around each switch".into(),
        caption: format!(
            "{}, seed {}: the Hessian of the loss on {} training samples of the \
             context, its {eigenvalues} largest eigenvalues by the Lanczos method to {tolerance} of the \
             largest. Up to iteration 0 the loss is that of the context before the switch. {relation}{}",
            probe.settings.title,
            probe.seed,
            probe.samples,
            probe.note(),
        ),
        rows: (0..eigenvalues).map(row).collect(),
    })
}
