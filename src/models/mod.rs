//! Models: layers in order.
//!
//! ```
//! use neurogain::models::{Mlp, MlpConfig, Network};
//! use neurogain::{Cpu, Shape, Tensor};
//! let cpu = Cpu::new()?;
//! let shape = MlpConfig {
//!     neurons: vec![4, 8, 3],
//!     hidden_standard_deviation: 0.1,
//!     output_standard_deviation: 0.1,
//! };
//! let mut network = Mlp::new(&cpu, &shape, 42)?;
//! let x = Tensor::from_rows(&cpu, Shape::features(1, 4), &[1.0; 4])?;
//! assert_eq!(network.infer(&cpu, &x)?.shape(), Shape::features(1, 3));
//! let names: Vec<&str> = network.parameters().map(|p| p.name.as_str()).collect();
//! assert_eq!(names, ["hidden1", "output"]);
//! # Ok::<(), neurogain::Error>(())
//! ```

mod backbone;
mod basic_block;
mod comodulated;
mod controller;
mod feedforward;
mod mlp;
mod network;
mod neumosync;
mod resnet;
mod torchvision;

pub use backbone::{Backbone, BackboneConfig, STAGES, Stem};
pub use comodulated::{
    CellsConfig, Comodulated, ComodulatedBackbone, ComodulatedConfig, CouplingGranularity,
    DecoderGains, ModulatedLayers, Trainable,
};
pub use controller::{Controller, CouplingStart};
pub use feedforward::{Activation, ConvolutionConfig, Feedforward, FeedforwardConfig};
pub use mlp::{Mlp, MlpConfig};
pub use network::{HiddenLayer, Network, UnitParameter};
pub use neumosync::{
    Ablation, ActivitySignals, InferenceNetwork, LayerSignals, MainNetwork, NeuMoSyncConfig,
    NeuroSync, SignalBound, SignalMode, Signals, StaticSignals,
};
pub use resnet::{SlimResNet, SlimResNetConfig};
