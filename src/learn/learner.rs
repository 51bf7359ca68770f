//! The interface of a learner.

use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::learn::Batch;
use crate::nn::{LossLog, Parameter};
use crate::state::State;
use crate::tensor::Tensor;

/// The training samples of a context, without augmentation.
pub trait Draw<B: Backend = Cpu> {
    /// Their number.
    fn count(&self) -> usize;

    /// Fills `batch` with `count` samples drawn uniformly with replacement.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn draw(&mut self, count: usize, batch: &mut Batch<B>) -> Result<()>;

    /// Fills `batch` with sample number `place`, below [`count`](Self::count), in a fixed order.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn get(&mut self, place: usize, batch: &mut Batch<B>) -> Result<()>;
}

/// A learner: a network and its update from one batch. Its [`State`] is everything that the next iteration needs, so
/// that a stopped run resumes to the same bytes.
pub trait Learner<B: Backend = Cpu>: State<B> {
    /// Called before the first iteration of each context, which is counted from 1 and trains for `iterations`; does
    /// nothing by default.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn begin_context(&mut self, _backend: &B, _context: usize, _iterations: usize) -> Result<()> {
        Ok(())
    }

    /// One iteration: forward, loss, backward, update. Afterwards `log` holds only the loss of this batch.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn step(&mut self, backend: &B, batch: &Batch<B>, log: &mut LossLog<B>) -> Result<()>;

    /// The logits of `x` for evaluation, without modifying training state.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>>;

    /// Called after the last iteration of each context and its evaluation; does nothing by default.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn end_context(&mut self, _backend: &B, _draw: &mut dyn Draw<B>) -> Result<()> {
        Ok(())
    }

    /// Shows `visit` the activity of each hidden layer for the samples of `x`, in order, without modifying training
    /// state; shows none by default.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network, and the error of `visit`.
    fn activities(
        &mut self,
        _backend: &B,
        _x: &Tensor<B>,
        _visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        Ok(())
    }

    /// Numbers that describe the learner's state while it evaluates `x`, by name, for records; none by default. Names
    /// and their order never change during a run.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    fn signals(&mut self, _backend: &B, _x: &Tensor<B>) -> Result<Vec<(String, f64)>> {
        Ok(Vec::new())
    }

    /// The layers whose gains and weights are recorded, in order.
    fn layers(&mut self) -> Vec<&mut Parameter<B>>;
}
