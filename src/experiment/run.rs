//! Running an experiment over its methods and seeds.

use std::sync::atomic::AtomicBool;

use super::Settings;
use crate::data::TrainTest;
use crate::error::Result;
use crate::report::Run;

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// One a method and seed that was begun.
    pub runs: Vec<Run>,
    /// Images trained on or evaluated, a second.
    pub images_per_second: f64,
    /// A hash of every number of every run.
    pub hash: String,
}

/// Runs every method with every seed.
pub fn run(
    _settings: &Settings,
    _samples: &TrainTest,
    _threads: usize,
    _stop: &AtomicBool,
    _on_iteration: &(dyn Fn() + Sync),
    _on_run: &(dyn Fn(&Run) -> Result<()> + Sync),
) -> Result<Outcome> {
    todo!()
}
