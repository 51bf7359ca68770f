//! Online first-order MAML.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::backend::{Backend, Binary, Cpu};
use crate::error::{Error, Result};
use crate::learn::gradient_descent::as_dyn;
use crate::learn::optimization::Optimization;
use crate::learn::reservoir::Reservoir;
use crate::learn::{Batch, Learner, OptimizerConfig};
use crate::models::Network;
use crate::nn::{LossLog, Parameter};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

settings! {
    /// The samples of MAML's outer loss.
    pub enum OuterLoss {
        /// Those drawn from the buffer.
        Buffer = "buffer",
        /// Those of the current batch and those drawn from the buffer.
        BufferAndBatch = "buffer-and-batch",
    }
}

settings! {
    /// Online first-order MAML.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct MamlConfig {
        /// Learning rate of the inner steps.
        pub inner_learning_rate: f32 [Positive] = 0.01,
        /// Inner steps on each batch.
        pub inner_steps: usize [AtLeastOne] = 1,
        /// Samples that the buffer keeps, of all samples seen so far.
        pub capacity: usize [AtLeastOne] = 1000,
        /// Samples drawn from the buffer for each outer step.
        pub replayed: usize [AtLeastOne] = 16,
        /// The samples of the outer loss.
        pub outer_loss: OuterLoss = "buffer-and-batch",
    }
}

impl Default for MamlConfig {
    /// The defaults of the settings.
    fn default() -> Self {
        MamlConfig {
            inner_learning_rate: 0.01,
            inner_steps: 1,
            capacity: 1000,
            replayed: 16,
            outer_loss: OuterLoss::BufferAndBatch,
        }
    }
}

impl MamlConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value outside its range.
    pub fn validate(&self) -> Result<()> {
        let rate = self.inner_learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::setting("inner_learning_rate", rate, expected));
        }
        for (name, number) in [
            ("inner_steps", self.inner_steps),
            ("capacity", self.capacity),
            ("replayed", self.replayed),
        ] {
            if number == 0 {
                return Err(Error::setting(name, number, "1 or more"));
            }
        }
        Ok(())
    }
}

/// Online first-order MAML. In each iteration, with weights θ, the batch D and its samples first added to the buffer:
///
/// 1. Inner steps, n times from θ′ = θ: `θ′ ← θ′ − α·∇L_D(θ′)`.
/// 2. Outer step: `θ ← θ − β·∇L_M(θ′)`, where M is r samples of the buffer, by default together with D. The optimizer,
///    β, its schedule and its clipping are the method's.
///
/// θ is evaluated. The buffer is a random sample of all samples seen so far, without regard to tasks (reservoir sampling),
/// so that one task, or the first batch, is no special case. M is drawn with replacement.
///
/// *Known*: the inner and the outer step, and that the gradient at θ′ is used for θ without second derivatives, are
/// first-order MAML (Finn, Abbeel & Levine 2017, arXiv 1703.03400, algorithm 1 and section 5.2). Its tasks come from a
/// given distribution; an online version must take them from the stream. Finn, Rajeswaran, Kakade & Levine (2019, arXiv
/// 1902.08438) keep all earlier tasks and know their boundaries; Gupta, Yadav & Paull (2020, arXiv 2007.13904) need no
/// boundaries: inner steps on the current batch, outer loss on it and on samples of a reservoir. Which version the
/// plasticity benchmarks' published numbers used is not known. *Chosen*: the latter (their C-MAML) with inner steps on the
/// whole batch instead of single samples, and first order; all defaults.
///
/// Batch normalisation's running statistics follow every training pass, inner and outer.
///
/// ```
/// use neurogain::learn::{Maml, MamlConfig, OptimizerConfig};
/// use neurogain::models::{Feedforward, FeedforwardConfig};
/// use neurogain::{Cpu, optim::Optimizer};
/// let cpu = Cpu::new()?;
/// let network = Feedforward::new(&cpu, &FeedforwardConfig::mlp(64, &[20], 10), 42)?;
/// let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
/// let learner = Maml::new(&cpu, network, sgd, MamlConfig::default(), 42)?;
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug)]
pub struct Maml<B: Backend = Cpu, N = Box<dyn Network<B>>> {
    /// The network that is trained, with weights θ between iterations.
    pub network: N,
    config: MamlConfig,
    optimization: Optimization<B>,
    buffer: Reservoir,
    seed: u64,
    /// Iterations so far.
    iterations: u64,
    /// θ of each parameter during an iteration.
    start: Vec<Tensor<B>>,
    outer: Batch<B>,
    /// The losses of inner and outer passes.
    log: LossLog<B>,
    dlogits: Tensor<B>,
}

