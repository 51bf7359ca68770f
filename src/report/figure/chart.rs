//! Line charts: rows of panels; lines can have a band around them.

use super::axes::{Axis, linear_ticks};
use super::canvas::{Canvas, Panel, fits_above};
use super::legend::Swatch;
use crate::error::Result;
use crate::report::table::csv;

/// The largest number of lines in a panel that are drawn with their bands.
pub(crate) const MOST_BANDS: usize = 6;

/// A figure, and its numbers as CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The name of its files, without the extension.
    pub name: &'static str,
    /// Its title.
    pub title: String,
    /// Its caption.
    pub caption: String,
    /// SVG text, with title and caption as its description.
    pub svg: String,
    /// CSV text; numbers have the fewest digits that read back to the same f64.
    pub csv: String,
}

impl Drawing {
    /// Builds a figure from a canvas.
    pub(crate) fn new(
        name: &'static str,
        title: &str,
        caption: &str,
        canvas: &Canvas,
        csv: String,
    ) -> Self {
        let id = format!("neurogain-{name}");
        Drawing {
            name,
            title: title.into(),
            caption: caption.into(),
            svg: canvas.document(&id, title, caption),
            csv,
        }
    }
}

/// The data of a line chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Its file name without extension: lower-case letters, digits and hyphens, beginning with a letter.
    pub(crate) name: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// Its caption.
    pub(crate) caption: String,
    /// From top to bottom.
    pub(crate) rows: Vec<ChartRow>,
}

/// Panels side by side with a common vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartRow {
    /// The vertical axis's title, with its unit.
    pub(crate) title: String,
    /// Whether the vertical axis is logarithmic.
    pub(crate) logarithmic: bool,
    /// The horizontal axes' title, with its unit.
    pub(crate) x_title: String,
    /// From left to right.
    pub(crate) panels: Vec<ChartPanel>,
}

/// Lines on one pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartPanel {
    /// The title above it.
    pub(crate) title: String,
    /// The x values of dashed vertical lines.
    pub(crate) marks: Vec<f64>,
    /// The lines; equal labels have the same colour in all panels.
    pub(crate) series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) label: String,
    /// The points, in the order in which they are joined.
    pub(crate) points: Vec<Point>,
    /// The x values without a value because training diverged.
    pub(crate) diverged: Vec<f64>,
}

/// One point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Horizontally.
    pub(crate) x: f64,
    /// Vertically.
    pub(crate) y: f64,
    /// Half the height of the band around it; 0 for none.
    pub(crate) spread: f64,
}

impl Series {
    /// A line without a band.
    pub(crate) fn line(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let point = |(x, y)| Point { x, y, spread: 0.0 };
        Series {
            label: label.into(),
            points: points.into_iter().map(point).collect(),
            diverged: Vec::new(),
        }
    }
}

impl Chart {
    fn series(&self) -> impl Iterator<Item = &Series> {
        let panels = self.rows.iter().flat_map(|row| &row.panels);
        panels.flat_map(|panel| &panel.series)
    }

    /// Combines the same chart of several experiments: each row has a panel for each experiment, with a common vertical
    /// axis. Panels are titled with `names` if these fit above them, otherwise with numbers from 1.
    pub(crate) fn side_by_side(name: &str, charts: &[(&str, &[Chart])]) -> Option<Chart> {
        let has = |charts: &'_ [Chart]| charts.iter().position(|chart| chart.name == name);
        let found = charts.iter().enumerate();
        let found =
            found.filter_map(|(place, (of, charts))| Some((place, *of, &charts[has(charts)?])));
        let found: Vec<(usize, &str, &Chart)> = found.collect();
        let fit = found.iter().all(|(_, of, _)| fits_above(of, found.len()));
        let mut merged: Chart = found.first()?.2.clone();
        for row in &mut merged.rows {
            let panel = |(place, of, chart): &(usize, &str, &Chart)| {
                let own = chart.rows.iter().find(|own| own.title == row.title)?;
                let mut panel = own.panels.first()?.clone();
                panel.title = match fit {
                    true => of.to_string(),
                    false => format!("run {}", place + 1),
                };
                Some(panel)
            };
            row.panels = found.iter().filter_map(panel).collect();
        }
        if !fit {
            let named = found.iter();
            let named = named.map(|(place, of, _)| format!("run {} is {of}", place + 1));
            let named: Vec<String> = named.collect();
            merged
                .caption
                .push_str(&format!(" Panels: {}.", named.join(", ")));
        }
        Some(merged)
    }

