//! What an experiment's runs go on from, and where their states go.

use super::Run;
use crate::error::Result;
use crate::state::Checkpoint;

/// The runs that were begun before, and what is done with the states of all.
pub struct Checkpoints<'a> {
    /// Iterations from one checkpoint of a run to the next; 0 for only the one at its end.
    pub every: usize,
    /// Runs that ended before: they are taken as they are.
    pub ended: Vec<Run>,
    /// Runs that were stopped before their end, and what each goes on from.
    pub stopped: Vec<(Run, Checkpoint)>,
    /// Keeps a run's state. It is [`Status::Interrupted`](super::Status::Interrupted) wherever there is more of the run to come.
    pub save: &'a Save<'a>,
}

/// Keeps a run and its state, which is the network's final one where the run has ended.
pub type Save<'a> = dyn Fn(&Run, &Checkpoint) -> Result<()> + Sync + 'a;

impl Checkpoints<'_> {
    /// The run of this method and seed, if it ended before.
    pub(super) fn ended(&self, method: &str, seed: u64) -> Option<&Run> {
        let mut ended = self.ended.iter();
        ended.find(|run| run.method == method && run.seed == seed)
    }

    /// The run of this method and seed, if it was stopped before its end.
    pub(super) fn stopped(&self, method: &str, seed: u64) -> Option<&(Run, Checkpoint)> {
        let mut stopped = self.stopped.iter();
        stopped.find(|(run, _)| run.method == method && run.seed == seed)
    }

    /// Iterations of this run that were done before.
    pub(super) fn done(&self, run: &Run) -> usize {
        let (method, seed) = (&run.method, run.seed);
        let stopped = self.stopped(method, seed).map(|(run, _)| run);
        let before = self.ended(method, seed).or(stopped);
        before.map_or(0, |before| before.history.records.len())
    }

    /// Whether a run is saved after this iteration, though it goes on.
    pub(super) fn due(&self, iteration: usize) -> bool {
        self.every > 0 && iteration.is_multiple_of(self.every)
    }
}
