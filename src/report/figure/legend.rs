//! The legend above the panels: the swatch before each label, and the layout in rows.

use super::canvas::{Canvas, LEFT, RIGHT, SPACE, WIDTH, width_of};
use super::palette;
use super::svg::{Anchor, Place, Stroke};

const ROW: f64 = 27.0;
const SWATCH: f64 = 26.0;

/// The symbol before a label of the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swatch {
    /// The line of the method at this index.
    Line(usize),
    /// Its line with a marker.
    Marked(usize),
    /// Its marker.
    Marker(usize),
    /// The cross of the method at this index.
    Cross(usize),
    /// The outline of a cell.
    Frame,
    /// A text.
    Letters(&'static str),
}

impl Canvas {
    /// Draws the legend in the upper left corner, below a margin.
    pub(crate) fn legend(&mut self, legend: &[(Swatch, &str)]) {
        let (places, _) = places(legend);
        for ((x, row), (swatch, label)) in places.into_iter().zip(legend) {
            let y = SPACE + row * ROW + ROW / 2.0;
            self.swatch(*swatch, (x, y));
            let at = (x + SWATCH + SPACE, y);
            self.svg.text(label, at, Anchor::Start);
        }
    }

    /// Draws a swatch; `(x, y)` is the middle of its left edge.
    fn swatch(&mut self, swatch: Swatch, (x, y): Place) {
        let middle = (x + SWATCH / 2.0, y);
        match swatch {
            Swatch::Line(index) => {
                let style = Stroke::method(index, 3.0);
                self.svg.polyline(&[(x, y), (x + SWATCH, y)], &style);
            }
            Swatch::Marked(index) => {
                self.swatch(Swatch::Line(index), (x, y));
                self.marker_at(middle, index);
            }
            Swatch::Marker(index) => self.marker_at(middle, index),
            Swatch::Cross(index) => self.cross_at(middle, palette::method(index)),
            Swatch::Frame => self.outline((x, y - SPACE), (x + SWATCH, y + SPACE)),
            Swatch::Letters(text) => self.svg.text(text, middle, Anchor::Middle),
        }
    }
}

/// The height of the legend.
pub(crate) fn height(legend: &[(Swatch, &str)]) -> f64 {
    match legend.is_empty() {
        true => 0.0,
        false => places(legend).1 * ROW,
    }
}

/// The start and the row of each entry, and the number of rows.
fn places(legend: &[(Swatch, &str)]) -> (Vec<(f64, f64)>, f64) {
    // A little left of the panels, so that more labels fit into a row.
    let left = LEFT - SPACE;
    let (mut x, mut row) = (left, 0.0);
    let mut places = Vec::new();
    for (_, label) in legend {
        let width = SWATCH + SPACE + width_of(label);
        if x > left && x + width > WIDTH - RIGHT {
            (x, row) = (left, row + 1.0);
        }
        places.push((x, row));
        x += width + 2.0 * SPACE;
    }
    (places, row + 1.0)
}
