//! State: every tensor and number that training needs to continue, shown to a visitor by name.
//!
//! Layers, networks, optimizers and learners implement [`State`] once; checkpoints, hashes of weights and
//! copies are made from it.
//!
//! ```
//! use neurogain::models::{Mlp, MlpConfig};
//! use neurogain::state::Checkpoint;
//! use neurogain::{Cpu, Shape};
//! let cpu = Cpu::new()?;
//! let shape = MlpConfig {
//!     neurons: vec![4, 3],
//!     hidden_standard_deviation: 0.1,
//!     output_standard_deviation: 0.1,
//! };
//! let (mut network, mut other) = (Mlp::new(&cpu, &shape, 1)?, Mlp::new(&cpu, &shape, 2)?);
//! // Copies one network's weights and gains into another.
//! let checkpoint = Checkpoint::take(&cpu, &mut network)?;
//! checkpoint.restore(&cpu, &mut other)?;
//! assert_eq!(checkpoint, Checkpoint::take(&cpu, &mut other)?);
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;
use core::ops::DerefMut;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::tensor::{NamedTensor, Tensor};

/// The role of a tensor in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weights of a linear layer or a convolution, trained by gradients.
    Weight,
    /// A scale of each neuron, trained by gradients: the γ of a normalisation, the slope of a nonlinearity.
    Scale,
    /// A shift of each neuron, trained by gradients: the β of a normalisation, a bias.
    Shift,
    /// The gains of a layer's neurons.
    Gain,
    /// Running averages that inference reads: statistics, slow weights.
    Statistics,
    /// Other state of a learner; inference does not read it.
    Learner,
}

impl Role {
    /// Whether it is trained by gradients.
    pub fn is_parameter(self) -> bool {
        matches!(self, Role::Weight | Role::Scale | Role::Shift)
    }
}

/// Receives every part of a state.
pub trait Visitor<B: Backend = Cpu> {
    /// Receives a tensor. Names are unique within a state.
    ///
    /// # Errors
    /// Errors of the visitor.
    fn tensor(&mut self, role: Role, name: &str, tensor: &mut Tensor<B>) -> Result<()>;

    /// Receives numbers on the host.
    ///
    /// # Errors
    /// Errors of the visitor.
    fn numbers(&mut self, name: &str, numbers: &mut [f64]) -> Result<()>;

    /// Receives a count.
    ///
    /// # Errors
    /// Errors of the visitor.
    fn count(&mut self, name: &str, count: &mut u64) -> Result<()>;
}

/// Has a state that can be saved, restored, hashed and copied.
pub trait State<B: Backend = Cpu> {
    /// Shows `visitor` everything that training needs to continue, always in the same order.
    ///
    /// # Errors
    /// Errors of the visitor.
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()>;
}

/// A boxed or borrowed state is a state.
impl<B: Backend, P: DerefMut<Target: State<B>>> State<B> for P {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        (**self).visit(backend, visitor)
    }
}

/// The contents of a [`State`] on the host.
///
/// A learner's checkpoint and the history are the complete state of a run: a random stream depends only on seed,
/// purpose and step, and kernels keep no state between calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// Tensors that inference reads: the parameters `LAYER`, the gains `LAYER.gain` as used by the last forward pass,
    /// and the running statistics `LAYER.running`, mean before variance.
    pub network: Vec<NamedTensor>,
    /// The tensors of [`Role::Learner`], such as the optimizer's `LAYER.first_moment`.
    pub learner: Vec<NamedTensor>,
    /// Numbers, by name.
    pub numbers: Vec<(String, Vec<f64>)>,
    /// Counts, by name.
    pub counts: Vec<(String, u64)>,
}

impl Checkpoint {
    /// Copies a state to the host.
    ///
    /// # Errors
    /// [`Error::Shape`] if two parts have the same name, and errors of the backend's download.
    pub fn take<B: Backend>(backend: &B, state: &mut (impl State<B> + ?Sized)) -> Result<Self> {
        let mut take = Take {
            backend,
            checkpoint: Checkpoint::default(),
        };
        state.visit(backend, &mut take)?;
        Ok(take.checkpoint)
    }

