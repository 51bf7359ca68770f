//! The two halves of a benchmark's samples.

use super::Dataset;

/// Training samples and held-out test samples of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainTest {
    /// What batches are drawn from.
    pub train: Dataset,
    /// What evaluation uses.
    pub test: Dataset,
}
