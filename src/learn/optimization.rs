//! Updates of weights along their gradients.

use alloc::vec::Vec;

use crate::backend::{Backend, Unary};
use crate::error::{Error, Result};
use crate::learn::Schedule;
use crate::learn::clipping::Clipping;
use crate::models::Network;
use crate::nn::Parameter;
use crate::optim::{Optimizer, OptimizerState};
use crate::state::Visitor;

/// The optimizers and the learning rate of a learner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerConfig {
    /// The optimizer of the gain-modulated layers.
    pub optimizer: Optimizer,
    /// The optimizer of the parameters without gains, such as the backbone of a network whose head alone is
    /// gain-modulated.
    pub backbone: Optimizer,
    /// α > 0.
    pub learning_rate: f32,
    /// How α changes within a context.
    pub schedule: Schedule,
    /// λ ≥ 0 of decoupled weight decay, `w ← (1 − α·λ)·w` before each update (AdamW: Loshchilov & Hutter 2019,
    /// arXiv 1711.05101, algorithm 2). For the L2 penalty inside the gradient see [`L2`](super::L2).
    pub weight_decay: f32,
    /// The largest norm of the gradient of all parameters, regularizers included; longer gradients are scaled down to it
    /// (Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063). 0: no limit.
    pub clip: f32,
    /// Whether the state of the optimizers is reset at the start of every context after the first.
    pub reset_optimizer_on_switch: bool,
}

impl OptimizerConfig {
    /// One optimizer for all parameters at a constant rate α, without weight decay.
    pub fn new(optimizer: Optimizer, learning_rate: f32) -> Self {
        OptimizerConfig {
            optimizer,
            backbone: optimizer,
            learning_rate,
            schedule: Schedule::Constant,
            weight_decay: 0.0,
            clip: 0.0,
            reset_optimizer_on_switch: false,
        }
    }

    fn validate(&self) -> Result<()> {
        self.optimizer.validate()?;
        self.backbone.validate()?;
        self.schedule.validate()?;
        let rate = self.learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::setting("learning_rate", rate, expected));
        }
        let decay = self.weight_decay;
        if !(decay >= 0.0 && decay.is_finite()) {
            let expected = "a finite number, 0 or above";
            return Err(Error::setting("weight_decay", decay, expected));
        }
        if !(self.clip >= 0.0 && self.clip.is_finite()) {
            let expected = "a finite number, 0 or above";
            return Err(Error::setting("clip", self.clip, expected));
        }
        Ok(())
    }

    fn of(&self, parameter: &Parameter<impl Backend>) -> Optimizer {
        match parameter.gain {
            Some(_) => self.optimizer,
            None => self.backbone,
        }
    }
}

/// Parameters that an optimizer updates, always in the same order.
pub(super) trait Trained<B: Backend> {
    /// Calls `visit` with each; allocates no memory.
    fn for_each(&mut self, visit: &mut Visit<'_, B>) -> Result<()>;
}

/// Receives each parameter.
pub(super) type Visit<'a, B> = dyn FnMut(&mut Parameter<B>) -> Result<()> + 'a;

impl<B: Backend> Trained<B> for dyn Network<B> + '_ {
    fn for_each(&mut self, visit: &mut Visit<'_, B>) -> Result<()> {
        self.for_each_parameter(visit)
    }
}

/// The optimizers and their state.
#[derive(Debug)]
pub(super) struct Optimization<B: Backend> {
    config: OptimizerConfig,
    /// Iterations in the current context so far, t.
    iteration: u64,
    /// Iterations of the current context, T.
    iterations: u64,
    clipping: Clipping<B>,
    /// One state for each parameter.
    states: Vec<OptimizerState<B>>,
}

impl<B: Backend> Optimization<B> {
    pub(super) fn new(
        backend: &B,
        config: OptimizerConfig,
        network: &mut (impl Trained<B> + ?Sized),
    ) -> Result<Self> {
        config.validate()?;
        let mut optimization = Optimization {
            config,
            iteration: 0,
            iterations: 1,
            clipping: Clipping::new(backend, config.clip, network)?,
            states: Vec::new(),
        };
        optimization.reset(backend, network)?;
        Ok(optimization)
    }

    fn reset(&mut self, backend: &B, network: &mut (impl Trained<B> + ?Sized)) -> Result<()> {
        self.states.clear();
        network.for_each(&mut |parameter| {
            let optimizer = self.config.of(parameter);
            let state = OptimizerState::new(backend, optimizer, parameter.value.shape())?;
            self.states.push(state);
            Ok(())
        })
    }

    pub(super) fn begin_context(
        &mut self,
        backend: &B,
        context: usize,
        iterations: usize,
        network: &mut (impl Trained<B> + ?Sized),
    ) -> Result<()> {
        self.iteration = 0;
        self.iterations = iterations as u64;
        match context > 1 && self.config.reset_optimizer_on_switch {
            true => self.reset(backend, network),
            false => Ok(()),
        }
    }

    /// Updates every parameter by one step; `modulated` maps α to the rate of gain-modulated layers.
    pub(super) fn update(
        &mut self,
        backend: &B,
        network: &mut (impl Trained<B> + ?Sized),
        modulated: impl Fn(f32) -> f32,
    ) -> Result<()> {
        self.clipping.apply(backend, network)?;
        let config = &self.config;
        let rate = config
            .schedule
            .rate(config.learning_rate, self.iteration, self.iterations);
        self.iteration += 1;
        let modulated = modulated(rate);
        let mut states = self.states.iter_mut();
        network.for_each(&mut |parameter| {
            let Some(state) = states.next() else {
                let expected = "the same number of parameters as at the start";
                return Err(Error::shape("optimizer", expected, &parameter.name));
            };
            let rate = match parameter.gain {
                Some(_) => modulated,
                None => rate,
            };
            if config.weight_decay > 0.0 {
                let kept = 1.0 - f64::from(rate) * f64::from(config.weight_decay);
                backend.unary(Unary::Scale(kept as f32), parameter.value.floats_mut())?;
            }
            config.of(parameter).update(backend, rate, parameter, state)
        })
    }

    /// Whether the last update was the last of its context.
    pub(super) fn context_has_ended(&self) -> bool {
        self.iteration == self.iterations
    }

    /// The optimizer's state of parameter number `place`.
    pub(super) fn state(&mut self, place: usize) -> Result<&mut OptimizerState<B>> {
        let states = self.states.len();
        self.states.get_mut(place).ok_or_else(|| {
            let expected = alloc::format!("a parameter below {states}");
            Error::shape("optimizer", expected, place)
        })
    }

    /// Shows `visitor` the state of every parameter's optimizer.
    pub(super) fn visit(
        &mut self,
        network: &mut (impl Trained<B> + ?Sized),
        visitor: &mut dyn Visitor<B>,
    ) -> Result<()> {
        visitor.count("context_iteration", &mut self.iteration)?;
        visitor.count("context_iterations", &mut self.iterations)?;
        let mut states = self.states.iter_mut();
        network.for_each(&mut |parameter| match states.next() {
            Some(state) => state.visit(&parameter.name, visitor),
            None => Ok(()),
        })
    }
}
