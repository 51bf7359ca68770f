//! The frame of every experiment: a plan of jobs, the runner, the store and the run directory.
//!
//! A [`System`] turns its settings into a plan of [`Job`]s. A job runs from its settings and seed, and from the final
//! states of the jobs that it depends on; it produces one [`Outcome`] (records as named columns, details as JSON, a
//! hash) and a final state. [`run`] runs the jobs of a plan in parallel, resumes the jobs that a [`Store`] holds a
//! checkpoint of, and stores the results. [`RunDirectory`] is the store on disk, [`MemoryStore`] the one in memory.

mod compare;
pub mod continual;
mod differences;
mod directory;
pub(crate) mod files;
mod hash;
mod live;
mod lock;
mod memory;
mod missing;
mod npz;
mod origin;
mod pool;
mod progress;
mod records;
mod runner;
mod samples;
mod seeds;
pub mod settings;
mod state;
mod store;
mod sweep;
mod system;
mod tensorboard;
mod weights;

pub use compare::compare;
pub use differences::Compared;
pub use directory::RunDirectory;
pub(crate) use hash::hash_parameters;
pub use lock::Lock;
pub use memory::{MemoryNeed, available_memory};
pub use missing::check_run_directory;
pub use origin::{DataOrigin, FilesOrigin};
pub use pool::{on_threads, run_jobs};
pub use progress::{JobProgress, PlanProgress, Progress, Steps};
pub(crate) use records::Csv;
pub use records::{Column, Records};
pub(crate) use runner::cannot_begin;
pub use runner::{Options, Session, all_ended, fill, run};
pub use samples::{DataSettings, DataSource, data_digest, load_samples};
pub(crate) use samples::{check_data, evenly};
pub(crate) use seeds::check_seeds;
pub use seeds::parse_seeds;
pub(crate) use state::{digest, hexadecimal};
pub use store::{MemoryStore, Store};
pub use sweep::{
    Cell, Collected, Sweep, SweepSource, begin_sweep, cell_directory, cell_has_ended, collect_sweep,
};
pub use system::{
    Best, Experiment, ExperimentSummary, Job, MethodMeasures, Named, Outcome, Report, Saved, Size,
    Status, System,
};
pub use weights::read_weights;
