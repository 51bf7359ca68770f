//! A custom learner with the whole command line of `neurogain`. Its gains follow the error rate E of the previous
//! batch instead of the entropy: `g ← γ·g + (1 − γ)·g0 + η·E`.
//!
//! ```sh
//! cargo run --release --example own_learner -- run split-digits --methods sgd,ngm-sgd \
//!     --set methods.sgd.learner=error-driven --set methods.sgd.parameters.eta=0.4
//! ```

use std::process::ExitCode;

use neurogain::gain::GainDynamics;
use neurogain::learn::{Batch, GradientDescent, Learner};
use neurogain::nn::{LossLog, Parameter};
use neurogain::run::continual::{LearnerKind, Registration, Setup};
use neurogain::state::{Role, State, Visitor};
use neurogain::{Backend, Cpu, Result, Shape, Tensor};

struct ErrorDriven<B: Backend = Cpu> {
    descent: GradientDescent<B>,
    dynamics: GainDynamics,
    errors: Tensor<B>,
}

/// `methods.NAME.parameters` in TOML; another key is refused.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default = "default_eta")]
    eta: f32,
}

fn default_eta() -> f32 {
    0.4
}

impl LearnerKind for ErrorDriven {
    const NAME: &'static str = "error-driven";

    fn build<B: Backend>(setup: &Setup<'_, B>) -> Result<Box<dyn Learner<B>>> {
        let Parameters { eta } = setup.parameters()?;
        Ok(Box::new(ErrorDriven {
            descent: setup.gradient_descent()?,
            dynamics: GainDynamics::new(0.9, 1.0, eta)?,
            errors: Tensor::zeros(setup.backend, Shape::vector(1))?,
        }))
    }
}

impl<B: Backend> Learner<B> for ErrorDriven<B> {
    fn step(&mut self, backend: &B, batch: &Batch<B>, log: &mut LossLog<B>) -> Result<()> {
        let layers = self.descent.layers();
        for gain in layers.into_iter().flat_map(|layer| &mut layer.gain) {
            self.dynamics.update(backend, &self.errors, gain)?;
        }
        self.descent.step(backend, batch, log)?;
        let errors = 1.0 - log.last(backend)?.accuracy() as f32;
        backend.upload(&[errors], self.errors.floats_mut())
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.descent.infer(backend, x)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.descent.layers()
    }
}

impl<B: Backend> State<B> for ErrorDriven<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.descent.visit(backend, visitor)?;
        visitor.tensor(Role::Learner, "errors", &mut self.errors)
    }
}

fn main() -> ExitCode {
    neurogain::cli::main(&[Registration::of::<ErrorDriven>()])
}
