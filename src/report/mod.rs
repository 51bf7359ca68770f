//! The building blocks of reports: measures, text tables and CSV, SVG figures, and the page. Each system makes its
//! report from these.

pub(crate) mod figure;
pub(crate) mod format;
pub(crate) mod measure;
pub(crate) mod page;
pub(crate) mod table;

pub use figure::{Drawing, reliability_diagram};
pub use format::Unit;
pub use measure::{Better, ByMeasure, Measure, Shown};
