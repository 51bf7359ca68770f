//! What an experiment gives.

use sha2::{Digest, Sha256};

use super::Settings;
use crate::learn::History;
use crate::run::{Status, hexadecimal};

/// One method with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The method's name in the settings.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub status: Status,
    /// Every iteration that was finished.
    pub history: History,
    /// SHA-256 over every recorded number and every final weight, in hexadecimal; unknown for a run whose
    /// records alone were read back.
    pub hash: Option<String>,
}

/// What an experiment gave: its settings, and the runs that were begun, methods and seeds in the order of
/// the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The resolved settings.
    pub settings: Settings,
    /// The runs; those never begun are missing.
    pub runs: Vec<Run>,
}

impl Results {
    /// Those of the runs that were begun.
    pub(crate) fn new(settings: &Settings, outcomes: &[Option<Run>]) -> Self {
        Results {
            settings: settings.clone(),
            runs: outcomes.iter().flatten().cloned().collect(),
        }
    }

    /// SHA-256 over the hashes of all runs, in order: equal where all bits are. Unknown if that of a run
    /// is, or if there is none.
    pub fn hash(&self) -> Option<String> {
        let mut hash = Sha256::new();
        for run in &self.runs {
            hash.update(run.hash.as_ref()?);
        }
        (!self.runs.is_empty()).then(|| hexadecimal(hash))
    }
}
