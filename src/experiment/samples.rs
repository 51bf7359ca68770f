//! The samples that settings name.

use std::path::Path;

use super::DataSource;
use crate::data::{TrainTest, cifar, digits, mnist};
use crate::error::Result;

/// Loads the samples of `source`; `directory` is where the files are that do not ship inside.
///
/// # Errors
/// Those of the source's format, [`mnist::load`], [`cifar::load_10`] and [`cifar::load_100`].
pub fn load_samples(source: DataSource, directory: &Path) -> Result<TrainTest> {
    match source {
        DataSource::Digits => Ok(digits::load()),
        DataSource::Mnist => mnist::load(directory),
        DataSource::Cifar10 => cifar::load_10(directory),
        DataSource::Cifar100 => cifar::load_100(directory),
    }
}
