//! Experiments on streams of contexts: the settings, learners and prepared data that several systems share.

mod check;
mod learners;
mod memory;
mod network;
mod prepared;
mod settings;
mod stream;

pub(crate) use check::{check_methods, check_stream};
pub(crate) use learners::build;
pub use learners::{LearnerKind, Registration, Setup, known as learners, register};
pub(crate) use memory::{CHECKPOINT_COPIES, Demand, described, memory_of_runs};
pub(crate) use network::NetworkConfig;
pub(crate) use prepared::{Prepared, Tests};
pub use settings::{
    GainSettings, MethodSettings, NetworkSettings, ReplaySettings, StreamSettings, StreamTraining,
    TrainingSettings,
};
