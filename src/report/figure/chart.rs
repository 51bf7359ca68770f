//! The data of charts: rows of panels with lines, bands and markers.

use super::axes::Axis;
use super::canvas::Canvas;
use crate::counted::counted;
use crate::error::Result;
use crate::report::table::csv;

/// A figure, and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The name of its files, without the extension: lower-case letters, digits and hyphens, beginning with a letter.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its caption.
    pub caption: String,
    /// SVG text, with title and caption as its description.
    pub svg: String,
    /// CSV text; numbers have the fewest digits that read back to the same f64. Empty for curves of runs, whose records
    /// are files.
    pub csv: String,
    /// The drawn points as JSON, for the page's script; empty if there is nothing to enlarge.
    pub(crate) points: String,
}

impl Drawing {
    /// Builds a figure from a canvas.
    pub(crate) fn new(
        name: &str,
        title: &str,
        caption: &str,
        canvas: &Canvas,
        csv: String,
    ) -> Self {
        let id = format!("neurogain-{name}");
        Drawing {
            name: name.into(),
            title: title.into(),
            caption: caption.into(),
            svg: canvas.document(&id, title, caption),
            csv,
            points: String::new(),
        }
    }

    /// The same figure with another name and title, on a page that has one of this name.
    pub(crate) fn renamed(mut self, name: String, title: String) -> Self {
        let [old, new] = [&self.name, &name].map(|name| format!("\"neurogain-{name}"));
        self.svg = self.svg.replace(&old, &new);
        let [old, new] = [&self.name, &name].map(|name| format!("#neurogain-{name}"));
        self.svg = self.svg.replace(&old, &new);
        let described = format!(" neurogain-{}-description", self.name);
        let description = format!(" neurogain-{name}-description");
        self.svg = self.svg.replace(&described, &description);
        (self.name, self.title) = (name, title);
        self
    }
}

/// The data of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Its file name without extension: lower-case letters, digits and hyphens, beginning with a letter.
    pub(crate) name: String,
    /// Its title.
    pub(crate) title: String,
    /// Its caption.
    pub(crate) caption: String,
    /// From top to bottom.
    pub(crate) rows: Vec<ChartRow>,
}

/// Panels with a common vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartRow {
    /// The vertical axis's title, with its unit.
    pub(crate) title: String,
    pub(crate) scale: Scale,
    /// The horizontal axes' title, with its unit.
    pub(crate) x_title: String,
    pub(crate) places: Places,
    /// From left to right, this many side by side.
    pub(crate) panels: Vec<ChartPanel>,
    pub(crate) columns: usize,
}

/// The scale of a vertical axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Of a quantity in per cent that is at most 100.
    Percent,
    Logarithmic,
    /// Of an accuracy in per cent: logarithmic in the error, 100 − accuracy.
    Error,
}

/// What the x values are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Places {
    /// Numbers.
    Numbers,
    /// These values of a setting, which have the ticks.
    Values(Vec<f64>),
    /// These names without an order; x is an index. Points are not joined.
    Names(Vec<String>),
}

/// Lines on one pair of axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ChartPanel {
    /// The title above it.
    pub(crate) title: String,
    /// Further labels above it, each at an x.
    pub(crate) labels: Vec<(f64, String)>,
    /// The x values of dashed vertical lines.
    pub(crate) marks: Vec<f64>,
    /// The ends of the horizontal axis; `None` for those of the points.
    pub(crate) x: Option<(f64, f64)>,
    pub(crate) series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) label: String,
    /// Its index in the palette: the same for a method in every figure of a page.
    pub(crate) colour: usize,
    /// The points, in the order in which they are joined.
    pub(crate) points: Vec<Point>,
    /// Dotted horizontal lines: from, to, y.
    pub(crate) floors: Vec<(f64, f64, f64)>,
    /// What is missing because training diverged, such as `at 0.1`. The legend names it.
    pub(crate) diverged: Vec<String>,
    /// The x values at which training diverged, marked by crosses on the horizontal axis.
    pub(crate) crosses: Vec<f64>,
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
    /// A line with a band.
    pub(crate) fn new(label: &str, colour: usize, points: Vec<Point>) -> Self {
        Series {
            label: label.into(),
            colour,
            points,
            floors: Vec::new(),
            diverged: Vec::new(),
            crosses: Vec::new(),
        }
    }

    /// A line without a band.
    pub(crate) fn line(
        label: &str,
        colour: usize,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let point = |(x, y)| Point { x, y, spread: 0.0 };
        Series::new(label, colour, points.into_iter().map(point).collect())
    }

    /// Notes that this many of the `asked` seeds diverged; if there are several places, at this x, which is called so.
    pub(crate) fn note_diverged(
        &mut self,
        place: Option<(f64, &str)>,
        diverged: usize,
        asked: usize,
    ) {
        if diverged == 0 {
            return;
        }
        self.diverged.push(match place {
            Some((_, name)) if diverged == asked => format!("at {name}"),
            Some((_, name)) => format!("at {name} ({diverged} of {asked} seeds)"),
            None => format!("{diverged} of {}", counted(asked, "seed")),
        });
        self.crosses.extend(place.map(|(x, _)| x));
    }

    /// Whether it is drawn or named.
    pub(crate) fn is_there(&self) -> bool {
        !self.points.is_empty() || !self.diverged.is_empty()
    }
}

