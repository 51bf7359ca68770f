//! The two halves of a benchmark's samples.

use alloc::string::String;
use alloc::vec::Vec;

use super::Dataset;

/// Training samples and held-out test samples of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainTest {
    /// What batches are drawn from.
    pub train: Dataset,
    /// What evaluation uses.
    pub test: Dataset,
}

/// Samples whose classes are known by name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedClasses {
    /// The name of each class: a label is an index into this list.
    pub names: Vec<String>,
    /// The samples.
    pub samples: TrainTest,
}
