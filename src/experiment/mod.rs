//! Experiments as data: settings, presets, and running them over methods and seeds.

mod changes;
mod checkpoints;
mod keys;
mod memory;
mod nearest;
mod one_run;
mod overrides;
pub mod presets;
mod results;
mod run;
mod samples;
mod seeds;
mod settings;
mod sweep;
mod text;
pub(crate) mod validate;
mod variants;

pub use changes::Change;
pub use checkpoints::{Checkpoints, Save};
pub use memory::{available_memory, check_memory, memory_needed};
pub(crate) use nearest::unknown;
pub(crate) use results::hexadecimal;
pub use results::{Results, Run, Status};
pub use run::{Experiment, Outcome};
pub use samples::load_samples;
pub use seeds::parse_seeds;
pub use settings::{
    DataSettings, DataSource, EvaluatedTasks, EvaluationSettings, GainSettings, MemorySettings,
    MethodSettings, NetworkSettings, Settings, StreamKind, StreamSettings, TrainingSettings,
};
pub use sweep::{Cell, Sweep};
pub use variants::variants;
