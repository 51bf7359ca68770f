//! Drawing: the layout of panels, and lines, bands and text on them.

use super::axes::Axis;
use super::legend::{self, Swatch};
use super::palette::{self, Colour, INK};
use super::svg::{Anchor, Place, Stroke, Svg, TEXT};

// In pixels.
pub(crate) const WIDTH: f64 = 640.0;
pub(crate) const LEFT: f64 = 88.0;
pub(crate) const RIGHT: f64 = 28.0;
const BOTTOM: f64 = 60.0;
/// A plot's height in a drawing with one row of panels, and with several.
const PLOT_HEIGHTS: [f64; 2] = [290.0, 210.0];
const BETWEEN_PANELS: f64 = 16.0;
const ABOVE_PLOT: f64 = 28.0;
/// The distance of two lines of a title.
const TITLE_LINE: f64 = 22.0;
pub(crate) const SPACE: f64 = 8.0;
/// Half the width of a cross.
pub(super) const CROSS: f64 = 5.0;

/// One of `columns` panels side by side in a row.
pub(crate) struct Panel<'a> {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) columns: usize,
    pub(crate) x: &'a Axis,
    pub(crate) y: &'a Axis,
}

impl Panel<'_> {
    fn left_and_width(&self) -> (f64, f64) {
        let width = panel_width(self.columns);
        (LEFT + self.column as f64 * (width + BETWEEN_PANELS), width)
    }

    fn horizontal(&self, value: f64) -> f64 {
        let (left, width) = self.left_and_width();
        left + width * self.x.share(value)
    }
}

/// A drawing in progress: the legend, and the panels below it.
pub(crate) struct Canvas {
    pub(super) svg: Svg,
    /// Upper edge of the first row of panels.
    top: f64,
    plot_height: f64,
    height: f64,
    /// Space above each row, for the titles of its panels.
    above: f64,
}

impl Canvas {
    /// Begins a drawing of this many rows of panels, with a legend.
    pub(crate) fn new(legend: &[(Swatch, &str)], rows: usize) -> Self {
        Self::with_titles(legend, rows, 1)
    }

    /// Begins a drawing of this many rows of panels, whose titles have this many lines, with a legend.
    pub(crate) fn with_titles(legend: &[(Swatch, &str)], rows: usize, lines: usize) -> Self {
        let above = ABOVE_PLOT + lines.saturating_sub(1) as f64 * TITLE_LINE;
        let top = SPACE + legend::height(legend) + above;
        let plot_height = PLOT_HEIGHTS[usize::from(rows > 1)];
        let height = top + rows as f64 * (plot_height + BOTTOM + above) - above;
        let mut canvas = Canvas {
            above,
            svg: Svg::default(),
            top,
            plot_height,
            height,
        };
        let corner = (WIDTH, height);
        canvas
            .svg
            .rectangle((0.0, 0.0), corner, palette::BACKGROUND, 1.0);
        canvas.legend(legend);
        canvas
    }

    /// The drawing as SVG text; see [`Svg::document`].
    pub(crate) fn document(&self, id: &str, title: &str, description: &str) -> String {
        self.svg
            .document((WIDTH, self.height), id, title, description)
    }

    /// Upper and lower edge of the panels of a row.
    pub(crate) fn edges(&self, row: usize) -> (f64, f64) {
        let top = self.top + row as f64 * (self.plot_height + BOTTOM + self.above);
        (top, top + self.plot_height)
    }

    /// Grid, and ticks with their labels; a label that would overlap another one is left out.
    pub(crate) fn frame(&mut self, panel: &Panel, x_ticks: &[(f64, String)]) {
        let (left, width) = panel.left_and_width();
        let (_, bottom) = self.edges(panel.row);
        let grid = Stroke::solid(palette::GRID, 1.0);
        for (value, label) in panel.y.ticks() {
            let y = self.vertical(panel, value);
            self.svg.polyline(&[(left, y), (left + width, y)], &grid);
            if panel.column == 0 {
                self.svg.text(&label, (left - SPACE, y), Anchor::End);
            }
        }
        let ink = Stroke::solid(INK, 1.0);
        self.svg
            .polyline(&[(left, bottom), (left + width, bottom)], &ink);
        // The first label begins in the space between the panels, at a distance from the last panel's labels.
        let earliest = match panel.column {
            0 => f64::NEG_INFINITY,
            _ => left - BETWEEN_PANELS + SPACE / 2.0,
        };
        let last = match panel.column + 1 < panel.columns {
            true => left + width,
            false => f64::INFINITY,
        };
        let mut free = f64::NEG_INFINITY;
        for (value, label) in x_ticks {
            let x = panel.horizontal(*value);
            self.svg.polyline(&[(x, bottom), (x, bottom + 5.0)], &ink);
            let half = width_of(label) / 2.0;
            let middle = x.max(earliest + half);
            if middle - half < free || middle + half > last {
                continue;
            }
            free = middle + half + SPACE / 2.0;
            self.svg
                .text(label, (middle, bottom + SPACE), Anchor::Below);
        }
    }

