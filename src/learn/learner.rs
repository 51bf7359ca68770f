//! The interface of a learner.

use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::learn::Batch;
use crate::nn::{Parameter, SoftmaxCrossEntropy};
use crate::state::State;
use crate::tensor::Tensor;

/// Fills a batch with this many training samples of the context, drawn uniformly with replacement.
pub type Draw<'a, B = Cpu> = dyn FnMut(usize, &mut Batch<B>) -> Result<()> + 'a;

/// A learner: a network and what it does with a batch in one iteration. Its [`State`] is everything that the
/// next iteration continues from, so that a run that was stopped resumes to the same bytes.
pub trait Learner<B: Backend = Cpu>: State<B> {
    /// Called before the first iteration of each context, counted from 1; does nothing by default.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn begin_context(&mut self, _backend: &B, _context: usize) -> Result<()> {
        Ok(())
    }

    /// One iteration: forward, loss, backward, update. `log` holds the loss of this batch alone afterwards.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn step(
        &mut self,
        backend: &B,
        batch: &Batch<B>,
        log: &mut SoftmaxCrossEntropy<B>,
    ) -> Result<()>;

    /// The logits of `x` for evaluation, without modifying what training continues from.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `x` does not fit the network.
    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// Called after the last iteration of each context and its evaluation; does nothing by default.
    ///
    /// # Errors
    /// What the kernels fail with.
    fn end_context(&mut self, _backend: &B, _draw: &mut Draw<'_, B>) -> Result<()> {
        Ok(())
    }

    /// The layers whose gains and weights records show, in order.
    fn layers(&mut self) -> Vec<&mut Parameter<B>>;
}
