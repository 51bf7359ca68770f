//! The L2 penalty around the initial weights.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Regularizer, check_strength};
use crate::backend::{Backend, Binary};
use crate::error::Result;
use crate::models::Network;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// L2 Init (Kumar, Marklund & Van Roy 2023, arXiv 2308.11958, equation 1): the penalty `λ·Σ (w − w₀)²` around the
/// initial weights w₀, which keeps the weights where learning was possible. Adds `2λ·(w − w₀)` to the gradient.
#[derive(Debug)]
pub struct L2Init<B: Backend> {
    strength: f32,
    /// w₀ of each parameter, with its name.
    initial: Vec<(String, Tensor<B>)>,
}

impl<B: Backend> L2Init<B> {
    /// λ ≥ 0; w₀ are the present weights of `network`.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a λ out of range.
    pub fn new(strength: f32, network: &mut dyn Network<B>) -> Result<Self> {
        check_strength(strength)?;
        let mut initial = Vec::new();
        network.for_each_parameter(&mut |parameter| {
            initial.push((parameter.name.clone(), parameter.value.clone()));
            Ok(())
        })?;
        Ok(L2Init { strength, initial })
    }
}

impl<B: Backend> Regularizer<B> for L2Init<B> {
    fn add_gradient(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<()> {
        let twice = 2.0 * self.strength;
        let mut initial = self.initial.iter();
        network.for_each_parameter(&mut |parameter| {
            let Some((_, initial)) = initial.next() else {
                return Ok(());
            };
            let gradient = parameter.gradient.floats_mut();
            let add = |a| Binary::Axpby { a, b: 1.0 };
            backend.binary(add(twice), parameter.value.floats(), gradient)?;
            backend.binary(add(-twice), initial.floats(), gradient)
        })
    }
}

impl<B: Backend> State<B> for L2Init<B> {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        for (name, initial) in &mut self.initial {
            visitor.tensor(Role::Learner, &format!("l2-init.{name}"), initial)?;
        }
        Ok(())
    }
}
