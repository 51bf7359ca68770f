//! The promises of this crate, one module per promise: `cargo test --test suite gradients` runs the tests whose path
//! contains the word. Tests that need a special allocator, a GPU or another
//! program are separate crates next to this folder.

#[path = "../shared/images/mod.rs"]
mod images;
#[path = "../shared/kernel_support/mod.rs"]
mod kernel_support;
#[cfg(feature = "cli")]
#[path = "../shared/program/mod.rs"]
mod program;
#[path = "../shared/reference/mod.rs"]
mod reference;
#[cfg(feature = "report")]
#[path = "../shared/synthetic/mod.rs"]
mod synthetic;

// Numerics
mod random_streams;

// Layers and models
mod batch_norm_layer;
mod channel_scale;
mod comodulation_gradients;
mod feedforward;
mod gradients;
mod image_layers;
mod residual_backbone;
mod resnet_gradients;
mod torchvision_weights;

// Learning
mod comodulation;
mod comodulation_same_bits;
mod gain_dynamics;
mod gain_sampling;
mod maml;
mod neumosync;
mod optimizers;
mod own_learner;
mod protocol;
mod recommendation;
mod regularizers;
mod reparameterisation;
mod replayed_losses;
mod resnet_training;
mod training;
mod unit_replacement;
mod variants;

// Analysis and metrics
mod analyses;
mod any_network;
mod calibration;
mod classification_metrics;
mod curvature;
mod eigenvalues;
mod geometry;
mod metrics;
mod paired_differences;
mod spiking;
mod symmetric_eigenvalues;
mod two_timescale;

// Data and streams
mod comodulation_formats;
mod digits;
mod formats;
mod replay;
mod stream_kinds;
mod streams;

// Settings
mod comodulation_settings;
mod settings;

// Runs
mod comodulation_runs;
mod comodulation_survives;
mod every_task;
mod followed;
mod pinned_runs;
mod plasticity;
mod plasticity_survives;
mod runs_survive;
mod sweep;
mod weights;

// Reports
mod reliability_diagram;
mod report;

// The command line
mod command_line;

// The package
mod dependencies;
mod links;
mod unsafe_is_listed;
