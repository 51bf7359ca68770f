//! Drawing: where panels are, and lines, bands and text on them.

use std::fmt::Display;
use std::path::Path;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::axes::{Axis, decimals};
use super::curve::{Curve, thinned};
use super::legend::{self, Swatch};
use super::palette;
use crate::error::{Error, Result};

/// Drawing units a pixel: the drawing library has whole units, and a quarter of a pixel is smooth.
pub(super) const UNITS: i32 = 4;

pub(super) const WIDTH: i32 = 640 * UNITS;
pub(super) const LEFT: i32 = 80 * UNITS;
pub(super) const RIGHT: i32 = 28 * UNITS;
const BOTTOM: i32 = 60 * UNITS;
/// A plot's height where the drawing has one row of panels, and where it has several.
const PLOT_HEIGHTS: [i32; 2] = [290 * UNITS, 210 * UNITS];
const BETWEEN_PANELS: i32 = 16 * UNITS;
const ABOVE_PLOT: i32 = 28 * UNITS;
/// As large as it is so that it can be read where the figure is 360 pixels wide.
const TEXT: i32 = 19 * UNITS;
pub(super) const SPACE: i32 = 8 * UNITS;
/// From the middle of a cross to its corners.
const CROSS: i32 = 5 * UNITS;

/// One of `columns` panels side by side in a row.
pub(super) struct Panel<'a> {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) columns: usize,
    /// The values at its left and right edge.
    pub(super) x: (f64, f64),
    pub(super) y: &'a Axis,
}

impl Panel<'_> {
    fn left_and_width(&self) -> (i32, i32) {
        let width = panel_width(self.columns as i32);
        (LEFT + self.column as i32 * (width + BETWEEN_PANELS), width)
    }

    fn horizontal(&self, value: f64) -> i32 {
        let (left, width) = self.left_and_width();
        let share = (value - self.x.0) / (self.x.1 - self.x.0);
        left + (f64::from(width) * share.clamp(0.0, 1.0)).round() as i32
    }

    /// The indices of `curve` whose iterations, counted from `origin`, are in the panel.
    fn visible(&self, curve: &Curve, origin: f64) -> Vec<usize> {
        let first = (origin + self.x.0 - 1.0).ceil().max(0.0) as usize;
        let end = ((origin + self.x.1).floor().max(0.0) as usize).min(curve.mean.len());
        thinned(&curve.mean, first.min(end)..end)
    }
}

/// A drawing in progress: legend on top, panels below it.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
    /// Upper edge of the first row of panels.
    top: i32,
    plot_height: i32,
}

impl<'a> Canvas<'a> {
    /// Begins a drawing of so many rows of panels in `text`, with a legend, and says how high it is.
    pub(super) fn new(
        text: &'a mut String,
        legend: &[(Swatch, &str)],
        rows: usize,
    ) -> Result<(Self, i32)> {
        let top = SPACE + legend::height(legend) + ABOVE_PLOT;
        let plot_height = PLOT_HEIGHTS[usize::from(rows > 1)];
        let height = top + rows as i32 * (plot_height + BOTTOM + ABOVE_PLOT) - ABOVE_PLOT;
        let backend = SVGBackend::with_string(text, (WIDTH as u32, height as u32));
        let mut canvas = Canvas {
            backend,
            top,
            plot_height,
        };
        let background = palette::BACKGROUND.filled();
        canvas.done(|b| b.draw_rect((0, 0), (WIDTH, height), &background, true))?;
        canvas.legend(legend)?;
        Ok((canvas, height))
    }

    /// Ends the drawing.
    pub(super) fn end(mut self) -> Result<()> {
        self.done(|backend| backend.present())
    }

    /// Upper and lower edge of the panels of a row.
    pub(super) fn edges(&self, row: usize) -> (i32, i32) {
        let top = self.top + row as i32 * (self.plot_height + BOTTOM + ABOVE_PLOT);
        (top, top + self.plot_height)
    }

    /// Grid, ticks and their labels, and the title below.
    pub(super) fn frame(&mut self, panel: &Panel, x_ticks: &[f64], x_title: &str) -> Result<()> {
        let (left, width) = panel.left_and_width();
        let (_, bottom) = self.edges(panel.row);
        let grid = palette::GRID.stroke_width(UNITS as u32);
        for (value, label) in panel.y.ticks() {
            let y = self.vertical(panel, value);
            self.stroke(&[(left, y), (left + width, y)], &grid)?;
            if panel.column == 0 {
                let at = (left - SPACE, y);
                self.text(&label, at, HPos::Right, VPos::Center, FontTransform::None)?;
            }
        }
        let ink = palette::INK.stroke_width(UNITS as u32);
        self.stroke(&[(left, bottom), (left + width, bottom)], &ink)?;
        let decimals = decimals(x_ticks);
        for value in x_ticks {
            let x = panel.horizontal(*value);
            self.stroke(&[(x, bottom), (x, bottom + 5 * UNITS)], &ink)?;
            let at = (x, bottom + SPACE);
            let label = format!("{value:.decimals$}").replace('-', "−");
            self.text(&label, at, HPos::Center, VPos::Top, FontTransform::None)?;
        }
        let at = (left + width / 2, bottom + 34 * UNITS);
        self.text(x_title, at, HPos::Center, VPos::Top, FontTransform::None)
    }

