//! Learners, the continual training loop and run records.
//!
//! The example at the crate's root trains a network on two contexts. Random crops and flips of training images:
//!
//! ```
//! use neurogain::rng::{Purpose, RandomStream};
//! use neurogain::learn::Transform;
//! let crop = Transform { crop_padding: 4, mirror: true };
//! let mut placements = Vec::new();
//! crop.draw(256, &mut RandomStream::new(42, Purpose::Transform, 1), &mut placements);
//! assert_eq!(placements.len(), 256);
//! assert!(placements.iter().all(|p| p.down.abs() <= 4 && p.right.abs() <= 4));
//! ```

mod adaptation;
mod drawing;
mod gain_modulation;
mod gradient_descent;
pub mod history;
mod learner;
mod optimization;
mod readback;
mod regularizers;
mod replacement;
mod samples;
mod schedule;
mod test_tasks;
mod trainer;

pub use adaptation::{Adapter, AdapterSettings, Answer, GainSource, GainsFor, Modulator, Pass};
pub use gain_modulation::{Drive, GainConfig};
pub use gradient_descent::GradientDescent;
pub use history::{Evaluation, History, Record};
pub use learner::{Draw, Learner};
pub use optimization::OptimizerConfig;
pub use regularizers::*;
pub use replacement::*;
pub use samples::{Batch, Normalisation, Samples, Transform};
pub use schedule::Schedule;
#[cfg(feature = "report")]
pub(crate) use test_tasks::READY_SAMPLES;
pub use test_tasks::TestTasks;
pub use trainer::{EVALUATION_BATCH, Trainer, evaluate};
