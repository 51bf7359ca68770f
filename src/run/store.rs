//! Where outcomes and states are kept, and read again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Outcome, Status};
use crate::error::{Error, Result};
use crate::state::Checkpoint;

/// Keeps what jobs leave, and has what earlier processes left.
pub trait Store<O>: Sync {
    /// The outcome of the job, if it has ended.
    ///
    /// # Errors
    /// What reading fails with.
    fn ended(&self, id: &str) -> Result<Option<O>>;

    /// What the job was stopped at, if it has begun and not ended.
    ///
    /// # Errors
    /// What reading fails with.
    fn stopped(&self, id: &str) -> Result<Option<(O, Checkpoint)>>;

    /// The final state of a job that has ended.
    ///
    /// # Errors
    /// What reading fails with, or if there is none.
    fn state(&self, id: &str) -> Result<Checkpoint>;

    /// Keeps an outcome and its state: the final ones unless the status is [`Status::Interrupted`].
    ///
    /// # Errors
    /// What writing fails with.
    fn save(&self, outcome: &O, state: &Checkpoint) -> Result<()>;
}

/// Keeps everything as long as the process lives.
#[derive(Debug)]
pub struct MemoryStore<O> {
    kept: Mutex<HashMap<String, (O, Checkpoint)>>,
}

impl<O> Default for MemoryStore<O> {
    fn default() -> Self {
        MemoryStore {
            kept: Mutex::new(HashMap::new()),
        }
    }
}

impl<O> MemoryStore<O> {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, (O, Checkpoint)>> {
        // A poisoned lock still holds whole entries: each is inserted in one step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Outcome> Store<O> for MemoryStore<O> {
    fn ended(&self, id: &str) -> Result<Option<O>> {
        let kept = self.kept();
        let found = kept.get(id).map(|(outcome, _)| outcome);
        Ok(found
            .filter(|outcome| *outcome.status() != Status::Interrupted)
            .cloned())
    }

    fn stopped(&self, id: &str) -> Result<Option<(O, Checkpoint)>> {
        let kept = self.kept();
        let found = kept.get(id);
        Ok(found
            .filter(|(outcome, _)| *outcome.status() == Status::Interrupted)
            .cloned())
    }

    fn state(&self, id: &str) -> Result<Checkpoint> {
        let kept = self.kept();
        let found = kept.get(id).map(|(_, state)| state.clone());
        found.ok_or_else(|| Error::job(id, "it has not ended, and so has no final state"))
    }

    fn save(&self, outcome: &O, state: &Checkpoint) -> Result<()> {
        let entry = (outcome.clone(), state.clone());
        self.kept().insert(outcome.id(), entry);
        Ok(())
    }
}
