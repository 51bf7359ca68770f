//! Drawing of charts.

use super::axes::Axis;
use super::canvas::{CROSS, Canvas, Panel, fits_beside, wrapped};
use super::chart::{Chart, ChartPanel, ChartRow, Drawing, Places, Point, Series};
use super::legend::Swatch;
use super::points;
use super::thinned::thinned;

/// The largest number of lines in a panel that are drawn with their bands.
pub(crate) const MOST_BANDS: usize = 6;

/// The largest number of points of a line that are drawn with markers; more would merge.
const MOST_MARKERS: usize = 30;

impl Chart {
    /// Draws the chart, without its numbers as CSV.
    pub(crate) fn picture(&self) -> Drawing {
        let legend = self.legend();
        let legend: Vec<(Swatch, &str)> = legend.iter().map(|(of, text)| (*of, &**text)).collect();
        let lines = self.rows.iter().map(ChartRow::lines).sum();
        let mut canvas = Canvas::new(&legend, lines);
        let mut above = 0;
        for row in &self.rows {
            row.draw(&mut canvas, above);
            above += row.lines();
        }
        let title = &self.title;
        let drawing = Drawing::new(&self.name, title, &self.caption, &canvas, String::new());
        Drawing {
            points: points::as_json(self),
            ..drawing
        }
    }

    /// Every line with a point, then everything that diverged.
    fn legend(&self) -> Vec<(Swatch, String)> {
        let mut drawn: Vec<(Swatch, String)> = Vec::new();
        for row in &self.rows {
            for series in row.panels.iter().flat_map(|panel| &panel.series) {
                let known = drawn.iter().any(|(_, label)| *label == series.label);
                if !series.points.is_empty() && !known {
                    drawn.push((row.swatch(series), series.label.clone()));
                }
            }
        }
        for (colour, text) in self.diverged() {
            let lines = wrapped(&text, 1).unwrap_or(text);
            for (at, line) in lines.lines().enumerate() {
                let swatch = match at {
                    0 => Swatch::Cross(colour),
                    _ => Swatch::Letters(""),
                };
                drawn.push((swatch, line.into()));
            }
        }
        drawn
    }

    /// A sentence on each line of which something is missing because training diverged, with the line's colour.
    pub(super) fn diverged(&self) -> Vec<(usize, String)> {
        let mut found: Vec<(&Series, Vec<&str>)> = Vec::new();
        for series in self.series().filter(|series| !series.diverged.is_empty()) {
            let place = found.iter().position(|(of, _)| of.label == series.label);
            let place = place.unwrap_or_else(|| {
                found.push((series, Vec::new()));
                found.len() - 1
            });
            for text in &series.diverged {
                if !found[place].1.contains(&text.as_str()) {
                    found[place].1.push(text);
                }
            }
        }
        let text = |(series, what): (&Series, Vec<&str>)| {
            let text = format!("{} diverged: {}", series.label, what.join("; "));
            (series.colour, text)
        };
        found.into_iter().map(text).collect()
    }
}

impl Series {
    /// Whether its points are marked: they were measured one by one.
    pub(super) fn is_marked(&self) -> bool {
        self.points.len() <= MOST_MARKERS
    }
}

impl ChartRow {
    /// The number of lines of panels.
    fn lines(&self) -> usize {
        self.panels.len().div_ceil(self.columns.max(1))
    }

    /// Whether the points are joined by lines.
    pub(super) fn is_joined(&self) -> bool {
        !matches!(self.places, Places::Names(_))
    }

    fn swatch(&self, series: &Series) -> Swatch {
        match (self.is_joined(), series.is_marked()) {
            (false, _) => Swatch::Marker(series.colour),
            (true, true) => Swatch::Marked(series.colour),
            (true, false) => Swatch::Line(series.colour),
        }
    }

    fn draw(&self, canvas: &mut Canvas, above: usize) {
        let y = self.axis();
        let columns = self.columns.max(1);
        for (place, contents) in self.panels.iter().enumerate() {
            let x = self.x_axis(contents);
            let panel = Panel {
                row: above + place / columns,
                column: place % columns,
                columns,
                x: &x,
                y: &y,
            };
            canvas.frame(&panel, &self.ticks(contents, &x));
            canvas.title_above(&panel, &contents.title);
            for (at, label) in &contents.labels {
                canvas.above(&panel, *at, label);
            }
            for mark in &contents.marks {
                canvas.switch(&panel, *mark);
            }
            let series = thinned(&contents.series);
            match self.is_joined() {
                true => self.draw_lines(canvas, &panel, &series),
                false => self.draw_markers(canvas, &panel, &series),
            }
            self.draw_crosses(canvas, &panel, &series);
        }
        for line in 0..self.lines() {
            canvas.title_below(above + line, &self.x_title);
            canvas.vertical_title(above + line, &self.title);
        }
    }

