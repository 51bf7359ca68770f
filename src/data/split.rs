//! Training and test samples of a benchmark.

use alloc::string::String;
use alloc::vec::Vec;

use super::Dataset;

/// Training samples and held-out test samples of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainTest {
    /// The training samples.
    pub train: Dataset,
    /// The test samples.
    pub test: Dataset,
}

/// Samples with named classes.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedClasses {
    /// The name of each class: a label is an index into this list.
    pub names: Vec<String>,
    /// The samples.
    pub samples: TrainTest,
}
