//! One page that compares several run directories.

use std::path::{Path, PathBuf};

use super::{Named, RunDirectory, System, files};
use crate::error::{Error, Result};

/// Writes a page that compares the experiments in `directories` to the new file `out`: the same tables with a column
/// for the directory, and the figures of each experiment.
///
/// # Errors
/// [`Error::Setting`] where `directories` is empty, [`Error::File`] where `out` exists or cannot be written, and those
/// of [`RunDirectory::load`].
pub fn compare<S: System>(directories: &[PathBuf], out: &Path) -> Result<()> {
    if directories.is_empty() {
        return Err(Error::setting("directories", "none", "at least one"));
    }
    if out.exists() {
        let reason = "it exists already; name a new file";
        return Err(Error::file(out, "create", reason));
    }
    let mut experiments = Vec::with_capacity(directories.len());
    for path in directories {
        experiments.push(Named::<S>::read(path)?);
    }
    files::write(out, S::comparison(&experiments)?.as_bytes())
}

impl<S: System> Named<S> {
    /// Reads a run directory, whose path becomes the name.
    ///
    /// # Errors
    /// Those of [`RunDirectory::open`] and [`RunDirectory::load`].
    pub fn read(path: &Path) -> Result<Self> {
        let directory = RunDirectory::<S>::open(path)?;
        Ok(Named {
            name: path.display().to_string(),
            settings: directory.settings().clone(),
            outcomes: directory.load()?,
            data: directory.data_origin()?,
        })
    }
}
