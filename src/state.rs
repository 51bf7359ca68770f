//! State: every tensor and number that training continues from, shown to a visitor by name.
//!
//! Layers, networks, optimizers and learners implement [`State`] once; checkpoints, hashes of weights and
//! copies are made from it.
//!
//! ```
//! use neurogain::models::{Mlp, MlpShape};
//! use neurogain::state::Checkpoint;
//! use neurogain::{Cpu, Shape};
//! let cpu = Cpu::new()?;
//! let shape = MlpShape {
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

/// What a tensor of a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weights of a linear layer or a convolution, trained by gradients.
    Weight,
    /// The scale γ of a normalisation, trained by gradients.
    Scale,
    /// The shift β of a normalisation, trained by gradients.
    Shift,
    /// The gains of a layer's neurons.
    Gain,
    /// Running statistics of a batch normalisation.
    Statistics,
    /// What a learner remembers besides; inference does not read it.
    Learner,
}

impl Role {
    /// Whether it is trained by gradients.
    pub fn is_parameter(self) -> bool {
        matches!(self, Role::Weight | Role::Scale | Role::Shift)
    }
}

/// Sees every part of a state.
pub trait Visitor<B: Backend = Cpu> {
    /// A tensor. Names are unique within a state.
    ///
    /// # Errors
    /// What the visitor fails with.
    fn tensor(&mut self, role: Role, name: &str, tensor: &mut Tensor<B>) -> Result<()>;

    /// Numbers that the host holds.
    ///
    /// # Errors
    /// What the visitor fails with.
    fn numbers(&mut self, name: &str, numbers: &mut [f64]) -> Result<()>;

    /// A count.
    ///
    /// # Errors
    /// What the visitor fails with.
    fn count(&mut self, name: &str, count: &mut u64) -> Result<()>;
}

/// What can be saved, restored, hashed and copied.
pub trait State<B: Backend = Cpu> {
    /// Shows `visitor` everything that training continues from, always in the same order.
    ///
    /// # Errors
    /// What the visitor fails with.
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
/// With its history a learner's checkpoint is a run's whole state: the random streams are named by seed,
/// purpose and step, and no kernel keeps anything from one call to the next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// What inference reads: the parameters `LAYER`, the gains `LAYER.gain` as the last forward used them, and
    /// the running statistics `LAYER.running`, mean before variance.
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
    /// [`Error::Shape`] if two parts have the same name, and what the backend's download fails with.
    pub fn take<B: Backend>(backend: &B, state: &mut (impl State<B> + ?Sized)) -> Result<Self> {
        let mut take = Take {
            backend,
            checkpoint: Checkpoint::default(),
        };
        state.visit(backend, &mut take)?;
        Ok(take.checkpoint)
    }

    /// Brings a state, made from the same settings, to this one.
    ///
    /// # Errors
    /// [`Error::Shape`] if a part of it is missing here or has another shape, or a part here is not in it; the
    /// state is then partly overwritten. [`Error::Memory`] if there is no room.
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
    /// Two parts of one name could not be told apart when they are restored.
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
    /// Parts that were restored so far.
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