    /// A title below all panels of a row.
    pub(super) fn title_below(&mut self, row: usize, title: &str) -> Result<()> {
        let at = ((LEFT + WIDTH - RIGHT) / 2, self.edges(row).1 + 34 * UNITS);
        self.text(title, at, HPos::Center, VPos::Top, FontTransform::None)
    }

    /// The title of a row's vertical axis.
    pub(super) fn vertical_title(&mut self, row: usize, title: &str) -> Result<()> {
        let (top, bottom) = self.edges(row);
        let at = (4 * UNITS, (top + bottom) / 2);
        self.text(title, at, HPos::Center, VPos::Top, FontTransform::Rotate270)
    }

    /// A label above the panel, centred at `value`.
    pub(super) fn above(&mut self, panel: &Panel, value: f64, label: &str) -> Result<()> {
        let at = (
            panel.horizontal(value),
            self.edges(panel.row).0 - 15 * UNITS,
        );
        self.text(label, at, HPos::Center, VPos::Center, FontTransform::None)
    }

    /// The dashed line of a switch.
    pub(super) fn switch(&mut self, panel: &Panel, value: f64) -> Result<()> {
        let x = panel.horizontal(value);
        let style = palette::SWITCH.stroke_width(3 * UNITS as u32 / 2);
        let (top, bottom) = self.edges(panel.row);
        self.stroke(&[(x, top - 4 * UNITS), (x, bottom)], &style)
    }

    /// Mean ± standard error, iterations counted from `origin`.
    pub(super) fn band(&mut self, panel: &Panel, curve: &Curve, origin: f64) -> Result<()> {
        let visible = panel.visible(curve, origin).into_iter();
        let around = |at: usize| {
            let (mean, error) = (curve.mean[at], curve.error[at]);
            ((at + 1) as f64 - origin, mean - error, mean + error)
        };
        let points: Vec<(f64, f64, f64)> = visible.map(around).collect();
        self.area(panel, curve.colour, &points)
    }

    /// The mean, iterations counted from `origin`.
    pub(super) fn line(&mut self, panel: &Panel, curve: &Curve, origin: f64) -> Result<()> {
        let visible = panel.visible(curve, origin).into_iter();
        let point = |at: usize| ((at + 1) as f64 - origin, curve.mean[at]);
        let points: Vec<(f64, f64)> = visible.map(point).collect();
        self.polyline(panel, curve.colour, &points)
    }

    /// What lies between the low and the high value at each x, `(x, low, high)`.
    pub(super) fn area(
        &mut self,
        panel: &Panel,
        colour: usize,
        points: &[(f64, f64, f64)],
    ) -> Result<()> {
        let at = |x: f64, y: f64| (panel.horizontal(x), self.vertical(panel, y));
        let high = points.iter().map(|&(x, _, high)| at(x, high));
        let low = points.iter().rev().map(|&(x, low, _)| at(x, low));
        let outline: Vec<(i32, i32)> = high.chain(low).collect();
        let style = palette::method(colour).mix(0.22).filled();
        self.done(|backend| backend.fill_polygon(outline, &style))
    }

    /// A line through the points `(x, y)`.
    pub(super) fn polyline(
        &mut self,
        panel: &Panel,
        colour: usize,
        points: &[(f64, f64)],
    ) -> Result<()> {
        let at = |&(x, y): &(f64, f64)| (panel.horizontal(x), self.vertical(panel, y));
        let points: Vec<(i32, i32)> = points.iter().map(at).collect();
        let style = palette::method(colour).stroke_width(2 * UNITS as u32);
        self.stroke(&points, &style)
    }

    /// A dot at `(x, y)`, for a line of one point.
    pub(super) fn dot(&mut self, panel: &Panel, colour: usize, (x, y): (f64, f64)) -> Result<()> {
        let at = (panel.horizontal(x), self.vertical(panel, y));
        let style = palette::method(colour).filled();
        self.done(|backend| backend.draw_circle(at, 4 * UNITS as u32, &style, true))
    }

    /// A cross at `x` on the lower edge of the panel, or `level` crosses above that.
    pub(super) fn cross(
        &mut self,
        panel: &Panel,
        colour: usize,
        x: f64,
        level: usize,
    ) -> Result<()> {
        let (_, bottom) = self.edges(panel.row);
        let at = (panel.horizontal(x), bottom - level as i32 * 3 * CROSS);
        self.cross_at(at, palette::method(colour))
    }

    /// A cross whose middle is at `(x, y)` of the drawing.
    pub(super) fn cross_at(&mut self, (x, y): (i32, i32), colour: RGBColor) -> Result<()> {
        let style = colour.stroke_width(5 * UNITS as u32 / 2);
        self.stroke(&[(x - CROSS, y - CROSS), (x + CROSS, y + CROSS)], &style)?;
        self.stroke(&[(x - CROSS, y + CROSS), (x + CROSS, y - CROSS)], &style)
    }