    /// The ticks of a panel's horizontal axis.
    fn ticks(&self, panel: &ChartPanel, x: &Axis) -> Vec<(f64, String)> {
        match &self.places {
            Places::Numbers => {
                // Tasks, epochs and iterations are whole.
                let whole = panel.points().all(|point| point.x.fract() == 0.0);
                x.round_ticks((6 / self.columns.max(1)).max(2) + 1, whole)
            }
            Places::Values(values) => {
                let mut values = values.clone();
                values.sort_by(f64::total_cmp);
                let label = |value: f64| (value, value.to_string().replace('-', "−"));
                values.into_iter().map(label).collect()
            }
            Places::Names(names) => {
                let fit = names
                    .iter()
                    .all(|name| fits_beside(name, names.len(), self.columns));
                let names = names.iter().enumerate();
                let label = |(at, name): (usize, &String)| match fit {
                    true => (at as f64, name.clone()),
                    false => (at as f64, (at + 1).to_string()),
                };
                names.map(label).collect()
            }
        }
    }

    /// The low and the high end of the band at a point.
    pub(super) fn band(&self, point: &Point) -> (f64, f64) {
        let (low, high) = self.limits();
        let (below, above) = (point.y - point.spread, point.y + point.spread);
        (below.max(low), above.min(high))
    }

    fn draw_lines(&self, canvas: &mut Canvas, panel: &Panel, series: &[Series]) {
        // The bands of many lines would hide the lines.
        for of in series.iter().filter(|_| series.len() <= MOST_BANDS) {
            if of.points.iter().any(|point| point.spread > 0.0) {
                let around = |point: &Point| {
                    let (low, high) = self.band(point);
                    (point.x, low, high)
                };
                let points: Vec<_> = of.points.iter().map(around).collect();
                canvas.area(panel, of.colour, &points);
            }
        }
        for of in series {
            for &(from, to, y) in &of.floors {
                canvas.floor(panel, of.colour, (from, to), y);
            }
        }
        for of in series {
            let points: Vec<_> = of.points.iter().map(|p| (p.x, p.y)).collect();
            if points.len() > 1 {
                canvas.polyline(panel, of.colour, &points);
            }
            for point in points.into_iter().filter(|_| of.is_marked()) {
                canvas.marker(panel, of.colour, point, 0.0);
            }
        }
    }

    /// Crosses where training diverged: side by side like markers, or one above the other.
    fn draw_crosses(&self, canvas: &mut Canvas, panel: &Panel, series: &[Series]) {
        for (place, of) in series.iter().enumerate() {
            for x in &of.crosses {
                let below = series[..place].iter().filter(|of| of.crosses.contains(x));
                let moved = match self.is_joined() {
                    true => (0.0, 2.4 * CROSS * below.count() as f64),
                    false => (shift(canvas, panel, series, place), 0.0),
                };
                canvas.cross(panel, of.colour, *x, moved);
            }
        }
    }

    /// Markers with error bars, those of one name side by side.
    fn draw_markers(&self, canvas: &mut Canvas, panel: &Panel, series: &[Series]) {
        for (place, of) in series.iter().enumerate() {
            let shift = shift(canvas, panel, series, place);
            for point in &of.points {
                if point.spread > 0.0 {
                    let (low, high) = self.band(point);
                    canvas.error_bar(panel, of.colour, (point.x, low, high), shift);
                }
                canvas.marker(panel, of.colour, (point.x, point.y), shift);
            }
        }
    }
}

/// How far the markers of the series at `place` are to the right of their name.
fn shift(canvas: &Canvas, panel: &Panel, series: &[Series], place: usize) -> f64 {
    let step = 0.7 * canvas.step(panel) / series.len().max(1) as f64;
    (place as f64 - (series.len() as f64 - 1.0) / 2.0) * step
}
