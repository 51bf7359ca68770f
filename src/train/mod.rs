//! The continual loop, its methods and the run record.

mod checkpoint;
pub mod history;
mod method;
mod samples;
mod test_tasks;
mod trainer;

pub use checkpoint::{Checkpoint, NamedTensor};
pub use history::{Evaluation, History, Record};
pub use method::{Drive, GradientDescent, Method};
pub use samples::{Batch, Normalisation, Samples, Transform};
pub use test_tasks::TestTasks;
pub use trainer::{EVALUATION_BATCH, Trainer, evaluate};
