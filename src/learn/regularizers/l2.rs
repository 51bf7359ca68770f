//! The L2 penalty.

use super::{Regularizer, check_strength};
use crate::backend::{Backend, Binary};
use crate::error::Result;
use crate::models::Network;
use crate::state::{State, Visitor};

/// The penalty `λ/2·Σ w²`: adds `λ·w` to the gradient (Hoerl & Kennard 1970). With SGD this is weight decay; with Adam
/// it is not (Loshchilov & Hutter 2019), see
/// [`OptimizerConfig::weight_decay`](crate::learn::OptimizerConfig::weight_decay).
#[derive(Debug, Clone, Copy)]
pub struct L2 {
    strength: f32,
}

impl L2 {
    /// λ ≥ 0.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a λ out of range.
    pub fn new(strength: f32) -> Result<Self> {
        check_strength(strength)?;
        Ok(L2 { strength })
    }
}

impl<B: Backend> Regularizer<B> for L2 {
    fn add_gradient(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<()> {
        network.for_each_parameter(&mut |parameter| {
            let add = Binary::Axpby {
                a: self.strength,
                b: 1.0,
            };
            let gradient = parameter.gradient.floats_mut();
            backend.binary(add, parameter.value.floats(), gradient)
        })
    }
}

impl<B: Backend> State<B> for L2 {
    fn visit(&mut self, _backend: &B, _visitor: &mut dyn Visitor<B>) -> Result<()> {
        Ok(())
    }
}
