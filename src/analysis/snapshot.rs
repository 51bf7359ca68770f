//! A network's weights at chosen iterations of a run.

use alloc::vec::Vec;

use crate::analysis::LayerWeights;
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::{Batch, Method};
use crate::models::Network;
use crate::nn::SoftmaxCrossEntropy;

/// The weights and gains of every layer right after an iteration: the weights that it left, and the gains
/// that its forward used.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Counted from 1 over the whole run.
    pub iteration: usize,
    /// The layers in order.
    pub layers: Vec<LayerWeights>,
}

/// A method that learns as another one does, and keeps a snapshot after each of the chosen iterations.
#[derive(Debug, Clone)]
pub struct Watched<M> {
    method: M,
    wanted: Vec<usize>,
    iteration: usize,
    /// What was kept so far, in the order of the iterations.
    pub snapshots: Vec<Snapshot>,
}

impl<M> Watched<M> {
    /// `method` from its first iteration on, with the iterations to keep, counted from 1.
    pub fn new(method: M, wanted: Vec<usize>) -> Self {
        Watched {
            method,
            wanted,
            iteration: 0,
            snapshots: Vec::new(),
        }
    }
}

impl<B: Backend, M: Method<B>> Method<B> for Watched<M> {
    fn begin_context(&mut self, backend: &B, context: usize) -> Result<()> {
        self.method.begin_context(backend, context)
    }

    fn step(
        &mut self,
        backend: &B,
        network: &mut impl Network<B>,
        batch: &Batch<B>,
        loss: &mut SoftmaxCrossEntropy<B>,
    ) -> Result<()> {
        self.method.step(backend, network, batch, loss)?;
        self.iteration += 1;
        if self.wanted.contains(&self.iteration) {
            let parameters = network.parameters().filter(|p| p.is_weight());
            let layers = parameters
                .map(|p| LayerWeights::of(backend, p))
                .collect::<Result<_>>()?;
            self.snapshots.push(Snapshot {
                iteration: self.iteration,
                layers,
            });
        }
        Ok(())
    }
}
