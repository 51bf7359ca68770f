//! NeuMoSync.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::learn::clipping::Clipping;
use crate::learn::optimization::{Optimization, Trained, Visit};
use crate::learn::{Batch, Learner, OptimizerConfig};
use crate::models::{
    FeedforwardConfig, InferenceNetwork, LayerSignals, MainNetwork, NeuMoSyncConfig, Signals,
};
use crate::nn::{LossLog, Parameter};
use crate::optim::OptimizerState;
use crate::shape::Shape;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

/// NeuMoSync (arXiv 2608.04358): plain online backpropagation of the task's loss through the main network and
/// NeuroSync at every batch; no meta-learning loop, no task boundaries.
///
/// A step: signals; logits and loss; gradients of θ, of NeuroSync and of the learnable features; both clipped by their
/// own norms; θ by the method's optimizer, NeuroSync and the features by their own; φ ← 0.999·φ + 0.001·θ; the moving
/// averages of the neurons' statistics.
///
/// *Known*: all of it but the constants. *Chosen*: training A (the default: SGD at 0.01 for NeuroSync and features,
/// gradients clipped at 1), or B (Adam at 10⁻³, β = (0.9, 0.99), ε = 10⁻²:
/// [`NeuMoSyncConfig::with_adam`]); φ starts as a copy of θ. *Tried*: Adam with ε ≤ 10⁻³ fails on some seeds; linear
/// signals without clipping collapse on memorised tasks at every rate tried.
///
/// ```
/// use neurogain::learn::{Learner, NeuMoSync, OptimizerConfig};
/// use neurogain::models::{FeedforwardConfig, NeuMoSyncConfig};
/// use neurogain::{Cpu, Shape, Tensor, optim::Optimizer};
/// let cpu = Cpu::new()?;
/// let network = FeedforwardConfig {
///     input: [8, 8, 1],
///     ..FeedforwardConfig::mlp(64, &[20, 20], 10)
/// };
/// let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
/// let mut learner = NeuMoSync::new(&cpu, &network, &NeuMoSyncConfig::default(), sgd, 42)?;
/// let images = Tensor::from_rows(&cpu, Shape::images(2, 8, 8, 1), &[0.5; 128])?;
/// assert_eq!(learner.infer(&cpu, &images)?.shape(), Shape::features(2, 10));
/// // All signals start at 0.
/// let signals = learner.network.signals_for(&cpu, &images)?;
/// assert!(signals.iter().all(|layer| layer.mean == [0.0; 4]));
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug)]
pub struct NeuMoSync<B: Backend = Cpu> {
    /// The main network and the source of its signals.
    pub network: InferenceNetwork<B>,
    config: NeuMoSyncConfig,
    optimization: Optimization<B>,
    states: Vec<OptimizerState<B>>,
    clipping: Clipping<B>,
    dlogits: Tensor<B>,
}

/// The names of the signals in records.
const NAMES: [&str; 4] = ["alpha_sm", "alpha_wc", "alpha_3", "alpha_4"];

impl<B: Backend> NeuMoSync<B> {
    /// Networks drawn from `seed`; `optimizer` is that of the main network, with the limit of `config` on its gradient.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a setting outside its range or a network without neurons,
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn new(
        backend: &B,
        network: &FeedforwardConfig,
        config: &NeuMoSyncConfig,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let optimizer = OptimizerConfig {
            clip: config.clip,
            ..optimizer
        };
        let mut network = InferenceNetwork::new(backend, network, config, seed)?;
        let InferenceNetwork { main, signals, .. } = &mut network;
        let mut states = Vec::new();
        signals.for_each_parameter(&mut |parameter| {
            let optimizer = config.neurosync_optimizer;
            let state = OptimizerState::new(backend, optimizer, parameter.value.shape())?;
            states.push(state);
            Ok(())
        })?;
        Ok(NeuMoSync {
            optimization: Optimization::new(backend, optimizer, main)?,
            clipping: Clipping::new(backend, config.neurosync_clip, signals)?,
            config: config.clone(),
            network,
            states,
            dlogits: Tensor::zeros(backend, Shape::features(0, 1))?,
        })
    }

    fn update(&mut self, backend: &B) -> Result<()> {
        let InferenceNetwork { main, signals, .. } = &mut self.network;
        self.clipping.apply(backend, signals)?;
        self.optimization.update(backend, main, |rate| rate)?;
        let mut states = self.states.iter_mut();
        let optimizer = self.config.neurosync_optimizer;
        let rate = self.config.neurosync_learning_rate;
        signals.for_each_parameter(&mut |parameter| match states.next() {
            Some(state) => optimizer.update(backend, rate, parameter, state),
            None => Ok(()),
        })
    }
}

impl<B: Backend> Learner<B> for NeuMoSync<B> {
    fn begin_context(&mut self, backend: &B, context: usize, iterations: usize) -> Result<()> {
        let main = &mut self.network.main;
        self.optimization
            .begin_context(backend, context, iterations, main)
    }

    fn step(&mut self, backend: &B, batch: &Batch<B>, log: &mut LossLog<B>) -> Result<()> {
        let logits = self.network.forward(backend, &batch.inputs)?;
        log.forward(backend, logits, &batch.labels, &mut self.dlogits)?;
        self.network
            .backward(backend, &batch.inputs, &self.dlogits)?;
        self.update(backend)?;
        let rate = self.config.consolidation_rate;
        self.network.main.consolidate(backend, rate)?;
        self.network.observe(backend, self.config.decay)
    }

    /// The signals are those for `x`: for its mean input token, or for each of its samples.
    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.network.infer(backend, x)
    }

    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        self.network.forward(backend, x)?;
        let mut layers: Vec<&Tensor<B>> = self.network.main.activities().collect();
        layers.pop();
        layers.into_iter().try_for_each(visit)
    }

    /// Mean and standard deviation of each signal for `x`, layer by layer; the output layer's activity has no signals.
    fn signals(&mut self, backend: &B, x: &Tensor<B>) -> Result<Vec<(String, f64)>> {
        let mut named = Vec::new();
        for LayerSignals {
            layer,
            mean,
            standard_deviation,
        } in self.network.signals_for(backend, x)?
        {
            let of_layer = if layer == "output" { 2 } else { NAMES.len() };
            for (place, name) in NAMES.iter().enumerate().take(of_layer) {
                named.push((format!("{name}_mean_{layer}"), mean[place]));
                named.push((
                    format!("{name}_deviation_{layer}"),
                    standard_deviation[place],
                ));
            }
        }
        Ok(named)
    }

    /// The weights θ.
    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.network.main.weights()
    }
}

impl<B: Backend> State<B> for NeuMoSync<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.network.visit(backend, visitor)?;
        let InferenceNetwork { main, signals, .. } = &mut self.network;
        self.optimization.visit(main, visitor)?;
        let mut states = self.states.iter_mut();
        signals.for_each_parameter(&mut |parameter| match states.next() {
            Some(state) => state.visit(&parameter.name, visitor),
            None => Ok(()),
        })
    }
}

impl<B: Backend> Trained<B> for MainNetwork<B> {
    fn for_each(&mut self, visit: &mut Visit<'_, B>) -> Result<()> {
        self.for_each_parameter(visit)
    }
}

impl<B: Backend> Trained<B> for Signals<B> {
    fn for_each(&mut self, visit: &mut Visit<'_, B>) -> Result<()> {
        self.for_each_parameter(visit)
    }
}
