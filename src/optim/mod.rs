//! Optimizers: functions of a parameter, its gradient and a state.
//!
//! ```
//! use neurogain::nn::{Init, Parameter};
//! use neurogain::optim::{Optimizer, OptimizerState};
//! use neurogain::{Cpu, Memory, Shape};
//! let cpu = Cpu::new()?;
//! let mut w = Parameter::new(&cpu, "w", Shape::matrix(1, 2), Init::Constant(1.0), 0, 0)?;
//! cpu.upload(&[4.0, -4.0], w.gradient.floats_mut())?;
//! Optimizer::Sgd.update(&cpu, 0.25, &mut w, &mut OptimizerState::default())?;
//! assert_eq!(w.value.to_rows(&cpu)?, [0.0, 2.0]);
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::format;

use crate::backend::{AdamStep, Backend, Cpu};
use crate::error::{Error, Result};
use crate::nn::Parameter;
use crate::shape::Shape;
use crate::state::{Role, Visitor};
use crate::tensor::Tensor;

settings! {
    /// An update rule with its constants, as defined by PyTorch.
    ///
    /// Every rule updates W, not W_eff; the gradient already contains the gain.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "rule"]
    pub enum Optimizer {
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

/// The state of an optimizer for one parameter.
#[derive(Debug, Clone)]
pub struct OptimizerState<B: Backend = Cpu> {
    steps: u64,
    first: Option<Tensor<B>>,
    second: Option<Tensor<B>>,
}

impl<B: Backend> Default for OptimizerState<B> {
    fn default() -> Self {
        OptimizerState {
            steps: 0,
            first: None,
            second: None,
        }
    }
}

impl<B: Backend> OptimizerState<B> {
    /// The state of `optimizer` for a parameter of this shape before the first step: zero moments.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(backend: &B, optimizer: Optimizer, shape: Shape) -> Result<Self> {
        let moments = match optimizer {
            Optimizer::Sgd => 0,
            Optimizer::Momentum { .. } => 1,
            Optimizer::Adam { .. } => 2,
        };
        let moment = |number| match number <= moments {
            true => Tensor::zeros(backend, shape).map(Some),
            false => Ok(None),
        };
        Ok(OptimizerState {
            steps: 0,
            first: moment(1)?,
            second: moment(2)?,
        })
    }

    /// Sets the moments of chosen elements of the parameter to 0; elements are numbered row-major.
    ///
    /// # Errors
    /// Errors of the backend's copies.
    pub fn reset_where(&mut self, backend: &B, chosen: impl Fn(usize) -> bool) -> Result<()> {
        for moment in [&mut self.first, &mut self.second].into_iter().flatten() {
            let mut numbers = moment.to_rows(backend)?;
            for (place, number) in numbers.iter_mut().enumerate() {
                if chosen(place) {
                    *number = 0.0;
                }
            }
            backend.upload(&numbers, moment.floats_mut())?;
        }
        Ok(())
    }

    /// Shows `visitor` the state of the parameter `name`: the count `NAME.steps`, and the moments that the
    /// optimizer has, `NAME.first_moment` (momentum's v, Adam's m) and `NAME.second_moment` (Adam's v).
    ///
    /// # Errors
    /// Errors of the visitor.
    pub fn visit(&mut self, name: &str, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.count(&format!("{name}.steps"), &mut self.steps)?;
        let moments = [
            ("first_moment", &mut self.first),
            ("second_moment", &mut self.second),
        ];
        for (moment, tensor) in moments {
            if let Some(tensor) = tensor {
                visitor.tensor(Role::Learner, &format!("{name}.{moment}"), tensor)?;
            }
        }
        Ok(())
    }
}

impl Optimizer {
    /// Updates the parameter by one step.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient for the state, which the first step allocates.
    pub fn update<B: Backend>(
        &self,
        backend: &B,
        learning_rate: f32,
        parameter: &mut Parameter<B>,
        state: &mut OptimizerState<B>,
    ) -> Result<()> {
        let shape = parameter.value.shape();
        let gradient = parameter.gradient.floats();
        let weight = parameter.value.floats_mut();
        state.steps = state.steps.saturating_add(1);
        match *self {
            Optimizer::Sgd => backend.sgd(learning_rate, gradient, weight),
            Optimizer::Momentum { momentum } => {
                let velocity = moment(backend, &mut state.first, shape)?;
                backend.momentum(
                    learning_rate,
                    momentum,
                    gradient,
                    velocity.floats_mut(),
                    weight,
                )
            }
            Optimizer::Adam {
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
    /// [`Error::Setting`] if a constant is outside its range.
    pub fn validate(&self) -> Result<()> {
        let decay = |name, value: f32| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::setting(name, value, "a number in [0, 1)")),
        };
        match *self {
            Optimizer::Sgd => Ok(()),
            Optimizer::Momentum { momentum } => decay("momentum", momentum),
            Optimizer::Adam {
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

/// The constants of a step with bias correction, in f64, rounded once. Powers are products, not a library's `pow`, so
/// that every machine gives the same bits.
fn adam_step(learning_rate: f32, beta1: f32, beta2: f32, epsilon: f32, steps: u64) -> AdamStep {
    let remaining = |beta: f32| 1.0 - power(f64::from(beta), steps);
    AdamStep {
        beta1,
        beta2,
        epsilon,
        rate: (f64::from(learning_rate) / remaining(beta1)) as f32,
        correction: (1.0 / libm::sqrt(remaining(beta2))) as f32,
    }
}

/// `base^exponent` by products.
pub(crate) fn power(mut base: f64, mut exponent: u64) -> f64 {
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
