//! The legend above the panels: what stands before each label, and how the entries fill rows.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, FontTransform};

use super::canvas::{Canvas, LEFT, RIGHT, SPACE, UNITS, WIDTH, width_of};
use super::palette;
use crate::error::Result;

const ROW: i32 = 27 * UNITS;
const SWATCH: i32 = 26 * UNITS;

/// What stands before a label of the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swatch {
    /// A line in the colour at this index.
    Line(usize),
    /// A cross.
    Cross,
    /// The outline of a cell.
    Frame,
    /// The letters themselves.
    Letters(&'static str),
}

impl Canvas<'_> {
    /// Draws the legend in the upper left corner, below a space.
    pub(super) fn legend(&mut self, legend: &[(Swatch, &str)]) -> Result<()> {
        let (places, _) = places(legend);
        for ((x, row), (swatch, label)) in places.into_iter().zip(legend) {
            let y = SPACE + row * ROW + ROW / 2;
            self.swatch(*swatch, (x, y))?;
            let at = (x + SWATCH + SPACE, y);
            self.text(label, at, HPos::Left, VPos::Center, FontTransform::None)?;
        }
        Ok(())
    }

    /// Draws a swatch whose left edge's middle is at `(x, y)`.
    fn swatch(&mut self, swatch: Swatch, (x, y): (i32, i32)) -> Result<()> {
        let middle = (x + SWATCH / 2, y);
        match swatch {
            Swatch::Line(colour) => {
                let style = palette::method(colour).stroke_width(3 * UNITS as u32);
                self.stroke(&[(x, y), (x + SWATCH, y)], &style)
            }
            Swatch::Cross => self.cross_at(middle, palette::INK),
            Swatch::Frame => self.outline((x, y - SPACE), (x + SWATCH, y + SPACE)),
            Swatch::Letters(text) => self.text(
                text,
                middle,
                HPos::Center,
                VPos::Center,
                FontTransform::None,
            ),
        }
    }
}

/// How high the legend is.
pub(super) fn height(legend: &[(Swatch, &str)]) -> i32 {
    let (_, rows) = places(legend);
    rows * ROW
}

/// Where each entry begins and in which row it is, and how many rows there are.
fn places(legend: &[(Swatch, &str)]) -> (Vec<(i32, i32)>, i32) {
    let (mut x, mut row) = (LEFT, 0);
    let mut places = Vec::new();
    for (_, label) in legend {
        let width = SWATCH + SPACE + width_of(label);
        if x > LEFT && x + width > WIDTH - RIGHT {
            (x, row) = (LEFT, row + 1);
        }
        places.push((x, row));
        x += width + 2 * SPACE;
    }
    (places, row + 1)
}
