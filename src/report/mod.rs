//! What reports are made of: measures as rows of a table, text and CSV, figures as SVG, the page, and the report on a
//! sweep. Each system makes its own report of these.

pub(crate) mod figure;
pub(crate) mod format;
pub(crate) mod measure;
pub(crate) mod page;
mod sweep;
mod sweep_chart;
pub(crate) mod table;

pub use figure::{Drawing, reliability_diagram};
pub use format::Unit;
pub use measure::ByMeasure;
pub use sweep::{Collected, begin_sweep, cell_directory, cell_has_ended, collect_sweep};
