//! NeuMoSync (arXiv 2608.04358): a main network whose weights and activity are modulated, neuron by neuron, by the
//! signals of a second network, NeuroSync.
//!
//! The paper's text and code were not at hand. *Known* is what its readers report; *chosen* is ours. Each type says
//! which is which.

mod backward;
mod config;
mod dense;
mod forward;
mod input;
mod layer;
mod main_network;
mod model;
mod neurosync;
mod signals;
mod statistics;

pub use config::{Ablation, ActivitySignals, NeuMoSyncConfig, SignalBound, SignalMode};
use main_network::GivenSignals;
pub use main_network::MainNetwork;
pub use model::InferenceNetwork;
pub use neurosync::NeuroSync;
pub use signals::{LayerSignals, Signals, StaticSignals};
