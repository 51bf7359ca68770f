//! Hashes of jobs' final states.

use sha2::{Digest, Sha256};

use crate::backend::Backend;
use crate::error::Result;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// Adds the values of every parameter to `hash`, in the order of the state.
pub(crate) fn hash_parameters<B: Backend>(
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
        if role.is_parameter() {
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
