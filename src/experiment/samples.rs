//! The samples that settings name.

use std::path::Path;

use super::DataSource;
use crate::data::{TrainTest, digits, mnist};
use crate::error::Result;

/// Loads the samples of `source`; `directory` is where the files are that do not ship inside.
///
/// # Errors
/// Those of the source's format, [`mnist::load`].
pub fn load_samples(source: DataSource, directory: &Path) -> Result<TrainTest> {
    match source {
        DataSource::Digits => Ok(digits::load()),
        DataSource::Mnist => mnist::load(directory),
    }
}
