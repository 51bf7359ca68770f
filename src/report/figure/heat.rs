//! Heat maps: a value for each pair of two settings, as a colour and as a number.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, FontTransform};

use super::canvas::{Canvas, LEFT, RIGHT, SPACE, UNITS, WIDTH};
use super::chart::Drawing;
use super::legend::Swatch;
use super::palette;
use crate::error::Result;
use crate::report::format::NONE;
use crate::report::table::csv;

/// Maps over one grid, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct HeatMap {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) title: &'static str,
    pub(in crate::report) caption: String,
    /// What the columns are of, and each column's value.
    pub(in crate::report) columns: (&'static str, Vec<f64>),
    /// What the rows are of, and each row's value.
    pub(in crate::report) rows: (&'static str, Vec<f64>),
    /// What each map is of, and its values, `[row][column]`.
    pub(in crate::report) maps: Vec<(&'static str, Vec<Vec<f64>>)>,
    /// Row and column of the cells that have a frame.
    pub(in crate::report) framed: Vec<(usize, usize)>,
    /// What the legend calls the frames, and cells without a value.
    pub(in crate::report) frame: &'static str,
    pub(in crate::report) none: &'static str,
}

impl HeatMap {
    /// The drawing, and the numbers as CSV: a column for each setting and each map. A value that does not
    /// exist is a dash, and empty in the CSV.
    ///
    /// # Errors
    /// [`crate::Error::File`] where drawing fails.
    pub(in crate::report) fn draw(&self) -> Result<Drawing> {
        let mut drawing = String::new();
        let mut legend = Vec::new();
        if !self.framed.is_empty() {
            legend.push((Swatch::Frame, self.frame));
        }
        let values = self.maps.iter().flat_map(|(_, values)| values);
        if values.flatten().any(|value| !value.is_finite()) {
            legend.push((Swatch::Letters(NONE), self.none));
        }
        let (mut canvas, height) = Canvas::new(&mut drawing, &legend, self.maps.len())?;
        for map in 0..self.maps.len() {
            self.draw_map(&mut canvas, map)?;
        }
        canvas.end()?;
        let csv = self.to_csv()?;
        Ok(Drawing::new(
            self.name,
            self.title,
            &self.caption,
            (&drawing, height),
            csv,
        ))
    }

    fn to_csv(&self) -> Result<String> {
        let titles = self.maps.iter().map(|(title, _)| *title);
        let mut lines: Vec<Vec<String>> = vec![
            [self.rows.0, self.columns.0]
                .into_iter()
                .chain(titles)
                .map(String::from)
                .collect(),
        ];
        for (row, y) in self.rows.1.iter().enumerate() {
            for (column, x) in self.columns.1.iter().enumerate() {
                let values = self.maps.iter().map(|(_, values)| values[row][column]);
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

    fn draw_map(&self, canvas: &mut Canvas, map: usize) -> Result<()> {
        let (title, values) = &self.maps[map];
        let all = || values.iter().flatten().copied();
        let (low, high) = (
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        );
        let (top, bottom) = canvas.edges(map);
        let (rows, columns) = (self.rows.1.len() as i32, self.columns.1.len() as i32);
        let x = |column: i32| LEFT + (WIDTH - LEFT - RIGHT) * column / columns;
        let y = |row: i32| top + (bottom - top) * row / rows;
        let middle = |a: i32, b: i32| (a + b) / 2;
        for row in 0..rows {
            let label = self.rows.1[row as usize].to_string();
            let at = (LEFT - SPACE, middle(y(row), y(row + 1)));
            canvas.text(&label, at, HPos::Right, VPos::Center, FontTransform::None)?;
            for column in 0..columns {
                let value = values[row as usize][column as usize];
                // The full colour would hide the number.
                let share = 0.05 + 0.5 * (value - low) / (high - low).max(f64::MIN_POSITIVE);
                // Where there is no value there is no colour.
                let style = palette::method(0)
                    .mix(if share.is_finite() { share } else { 0.0 })
                    .filled();
                let gap = UNITS;
                let corners = [
                    (x(column) + gap, y(row) + gap),
                    (x(column + 1) - gap, y(row + 1) - gap),
                ];
                canvas.done(|b| b.draw_rect(corners[0], corners[1], &style, true))?;
                if self.framed.contains(&(row as usize, column as usize)) {
                    canvas.outline(corners[0], corners[1])?;
                }
                let at = (middle(x(column), x(column + 1)), middle(y(row), y(row + 1)));
                let number = match value.is_finite() {
                    true => format!("{value:.1}"),
                    false => String::from(NONE),
                };
                canvas.text(&number, at, HPos::Center, VPos::Center, FontTransform::None)?;
            }
        }
        for column in 0..columns {
            let label = self.columns.1[column as usize].to_string();
            let at = (middle(x(column), x(column + 1)), bottom + SPACE);
            canvas.text(&label, at, HPos::Center, VPos::Top, FontTransform::None)?;
        }
        let at = (middle(LEFT, WIDTH - RIGHT), top - 15 * UNITS);
        canvas.text(title, at, HPos::Center, VPos::Center, FontTransform::None)?;
        canvas.title_below(map, self.columns.0)?;
        canvas.vertical_title(map, self.rows.0)
    }
}