    /// A title below all panels of a row.
    pub(crate) fn title_below(&mut self, row: usize, title: &str) {
        let at = ((LEFT + WIDTH - RIGHT) / 2.0, self.edges(row).1 + 34.0);
        self.svg.text(title, at, Anchor::Below);
    }

    /// The title of a row's vertical axis.
    pub(crate) fn vertical_title(&mut self, row: usize, title: &str) {
        let (top, bottom) = self.edges(row);
        self.svg
            .text(title, (4.0, (top + bottom) / 2.0), Anchor::Upwards);
    }

    /// The title of a panel, above its middle; it may have several lines.
    pub(crate) fn title_above(&mut self, panel: &Panel, title: &str) {
        let (left, width) = panel.left_and_width();
        for (line, text) in title.lines().rev().enumerate() {
            let up = 15.0 + line as f64 * TITLE_LINE;
            let at = (left + width / 2.0, self.edges(panel.row).0 - up);
            self.svg.text(text, at, Anchor::Middle);
        }
    }

    /// A label above the panel, centred at `value`.
    pub(crate) fn above(&mut self, panel: &Panel, value: f64, label: &str) {
        let at = (panel.horizontal(value), self.edges(panel.row).0 - 15.0);
        self.svg.text(label, at, Anchor::Middle);
    }

    /// A dashed line at a switch.
    pub(crate) fn switch(&mut self, panel: &Panel, value: f64) {
        let x = panel.horizontal(value);
        let (top, bottom) = self.edges(panel.row);
        let style = Stroke::dashed(palette::SWITCH, 1.5);
        self.svg.polyline(&[(x, top - 4.0), (x, bottom)], &style);
    }

    /// A dotted line of the method at the index `colour` at the height `y`.
    pub(crate) fn floor(&mut self, panel: &Panel, colour: usize, (from, to): (f64, f64), y: f64) {
        let style = Stroke::dotted(palette::method(colour), 2.5);
        self.stroke(panel, &[(from, y), (to, y)], &style);
    }

    /// The area between the low and the high value at each x, `(x, low, high)`.
    pub(crate) fn area(&mut self, panel: &Panel, colour: usize, points: &[(f64, f64, f64)]) {
        let high = points.iter().map(|&(x, _, high)| self.at(panel, (x, high)));
        let low = points.iter().rev();
        let low = low.map(|&(x, low, _)| self.at(panel, (x, low)));
        let outline: Vec<Place> = high.chain(low).collect();
        self.svg.polygon(&outline, palette::method(colour), 0.22);
    }

    /// A line of the method at the index `colour` through the points `(x, y)`.
    pub(crate) fn polyline(&mut self, panel: &Panel, colour: usize, points: &[(f64, f64)]) {
        self.stroke(panel, points, &Stroke::method(colour, 2.0));
    }

    /// The marker of the method at the index `colour`, `shift` pixels to the right of `point`.
    pub(crate) fn marker(&mut self, panel: &Panel, colour: usize, point: (f64, f64), shift: f64) {
        let (x, y) = self.at(panel, point);
        self.marker_at((x + shift, y), colour);
    }

    /// The marker of the method at the index `colour` in the drawing: shapes differ from method to method.
    pub(super) fn marker_at(&mut self, (x, y): Place, index: usize) {
        let colour = palette::method(index);
        let corners = palette::marker(index);
        if corners.is_empty() {
            return self.svg.circle((x, y), 4.0, colour);
        }
        let corners: Vec<Place> = corners.iter().map(|(a, b)| (x + a, y + b)).collect();
        self.svg.polygon(&corners, colour, 1.0);
    }

    /// A cross on the panel's horizontal axis for the method at the index `colour`, at `x`, moved to the right and up by these
    /// pixels.
    pub(crate) fn cross(&mut self, panel: &Panel, colour: usize, x: f64, (right, up): (f64, f64)) {
        let at = (panel.horizontal(x) + right, self.edges(panel.row).1 - up);
        self.cross_at(at, palette::method(colour));
    }

    /// A vertical line from `low` to `high`, `shift` pixels to the right of `x`.
    pub(crate) fn error_bar(
        &mut self,
        panel: &Panel,
        colour: usize,
        (x, low, high): (f64, f64, f64),
        shift: f64,
    ) {
        let x = panel.horizontal(x) + shift;
        let ends = [low, high].map(|y| (x, self.vertical(panel, y)));
        self.svg
            .polyline(&ends, &Stroke::solid(palette::method(colour), 1.5));
    }

