//! Clipping of the gradient of several parameters by their common norm.

use alloc::vec;
use alloc::vec::Vec;

use super::optimization::Trained;
use crate::backend::{Backend, Unary};
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Scales the gradients of all parameters by limit/‖g‖ if their norm ‖g‖ is above the limit (Pascanu, Mikolov & Bengio
/// 2013, arXiv 1211.5063).
///
/// ‖g‖² is the sum, in f64, of each parameter's Σ fl(g²) in f32
/// ([`squared_sum`](crate::backend::Reductions::squared_sum)); the factor is rounded once. The host reads the sums, so
/// a device synchronises once.
#[derive(Debug)]
pub(super) struct Clipping<B: Backend> {
    limit: f32,
    /// Σ g² of each parameter.
    parts: Vec<Tensor<B>>,
    sums: Vec<f32>,
}

impl<B: Backend> Clipping<B> {
    /// No clipping if the limit is 0.
    pub fn new(
        backend: &B,
        limit: f32,
        parameters: &mut (impl Trained<B> + ?Sized),
    ) -> Result<Self> {
        let mut parts = Vec::new();
        if limit > 0.0 {
            parameters.for_each(&mut |_| {
                parts.push(Tensor::zeros(backend, Shape::vector(1))?);
                Ok(())
            })?;
        }
        Ok(Clipping {
            limit,
            sums: vec![0.0; parts.len()],
            parts,
        })
    }

    /// Clips the gradients of the same parameters as in `new`.
    pub fn apply(
        &mut self,
        backend: &B,
        parameters: &mut (impl Trained<B> + ?Sized),
    ) -> Result<()> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let mut parts = self.parts.iter_mut();
        parameters.for_each(&mut |parameter| {
            let Some(sum) = parts.next() else {
                return Ok(());
            };
            backend.squared_sum(parameter.gradient.floats(), sum.floats_mut())
        })?;
        let sums = self.parts.iter().map(Tensor::floats);
        backend.download_each(sums, &mut self.sums)?;
        let squares: f64 = self.sums.iter().map(|&sum| f64::from(sum)).sum();
        let norm = libm::sqrt(squares);
        let limit = f64::from(self.limit);
        if norm > limit {
            let scale = Unary::Scale((limit / norm) as f32);
            parameters
                .for_each(&mut |parameter| backend.unary(scale, parameter.gradient.floats_mut()))?;
        }
        Ok(())
    }
}
