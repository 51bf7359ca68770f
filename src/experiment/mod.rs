//! Experiments as data: settings, presets, and running them over methods and seeds.

mod settings;

pub use settings::{
    DataSettings, DataSource, GainSettings, MethodSettings, NetworkSettings, OptimiserSettings,
    Settings, StreamSettings, TrainingSettings,
};
