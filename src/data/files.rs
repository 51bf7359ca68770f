//! Shared by all formats: searching for files, and reading with bounded memory.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// One directory searched for a data set of `COUNT` files, and the files found.
///
/// Displayed as "DIR: all four files" or "DIR: lacks NAME, NAME".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<const COUNT: usize> {
    /// The directory.
    pub directory: PathBuf,
    /// The files' usual names.
    pub names: [&'static str; COUNT],
    /// The path of each file that was found.
    pub files: [Option<PathBuf>; COUNT],
}

impl<const COUNT: usize> Place<COUNT> {
    /// The paths of the files, if all were found.
    pub fn complete(&self) -> Option<[&Path; COUNT]> {
        let mut paths = [Path::new(""); COUNT];
        for (path, file) in paths.iter_mut().zip(&self.files) {
            *path = file.as_deref()?;
        }
        Some(paths)
    }

    /// Looks in `directory`, or in its subdirectory `below` if that is not "", for each file: the first of its
    /// spellings that exists.
    pub(super) fn look(
        directory: &Path,
        below: &str,
        names: [&'static str; COUNT],
        spellings: impl Fn(&str) -> Vec<String>,
    ) -> Self {
        let directory = match below {
            "" => directory.to_path_buf(),
            _ => directory.join(below),
        };
        let find = |name: &str| {
            let mut paths = spellings(name).into_iter().map(|s| directory.join(s));
            paths.find(|path| may_be_read(path))
        };
        let files = names.map(find);
        Place {
            directory,
            names,
            files,
        }
    }
}

impl<const COUNT: usize> fmt::Display for Place<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<&str> = self
            .names
            .into_iter()
            .zip(&self.files)
            .filter(|(_, path)| path.is_none())
            .map(|(name, _)| name)
            .collect();
        let number = match COUNT {
            2 => "two".to_string(),
            4 => "four".to_string(),
            6 => "six".to_string(),
            _ => COUNT.to_string(),
        };
        write!(f, "{}: ", self.directory.display())?;
        match missing.len() {
            0 => write!(f, "all {number} files"),
            count if count < COUNT => write!(f, "lacks {}", missing.join(", ")),
            _ if !self.directory.is_dir() => f.write_str("no such directory"),
            _ => write!(f, "none of the {number} files"),
        }
    }
}

/// The error if none of `places` below `directory` is complete; `wanted` lists the files.
pub(super) fn not_found<const COUNT: usize>(
    directory: &Path,
    action: &'static str,
    places: &[Place<COUNT>],
    wanted: &str,
) -> Error {
    let looked: Vec<String> = places.iter().map(Place::to_string).collect();
    Error::file(
        directory,
        action,
        format!(
            "looked in {}; one of them must have {wanted}",
            looked.join("; "),
        ),
    )
}

/// Whether there is a file, or this cannot be determined: for a directory without permission, reading then gives the
/// system's reason instead of "no such file".
fn may_be_read(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// Opens a regular file and returns its length in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    let refused = |error: io::Error| Error::file(path, "read", error);
    // Checked before opening: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        return Err(Error::file(path, "read", "it is not a file"));
    }
    Ok((File::open(path).map_err(refused)?, metadata.len()))
}

/// Reads at most `length` bytes of `contents`; memory grows as the bytes arrive.
pub(super) fn read_at_most(path: &Path, contents: &mut impl Read, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match contents.take(length).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(match error.kind() {
            // Only the gzip decoder gives these errors; reading a plain file does not.
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                Error::format(
                    path,
                    format!("its gzip data are damaged ({error}); download the file again"),
                )
            }
            ErrorKind::OutOfMemory => too_large(path, length),
            _ => Error::file(path, "read", error),
        }),
    }
}

/// Reserves memory for `length` bytes of the file at `path`.
pub(super) fn room(path: &Path, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    usize::try_from(length)
        .ok()
        .and_then(|length| bytes.try_reserve_exact(length).ok())
        .ok_or_else(|| too_large(path, length))?;
    Ok(bytes)
}

fn too_large(path: &Path, length: u64) -> Error {
    Error::Memory {
        purpose: format!("reading {}", path.display()),
        bytes: length,
        remedy: "use a file of fewer or smaller images".to_string(),
    }
}