    /// Overwrites `state`, which must be made from the same settings, with this checkpoint.
    ///
    /// # Errors
    /// [`Error::Shape`] if a part of `state` is missing here or has another shape, or if a part here is missing in
    /// `state`; `state` is then partly overwritten. [`Error::Memory`] if memory is insufficient.
    pub fn restore<B: Backend>(
        &self,
        backend: &B,
        state: &mut (impl State<B> + ?Sized),
    ) -> Result<()> {
        let mut restore = Restore {
            backend,
            checkpoint: self,
            restored: 0,
        };
        state.visit(backend, &mut restore)?;
        let restored = restore.restored;
        let tensors = self.network.len() + self.learner.len();
        let found = tensors + self.numbers.len() + self.counts.len();
        if restored == found {
            return Ok(());
        }
        let expected = format!("{restored} tensors and numbers");
        Err(Error::shape("checkpoint", expected, found))
    }

    fn has(&self, name: &str) -> bool {
        let mut tensors = self.network.iter().chain(&self.learner);
        tensors.any(|tensor| tensor.name == name)
            || self.numbers.iter().any(|(known, _)| known == name)
            || self.counts.iter().any(|(known, _)| known == name)
    }
}

struct Take<'a, B: Backend> {
    backend: &'a B,
    checkpoint: Checkpoint,
}

impl<B: Backend> Take<'_, B> {
    /// Refuses a name that is already used: restoring could not distinguish the parts.
    fn check_name(&self, name: &str) -> Result<()> {
        match self.checkpoint.has(name) {
            true => Err(Error::shape("checkpoint", "distinct names", name)),
            false => Ok(()),
        }
    }
}

impl<B: Backend> Visitor<B> for Take<'_, B> {
    fn tensor(&mut self, role: Role, name: &str, tensor: &mut Tensor<B>) -> Result<()> {
        self.check_name(name)?;
        let list = match role {
            Role::Learner => &mut self.checkpoint.learner,
            _ => &mut self.checkpoint.network,
        };
        list.push(NamedTensor::of(self.backend, name, tensor)?);
        Ok(())
    }

    fn numbers(&mut self, name: &str, numbers: &mut [f64]) -> Result<()> {
        self.check_name(name)?;
        let numbers = (name.into(), numbers.to_vec());
        self.checkpoint.numbers.push(numbers);
        Ok(())
    }

    fn count(&mut self, name: &str, count: &mut u64) -> Result<()> {
        self.check_name(name)?;
        self.checkpoint.counts.push((name.into(), *count));
        Ok(())
    }
}

struct Restore<'a, B: Backend> {
    backend: &'a B,
    checkpoint: &'a Checkpoint,
    /// Parts restored so far.
    restored: usize,
}

impl<B: Backend> Visitor<B> for Restore<'_, B> {
    fn tensor(&mut self, role: Role, name: &str, tensor: &mut Tensor<B>) -> Result<()> {
        let list = match role {
            Role::Learner => &self.checkpoint.learner,
            _ => &self.checkpoint.network,
        };
        let shape = tensor.shape();
        let expected = format!("{name}, {shape}");
        let found = list.iter().find(|found| found.name == name);
        let found = found.ok_or_else(|| missing(&expected))?;
        if found.shape != shape.dimensions() {
            let found = format!("{name}, {:?}", found.shape);
            return Err(Error::shape("checkpoint", expected, found));
        }
        *tensor = Tensor::from_rows(self.backend, shape, &found.numbers)?;
        self.restored += 1;
        Ok(())
    }

    fn numbers(&mut self, name: &str, numbers: &mut [f64]) -> Result<()> {
        let found = named(&self.checkpoint.numbers, name)?;
        if found.len() != numbers.len() {
            let expected = format!("{name}, {} numbers", numbers.len());
            return Err(Error::shape("checkpoint", expected, found.len()));
        }
        numbers.copy_from_slice(found);
        self.restored += 1;
        Ok(())
    }

    fn count(&mut self, name: &str, count: &mut u64) -> Result<()> {
        *count = *named(&self.checkpoint.counts, name)?;
        self.restored += 1;
        Ok(())
    }
}

fn named<'a, T>(list: &'a [(String, T)], name: &str) -> Result<&'a T> {
    let found = list.iter().find(|(known, _)| known == name);
    found.map(|(_, found)| found).ok_or_else(|| missing(name))
}

fn missing(expected: impl Display) -> Error {
    Error::shape("checkpoint", expected, "none")
}
