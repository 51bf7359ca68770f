//! What an experiment gives.

use sha2::{Digest, Sha256};

use super::Settings;
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::History;
use crate::run::{Status, hexadecimal};
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

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

/// Adds every parameter's numbers to `hash`, in the order of the state.
pub(super) fn hash_parameters<B: Backend>(
    backend: &B,
    state: &mut (impl State<B> + ?Sized),
    hash: &mut Sha256,
) -> Result<()> {
    state.visit(backend, &mut Hashing { backend, hash })
}

struct Hashing<'a, B: Backend> {
    backend: &'a B,
    hash: &'a mut Sha256,
}

impl<B: Backend> Visitor<B> for Hashing<'_, B> {
    fn tensor(&mut self, role: Role, _name: &str, tensor: &mut Tensor<B>) -> Result<()> {
        if role == Role::Parameter {
            for number in tensor.to_rows(self.backend)? {
                self.hash.update(number.to_bits().to_le_bytes());
            }
        }
        Ok(())
    }

    fn numbers(&mut self, _name: &str, _numbers: &mut [f64]) -> Result<()> {
        Ok(())
    }

    fn count(&mut self, _name: &str, _count: &mut u64) -> Result<()> {
        Ok(())
    }
}
