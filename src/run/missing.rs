//! Checks that a directory is that of a run or of a sweep, with errors that say what such a directory holds.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Checks that `path` is a run directory.
///
/// # Errors
/// [`Error::File`] if it is missing, empty, the directory of a sweep, or something else.
pub fn check_run_directory(path: &Path) -> Result<()> {
    if path.join("config.toml").exists() {
        return Ok(());
    }
    if path.join("sweep.toml").exists() {
        let place = path.display();
        let reason = format!(
            "it is the directory of a sweep: neurogain sweep --collect {place}; its runs are in {place}/cells"
        );
        return Err(Error::file(path, "open as a run", reason));
    }
    let reason = format!(
        "{}; a run directory holds config.toml, runs/ and, when its report is written, summary.json; {}",
        lacking(path, "config.toml"),
        instead(path, "config.toml", "run", "runs/split-digits-001")
    );
    Err(Error::file(path, "open as a run", reason))
}

/// Checks that `path` is the directory of a sweep.
///
/// # Errors
/// [`Error::File`] if it is missing, empty, a run directory, or something else.
pub(crate) fn check_sweep_directory(path: &Path) -> Result<()> {
    if path.join("sweep.toml").exists() {
        return Ok(());
    }
    let action = "open as a sweep";
    if path.join("config.toml").exists() {
        let reason = format!(
            "it is a run directory; for its report: neurogain report {}",
            path.display()
        );
        return Err(Error::file(path, action, reason));
    }
    let reason = format!(
        "{}; the directory of a sweep holds sweep.toml and cells/; {}",
        lacking(path, "sweep.toml"),
        instead(path, "sweep.toml", "sweep", "runs/lr-sweep")
    );
    Err(Error::file(path, action, reason))
}

fn lacking(path: &Path, file: &str) -> String {
    match (path.is_dir(), path.exists()) {
        (true, _) => format!("it has no {file}"),
        (false, true) => String::from("it is not a directory"),
        (false, false) => String::from("there is no such directory"),
    }
}

/// What to name instead: the first directory in `path` that has `file`, or one that `command` makes.
fn instead(path: &Path, file: &str, command: &str, example: &str) -> String {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut inside: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(file).exists())
        .collect();
    inside.sort();
    match inside.first() {
        Some(found) => format!("name one of those in it, such as {}", found.display()),
        None => format!("name one that `neurogain {command}` has made, such as {example}"),
    }
}
