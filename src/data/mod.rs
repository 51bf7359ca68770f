//! Samples and the formats they come in.

mod dataset;
mod split;

pub use dataset::Dataset;
pub use split::TrainTest;
