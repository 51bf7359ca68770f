//! The lock that lets only one process run in a run directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Exclusive lock on a run directory, released when the process exits, however it ends.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock on `checkpoints/lock` of `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if another process holds it, or the file cannot be created.
    pub fn take(dir: &Path) -> Result<Self> {
        let taken = Self::try_take(dir)?;
        let reason = "another process is running in it; wait until it ends, or stop it with Ctrl-C";
        taken.ok_or_else(|| Error::file(dir, "run in", reason))
    }

    /// The same; `None` if another process holds it.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be created.
    pub fn try_take(dir: &Path) -> Result<Option<Self>> {
        let folder = dir.join("checkpoints");
        let path = folder.join("lock");
        loop {
            fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, "create", e))?;
            if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
                let reason = "it is not a plain file; remove it";
                return Err(Error::file(&path, "lock", reason));
            }
            // Nothing is written to it, whatever it holds.
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let file = match opened {
                // Another process has just removed the folder.
                Err(_) if !folder.exists() => continue,
                file => file.map_err(|e| Error::file(&path, "create", e))?,
            };
            match file.try_lock() {
                Ok(()) if !same_file(&file, &path) => continue,
                // Some network file systems have no locks; run without one.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Some(Lock { folder, file })),
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
    }

    /// Removes `checkpoints` and releases the lock. Called when every job has ended.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be removed.
    pub fn finish(self) -> Result<()> {
        // Outside Unix an open file cannot be removed.
        if !cfg!(unix) {
            drop(self.file);
        }
        fs::remove_dir_all(&self.folder).map_err(|e| Error::file(&self.folder, "remove", e))
    }
}

/// Whether `path` still names the open file: a process that finishes removes it.
#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |data: fs::Metadata| (data.dev(), data.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> bool {
    path.exists()
}
