//! Drawing: the layout of panels, and lines, bands and text on them.

use super::axes::{Axis, decimals};
use super::curve::{Curve, thinned};
use super::legend::{self, Swatch};
use super::palette::{self, Colour, INK};
use super::svg::{Anchor, Place, Stroke, Svg, TEXT};

// In pixels.
pub(crate) const WIDTH: f64 = 640.0;
pub(crate) const LEFT: f64 = 80.0;
pub(crate) const RIGHT: f64 = 28.0;
const BOTTOM: f64 = 60.0;
/// A plot's height in a drawing with one row of panels, and with several.
const PLOT_HEIGHTS: [f64; 2] = [290.0, 210.0];
const BETWEEN_PANELS: f64 = 16.0;
const ABOVE_PLOT: f64 = 28.0;
pub(crate) const SPACE: f64 = 8.0;
/// Half the width of a cross.
const CROSS: f64 = 5.0;

/// One of `columns` panels side by side in a row.
pub(crate) struct Panel<'a> {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) columns: usize,
    /// The values at its left and right edges.
    pub(crate) x: (f64, f64),
    pub(crate) y: &'a Axis,
}

impl Panel<'_> {
    fn left_and_width(&self) -> (f64, f64) {
        let width = panel_width(self.columns);
        (LEFT + self.column as f64 * (width + BETWEEN_PANELS), width)
    }

    fn horizontal(&self, value: f64) -> f64 {
        let (left, width) = self.left_and_width();
        let share = (value - self.x.0) / (self.x.1 - self.x.0);
        left + width * share.clamp(0.0, 1.0)
    }

    /// The indices of `curve` whose iterations, counted from `origin`, are in the panel.
    fn visible(&self, curve: &Curve, origin: f64) -> Vec<usize> {
        let first = (origin + self.x.0 - 1.0).ceil().max(0.0) as usize;
        let end = ((origin + self.x.1).floor().max(0.0) as usize).min(curve.mean.len());
        thinned(&curve.mean, first.min(end)..end)
    }
}

/// A drawing in progress: the legend, and the panels below it.
pub(crate) struct Canvas {
    pub(super) svg: Svg,
    /// Upper edge of the first row of panels.
    top: f64,
    plot_height: f64,
    height: f64,
}

