//! A learner's weights at an iteration of a run.

use alloc::vec::Vec;

use crate::analysis::LayerWeights;
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::Learner;

/// The weights and gains of every layer right after an iteration: its updated weights, and the gains used by its
/// forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Counted from 1 over the whole run.
    pub iteration: usize,
    /// The layers in order.
    pub layers: Vec<LayerWeights>,
}

impl Snapshot {
    /// The weights of `learner` after iteration `iteration`.
    ///
    /// # Errors
    /// Errors of the backend's download.
    pub fn of<B: Backend>(
        backend: &B,
        iteration: usize,
        learner: &mut dyn Learner<B>,
    ) -> Result<Self> {
        let layers = learner.layers();
        let layers = layers.iter().map(|layer| LayerWeights::of(backend, layer));
        Ok(Snapshot {
            iteration,
            layers: layers.collect::<Result<_>>()?,
        })
    }
}
