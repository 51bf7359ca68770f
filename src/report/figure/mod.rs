//! Figures as SVG: canvas, axes, curves, charts, heat maps and reliability diagrams.

mod axes;
mod canvas;
mod chart;
mod curve;
mod heat;
mod legend;
mod palette;
mod reliability;
mod svg;

pub(crate) use self::axes::{Axis, linear_ticks};
pub(crate) use self::canvas::{Canvas, Panel, fits_above};
pub use self::chart::Drawing;
pub(crate) use self::chart::{Chart, ChartPanel, ChartRow, MOST_BANDS, Point, Series};
pub(crate) use self::curve::{Curve, thinned};
pub(crate) use self::heat::HeatMap;
pub(crate) use self::legend::Swatch;
pub use self::reliability::reliability_diagram;
