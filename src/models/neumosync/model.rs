//! The two networks together.

use alloc::vec::Vec;

use super::dense::Rows;
use super::neurosync::SIGNALS;
use super::{LayerSignals, MainNetwork, NeuMoSyncConfig, Signals};
use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::models::FeedforwardConfig;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

/// The main network under the signals for the current input: the paper's InferenceNetwork.
///
/// The head of NeuroSync starts at 0, so all signals are 0 and the logits are those of the main network's fast weights
/// alone, bit for bit.
///
/// Signals of inference follow from the mean input token of the samples given to [`infer`](Self::infer), or from each
/// sample's own.
#[derive(Debug, Clone)]
pub struct InferenceNetwork<B: Backend = Cpu> {
    /// The network that learns the task.
    pub main: MainNetwork<B>,
    /// What its signals come from.
    pub signals: Signals<B>,
    dsignals: Tensor<B>,
}

impl<B: Backend> InferenceNetwork<B> {
    /// Both networks drawn from `seed`.
    ///
    /// # Errors
    /// As [`MainNetwork::new`] and [`Signals::new`].
    pub fn new(
        backend: &B,
        network: &FeedforwardConfig,
        config: &NeuMoSyncConfig,
        seed: u64,
    ) -> Result<Self> {
        let main = MainNetwork::new(backend, network, config.modulated_activity(), seed)?;
        Ok(InferenceNetwork {
            signals: Signals::new(backend, &main, config, seed)?,
            dsignals: Tensor::zeros(backend, Rows::of(main.neurons()).shape(SIGNALS))?,
            main,
        })
    }

    /// The logits of a training batch; keeps what `backward` needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    pub fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.signals.forward(backend, x, true)?;
        self.main.forward(backend, x, self.signals.given(true))
    }

    /// The logits of `x`, without modifying training state.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    pub fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.signals.forward(backend, x, false)?;
        self.main.infer(backend, x, self.signals.given(false))
    }

    /// The gradient of θ, b and every parameter of the signals, from the gradient of the logits of the last `forward`;
    /// `x` is the same as there.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` or `dlogits` does not fit.
    pub fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        let given = self.signals.given(true);
        let dsignals = &mut self.dsignals;
        self.main.backward(backend, x, dlogits, given, dsignals)?;
        self.signals.backward(backend, x.shape().rows(), dsignals)
    }

    /// Adds the statistics of the last training batch to their moving averages.
    ///
    /// # Errors
    /// Errors of the kernels.
    pub fn observe(&mut self, backend: &B, decay: f32) -> Result<()> {
        self.signals.observe(backend, decay, &self.main)
    }

    /// Mean and standard deviation of the signals for `x`, layer by layer.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` does not fit the network.
    pub fn signals_for(&mut self, backend: &B, x: &Tensor<B>) -> Result<Vec<LayerSignals>> {
        self.signals.forward(backend, x, false)?;
        self.signals.by_layer(backend, &self.main)
    }
}

impl<B: Backend> State<B> for InferenceNetwork<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.main.visit(backend, visitor)?;
        self.signals.visit(backend, visitor)
    }
}