impl<B: Backend, N: Network<B>> Maml<B, N> {
    /// A learner whose outer steps use `optimizer`. The buffer's samples are drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting outside its range, [`Error::Memory`] if memory is insufficient.
    pub fn new(
        backend: &B,
        mut network: N,
        optimizer: OptimizerConfig,
        config: MamlConfig,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let mut start = Vec::new();
        network.for_each_parameter(&mut |parameter| {
            start.push(Tensor::zeros(backend, parameter.value.shape())?);
            Ok(())
        })?;
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Maml {
            optimization: Optimization::new(backend, optimizer, as_dyn(&mut network))?,
            network,
            config,
            buffer: Reservoir::new(config.capacity),
            seed,
            iterations: 0,
            start,
            outer: Batch {
                inputs: empty()?,
                labels: backend.bytes(&[])?,
            },
            log: LossLog::new(),
            dlogits: empty()?,
        })
    }

    /// Adds the batch to the buffer, and gathers the samples of the outer loss.
    fn gather(&mut self, backend: &B, batch: &Batch<B>) -> Result<()> {
        let mut stream = RandomStream::new(self.seed, Purpose::MetaReplay, self.iterations);
        let mut rows = batch.inputs.to_rows(backend)?;
        let mut labels = backend.download_bytes(&batch.labels)?;
        self.buffer.add(&rows, &labels, &mut stream)?;
        if self.config.outer_loss == OuterLoss::Buffer {
            rows.clear();
            labels.clear();
        }
        self.buffer
            .draw(self.config.replayed, &mut stream, &mut rows, &mut labels);
        let shape = match batch.inputs.shape() {
            Shape::Blocked {
                height,
                width,
                channels,
                ..
            } => Shape::images(labels.len(), height, width, channels),
            found => return Err(Error::shape("MAML", "a batch of samples", found)),
        };
        self.outer.inputs = Tensor::from_rows(backend, shape, &rows)?;
        backend.upload_bytes(&labels, &mut self.outer.labels)
    }
}

/// The gradient of a batch's loss in the network's parameters; `log` then holds its loss.
fn gradient<B: Backend>(
    backend: &B,
    network: &mut impl Network<B>,
    batch: &Batch<B>,
    log: &mut LossLog<B>,
    dlogits: &mut Tensor<B>,
) -> Result<()> {
    let logits = network.forward(backend, &batch.inputs)?;
    log.forward(backend, logits, &batch.labels, dlogits)?;
    network.backward(backend, &batch.inputs, dlogits)
}

impl<B: Backend, N: Network<B>> Learner<B> for Maml<B, N> {
    fn begin_context(&mut self, backend: &B, context: usize, iterations: usize) -> Result<()> {
        let network = as_dyn(&mut self.network);
        self.optimization
            .begin_context(backend, context, iterations, network)
    }

    fn step(&mut self, backend: &B, batch: &Batch<B>, log: &mut LossLog<B>) -> Result<()> {
        self.iterations += 1;
        self.gather(backend, batch)?;
        let (network, dlogits) = (&mut self.network, &mut self.dlogits);
        let mut start = self.start.iter_mut();
        network.for_each_parameter(&mut |parameter| match start.next() {
            Some(start) => {
                backend.binary(Binary::Copy, parameter.value.floats(), start.floats_mut())
            }
            None => Ok(()),
        })?;
        for step in 0..self.config.inner_steps {
            // The loss at θ is the loss of the batch.
            let log = if step == 0 { &mut *log } else { &mut self.log };
            gradient(backend, network, batch, log, dlogits)?;
            let rate = self.config.inner_learning_rate;
            network.for_each_parameter(&mut |parameter| {
                let gradient = parameter.gradient.floats();
                backend.sgd(rate, gradient, parameter.value.floats_mut())
            })?;
        }
        gradient(backend, network, &self.outer, &mut self.log, dlogits)?;
        let mut start = self.start.iter();
        network.for_each_parameter(&mut |parameter| match start.next() {
            Some(start) => {
                let theta = parameter.value.floats_mut();
                backend.binary(Binary::Copy, start.floats(), theta)
            }
            None => Ok(()),
        })?;
        self.optimization
            .update(backend, as_dyn(network), |rate| rate)
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.network.infer(backend, x)
    }

    fn activities(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        visit: &mut dyn FnMut(&Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        self.network.activities(backend, x, visit)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.network.layers()
    }
}

impl<B: Backend, N: Network<B>> State<B> for Maml<B, N> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.network.visit(backend, visitor)?;
        let network = as_dyn(&mut self.network);
        self.optimization.visit(network, visitor)?;
        visitor.count("maml.iterations", &mut self.iterations)?;
        self.buffer.visit(backend, visitor)
    }
}
