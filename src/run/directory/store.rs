//! The run directory as a store: when each file is written, and which files are trusted when reading.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::RunDirectory;
use crate::error::{Error, Result};
use crate::run::state::{self, Head, State};
use crate::run::{Job, Outcome, Records, Saved, Status, Store, System, files, tensorboard};
use crate::state::Checkpoint;

impl<S: System> RunDirectory<S> {
    /// Writes the records and details of an outcome, each atomically. If the job has ended, its checkpoints are
    /// removed.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a job that is not in the plan, [`Error::File`] if they cannot be written.
    pub fn write_records(&self, outcome: &S::Outcome) -> Result<()> {
        let id = outcome.id();
        self.check_id(&id)?;
        let records = outcome.records()?;
        if let Some(details) = outcome.details()? {
            self.write(&self.run_file(&id, "json"), details.as_bytes())?;
        }
        self.write(&self.run_file(&id, "csv"), &records.to_csv()?)?;
        self.write_events(&id, &records)?;
        if *outcome.status() != Status::Interrupted {
            for checkpoint in self.checkpoints(&id) {
                files::remove(&checkpoint)?;
            }
        }
        Ok(())
    }

    /// Writes the event file of a job, if it is wanted; the file grows while the job runs.
    fn write_events(&self, id: &str, records: &Records) -> Result<()> {
        if !self.tensorboard {
            return Ok(());
        }
        let folder = self.path.join("tensorboard").join(id);
        let path = folder.join("events.out.tfevents.0.neurogain");
        let events = tensorboard::to_events(records);
        let written = make_folder(&folder).and_then(|()| files::write_growing(&path, &events));
        self.resumable(written)
    }

    /// Writes a file of a running experiment.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.resumable(make_folder_of(path).and_then(|()| files::write(path, bytes)))
    }

    /// Adds how to continue to the error of a failed write.
    fn resumable(&self, written: Result<()>) -> Result<()> {
        written.map_err(|error| {
            let next = format!(
                ", then continue: neurogain run --resume {}",
                self.path.display()
            );
            error.advised(&next)
        })
    }

    /// The last checkpoint, and the one before it.
    pub(super) fn checkpoints(&self, id: &str) -> [PathBuf; 2] {
        let folder = self.path.join("checkpoints");
        ["", "-previous"].map(|which| folder.join(format!("{id}{which}.safetensors")))
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(note);
    }

    /// The state at `path`, if it exists and is intact; adds a note if it is damaged.
    fn good(&self, path: &Path, id: &str) -> Result<Option<State>> {
        match state::read(path) {
            Ok(Some(state)) => {
                state.head.belongs(path, &self.settings_digest, id)?;
                Ok(Some(state))
            }
            Err(error @ Error::Format { .. }) => {
                self.note(format!("{error}; it is computed again"));
                Ok(None)
            }
            other => other,
        }
    }

    fn job(&self, id: &str) -> Result<&Job> {
        self.check_id(id)?;
        let found = self.jobs.iter().find(|job| job.id == id);
        found.ok_or_else(|| Error::job(id, "the plan of this run has no such job"))
    }
}

impl<S: System> Store<S::Outcome> for RunDirectory<S> {
    /// The outcome, if the final state is intact and the records and details match it.
    fn ended(&self, id: &str) -> Result<Option<S::Outcome>> {
        let Some(State { head, .. }) = self.good(&self.weights(id), id)? else {
            return Ok(None);
        };
        let path = self.run_file(id, "csv");
        let other = |path: &Path| {
            // A stopped job keeps its old records and its checkpoint until it ends; that is not damage.
            if !self.checkpoints(id)[0].exists() {
                let path = path.display();
                self.note(format!("{path}: is damaged; it is computed again"));
            }
            Ok(None)
        };
        let details = match &head.details {
            None => None,
            Some(digest) => {
                let path = self.run_file(id, "json");
                match files::read(&path)? {
                    None => return Ok(None),
                    Some(text) if state::digest(&text) == *digest => {
                        Some(String::from_utf8_lossy(&text).into_owned())
                    }
                    Some(_) => return other(&path),
                }
            }
        };
        // Records are written after the state: if they are missing, the process was killed between the two writes.
        let Some(records) = files::read(&path)? else {
            return Ok(None);
        };
        if state::digest(&records) != head.records {
            return other(&path);
        }
        let saved = Saved {
            path: &path,
            records: &records,
            details: details.as_deref(),
            status: Some(&head.status),
            hash: head.hash.as_deref(),
        };
        let outcome = S::read(&self.settings, self.job(id)?, saved)?;
        if self.tensorboard {
            self.write_records(&outcome)?;
        }
        Ok(Some(outcome))
    }

