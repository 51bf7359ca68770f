//! Experiments as data: settings, presets, and running them over methods and seeds.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::data::digits;
//! use neurogain::experiment::{Experiment, presets};
//! let short = ["stream.iterations=5", "stream.contexts=[[0, 1], [0, 1, 2, 3]]"];
//! let settings = presets::settings("split-digits")?.with_overrides(&short)?.with_seeds(&[1])?;
//! let cpu = Cpu::new()?;
//! let experiment = Experiment::new(&settings, &digits::load(), &cpu)?;
//! let results = experiment.run(1, &AtomicBool::new(false))?;
//! assert_eq!(results.runs.len(), 4);
//! # Ok::<(), neurogain::Error>(())
//! ```

pub mod comodulation;
mod learners;
mod memory;
mod one_run;
pub mod presets;
mod results;
mod run;
mod samples;
mod seeds;
mod settings;
mod shipped;
mod stream;
mod sweep;
mod validate;
mod variants;

pub use learners::{LearnerKind, Registration, Setup, known as learners, register};
pub use memory::{available_memory, check_memory, memory_needed};
use results::hash_parameters;

pub use results::{Results, Run};
pub use run::Experiment;
pub(crate) use run::evenly;
pub(crate) use run::{jobs, method_and_seed};
pub use samples::{data_digest, load_samples};
pub use seeds::parse_seeds;
pub use settings::{
    DataSettings, DataSource, EvaluatedTasks, EvaluationSettings, GainSettings, MemorySettings,
    MethodSettings, NetworkSettings, Settings, StreamSettings, StreamTraining, TrainingSettings,
};
pub(crate) use shipped::DOCUMENTS;
pub use shipped::shipped;
pub(crate) use sweep::Axis;
pub use sweep::{Cell, Sweep};
pub use variants::variants;

pub use crate::run::settings::{Change, annotated, json_schema, reference, unknown};
