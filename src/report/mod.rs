//! Run directories, tables, figures and the HTML report; figures of analyses ([`analyse`]).
//!
//! A run directory holds everything of an experiment, and everything in it but `config.toml` and
//! `runs/*.csv` follows from those two:
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved settings |
//! | `runs/METHOD-SEED.csv` | every iteration of one run |
//! | `summary.json` | measures and status of each run, mean and spread of each method, differences |
//! | `figures/*.svg` | accuracy, the switches enlarged, loss, gain |
//! | `report.html` | all of it on one self-contained page |
//!
//! No file holds a date, a duration or a path: the same settings give the same bytes.

mod analyses;
mod differences;
mod directory;
mod figure;
mod format;
mod page;
mod published;
mod records;
mod summary;
mod table;

pub use analyses::{ANALYSES, Analysis, analyse};
pub use differences::Difference;
pub use directory::{build, create, finish, load, rebuild, write_run};
pub use figure::Drawing;
pub use format::Unit;
pub use published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, Spread, agreement, compare,
    published,
};
pub use summary::{EveryTask, MethodSummary, PerSeed, RunSummary, Summary, summarise_results};
pub use table::table;