    /// The width in pixels of a step of 1 along the panel's horizontal axis.
    pub(crate) fn step(&self, panel: &Panel) -> f64 {
        panel.horizontal(1.0) - panel.horizontal(0.0)
    }

    /// A text in the upper left corner of the panel.
    pub(crate) fn corner(&mut self, panel: &Panel, text: &str) {
        let (left, _) = panel.left_and_width();
        let at = (left + SPACE, self.edges(panel.row).0 + TEXT / 2.0);
        self.svg.text(text, at, Anchor::Start);
    }

    /// A cross whose middle is at `(x, y)` of the drawing.
    pub(super) fn cross_at(&mut self, (x, y): Place, colour: Colour) {
        let style = Stroke::solid(colour, 2.5);
        for end in [CROSS, -CROSS] {
            let line = [(x - CROSS, y - end), (x + CROSS, y + end)];
            self.svg.polyline(&line, &style);
        }
    }

    /// The outline of a rectangle of the drawing.
    pub(crate) fn outline(&mut self, (left, top): Place, (right, bottom): Place) {
        let (upper, lower) = (
            [(left, top), (right, top)],
            [(right, bottom), (left, bottom)],
        );
        let corners = [upper[0], upper[1], lower[0], lower[1], upper[0]];
        self.svg.polyline(&corners, &Stroke::solid(INK, 2.0));
    }

    /// A bar from the panel's lower edge, of this width along the horizontal axis.
    pub(crate) fn bar(&mut self, panel: &Panel, colour: usize, (from, to): (f64, f64), high: f64) {
        let low = self.edges(panel.row).1;
        let (left, right) = (self.at(panel, (from, high)), self.at(panel, (to, high)));
        let outline = [(left.0, low), left, right, (right.0, low)];
        let colour = palette::method(colour);
        self.svg.polygon(&outline, colour, 0.3);
        self.svg.polyline(&outline, &Stroke::solid(colour, 1.0));
    }

    /// A horizontal line of this width along the horizontal axis.
    pub(crate) fn level(&mut self, panel: &Panel, (from, to): (f64, f64), y: f64) {
        self.stroke(panel, &[(from, y), (to, y)], &Stroke::solid(INK, 2.0));
    }

    /// A dashed line through the points `(x, y)`.
    pub(crate) fn dashed(&mut self, panel: &Panel, points: &[(f64, f64)]) {
        self.stroke(panel, points, &Stroke::dashed(palette::SWITCH, 1.5));
    }

    fn stroke(&mut self, panel: &Panel, points: &[(f64, f64)], style: &Stroke) {
        let points = points.iter().map(|&point| self.at(panel, point));
        let points: Vec<Place> = points.collect();
        self.svg.polyline(&points, style);
    }

    /// The place in the drawing of the point `(x, y)` of a panel.
    fn at(&self, panel: &Panel, (x, y): (f64, f64)) -> Place {
        (panel.horizontal(x), self.vertical(panel, y))
    }

    fn vertical(&self, panel: &Panel, value: f64) -> f64 {
        let (top, _) = self.edges(panel.row);
        top + self.plot_height * (1.0 - panel.y.share(value))
    }
}

/// Whether `text` fits above each of `columns` panels.
pub(crate) fn fits_above(text: &str, columns: usize) -> bool {
    width_of(text) <= panel_width(columns.max(1))
}

/// `text` in the fewest lines that fit above each of `columns` panels; `None` if a word does not fit.
pub(crate) fn wrapped(text: &str, columns: usize) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (
            longer.filter(|line| fits_above(line, columns)),
            lines.last_mut(),
        ) {
            (Some(longer), Some(last)) => *last = longer,
            _ if fits_above(word, columns) => lines.push(word.into()),
            _ => return None,
        }
    }
    Some(lines.join("\n"))
}

/// Whether `text` fits below one of `count` places side by side in one of `columns` panels.
pub(crate) fn fits_beside(text: &str, count: usize, columns: usize) -> bool {
    width_of(text) + SPACE <= panel_width(columns.max(1)) / count.max(1) as f64
}

fn panel_width(columns: usize) -> f64 {
    let columns = columns as f64;
    (WIDTH - LEFT - RIGHT - (columns - 1.0) * BETWEEN_PANELS) / columns
}

/// The approximate width of `text`; a very long text is cut.
pub(crate) fn width_of(text: &str) -> f64 {
    text.chars().take(200).map(advance).sum()
}

/// The approximate width of a letter; capitals, m, w and unusual letters take four fifths of the font's size.
fn advance(letter: char) -> f64 {
    TEXT * match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '-' | '.' | ',' => 0.35,
        'a'..='l' | 'n'..='v' | 'x'..='z' | '0'..='9' => 0.58,
        _ => 0.80,
    }
}
