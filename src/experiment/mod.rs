//! Experiments as data: settings, presets, and running them over methods and seeds.

mod keys;
mod nearest;
mod overrides;
pub mod presets;
mod run;
mod seeds;
mod settings;
mod text;
mod validate;

pub use run::{Outcome, run};
pub use seeds::parse_seeds;
pub use settings::{
    DataSettings, DataSource, GainSettings, MethodSettings, NetworkSettings, OptimiserSettings,
    Settings, StreamSettings, TrainingSettings,
};
