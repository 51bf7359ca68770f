//! Reliability diagrams: accuracy against confidence, with a histogram of confidences.

use super::axes::Axis;
use super::canvas::{Canvas, Panel, wrapped};
use super::chart::Drawing;
use crate::error::{Error, Result};
use crate::metrics::{Calibration, CalibrationBin};
use crate::report::table::csv;

/// The largest number of diagrams in a row.
const COLUMNS: usize = 3;

const CAPTION: &str = "Bars: the share of correct predictions in each bin of confidence. Short lines: the mean \
     confidence in the bin. Dashed: equality of the two. Below: the share of all predictions in each bin. \
     Expected calibration error (ECE), the mean distance between bar and short line over predictions: ";

/// Draws the reliability diagram (Guo et al. 2017, figure 1) of each of the labelled `calibrations`, up to three side
/// by side on one axis, each with its label above, its expected calibration error, and the histogram of its confidences
/// below.
/// `name` is the name of the drawing: lower-case letters, digits and hyphens.
///
/// The CSV has the columns `label, from, to, count, confidence, accuracy`, one line per bin; `from` and `to` are its
/// edges. For an empty bin, the last two are empty.
///
/// # Errors
/// [`Error::Shape`] without a calibration, and those of writing the CSV.
///
/// ```
/// let attention = neurogain::metrics::calibration(&[(0.9, true), (0.8, false), (0.7, true)])?;
/// let drawing = neurogain::report::reliability_diagram(
///     "reliability",
///     "Calibration on the digits",
///     &[("attention", &attention)],
/// )?;
/// assert!(drawing.svg.contains("ECE"));
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn reliability_diagram(
    name: &'static str,
    title: &str,
    calibrations: &[(&str, &Calibration)],
) -> Result<Drawing> {
    if calibrations.is_empty() {
        let expected = "at least one calibration";
        return Err(Error::shape("reliability diagram", expected, "none"));
    }
    // As many side by side as leave room for every label.
    let fit = |columns: usize| -> Option<Vec<String>> {
        let labels = calibrations.iter().map(|(of, _)| wrapped(of, columns));
        labels.collect()
    };
    let most = COLUMNS.min(calibrations.len());
    let fitting = (1..=most).rev().find_map(|of| Some((of, fit(of)?)));
    let (columns, titles) = fitting.unwrap_or_else(|| {
        let whole = calibrations.iter().map(|(of, _)| of.to_string());
        (1, whole.collect())
    });
    let lines = titles.iter().map(|title| title.lines().count()).max();
    let rows = calibrations.len().div_ceil(columns);
    let confidence = Axis::span(0.0, 100.0);
    let accuracy = Axis::linear(0.0, 100.0, Some(100.0));
    let largest = calibrations
        .iter()
        .flat_map(|(_, calibration)| shares(calibration))
        .fold(0.0, f64::max);
    let share = Axis::linear(0.0, largest, Some(100.0));

    let mut canvas = Canvas::with_titles(&[], 2 * rows, lines.unwrap_or(1));
    let mut errors = Vec::new();
    for (at, (label, calibration)) in calibrations.iter().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let panel = |half: usize, y| Panel {
            row: 2 * row + half,
            column,
            columns,
            x: &confidence,
            y,
        };
        let error = format!("{:.1} %", 100.0 * calibration.expected_error);
        let (above, below) = (panel(0, &accuracy), panel(1, &share));
        frame(&mut canvas, &above);
        canvas.title_above(&above, &titles[at]);
        draw_accuracies(&mut canvas, &above, at, calibration);
        canvas.corner(&above, &format!("ECE {error}"));
        frame(&mut canvas, &below);
        draw_shares(&mut canvas, &below, at, calibration);
        errors.push(format!("{label} {error}"));
    }
    for row in 0..rows {
        canvas.vertical_title(2 * row, "accuracy (%)");
        canvas.vertical_title(2 * row + 1, "predictions (%)");
        canvas.title_below(2 * row + 1, "confidence (%)");
    }
    let caption = format!("{CAPTION}{}.", errors.join(", "));
    let csv = to_csv(name, calibrations)?;
    Ok(Drawing::new(name, title, &caption, &canvas, csv))
}

fn draw_accuracies(canvas: &mut Canvas, panel: &Panel, colour: usize, calibration: &Calibration) {
    for (from, to, bin) in edges(calibration) {
        if let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) {
            canvas.bar(panel, colour, (from, to), 100.0 * accuracy);
            canvas.level(panel, (from, to), 100.0 * confidence);
        }
    }
    canvas.dashed(panel, &[(0.0, 0.0), (100.0, 100.0)]);
}

fn draw_shares(canvas: &mut Canvas, panel: &Panel, colour: usize, calibration: &Calibration) {
    for ((from, to, bin), share) in edges(calibration).zip(shares(calibration)) {
        if bin.count > 0 {
            canvas.bar(panel, colour, (from, to), share);
        }
    }
}

fn frame(canvas: &mut Canvas, panel: &Panel) {
    canvas.frame(panel, &panel.x.round_ticks(6 / panel.columns + 1, true));
}

/// Each bin with its edges in per cent.
fn edges(calibration: &Calibration) -> impl Iterator<Item = (f64, f64, &CalibrationBin)> {
    let count = calibration.bins.len() as f64;
    let edge = move |at: usize| 100.0 * at as f64 / count;
    let bins = calibration.bins.iter().enumerate();
    bins.map(move |(at, bin)| (edge(at), edge(at + 1), bin))
}

/// Each bin's share of all predictions in per cent.
fn shares(calibration: &Calibration) -> impl Iterator<Item = f64> {
    let bins = calibration.bins.iter();
    let all = bins.clone().map(|bin| bin.count).sum::<u64>().max(1) as f64;
    bins.map(move |bin| 100.0 * bin.count as f64 / all)
}

fn to_csv(name: &str, calibrations: &[(&str, &Calibration)]) -> Result<String> {
    let headings = ["label", "from", "to", "count", "confidence", "accuracy"];
    let mut lines = vec![headings.map(String::from)];
    for (label, calibration) in calibrations {
        let count = calibration.bins.len() as f64;
        for (at, bin) in calibration.bins.iter().enumerate() {
            // `Debug` is the shortest text that reads back to the same bits.
            let number = |value: f64| format!("{value:?}");
            let some = |value: Option<f64>| value.map(number).unwrap_or_default();
            lines.push([
                label.to_string(),
                number(at as f64 / count),
                number((at + 1) as f64 / count),
                bin.count.to_string(),
                some(bin.confidence),
                some(bin.accuracy),
            ]);
        }
    }
    csv(name, &lines)
}
