//! Optimisers: functions of a parameter, its gradient and a state.
//!
//! ```
//! use neurogain::nn::{Initial, Parameter};
//! use neurogain::optim::{Rule, State};
//! use neurogain::{Backend, Cpu, Shape};
//! let cpu = Cpu::new()?;
//! let mut w = Parameter::new(&cpu, "w", Shape::matrix(1, 2), Initial::Constant(1.0), 0, 0)?;
//! cpu.upload(&[4.0, -4.0], w.gradient.floats_mut())?;
//! Rule::Sgd.update(&cpu, 0.25, &mut w, &mut State::default())?;
//! assert_eq!(w.value.to_rows(&cpu)?, [0.0, 2.0]);
//! # Ok::<(), neurogain::Error>(())
//! ```

use crate::backend::{AdamStep, Backend, Cpu};
use crate::error::{Error, Result};
use crate::nn::Parameter;
use crate::shape::Shape;
use crate::tensor::Tensor;

settings! {
    /// An update rule with its constants, as PyTorch defines each.
    ///
    /// Every rule updates W, not W_eff: the gradient that it is given carries the gain.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "rule"]
    pub enum Rule {
        /// Stochastic gradient descent: `w ← w − α·dw`.
        Sgd = "sgd",
        /// Heavy ball without dampening: `v ← μ·v + dw`, `w ← w − α·v`, v starting at 0.
        Momentum = "momentum" {
            /// μ, in [0, 1).
            momentum: f32 [Fraction],
        },
        /// Adam (Kingma & Ba 2015, algorithm 1): `m ← β1·m + (1−β1)·dw`, `v ← β2·v + (1−β2)·dw²`,
        /// `w ← w − α·m̂/(√v̂ + ε)` with `m̂ = m/(1−β1ᵗ)`, `v̂ = v/(1−β2ᵗ)`.
        Adam = "adam" {
            /// β1, in [0, 1).
            beta1: f32 [Fraction] = 0.9,
            /// β2, in [0, 1).
            beta2: f32 [Fraction] = 0.999,
            /// ε > 0.
            epsilon: f32 [Positive] = 1e-8,
        },
    }
}

/// What a rule remembers of one parameter between steps.
#[derive(Debug, Clone)]
pub struct State<B: Backend = Cpu> {
    steps: u32,
    first: Option<Tensor<B>>,
    second: Option<Tensor<B>>,
}

impl<B: Backend> Default for State<B> {
    fn default() -> Self {
        State {
            steps: 0,
            first: None,
            second: None,
        }
    }
}

impl<B: Backend> State<B> {
    /// What `rule` remembers of a parameter of this shape after so many steps, with moments of zero, to be
    /// overwritten by those of a checkpoint.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room.
    pub fn after(backend: &B, rule: Rule, shape: Shape, steps: u32) -> Result<Self> {
        let moments = match rule {
            Rule::Sgd => 0,
            Rule::Momentum { .. } => 1,
            Rule::Adam { .. } => 2,
        };
        let moment = |number| match number <= moments {
            true => Tensor::zeros(backend, shape).map(Some),
            false => Ok(None),
        };
        Ok(State {
            steps,
            first: moment(1)?,
            second: moment(2)?,
        })
    }

    /// Steps taken.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The moments by name: `first_moment` (momentum's v, Adam's m) and `second_moment` (Adam's v), where
    /// the rule has them and a step was taken.
    pub fn moments(&mut self) -> impl Iterator<Item = (&'static str, &mut Tensor<B>)> {
        let named = [
            ("first_moment", self.first.as_mut()),
            ("second_moment", self.second.as_mut()),
        ];
        named
            .into_iter()
            .filter_map(|(name, moment)| Some((name, moment?)))
    }
}

impl Rule {
    /// One step of the parameter along its gradient.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room for the state, which the first
    /// step makes.
    pub fn update<B: Backend>(
        &self,
        backend: &B,
        learning_rate: f32,
        parameter: &mut Parameter<B>,
        state: &mut State<B>,
    ) -> Result<()> {
        let shape = parameter.value.shape();
        let gradient = parameter.gradient.floats();
        let weight = parameter.value.floats_mut();
        state.steps = state.steps.saturating_add(1);
        match *self {
            Rule::Sgd => backend.sgd(learning_rate, gradient, weight),
            Rule::Momentum { momentum } => {
                let velocity = moment(backend, &mut state.first, shape)?;
                backend.momentum(
                    learning_rate,
                    momentum,
                    gradient,
                    velocity.floats_mut(),
                    weight,
                )
            }
            Rule::Adam {
                beta1,
                beta2,
                epsilon,
            } => {
                let step = adam_step(learning_rate, beta1, beta2, epsilon, state.steps);
                let first = moment(backend, &mut state.first, shape)?;
                let second = moment(backend, &mut state.second, shape)?;
                backend.adam(
                    step,
                    gradient,
                    first.floats_mut(),
                    second.floats_mut(),
                    weight,
                )
            }
        }
    }

    /// Checks the constants' ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] for one outside.
    pub fn validate(&self) -> Result<()> {
        let decay = |name, value: f32| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::setting(name, value, "a number in [0, 1)")),
        };
        match *self {
            Rule::Sgd => Ok(()),
            Rule::Momentum { momentum } => decay("momentum", momentum),
            Rule::Adam {
                beta1,
                beta2,
                epsilon,
            } => {
                decay("beta1", beta1)?;
                decay("beta2", beta2)?;
                if epsilon > 0.0 && epsilon.is_finite() {
                    return Ok(());
                }
                Err(Error::setting(
                    "epsilon",
                    epsilon,
                    "a finite number above 0",
                ))
            }
        }
    }
}

fn moment<'a, B: Backend>(
    backend: &B,
    moment: &'a mut Option<Tensor<B>>,
    shape: Shape,
) -> Result<&'a mut Tensor<B>> {
    match moment {
        Some(moment) => Ok(moment),
        None => Ok(moment.insert(Tensor::zeros(backend, shape)?)),
    }
}

/// The step's corrections in f64, rounded once. The powers are products, not a library's `pow`, so
/// that every machine gives the same bits.
fn adam_step(learning_rate: f32, beta1: f32, beta2: f32, epsilon: f32, steps: u32) -> AdamStep {
    let remaining = |beta: f32| 1.0 - power(f64::from(beta), steps);
    AdamStep {
        beta1,
        beta2,
        epsilon,
        rate: (f64::from(learning_rate) / remaining(beta1)) as f32,
        correction: (1.0 / libm::sqrt(remaining(beta2))) as f32,
    }
}

fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= base;
        }
        base *= base;
        exponent /= 2;
    }
    result
}
