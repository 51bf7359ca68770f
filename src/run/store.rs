//! Storage of outcomes and states.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Outcome, Status};
use crate::error::{Error, Result};
use crate::state::Checkpoint;

/// Storage of the jobs' outcomes and states, including those of earlier processes.
pub trait Store<O>: Sync {
    /// The job's outcome, if it has ended.
    ///
    /// # Errors
    /// Those of reading.
    fn ended(&self, id: &str) -> Result<Option<O>>;

    /// The outcome and state at which the job was stopped, if it has begun and not ended.
    ///
    /// # Errors
    /// Those of reading.
    fn stopped(&self, id: &str) -> Result<Option<(O, Checkpoint)>>;

    /// The final state of a job that has ended.
    ///
    /// # Errors
    /// Those of reading, and an error if there is no such state.
    fn state(&self, id: &str) -> Result<Checkpoint>;

    /// Saves an outcome and its state: a checkpoint if the status is [`Status::Interrupted`], otherwise the final ones.
    ///
    /// # Errors
    /// Those of writing.
    fn save(&self, outcome: &O, state: &Checkpoint) -> Result<()>;
}

/// A store in memory; its contents are lost when the process exits.
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
        // A poisoned lock still holds complete entries: each is inserted in one step.
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
        found.ok_or_else(|| Error::job(id, "it has not ended, so it has no final state"))
    }

    fn save(&self, outcome: &O, state: &Checkpoint) -> Result<()> {
        let entry = (outcome.clone(), state.clone());
        self.kept().insert(outcome.id(), entry);
        Ok(())
    }
}
