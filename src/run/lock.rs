//! The lock that lets only one process run in a run directory.

use std::fs::{self, File, TryLockError};
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
        let folder = dir.join("checkpoints");
        let path = folder.join("lock");
        loop {
            fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, "create", e))?;
            let file = match File::create(&path) {
                // Another process has just removed the folder.
                Err(_) if !folder.exists() => continue,
                file => file.map_err(|e| Error::file(&path, "create", e))?,
            };
            match file.try_lock() {
                Ok(()) if !same_file(&file, &path) => continue,
                // Some network file systems have no locks; run without one.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Lock { folder, file }),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::file(
                        dir,
                        "run in",
                        "another process is running in it; wait until it ends, or stop it with Ctrl-C",
                    ));
                }
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