impl Canvas {
    /// Begins a drawing of this many rows of panels, with a legend.
    pub(crate) fn new(legend: &[(Swatch, &str)], rows: usize) -> Self {
        let top = SPACE + legend::height(legend) + ABOVE_PLOT;
        let plot_height = PLOT_HEIGHTS[usize::from(rows > 1)];
        let height = top + rows as f64 * (plot_height + BOTTOM + ABOVE_PLOT) - ABOVE_PLOT;
        let mut canvas = Canvas {
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
        let top = self.top + row as f64 * (self.plot_height + BOTTOM + ABOVE_PLOT);
        (top, top + self.plot_height)
    }

    /// Grid, ticks and their labels, and the title below.
    pub(crate) fn frame(&mut self, panel: &Panel, x_ticks: &[f64], x_title: &str) {
        let (left, width) = panel.left_and_width();
        let (_, bottom) = self.edges(panel.row);
        let grid = Stroke::solid(palette::GRID, 1.0);
        for (value, label) in panel.y.ticks() {
            let y = self.vertical(panel, value);
            self.svg.polyline(&[(left, y), (left + width, y)], grid);
            if panel.column == 0 {
                self.svg.text(&label, (left - SPACE, y), Anchor::End);
            }
        }
        let ink = Stroke::solid(INK, 1.0);
        self.svg
            .polyline(&[(left, bottom), (left + width, bottom)], ink);
        let decimals = decimals(x_ticks);
        for value in x_ticks {
            let x = panel.horizontal(*value);
            self.svg.polyline(&[(x, bottom), (x, bottom + 5.0)], ink);
            let label = format!("{value:.decimals$}").replace('-', "−");
            self.svg.text(&label, (x, bottom + SPACE), Anchor::Below);
        }
        let at = (left + width / 2.0, bottom + 34.0);
        self.svg.text(x_title, at, Anchor::Below);
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
        self.svg.polyline(&[(x, top - 4.0), (x, bottom)], style);
    }

    /// Each curve's band and mean, and dotted minima within each context; iterations are counted from `origin`.
    pub(crate) fn curves(&mut self, panel: &Panel, curves: &[Curve], origin: f64) {
        for curve in curves {
            let visible = panel.visible(curve, origin).into_iter();
            let around = |at: usize| {
                let (mean, error) = (curve.mean[at], curve.error[at]);
                ((at + 1) as f64 - origin, mean - error, mean + error)
            };
            self.area(
                panel,
                curve.colour,
                &visible.map(around).collect::<Vec<_>>(),
            );
        }
        for curve in curves {
            self.minima(panel, curve, origin);
        }
        for curve in curves {
            let visible = panel.visible(curve, origin).into_iter();
            let point = |at: usize| ((at + 1) as f64 - origin, curve.mean[at]);
            self.polyline(panel, curve.colour, &visible.map(point).collect::<Vec<_>>());
        }
    }

    fn minima(&mut self, panel: &Panel, curve: &Curve, origin: f64) {
        let style = Stroke::dotted(palette::method(curve.colour), 2.5);
        for (first, last, minimum) in &curve.minima {
            let (first, last) = (*first as f64 - origin, *last as f64 - origin);
            if last > panel.x.0.max(0.0) && first < panel.x.1 {
                let ends = [(first, *minimum), (last, *minimum)];
                self.stroke(panel, &ends, style);
            }
        }
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
        self.stroke(panel, points, Stroke::method(colour, 2.0));
    }

    /// A dot at `point`, for a line of one point.
    pub(crate) fn dot(&mut self, panel: &Panel, colour: usize, point: (f64, f64)) {
        let at = self.at(panel, point);
        self.svg.circle(at, 4.0, palette::method(colour));
    }

    /// A cross at `x` on the lower edge of the panel, or `level` crosses above that.
    pub(crate) fn cross(&mut self, panel: &Panel, colour: usize, x: f64, level: usize) {
        let y = self.edges(panel.row).1 - level as f64 * 3.0 * CROSS;
        self.cross_at((panel.horizontal(x), y), palette::method(colour));
    }

    /// A cross whose middle is at `(x, y)` of the drawing.
    pub(super) fn cross_at(&mut self, (x, y): Place, colour: Colour) {
        let style = Stroke::solid(colour, 2.5);
        for end in [CROSS, -CROSS] {
            let line = [(x - CROSS, y - end), (x + CROSS, y + end)];
            self.svg.polyline(&line, style);
        }
    }

    /// The outline of a rectangle of the drawing.
    pub(crate) fn outline(&mut self, (left, top): Place, (right, bottom): Place) {
        let (upper, lower) = (
            [(left, top), (right, top)],
            [(right, bottom), (left, bottom)],
        );
        let corners = [upper[0], upper[1], lower[0], lower[1], upper[0]];
        self.svg.polyline(&corners, Stroke::solid(INK, 2.0));
    }

    /// A bar from the panel's lower edge, of this width along the horizontal axis.
    pub(crate) fn bar(&mut self, panel: &Panel, colour: usize, (from, to): (f64, f64), high: f64) {
        let low = self.edges(panel.row).1;
        let (left, right) = (self.at(panel, (from, high)), self.at(panel, (to, high)));
        let outline = [(left.0, low), left, right, (right.0, low)];
        let colour = palette::method(colour);
        self.svg.polygon(&outline, colour, 0.3);
        self.svg.polyline(&outline, Stroke::solid(colour, 1.0));
    }

    /// A horizontal line of this width along the horizontal axis.
    pub(crate) fn level(&mut self, panel: &Panel, (from, to): (f64, f64), y: f64) {
        self.stroke(panel, &[(from, y), (to, y)], Stroke::solid(INK, 2.0));
    }

    /// A dashed line through the points `(x, y)`.
    pub(crate) fn dashed(&mut self, panel: &Panel, points: &[(f64, f64)]) {
        self.stroke(panel, points, Stroke::dashed(palette::SWITCH, 1.5));
    }

    fn stroke(&mut self, panel: &Panel, points: &[(f64, f64)], style: Stroke) {
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