    /// The last intact checkpoint. For a damaged one, a note is added and the previous one is used.
    fn stopped(&self, id: &str) -> Result<Option<(S::Outcome, Checkpoint)>> {
        let [last, previous] = self.checkpoints(id);
        let damaged = || {
            let damaged = |path: &PathBuf| matches!(state::read(path), Err(Error::Format { .. }));
            damaged(&last) || damaged(&previous)
        };
        let damaged = damaged();
        for path in [&last, &previous] {
            let Some(state) = self.good(path, id)? else {
                continue;
            };
            let saved = Saved {
                path,
                records: &state.records.unwrap_or_default(),
                details: None,
                status: Some(&Status::Interrupted),
                hash: None,
            };
            let outcome = S::read(&self.settings, self.job(id)?, saved)?;
            if damaged {
                let steps = outcome.steps();
                self.note(format!(
                    "{id}: continues from the previous checkpoint, after step {steps}"
                ));
            }
            if path == &previous {
                // Otherwise the next checkpoint would overwrite it.
                fs::rename(&previous, &last).map_err(|e| Error::file(&last, "write", e))?;
            }
            return Ok(Some((outcome, state.checkpoint)));
        }
        if damaged {
            self.note(format!("{id}: starts again from the beginning"));
        }
        Ok(None)
    }

    fn state(&self, id: &str) -> Result<Checkpoint> {
        let path = self.weights(id);
        match self.good(&path, id)? {
            Some(state) => Ok(state.checkpoint),
            None => {
                let dir = self.path.display();
                let remedy =
                    format!("to train this network again, run: neurogain run --resume {dir}");
                Err(Error::format(
                    &path,
                    format!("is damaged or missing; {remedy}"),
                ))
            }
        }
    }

    fn save(&self, outcome: &S::Outcome, state: &Checkpoint) -> Result<()> {
        let id = outcome.id();
        self.check_id(&id)?;
        // The old summary is no longer true.
        files::remove(&self.path.join("summary.json"))?;
        let rows = outcome.records()?;
        let records = rows.to_csv()?;
        let details = outcome.details()?;
        let head = Head::new(
            &self.settings_digest,
            id.clone(),
            outcome.status(),
            outcome.steps(),
            outcome.hash(),
            &records,
            details.as_deref(),
        );
        if *outcome.status() == Status::Interrupted {
            let bytes = state::to_bytes(&head, state, true, Some(&records))?;
            let [path, previous] = self.checkpoints(&id);
            let made = make_folder_of(&path);
            let kept = made.and_then(|()| files::write_keeping(&path, &previous, &bytes));
            self.resumable(kept)?;
            self.write(&self.run_file(&id, "csv"), &records)?;
            return self.write_events(&id, &rows);
        }
        let index = self.jobs.iter().position(|job| job.id == id);
        // Jobs that start from this state continue with its optimizer.
        let needed = self
            .jobs
            .iter()
            .any(|job| job.after.iter().any(|&at| Some(at) == index));
        let bytes = state::to_bytes(&head, state, needed, None)?;
        self.write(&self.weights(&id), &bytes)?;
        self.write_records(outcome)
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    let made = fs::create_dir_all(folder);
    made.map_err(|e| Error::file(folder, "create", format!("{e}; fix this and try again")))
}

fn make_folder_of(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}
