//! Learners, the continual training loop and run records.
//!
//! The example at the crate's root trains a network on two contexts. Random crops and flips of training images:
//!
//! ```
//! use neurogain::rng::{Purpose, RandomStream};
//! use neurogain::learn::RandomCropFlip;
//! let crop = RandomCropFlip { padding: 4, horizontal_flip: true };
//! let mut placements = Vec::new();
//! crop.draw(256, &mut RandomStream::new(42, Purpose::Transform, 1), &mut placements);
//! assert_eq!(placements.len(), 256);
//! assert!(placements.iter().all(|p| p.down.abs() <= 4 && p.right.abs() <= 4));
//! ```

mod adaptation;
mod batches;
mod clipping;
mod drawing;
mod eval_sets;
mod gain_modulation;
mod gradient_descent;
pub mod history;
mod learner;
mod maml;
mod neumosync;
mod optimization;
mod readback;
mod regularizers;
mod replacement;
mod reservoir;
mod samples;
mod schedule;
mod trainer;

pub use adaptation::{
    ComodulationLearner, ComodulationLearnerConfig, ControllerPass, GainGranularity, GainSource,
    Input, Learnt, Modulator, Prediction,
};
pub use batches::Sampling;
#[cfg(feature = "report")]
pub(crate) use batches::{BatchConfig, Batches};
#[cfg(feature = "report")]
pub(crate) use eval_sets::READY_SAMPLES;
pub use eval_sets::{EvalSets, Passes, TestDraws};
pub use gain_modulation::{Drive, GainConfig, GainTarget};
pub use gradient_descent::GradientDescent;
pub use history::{Evaluation, History, Record};
pub use learner::{Draw, Learner};
pub use maml::{Maml, MamlConfig, OuterLoss};
pub use neumosync::NeuMoSync;
pub use optimization::OptimizerConfig;
pub use regularizers::*;
pub use replacement::*;
pub use samples::{Batch, DeviceDataset, PixelScaling, RandomCropFlip};
pub use schedule::Schedule;
pub use trainer::{EVALUATION_BATCH, Evaluations, Trainer, evaluate};
