//! Run directories, tables, figures and the HTML report.
//!
//! A run directory holds everything of an experiment, and everything in it but `config.toml` and
//! `runs/*.csv` follows from those two:
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved settings |
//! | `runs/METHOD-SEED.csv` | every iteration of one run |
//! | `runs/METHOD-SEED.npz` | the same as NumPy arrays |
//! | `summary.json` | measures and status of each run, mean and spread of each method |
//! | `figures/*.svg` | accuracy, the switches enlarged, loss, gain |
//! | `report.html` | all of it on one self-contained page |
//!
//! With `--tensorboard` there are `tensorboard/METHOD-SEED/events.*` too ([`write_events`]), and a sweep's
//! directory holds those of its cells ([`collect_sweep`]).
//!
//! No file holds a date, a duration or a path: the same settings give the same bytes.

mod directory;
mod figure;
mod format;
mod npz;
mod page;
mod published;
mod records;
mod summary;
mod sweep;
mod table;
mod tensorboard;

pub use directory::{build, create, finish, load, rebuild, write_events, write_run};
pub use format::Unit;
pub use published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, Spread, agreement, compare,
    published,
};
pub use summary::{EveryTask, MethodSummary, PerSeed, RunSummary, Summary, summarise_results};
pub use sweep::{Collected, begin_sweep, cell_directory, cell_has_ended, collect_sweep};
pub use table::table;