impl Chart {
    pub(super) fn series(&self) -> impl Iterator<Item = &Series> {
        let panels = self.rows.iter().flat_map(|row| &row.panels);
        panels.flat_map(|panel| &panel.series)
    }

    /// Draws the chart, and writes the numbers as CSV: `axis, panel, series, x, y, spread`, one line per point.
    ///
    /// # Errors
    /// Those of writing the CSV.
    pub(crate) fn draw(&self) -> Result<Drawing> {
        let csv = self.to_csv()?;
        Ok(Drawing {
            csv,
            ..self.picture()
        })
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
                        let x = match &row.places {
                            Places::Names(names) => row.name_at(names, &x),
                            _ => x,
                        };
                        lines.push([axis, panel, series, x, y, spread]);
                    }
                }
            }
        }
        csv(&self.name, &lines)
    }
}

impl ChartRow {
    /// A row of numbers against numbers, with all panels side by side.
    pub(crate) fn new(title: &str, x_title: &str, panels: Vec<ChartPanel>) -> Self {
        ChartRow {
            title: title.into(),
            scale: match title.ends_with("(%)") {
                true => Scale::Percent,
                false => Scale::Linear,
            },
            x_title: x_title.into(),
            places: Places::Numbers,
            columns: panels.len(),
            panels,
        }
    }

    /// Whether a series has a point.
    pub(crate) fn has_points(&self) -> bool {
        self.points().next().is_some()
    }

    fn name_at(&self, names: &[String], x: &str) -> String {
        let at = x.parse::<f64>().map_or(0, |x| x as usize);
        names.get(at).cloned().unwrap_or_default()
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.panels.iter().flat_map(ChartPanel::points)
    }

    /// The values between which bands are drawn: no share of 100 % is larger, and if no value is negative, no band is.
    pub(super) fn limits(&self) -> (f64, f64) {
        let low = match self.points().all(|p| p.y >= 0.0) {
            true => 0.0,
            false => f64::NEG_INFINITY,
        };
        let high = match self.scale {
            Scale::Percent | Scale::Error => 100.0,
            Scale::Linear | Scale::Logarithmic => f64::INFINITY,
        };
        (low, high)
    }

    pub(super) fn axis(&self) -> Axis {
        let limits = self.limits();
        let low = self.points().map(|p| match (p.y - p.spread).max(limits.0) {
            // A band to 0 or below has no end on a logarithmic axis.
            low if self.scale == Scale::Logarithmic && low <= 0.0 => p.y,
            low => low,
        });
        let low = low.fold(f64::INFINITY, f64::min);
        let high = self.points().map(|p| (p.y + p.spread).min(limits.1));
        let high = high.fold(f64::NEG_INFINITY, f64::max);
        match self.scale {
            Scale::Linear => Axis::linear(low, high, None),
            Scale::Percent => Axis::linear(low, high, Some(100.0)),
            Scale::Logarithmic => Axis::logarithmic(low, high),
            Scale::Error => Axis::error(low, high),
        }
    }

    /// The horizontal axis of a panel.
    pub(super) fn x_axis(&self, panel: &ChartPanel) -> Axis {
        match &self.places {
            Places::Names(names) => Axis::span(-0.5, names.len() as f64 - 0.5),
            Places::Values(values) => Axis::of_values(values),
            Places::Numbers => {
                let places = panel.points().map(|point| point.x);
                let ends = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                    (low.min(x), high.max(x))
                });
                let (low, high) = panel.x.unwrap_or(ends);
                Axis::span(low, high)
            }
        }
    }
}

impl ChartPanel {
    /// A panel without title.
    pub(crate) fn of(series: Vec<Series>) -> Self {
        ChartPanel {
            series,
            ..ChartPanel::default()
        }
    }

    /// Whether there is a point, or a cross.
    pub(super) fn has_marks(&self) -> bool {
        let mut series = self.series.iter();
        series.any(|of| !of.points.is_empty() || !of.crosses.is_empty())
    }

    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|series| &series.points)
    }
}
