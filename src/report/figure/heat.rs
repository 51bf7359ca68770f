//! Heat maps: a value for each pair of two settings, shown as a colour and a number.

use super::canvas::{Canvas, LEFT, RIGHT, SPACE, WIDTH, width_of};
use super::chart::Drawing;
use super::legend::Swatch;
use super::palette;
use super::svg::{Anchor, TEXT};
use crate::error::Result;
use crate::report::format::{NONE, Unit};
use crate::report::table::csv;

/// The width of the bar that shows the scale of the colours, and the number of its steps.
const BAR: f64 = 70.0;
const BAR_STEPS: usize = 10;
/// The distance of its middle from the lower edge of the map.
const BAR_BELOW: f64 = 46.0;

/// Heat maps over one grid, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) caption: String,
    /// The title of the columns, and each column's value.
    pub(crate) columns: (&'static str, Vec<f64>),
    /// The title of the rows, and each row's value.
    pub(crate) rows: (&'static str, Vec<f64>),
    /// The title of each map, the unit of its values, and these, `[row][column]`.
    pub(crate) maps: Vec<(String, Unit, Vec<Vec<f64>>)>,
    /// The values of the lightest and the darkest colour; `None` for the extremes of each map.
    pub(crate) range: Option<(f64, f64)>,
    /// Row and column of the framed cells.
    pub(crate) framed: Vec<(usize, usize)>,
    /// The names in the legend of frames, and of cells without a value.
    pub(crate) frame: &'static str,
    pub(crate) none: &'static str,
}

impl HeatMap {
    /// Draws the maps, and writes the numbers as CSV: a column for each setting and each map. A missing value is a
    /// dash in the drawing and empty in the CSV.
    ///
    /// # Errors
    /// Those of writing the CSV.
    pub(crate) fn draw(&self) -> Result<Drawing> {
        let mut legend = Vec::new();
        if !self.framed.is_empty() {
            legend.push((Swatch::Frame, self.frame));
        }
        let values = self.maps.iter().flat_map(|(_, _, values)| values);
        if values.flatten().any(|value| !value.is_finite()) {
            legend.push((Swatch::Letters(NONE), self.none));
        }
        let mut canvas = Canvas::new(&legend, self.maps.len());
        for map in 0..self.maps.len() {
            self.draw_map(&mut canvas, map);
        }
        let csv = self.to_csv()?;
        Ok(Drawing::new(
            self.name,
            &self.title,
            &self.caption,
            &canvas,
            csv,
        ))
    }

    fn to_csv(&self) -> Result<String> {
        let titles = self.maps.iter().map(|(title, _, _)| title.as_str());
        let headings = [self.rows.0, self.columns.0].into_iter().chain(titles);
        let mut lines: Vec<Vec<String>> = vec![headings.map(String::from).collect()];
        for (row, y) in self.rows.1.iter().enumerate() {
            for (column, x) in self.columns.1.iter().enumerate() {
                let maps = self.maps.iter();
                let values = maps.map(|(_, unit, values)| unit.scale() * values[row][column]);
                let numbers = [*y, *x].into_iter().chain(values);
                let text = |number: f64| match number.is_finite() {
                    true => format!("{number:?}"),
                    false => String::new(),
                };
                lines.push(numbers.map(text).collect());
            }
        }
        csv(self.name, &lines)
    }

    fn draw_map(&self, canvas: &mut Canvas, map: usize) {
        let (title, unit, values) = &self.maps[map];
        let all = || values.iter().flatten().copied();
        let (low, high) = self.range.unwrap_or((
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        ));
        let (top, bottom) = canvas.edges(map);
        let share = |at: usize, of: &[f64]| at as f64 / of.len() as f64;
        let x = |column: usize| LEFT + (WIDTH - LEFT - RIGHT) * share(column, &self.columns.1);
        let y = |row: usize| top + (bottom - top) * share(row, &self.rows.1);
        let middle = |a: f64, b: f64| (a + b) / 2.0;
        // Only as many labels as fit.
        let (width, height) = (x(1) - x(0), y(1) - y(0));
        let last = self.columns.1.last().map_or(String::new(), f64::to_string);
        let every = |length: f64, size: f64| ((length / size).ceil() as usize).max(1);
        let (every_row, every_column) = (every(TEXT, height), every(width_of(&last), width));
        for (row, label) in self.rows.1.iter().enumerate() {
            let centre = middle(y(row), y(row + 1));
            let at = (LEFT - SPACE, centre);
            if row % every_row == 0 {
                canvas.svg.text(&label.to_string(), at, Anchor::End);
            }
            for (column, value) in values[row].iter().enumerate() {
                let opacity = opacity((value - low) / (high - low).max(f64::MIN_POSITIVE));
                let upper = (x(column) + 1.0, y(row) + 1.0);
                let lower = (x(column + 1) - 1.0, y(row + 1) - 1.0);
                let colour = palette::method(0);
                canvas.svg.rectangle(upper, lower, colour, opacity);
                if self.framed.contains(&(row, column)) {
                    canvas.outline(upper, lower);
                }
                let number = written(*unit, *value, (width, height));
                let at = (middle(x(column), x(column + 1)), centre);
                canvas.svg.text(&number, at, Anchor::Middle);
            }
        }
        for (column, label) in self.columns.1.iter().enumerate().step_by(every_column) {
            let at = (middle(x(column), x(column + 1)), bottom + SPACE);
            canvas.svg.text(&label.to_string(), at, Anchor::Below);
        }
        let at = (middle(LEFT, WIDTH - RIGHT), top - 15.0);
        canvas.svg.text(title, at, Anchor::Middle);
        canvas.title_below(map, self.columns.0);
        canvas.vertical_title(map, self.rows.0);
        // Without a value there is no scale.
        if low <= high {
            let ends = [low, high].map(|end| end_of_scale(*unit, end));
            bar(canvas, bottom + BAR_BELOW, ends);
        }
    }
}

/// The opacity of a cell at this share of the scale: a stronger colour would hide the number. A cell without a value has
/// no colour.
fn opacity(share: f64) -> f64 {
    let opacity = 0.05 + 0.5 * share;
    if opacity.is_finite() { opacity } else { 0.0 }
}

/// The scale of the colours with the values of its ends, right of the title below a map; its middle is at `y`.
fn bar(canvas: &mut Canvas, y: f64, [low, high]: [String; 2]) {
    let right = WIDTH - RIGHT - width_of(&high) - SPACE;
    let left = right - BAR;
    let width = BAR / BAR_STEPS as f64;
    for step in 0..BAR_STEPS {
        let from = left + width * step as f64;
        let share = step as f64 / (BAR_STEPS - 1) as f64;
        let (upper, lower) = ((from, y - SPACE), (from + width, y + SPACE));
        let colour = palette::method(0);
        canvas.svg.rectangle(upper, lower, colour, opacity(share));
    }
    canvas.svg.text(&low, (left - SPACE, y), Anchor::End);
    canvas.svg.text(&high, (right + SPACE, y), Anchor::Start);
}

/// The value of an end of a scale: whole per cents without decimals.
fn end_of_scale(unit: Unit, value: f64) -> String {
    let scaled = unit.scale() * value;
    match scaled.is_finite() && (scaled - scaled.round()).abs() < 1e-9 {
        true => format!("{scaled:.0}").replace('-', "−"),
        false => unit.value(value),
    }
}

/// A value with as many decimals as fit into a cell; empty if none do.
fn written(unit: Unit, value: f64, (width, height): (f64, f64)) -> String {
    let short = |decimals: usize| format!("{:.decimals$}", unit.scale() * value);
    let texts = match value.is_finite() {
        true => vec![unit.value(value), short(1), short(0)],
        false => vec![String::from(NONE)],
    };
    let fits = |text: &String| width_of(text) + 4.0 <= width && TEXT <= height;
    texts.into_iter().find(fits).unwrap_or_default()
}
