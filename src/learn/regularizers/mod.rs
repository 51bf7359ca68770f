//! Regularizers: terms that keep weights where learning is possible, or near those of earlier tasks.
//!
//! Their gradient is added to that of the loss before the optimizer's step, so that momentum and Adam include it.

mod ewc;
mod l2;
mod l2_init;
mod shrink_and_perturb;

use alloc::boxed::Box;
use core::fmt::Debug;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::Draw;
use crate::models::Network;
use crate::state::State;

pub use ewc::Ewc;
pub use l2::L2;
pub use l2_init::L2Init;
pub use shrink_and_perturb::ShrinkAndPerturb;

/// A regularizer of every parameter of a network.
pub trait Regularizer<B: Backend = Cpu>: State<B> + Debug {
    /// Called before the first iteration of each context, counted from 1; does nothing by default.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn begin_context(
        &mut self,
        _backend: &B,
        _context: usize,
        _network: &mut dyn Network<B>,
    ) -> Result<()> {
        Ok(())
    }

    /// Adds the term's gradient to every parameter's; does nothing by default.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn add_gradient(&mut self, _backend: &B, _network: &mut dyn Network<B>) -> Result<()> {
        Ok(())
    }

    /// Called after each context; does nothing by default.
    ///
    /// # Errors
    /// Errors of the kernels.
    fn end_context(
        &mut self,
        _backend: &B,
        _network: &mut dyn Network<B>,
        _draw: &mut dyn Draw<B>,
    ) -> Result<()> {
        Ok(())
    }
}

settings! {
    /// A regularizer, as in a method's settings.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "kind"]
    pub enum RegularizerConfig {
        /// L2 regularization: the gradient of (λ/2)·‖w‖² is added to that of the loss.
        L2 = "l2" {
            /// λ.
            strength: f32 [NotNegative],
        },
        /// L2 Init: the gradient of λ·‖w − w₀‖², which is 2λ·(w − w₀), is added, with the initial weights w₀. L2 adds λ·w.
        L2Init = "l2-init" {
            /// λ.
            strength: f32 [NotNegative],
        },
        /// Shrink and perturb at the start of each context after the first: w ← λ·w + σ·ξ, ξ ~ N(0, 1).
        ShrinkAndPerturb = "shrink-and-perturb" {
            /// λ.
            shrink: f32 [Share],
            /// σ.
            standard_deviation: f32 [NotNegative],
        },
        /// Elastic weight consolidation, with the diagonal of the Fisher information.
        Ewc = "ewc" {
            /// λ.
            strength: f32 [NotNegative],
            /// The Fisher information F_k of a context. Default: the empirical one of 1,000 samples.
            fisher: Option<EwcFisher>,
            /// Which contexts the penalty remembers. Default: "sum".
            memory: Option<EwcMemory>,
        },
    }
}

settings! {
    /// The Fisher information of one context.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "kind"]
    pub enum EwcFisher {
        /// The mean of squared gradients of single samples with their true labels.
        Empirical = "empirical" {
            /// The number of samples; at most all samples of the context.
            samples: usize [AtLeastOne],
        },
        /// 1 for every weight: every weight is held equally, as in the L2 baseline of Kirkpatrick et al. (2017).
        Ones = "ones",
    }
}

impl Default for EwcFisher {
    /// The empirical one of 1,000 samples.
    fn default() -> Self {
        EwcFisher::Empirical { samples: 1000 }
    }
}

settings! {
    /// The Fisher information F of elastic weight consolidation after context k, whose own is F_k.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "kind"]
    pub enum EwcMemory {
        /// The sum over all contexts: F ← F + F_k.
        Sum = "sum",
        /// The last context only: F ← F_k.
        LastContext = "last-context",
        /// Online: F ← γ·F + F_k.
        Online = "online" {
            /// γ.
            decay: f32 [Share],
        },
    }
}

impl EwcMemory {
    /// γ in F ← γ·F + F_k.
    fn decay(self) -> f32 {
        match self {
            EwcMemory::Sum => 1.0,
            EwcMemory::LastContext => 0.0,
            EwcMemory::Online { decay } => decay,
        }
    }
}

impl RegularizerConfig {
    /// Checks the constants' ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] if a constant is outside its range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            RegularizerConfig::L2 { strength } | RegularizerConfig::L2Init { strength } => {
                check_strength(strength)
            }
            RegularizerConfig::ShrinkAndPerturb {
                shrink,
                standard_deviation,
            } => ShrinkAndPerturb::new(shrink, standard_deviation, 0).map(drop),
            RegularizerConfig::Ewc {
                strength,
                fisher,
                memory,
            } => {
                check_strength(strength)?;
                ewc::check(fisher.unwrap_or_default(), memory.unwrap_or(EwcMemory::Sum))
            }
        }
    }

    /// Number of tensors that it keeps of each parameter.
    pub fn copies(&self) -> u64 {
        match self {
            RegularizerConfig::L2 { .. } | RegularizerConfig::ShrinkAndPerturb { .. } => 0,
            RegularizerConfig::L2Init { .. } => 1,
            RegularizerConfig::Ewc { .. } => 3,
        }
    }

    /// The regularizer of a network before its first iteration; `seed` is the seed of its random stream.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range, [`Error::Memory`] if memory is insufficient.
    pub fn build<B: Backend>(
        &self,
        backend: &B,
        network: &mut dyn Network<B>,
        seed: u64,
    ) -> Result<Box<dyn Regularizer<B>>> {
        Ok(match *self {
            RegularizerConfig::L2 { strength } => Box::new(L2::new(strength)?),
            RegularizerConfig::L2Init { strength } => Box::new(L2Init::new(strength, network)?),
            RegularizerConfig::ShrinkAndPerturb {
                shrink,
                standard_deviation,
            } => Box::new(ShrinkAndPerturb::new(shrink, standard_deviation, seed)?),
            RegularizerConfig::Ewc {
                strength,
                fisher,
                memory,
            } => {
                let (fisher, memory) =
                    (fisher.unwrap_or_default(), memory.unwrap_or(EwcMemory::Sum));
                Box::new(Ewc::new(backend, strength, fisher, memory, network)?)
            }
        })
    }
}

/// Checks the strength λ of a term.
fn check_strength(strength: f32) -> Result<()> {
    match strength >= 0.0 && strength.is_finite() {
        true => Ok(()),
        false => {
            let expected = "a finite number, 0 or above";
            Err(Error::setting("strength", strength, expected))
        }
    }
}
