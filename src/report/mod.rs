//! Run directories, tables, figures and the HTML report; figures of analyses ([`analyse`]).
//!
//! ```
//! let (published, preset) = neurogain::report::published("split-mnist")?.unwrap();
//! assert_eq!(preset.name, "split-mnist");
//! assert_eq!(published.methods[0].seed_averaged_gap, Some(0.017));
//! # Ok::<(), neurogain::Error>(())
//! ```
//!
//! A run directory holds everything of an experiment, and everything in it but `config.toml`,
//! `runs/*.csv` and `weights` follows from the first two:
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved settings |
//! | `data.sha256` | a digest of the samples, which runs that go on must find again |
//! | `runs/METHOD-SEED.csv` | every iteration of one run |
//! | `runs/METHOD-SEED.npz` | the same as NumPy arrays |
//! | `weights/METHOD-SEED.safetensors` | the final weights, gains and running statistics, and the run's hash |
//! | `checkpoints/METHOD-SEED.safetensors` | what a run goes on from; gone once all have ended |
//! | `summary.json` | measures and status of each run, mean and spread of each method, differences |
//! | `figures/*.svg` | accuracy, the switches enlarged, loss, gain |
//! | `report.html` | all of it on one self-contained page |
//!
//! A layer's weights are `LAYER` in the file, row-major `[outputs][inputs]`, or `[outputs][size][size][inputs]`
//! of a convolution, which PyTorch has as `.permute(0, 3, 1, 2)`; its gains are `LAYER.gain`, and
//! `LAYER.running` are running means, then variances. In Python:
//!
//! ```python
//! from safetensors.torch import load_file
//! tensors = load_file("runs/split-digits-001/weights/ngm-sgd-42.safetensors")
//! w_eff = tensors["hidden1.gain"][:, None] * tensors["hidden1"]
//! ```
//!
//! Checkpoints and weights are on the disk before they have their names, so that a run that is killed at any
//! moment goes on from the last one; [`resume`] says how.
//!
//! With `--tensorboard` there are `tensorboard/METHOD-SEED/events.*` too ([`write_events`]), and a sweep's
//! directory holds those of its cells ([`collect_sweep`]).
//!
//! No file holds a date, a duration or a path: the same settings give the same bytes.

mod analyses;
mod comodulation;
mod differences;
mod directory;
mod figure;
mod files;
mod format;
mod npz;
mod page;
mod published;
mod records;
mod resume;
mod state;
mod summary;
mod sweep;
mod sweep_chart;
mod table;
mod tensorboard;
mod weights;

pub use analyses::{ANALYSES, Analysis, analyse};
pub use comodulation::{
    ArmDifference, ArmSummary, ComodulationDirectory, ComodulationSummary, Measured,
    comodulation_table, finish_comodulation, rebuild_comodulation, summarise_comodulation,
};
pub use differences::Difference;
pub use directory::{
    build, check_data, create, finish, load, rebuild, settings, write_events, write_run,
};
pub use figure::{Drawing, reliability_diagram};
pub use format::Unit;
pub use published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, Spread, agreement, compare,
    published,
};
pub use resume::{Lock, Resumed, resume};
pub use state::save;
pub use summary::{EveryTask, MethodSummary, PerSeed, RunSummary, Summary, summarise_results};
pub use sweep::{Collected, begin_sweep, cell_directory, cell_has_ended, collect_sweep};
pub use table::table;
pub use weights::read_weights;
