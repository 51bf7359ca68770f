//! The figures of a report: curves over the iterations as mean ± standard error over seeds (figure 3 of
//! arXiv 2507.14056).

use super::curves::Quantity;
use crate::report::figure::{Axis, Canvas, Curve, Panel, Swatch, linear_ticks};
use crate::systems::stability_gap::Settings;

/// A figure of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// Accuracy on the first task.
    Accuracy,
    /// The same, enlarged around each switch.
    Switches,
    /// Loss on the first task, logarithmic.
    Loss,
    /// Gain, mean over the layers.
    Gain,
}

impl Figure {
    /// All figures, in the order of the report.
    pub(super) const ALL: [Figure; 4] = [
        Figure::Accuracy,
        Figure::Switches,
        Figure::Loss,
        Figure::Gain,
    ];

    /// The file's name without its extension.
    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::Accuracy => "accuracy",
            Figure::Switches => "switches",
            Figure::Loss => "loss",
            Figure::Gain => "gain",
        }
    }

    /// Its title.
    pub(super) fn title(self) -> &'static str {
        match self {
            Figure::Accuracy => "Accuracy on the first task",
            Figure::Switches => "Accuracy on the first task around the switches",
            Figure::Loss => "Loss on the first task",
            Figure::Gain => "Gain",
        }
    }

    /// Its caption.
    pub(super) fn caption(self) -> &'static str {
        match self {
            Figure::Accuracy => {
                "Mean over seeds, band ± standard error. Dashed: switches of context, at most 50 of them. Dotted: the minimum \
                 of the mean curve within each context from the second on."
            }
            Figure::Switches => {
                "The same curves enlarged; 0 is the last iteration before the switch. The axis is \
                 logarithmic in the error, 100 % − accuracy, which makes small and large gaps visible, \
                 and ends at 99.9 %. Dotted: the minimum of the mean curve within the context."
            }
            Figure::Loss => {
                "Mean cross-entropy over seeds, band ± standard error, logarithmic axis."
            }
            Figure::Gain => {
                "Mean over layers and seeds, band ± standard error, for methods with a moving gain; the \
                 gain of the other methods is 1."
            }
        }
    }

    /// The quantity of its curves.
    pub(super) fn quantity(self) -> Quantity {
        match self {
            Figure::Accuracy | Figure::Switches => Quantity::Accuracy,
            Figure::Loss => Quantity::Loss,
            Figure::Gain => Quantity::Gain,
        }
    }

    fn axis_title(self) -> &'static str {
        match self {
            Figure::Accuracy | Figure::Switches => "accuracy on task 1 (%)",
            Figure::Loss => "loss on task 1 (nats)",
            Figure::Gain => "gain g (1 = no modulation)",
        }
    }
}

/// A vertical axis that fits all of `curves`; figures to be compared share one.
pub(super) fn axis_for(figure: Figure, curves: &[Curve]) -> Axis {
    let low = curves
        .iter()
        .flat_map(Curve::low)
        .fold(f64::INFINITY, f64::min);
    let high = curves
        .iter()
        .flat_map(Curve::high)
        .fold(f64::NEG_INFINITY, f64::max);
    match figure {
        Figure::Accuracy => Axis::linear(low, high, Some(100.0)),
        Figure::Switches => Axis::error(low, high),
        Figure::Loss => Axis::logarithmic(low, high),
        Figure::Gain => Axis::linear(low.min(1.0), high, None),
    }
}

/// Draws `figure` as SVG text, in which all ids begin with `id`; `None` if there is no curve, or no switch to enlarge.
pub(super) fn draw(
    figure: Figure,
    id: &str,
    settings: &Settings,
    curves: &[Curve],
    axis: &Axis,
) -> Option<String> {
    let contexts = settings.stream.count();
    if curves.is_empty() || (figure == Figure::Switches && contexts < 2) {
        return None;
    }
    let labels: Vec<(Swatch, &str)> = curves
        .iter()
        .map(|c| (Swatch::Line(c.colour), c.label.as_str()))
        .collect();
    let mut canvas = Canvas::new(&labels, 1);
    match figure {
        Figure::Switches => draw_switches(&mut canvas, settings, curves, axis),
        _ => draw_whole(&mut canvas, settings, curves, axis),
    }
    canvas.vertical_title(0, figure.axis_title());
    let title = format!("{}: {}", settings.title, figure.title());
    Some(canvas.document(id, &title, figure.caption()))
}

/// Draws one panel over all iterations.
/// The most dashed lines at switches in one panel.
const SWITCH_LINES: usize = 50;

fn draw_whole(canvas: &mut Canvas, settings: &Settings, curves: &[Curve], axis: &Axis) {
    let starts = settings.stream.starts();
    let contexts = settings.stream.count();
    let last = starts[contexts] as f64;
    let panel = Panel {
        row: 0,
        column: 0,
        columns: 1,
        x: (0.0, last),
        y: axis,
    };
    let ticks = linear_ticks(0.0, last, 6);
    canvas.frame(&panel, &ticks, "iteration");
    // Only as many labels as fit.
    let every = contexts.div_ceil(8);
    for context in 1..=contexts {
        let start = starts[context - 1] as f64;
        // Lines closer than a few pixels would merge.
        if context > 1 && (context - 1) % contexts.div_ceil(SWITCH_LINES) == 0 {
            canvas.switch(&panel, start);
        }
        if (context - 1) % every == 0 {
            let middle = (start + starts[context] as f64) / 2.0;
            let label = if contexts <= 5 {
                format!("context {context}")
            } else {
                context.to_string()
            };
            canvas.above(&panel, middle, &label);
        }
    }
    canvas.curves(&panel, curves, 0.0);
}

/// The number of switches that are enlarged; panels for more would be too narrow.
const ENLARGED: usize = 4;

/// Draws a panel for each switch, side by side: a few iterations before it and the first fifty after it.
fn draw_switches(canvas: &mut Canvas, settings: &Settings, curves: &[Curve], axis: &Axis) {
    let starts = settings.stream.starts();
    let columns = (settings.stream.count() - 1).min(ENLARGED);
    let shortest = (1..=columns).map(|context| settings.stream.iterations_of(context));
    let after = shortest.min().unwrap_or(0).min(50) as f64;
    let before = (after / 5.0).ceil();
    for column in 0..columns {
        let switch = starts[column + 1] as f64;
        let panel = Panel {
            row: 0,
            column,
            columns,
            x: (-before, after),
            y: axis,
        };
        let ticks = linear_ticks(0.0, after, 3);
        canvas.frame(&panel, &ticks, "");
        canvas.switch(&panel, 0.0);
        let label = format!("{} → {}", column + 1, column + 2);
        canvas.above(&panel, (after - before) / 2.0, &label);
        canvas.curves(&panel, curves, switch);
    }
    canvas.title_below(0, "iterations after the switch");
}
