//! The continual loop, its methods and the run record.
//!
//! The example at the crate's root trains a network through two contexts. What a training image becomes:
//!
//! ```
//! use neurogain::rng::{Purpose, Stream};
//! use neurogain::learn::Transform;
//! let crop = Transform { crop_padding: 4, mirror: true };
//! let mut placements = Vec::new();
//! crop.draw(256, &mut Stream::new(42, Purpose::Transform, 1), &mut placements);
//! assert_eq!(placements.len(), 256);
//! assert!(placements.iter().all(|p| p.down.abs() <= 4 && p.right.abs() <= 4));
//! ```

mod adaptation;
mod checkpoint;
pub mod history;
mod method;
mod readings;
mod samples;
mod test_tasks;
mod trainer;

pub use crate::tensor::NamedTensor;
pub use adaptation::{Adapter, AdapterSettings, Answer, GainSource, GainsFor, Modulator, Pass};
pub use checkpoint::Checkpoint;
pub use history::{Evaluation, History, Record};
pub use method::{Drive, GradientDescent, Method};
pub use samples::{Batch, Normalisation, Samples, Transform};
pub use test_tasks::TestTasks;
pub use trainer::{EVALUATION_BATCH, Trainer, evaluate};
