//! Tables, figures and the HTML report; figures of analyses ([`analyse`]).
//!
//! ```
//! let (published, preset) = neurogain::report::published("split-mnist")?.unwrap();
//! assert_eq!(preset.name, "split-mnist");
//! assert_eq!(published.methods[0].seed_averaged_gap, Some(0.017));
//! # Ok::<(), neurogain::Error>(())
//! ```
//!
mod analyses;
mod comodulation;
mod differences;
mod figure;
mod format;
mod measure;
mod page;
mod published;
pub(crate) mod records;
mod stability_gap;
mod summary;
mod sweep;
mod sweep_chart;
mod table;
mod weights;

pub use analyses::{ANALYSES, Analysis, analyse};
pub use comodulation::{
    ArmDifference, ArmSummary, ComodulationSummary, comodulation, comodulation_table,
    summarise_comodulation,
};
pub use differences::Difference;
pub use figure::{Drawing, reliability_diagram};
pub use format::Unit;
pub use measure::ByMeasure;
pub use published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, PublishedValue, Spread,
    agreement, compare, published,
};
pub use stability_gap::{comparison_page, stability_gap};
pub use summary::{MethodSummary, PerContext, RunSummary, Summary, summarise_results};
pub use sweep::{Collected, begin_sweep, cell_directory, cell_has_ended, collect_sweep};
pub use table::table;
pub use weights::read_weights;
