//! Shrink and perturb.

use alloc::vec::Vec;

use rand_distr::{Distribution, StandardNormal};

use super::Regularizer;
use crate::backend::{Backend, Binary};
use crate::error::{Error, Result};
use crate::models::Network;
use crate::rng::{Purpose, RandomStream};
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

/// Shrink and perturb (Ash & Adams 2020, arXiv 1910.08475, section 4): when new data arrive, that is, at the start of
/// every context after the first, `w ← λ·w + ε`, `ε ~ N(0, σ²)`.
///
/// The draws are from the stream (seed, [`Purpose::Perturbation`], context), parameter by parameter.
#[derive(Debug, Clone, Copy)]
pub struct ShrinkAndPerturb {
    shrink: f32,
    standard_deviation: f32,
    seed: u64,
}

impl ShrinkAndPerturb {
    /// λ in [0, 1] and σ ≥ 0.
    ///
    /// # Errors
    /// [`Error::Setting`] if a constant is outside its range.
    pub fn new(shrink: f32, standard_deviation: f32, seed: u64) -> Result<Self> {
        if !(0.0..=1.0).contains(&shrink) {
            return Err(Error::setting("shrink", shrink, "a factor in [0, 1]"));
        }
        if !(standard_deviation >= 0.0 && standard_deviation.is_finite()) {
            let (found, expected) = (standard_deviation, "a finite number, 0 or above");
            return Err(Error::setting("standard_deviation", found, expected));
        }
        Ok(ShrinkAndPerturb {
            shrink,
            standard_deviation,
            seed,
        })
    }
}

impl<B: Backend> Regularizer<B> for ShrinkAndPerturb {
    fn begin_context(
        &mut self,
        backend: &B,
        context: usize,
        network: &mut dyn Network<B>,
    ) -> Result<()> {
        if context == 1 {
            return Ok(());
        }
        let mut stream = RandomStream::new(self.seed, Purpose::Perturbation, context as u64);
        network.for_each_parameter(&mut |parameter| {
            let mut draw = || {
                let normal: f64 = StandardNormal.sample(&mut stream);
                (normal * f64::from(self.standard_deviation)) as f32
            };
            let length = backend.length(parameter.value.floats());
            let noise: Vec<f32> = (0..length).map(|_| draw()).collect();
            let noise = Tensor::from_rows(backend, parameter.value.shape(), &noise)?;
            let sum = Binary::Axpby {
                a: 1.0,
                b: self.shrink,
            };
            backend.binary(sum, noise.floats(), parameter.value.floats_mut())
        })
    }
}

impl<B: Backend> State<B> for ShrinkAndPerturb {
    fn visit(&mut self, _backend: &B, _visitor: &mut dyn Visitor<B>) -> Result<()> {
        Ok(())
    }
}
