//! Atomic writing of files, and advice for when a write fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes a file atomically: writes to a temporary name, syncs to the disk, then renames. A partly written file is
/// never visible under `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, || Ok(()))
}

/// As [`write`]; the old file at `path` is kept as `previous`.
pub(crate) fn write_keeping(path: &Path, previous: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, || match fs::rename(path, previous) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    })
}

/// Writes `bytes` to a file. If the file holds the beginning of `bytes`, the rest is appended, so that programs that have the file
/// open see it. Otherwise the file is replaced, as by [`write`].
pub(crate) fn write_growing(path: &Path, bytes: &[u8]) -> Result<()> {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let old = if is_plain { read(path)? } else { None };
    match old.and_then(|old| bytes.strip_prefix(&old[..])) {
        None => write(path, bytes),
        Some([]) => Ok(()),
        Some(rest) => {
            let file = OpenOptions::new().append(true).open(path);
            let grown = file.and_then(|mut file| {
                file.write_all(rest)?;
                file.sync_all()
            });
            grown.map_err(|error| {
                Error::file(path, "write", format!("{error}; {}", remedy(error.kind())))
            })
        }
    }
}

fn replace(path: &Path, bytes: &[u8], make_way: impl Fn() -> io::Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write_through(&partial, bytes)
        .and_then(|()| make_way())
        .and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        // The first failure is the one to report; a partial file that cannot be removed is harmless.
        let _ = fs::remove_file(&partial);
        Error::file(path, "write", format!("{error}; {}", remedy(error.kind())))
    })?;
    sync_directory(path);
    Ok(())
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Left by a process that was killed. Of a link to a file, which is not ours to write, the link is removed.
    let is_device = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if !is_device && fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(is_device)
        .create_new(!is_device)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Syncs the directory, so that the new name is on the disk. A failure is ignored: the file is whole under its old or
/// its new name.
fn sync_directory(path: &Path) {
    if cfg!(unix)
        && let Some(directory) = path.parent().and_then(|parent| File::open(parent).ok())
    {
        let _ = directory.sync_all();
    }
}

/// Advice for a failed write.
fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::FileTooLarge => "allow larger files",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "make it writable",
        _ => "fix this and try again",
    }
}

/// Writes a new file atomically, and returns whether it was this process that did: `false` if there was one already.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    // Unlike a renaming, a link never replaces a file.
    let made = write_through(&partial, bytes).and_then(|()| fs::hard_link(&partial, path));
    let made = match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no links.
        Err(_) if partial.exists() && !path.exists() => fs::rename(&partial, path).map(|()| true),
        Err(error) => Err(error),
    };
    // The first failure is the one to report.
    let _ = fs::remove_file(&partial);
    let made = made.map_err(|error| {
        Error::file(path, "write", format!("{error}; {}", remedy(error.kind())))
    })?;
    sync_directory(path);
    Ok(made)
}

/// Converts the error of a file that the program itself wrote: the file is damaged, the request is not wrong.
pub(crate) fn damaged(error: Error) -> Error {
    match error {
        Error::Settings { path, problem } => Error::Format { path, problem },
        other => other,
    }
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file(path, "remove", error))
        }
        _ => Ok(()),
    }
}

/// A file's bytes; `None` if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    // Checked before opening: reading a pipe would wait for its other end, reading a device would not end.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(Error::file(path, "read", "it is not a file"));
        }
        _ => {}
    }
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read", error)),
    }
}