    /// The outline of a rectangle of the drawing.
    pub(super) fn outline(
        &mut self,
        (left, top): (i32, i32),
        (right, bottom): (i32, i32),
    ) -> Result<()> {
        let frame = palette::INK.stroke_width(2 * UNITS as u32);
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        self.stroke(&corners, &frame)
    }

    /// A bar from the panel's lower edge, of this width along the horizontal axis.
    pub(super) fn bar(
        &mut self,
        panel: &Panel,
        colour: usize,
        (from, to): (f64, f64),
        high: f64,
    ) -> Result<()> {
        let low = self.edges(panel.row).1;
        let (left, right) = (panel.horizontal(from), panel.horizontal(to));
        let high = self.vertical(panel, high);
        let outline = [(left, low), (left, high), (right, high), (right, low)];
        let fill = palette::method(colour).mix(0.3).filled();
        self.done(|backend| backend.fill_polygon(outline, &fill))?;
        let line = palette::method(colour).stroke_width(UNITS as u32);
        self.stroke(&outline, &line)
    }

    /// A horizontal line of this width along the horizontal axis.
    pub(super) fn level(&mut self, panel: &Panel, (from, to): (f64, f64), y: f64) -> Result<()> {
        let y = self.vertical(panel, y);
        let ends = [(panel.horizontal(from), y), (panel.horizontal(to), y)];
        self.stroke(&ends, &palette::INK.stroke_width(2 * UNITS as u32))
    }

    /// A dashed line through the points `(x, y)`.
    pub(super) fn dashed(&mut self, panel: &Panel, points: &[(f64, f64)]) -> Result<()> {
        let at = |&(x, y): &(f64, f64)| (panel.horizontal(x), self.vertical(panel, y));
        let points: Vec<(i32, i32)> = points.iter().map(at).collect();
        self.stroke(&points, &palette::SWITCH.stroke_width(3 * UNITS as u32 / 2))
    }

    /// The minima of the contexts in the panel, dotted.
    pub(super) fn minima(&mut self, panel: &Panel, curve: &Curve, origin: f64) -> Result<()> {
        let colour = palette::dotted(palette::method(curve.colour));
        let style = colour.stroke_width(5 * UNITS as u32 / 2);
        for (first, last, minimum) in &curve.minima {
            let (first, last) = (*first as f64 - origin, *last as f64 - origin);
            if last <= panel.x.0.max(0.0) || first >= panel.x.1 {
                continue;
            }
            let y = self.vertical(panel, *minimum);
            let ends = [(panel.horizontal(first), y), (panel.horizontal(last), y)];
            self.stroke(&ends, &style)?;
        }
        Ok(())
    }

    fn vertical(&self, panel: &Panel, value: f64) -> i32 {
        let share = panel.y.share(value);
        let (top, _) = self.edges(panel.row);
        top + (f64::from(self.plot_height) * (1.0 - share)).round() as i32
    }

    /// A line through points of the drawing.
    pub(super) fn stroke(&mut self, points: &[(i32, i32)], style: &ShapeStyle) -> Result<()> {
        self.done(|backend| backend.draw_path(points.iter().copied(), style))
    }

    /// Text whose place is `at`.
    pub(super) fn text(
        &mut self,
        text: &str,
        at: (i32, i32),
        horizontal: HPos,
        vertical: VPos,
        transform: FontTransform,
    ) -> Result<()> {
        // The library takes the height of the line and writes the height of the letters.
        let font = ("sans-serif", f64::from(TEXT) * 1.24).into_font();
        let style = TextStyle::from(font.transform(transform))
            .color::<RGBColor>(&palette::INK)
            .pos(Pos::new(horizontal, vertical));
        // Control characters have no place in XML, however escaped.
        let text = text.replace(char::is_control, " ");
        self.done(|backend| backend.draw_text(&text, &style, at))
    }

    /// Draws, with the crate's own error.
    pub(super) fn done<E: Display>(
        &mut self,
        draw: impl FnOnce(&mut SVGBackend<'a>) -> core::result::Result<(), E>,
    ) -> Result<()> {
        draw(&mut self.backend).map_err(|e| Error::file(Path::new("figures"), "draw", e))
    }
}

/// Whether `text` has room above each of `columns` panels.
pub(in crate::report) fn fits_above(text: &str, columns: usize) -> bool {
    width_of(text) <= panel_width(columns.max(1) as i32)
}

fn panel_width(columns: i32) -> i32 {
    (WIDTH - LEFT - RIGHT - (columns - 1) * BETWEEN_PANELS) / columns
}

/// About how wide `text` is, which is cut where it has no end.
pub(super) fn width_of(text: &str) -> i32 {
    text.chars().take(200).map(advance).sum()
}

/// About how wide a letter is: capitals, m, w and everything unusual, four fifths of the font's size.
fn advance(letter: char) -> i32 {
    match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '-' | '.' | ',' => TEXT * 35 / 100,
        'a'..='l' | 'n'..='v' | 'x'..='z' | '0'..='9' => TEXT * 58 / 100,
        _ => TEXT * 80 / 100,
    }
}
