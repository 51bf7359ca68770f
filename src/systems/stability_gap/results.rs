//! The results of an experiment.

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
    /// Every finished iteration.
    pub history: History,
    /// SHA-256 over every recorded number and every final weight, in hexadecimal; unknown if only the run's records
    /// were read.
    pub hash: Option<String>,
}

/// The results of an experiment: its settings, and the runs that have begun, with methods and seeds in the order of the
/// settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The resolved settings.
    pub settings: Settings,
    /// The runs that have begun.
    pub runs: Vec<Run>,
}

impl Results {
    /// The results of the runs that have begun.
    pub(crate) fn new(settings: &Settings, outcomes: &[Option<Run>]) -> Self {
        Results {
            settings: settings.clone(),
            runs: outcomes.iter().flatten().cloned().collect(),
        }
    }

    /// SHA-256 over the hashes of all runs, in order. Unknown if the hash of a run is, or if there is no run.
    pub fn hash(&self) -> Option<String> {
        let mut hash = Sha256::new();
        for run in &self.runs {
            hash.update(run.hash.as_ref()?);
        }
        (!self.runs.is_empty()).then(|| hexadecimal(hash))
    }
}
