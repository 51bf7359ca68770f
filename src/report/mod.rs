//! What reports are made of: measures as rows of a table, text and CSV, figures as SVG, and the
//! page. Each system makes its own report of these.

pub(crate) mod figure;
pub(crate) mod format;
pub(crate) mod measure;
pub(crate) mod page;
pub(crate) mod table;

pub use figure::{Drawing, reliability_diagram};
pub use format::Unit;
pub use measure::{Better, ByMeasure, Measure, Shown};
