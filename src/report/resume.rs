//! Going on with what a run directory holds, by one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::state::{self, State};
use super::{directory, files, records};
use crate::error::{Error, Result};
use crate::experiment::{Run, Settings, Status};
use crate::state::Checkpoint;

/// The right to run in a directory: one process has it at a time, and loses it when it ends, however.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    file: File,
}

impl Lock {
    /// The lock on `checkpoints/lock` of `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if another process has it, or the file cannot be made.
    pub fn take(dir: &Path) -> Result<Self> {
        let folder = dir.join("checkpoints");
        fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, "create", e))?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(|e| Error::file(&path, "create", e))?;
        match file.try_lock() {
            // Some network file systems have no locks: no reason not to run.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Lock { folder, file }),
            Err(TryLockError::WouldBlock) => Err(Error::file(
                dir,
                "run in",
                "another process is running in it; wait for its end, or stop it with Ctrl-C",
            )),
        }
    }

    /// Gives the lock back and removes `checkpoints`: every run has ended.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be removed.
    pub fn finish(self) -> Result<()> {
        drop(self.file);
        fs::remove_dir_all(&self.folder).map_err(|e| Error::file(&self.folder, "remove", e))
    }
}

/// What a run directory has of its experiment.
#[derive(Debug, Default)]
pub struct Resumed {
    /// The runs that have ended.
    pub ended: Vec<Run>,
    /// The others that have a checkpoint, with it.
    pub stopped: Vec<(Run, Checkpoint)>,
    /// What was damaged, and is done again.
    pub notes: Vec<String>,
}

impl Resumed {
    /// All of them, as far as they had come.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        let stopped = self.stopped.iter().map(|(run, _)| run);
        self.ended.iter().chain(stopped)
    }
}

/// What `dir`, whose `config.toml` holds `settings`, has of its runs: those that [`save`](super::save) and
/// [`write_run`](super::write_run) have written as ended, and the last good checkpoint of each other. Where
/// some are not done `summary.json` is removed, as it will no longer be true.
///
/// A file that is damaged is not used: there is a note on it, and the run goes on from the checkpoint before,
/// or begins again. As a run's settings alone make its results, that changes none.
///
/// # Errors
/// [`Error::Format`] for a file of other settings or another version, [`Error::File`] for one that cannot be
/// read.
pub fn resume(dir: &Path, settings: &Settings) -> Result<Resumed> {
    let mut resumed = Resumed::default();
    let mut complete = true;
    for method in &settings.methods {
        for &seed in &settings.training.seeds {
            let (method, notes) = (method.name.as_str(), &mut resumed.notes);
            if let Some(run) = ended(dir, settings, (method, seed), notes)? {
                resumed.ended.push(run);
                continue;
            }
            complete = false;
            let stopped = stopped(dir, settings, (method, seed), notes)?;
            resumed.stopped.extend(stopped);
        }
    }
    if !complete {
        files::remove(&dir.join("summary.json"))?;
    }
    Ok(resumed)
}

/// The run, if its weights are whole and its record is the one that was written with them.
fn ended(
    dir: &Path,
    settings: &Settings,
    (method, seed): (&str, u64),
    notes: &mut Vec<String>,
) -> Result<Option<Run>> {
    let path = state::weights(dir, method, seed)?;
    let Some(State { head, .. }) = good(&path, settings, (method, seed), notes)? else {
        return Ok(None);
    };
    let path = dir.join(directory::run_file("runs", method, seed, ".csv")?);
    // The record is written behind the weights: without it the run was about to end.
    let Some(text) = files::read(&path)? else {
        return Ok(None);
    };
    if state::digest(&text) != head.records {
        // A run that was stopped has the record of that until it ends, and its checkpoint as long.
        let [checkpoint, _] = state::checkpoints(dir, method, seed)?;
        if !checkpoint.exists() {
            let path = path.display();
            notes.push(format!("{path}: not the record of a whole run"));
        }
        return Ok(None);
    }
    let run = Run {
        method: method.into(),
        seed,
        status: head.status,
        history: records::from_csv(&path, &text, &settings.stream)?,
        hash: head.hash,
    };
    Ok(Some(run))
}

/// The run as far as its last good checkpoint, with that.
fn stopped(
    dir: &Path,
    settings: &Settings,
    (method, seed): (&str, u64),
    notes: &mut Vec<String>,
) -> Result<Option<(Run, Checkpoint)>> {
    let before = notes.len();
    let [last, previous] = state::checkpoints(dir, method, seed)?;
    for path in [&last, &previous] {
        let Some(state) = good(path, settings, (method, seed), notes)? else {
            continue;
        };
        let text = state.history.unwrap_or_default();
        let run = Run {
            method: method.into(),
            seed,
            status: Status::Interrupted,
            history: records::from_csv(path, &text, &settings.stream)?,
            hash: None,
        };
        if notes.len() > before {
            let done = run.history.records.len();
            notes.push(format!(
                "{method}, seed {seed}: goes on from the checkpoint before, of iteration {done}"
            ));
        }
        if path == &previous {
            // So that it is not what the next checkpoint replaces.
            fs::rename(&previous, &last).map_err(|e| Error::file(&last, "write", e))?;
        }
        return Ok(Some((run, state.checkpoint)));
    }
    if notes.len() > before {
        notes.push(format!("{method}, seed {seed}: begins again"));
    }
    Ok(None)
}

/// The state at `path`, if it is there and whole; a note if it is damaged.
fn good(
    path: &Path,
    settings: &Settings,
    run: (&str, u64),
    notes: &mut Vec<String>,
) -> Result<Option<State>> {
    match state::read(path) {
        Ok(Some(state)) => {
            state::belongs(path, &state.head, &state::settings_digest(settings)?, run)?;
            Ok(Some(state))
        }
        Err(error @ Error::Format { .. }) => {
            notes.push(error.to_string());
            Ok(None)
        }
        other => other,
    }
}