    /// The distinct labels; a label's index is its colour's.
    fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = Vec::new();
        for series in self.series() {
            if !labels.contains(&series.label.as_str()) {
                labels.push(&series.label);
            }
        }
        labels
    }

    /// Draws the chart, and writes the numbers as CSV: `axis, panel, series, x, y, spread`, one line per point.
    ///
    /// # Errors
    /// Those of writing the CSV.
    pub(crate) fn draw(&self) -> Result<Drawing> {
        let labels = self.labels();
        let lines = labels.iter().enumerate();
        let mut legend: Vec<(Swatch, &str)> = lines
            .map(|(colour, label)| (Swatch::Line(colour), *label))
            .collect();
        if self.series().any(|series| !series.diverged.is_empty()) {
            legend.push((Swatch::Cross, "diverged"));
        }
        let mut canvas = Canvas::new(&legend, self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            row.draw(&mut canvas, index, &labels);
        }
        let csv = self.to_csv()?;
        Ok(Drawing::new(
            self.name,
            self.title,
            &self.caption,
            &canvas,
            csv,
        ))
    }

    fn to_csv(&self) -> Result<String> {
        let mut lines = vec![["axis", "panel", "series", "x", "y", "spread"].map(String::from)];
        for row in &self.rows {
            for panel in &row.panels {
                for series in &panel.series {
                    for Point { x, y, spread } in &series.points {
                        let names = [&row.title, &panel.title, &series.label].map(String::clone);
                        let [axis, panel, series] = names;
                        // `Debug` is the shortest text that reads back to the same bits.
                        let [x, y, spread] = [x, y, spread].map(|number| format!("{number:?}"));
                        lines.push([axis, panel, series, x, y, spread]);
                    }
                }
            }
        }
        csv(self.name, &lines)
    }
}

impl ChartRow {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.panels.iter().flat_map(ChartPanel::points)
    }

    fn axis(&self) -> Axis {
        let low = self
            .points()
            .map(|p| p.y - p.spread)
            .fold(f64::INFINITY, f64::min);
        // If no value is negative, a band does not extend the axis below 0.
        let low = match self.points().all(|p| p.y >= 0.0) {
            true => low.max(0.0),
            false => low,
        };
        let high = self
            .points()
            .map(|p| p.y + p.spread)
            .fold(f64::NEG_INFINITY, f64::max);
        match self.logarithmic {
            true => Axis::logarithmic(low, high),
            false => Axis::linear(low, high, None),
        }
    }

    fn draw(&self, canvas: &mut Canvas, row: usize, labels: &[&str]) {
        let y = self.axis();
        let columns = self.panels.len();
        for (column, contents) in self.panels.iter().enumerate() {
            let x = contents.x();
            let panel = Panel {
                row,
                column,
                columns,
                x,
                y: &y,
            };
            let mut ticks = linear_ticks(x.0, x.1, 6 / columns + 1);
            // Tasks and evaluations are whole.
            if contents.points().all(|point| point.x.fract() == 0.0) {
                ticks.retain(|tick| tick.fract() == 0.0);
            }
            // A label at the edge would overlap the first label of the next panel.
            let edge = x.1 - 0.03 * (x.1 - x.0);
            if column + 1 < columns && ticks.last().is_some_and(|last| *last > edge) {
                ticks.pop();
            }
            canvas.frame(&panel, &ticks, "");
            canvas.above(&panel, (x.0 + x.1) / 2.0, &contents.title);
            for mark in &contents.marks {
                canvas.switch(&panel, *mark);
            }
            contents.draw(canvas, &panel, labels);
        }
        canvas.title_below(row, &self.x_title);
        canvas.vertical_title(row, &self.title);
    }
}

impl ChartPanel {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|series| &series.points)
    }

    /// The smallest and the largest x.
    fn x(&self) -> (f64, f64) {
        let places = self.series.iter().flat_map(|series| {
            let points = series.points.iter().map(|point| point.x);
            points.chain(series.diverged.iter().copied())
        });
        let ends = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        match ends.0 < ends.1 {
            true => ends,
            false => (0.0, 1.0),
        }
    }

    fn draw(&self, canvas: &mut Canvas, panel: &Panel, labels: &[&str]) {
        let colour = |series: &Series| labels.iter().position(|l| *l == series.label).unwrap_or(0);
        // The bands of many lines would hide the lines.
        let banded = self
            .series
            .iter()
            .filter(|_| self.series.len() <= MOST_BANDS);
        for series in banded {
            if series.points.iter().any(|point| point.spread > 0.0) {
                let around = |p: &Point| (p.x, p.y - p.spread, p.y + p.spread);
                let points: Vec<_> = series.points.iter().map(around).collect();
                canvas.area(panel, colour(series), &points);
            }
        }
        for series in &self.series {
            let points: Vec<_> = series.points.iter().map(|p| (p.x, p.y)).collect();
            match points[..] {
                [point] => canvas.dot(panel, colour(series), point),
                _ => canvas.polyline(panel, colour(series), &points),
            }
        }
        let mut crosses: Vec<f64> = Vec::new();
        for series in &self.series {
            for &x in &series.diverged {
                let level = crosses.iter().filter(|other| **other == x).count();
                canvas.cross(panel, colour(series), x, level);
                crosses.push(x);
            }
        }
    }
}
