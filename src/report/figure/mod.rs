//! Figures as SVG: canvas, axes, charts, heat maps and reliability diagrams.

mod axes;
mod canvas;
mod chart;
mod draw;
mod heat;
mod legend;
mod overlay;
mod palette;
mod points;
mod reliability;
mod svg;
mod thinned;

pub(crate) use self::canvas::{fits_above, fits_beside};
pub use self::chart::Drawing;
pub(crate) use self::chart::{Chart, ChartPanel, ChartRow, Places, Point, Scale, Series};
pub(crate) use self::draw::MOST_BANDS;
pub(crate) use self::heat::HeatMap;
pub(crate) use self::overlay::overlaid;
pub use self::reliability::reliability_diagram;
