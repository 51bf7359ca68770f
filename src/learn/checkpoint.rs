//! What a run goes on from: every number of its network and its method, by name.
//!
//! With the history that is a run's whole state: the random streams are named by seed, purpose and
//! iteration, and no kernel keeps anything from one call to the next.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::GradientDescent;
use crate::models::Network;
use crate::tensor::{NamedTensor, Tensor};

/// A network and its method between two iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What inference needs: the weights `LAYER`, the gains `LAYER.gain` as the last forward used them, and
    /// the running statistics `LAYER.running`, mean before variance.
    pub network: Vec<NamedTensor>,
    /// What the method remembers: the `drive` of the next step's gains, the optimiser's
    /// `LAYER.first_moment` and `LAYER.second_moment`.
    pub method: Vec<NamedTensor>,
    /// What it remembers besides, in the order of the names: the `slow_gain` of
    /// [`GradientDescent::only_slow`], and the optimiser's `steps` since it began or was reset.
    pub numbers: Vec<(String, f64)>,
}

impl Checkpoint {
    /// The numbers of the network's tensor called `name`.
    pub(super) fn fill<B: Backend>(
        &self,
        backend: &B,
        name: &str,
        tensor: &mut Tensor<B>,
    ) -> Result<()> {
        fill(backend, &self.network, name, tensor)
    }

    /// The state between two iterations.
    ///
    /// # Errors
    /// What the backend's download fails with.
    pub fn take<B: Backend>(
        backend: &B,
        network: &mut impl Network<B>,
        method: &mut GradientDescent<B>,
    ) -> Result<Self> {
        let copy = |name: &str, tensor: &Tensor<B>| NamedTensor::of(backend, name, tensor);
        let mut checkpoint = Checkpoint {
            network: Vec::new(),
            method: Vec::new(),
            numbers: method.numbers(),
        };
        visit_network(network, |name, tensor| {
            checkpoint.network.push(copy(name, tensor)?);
            Ok(())
        })?;
        method.visit_tensors(backend, network, |name, tensor| {
            checkpoint.method.push(copy(name, tensor)?);
            Ok(())
        })?;
        Ok(checkpoint)
    }

    /// Brings a network and a method, made from the same settings, to this state.
    ///
    /// # Errors
    /// [`Error::Shape`] if a tensor of theirs is missing here or has another shape, or one here is not
    /// theirs; they are then of no use. [`Error::Memory`] if there is no room.
    pub fn restore<B: Backend>(
        &self,
        backend: &B,
        network: &mut impl Network<B>,
        method: &mut GradientDescent<B>,
    ) -> Result<()> {
        let mut known = 0;
        visit_network(network, |name, tensor| {
            known += 1;
            fill(backend, &self.network, name, tensor)
        })?;
        expect_all("network", known, &self.network)?;
        known = 0;
        method.restore_numbers(backend, network, &self.numbers)?;
        method.visit_tensors(backend, network, |name, tensor| {
            known += 1;
            fill(backend, &self.method, name, tensor)
        })?;
        expect_all("method", known, &self.method)
    }
}

/// Shows `visit` every tensor that inference reads, by name.
fn visit_network<B: Backend>(
    network: &mut impl Network<B>,
    mut visit: impl FnMut(&str, &mut Tensor<B>) -> Result<()>,
) -> Result<()> {
    for parameter in network.parameters() {
        visit(&parameter.name, &mut parameter.value)?;
        if let Some(gain) = &mut parameter.gain {
            visit(&format!("{}.gain", parameter.name), gain)?;
        }
    }
    for (name, statistics) in network.statistics() {
        visit(&name, statistics)?;
    }
    Ok(())
}

/// The numbers of the tensor called `name` of a checkpoint.
fn fill<B: Backend>(
    backend: &B,
    from: &[NamedTensor],
    name: &str,
    tensor: &mut Tensor<B>,
) -> Result<()> {
    let shape = tensor.shape();
    let expected = || format!("{name}, {shape}");
    let found = from.iter().find(|found| found.name == name);
    let found = found.ok_or_else(|| Error::shape("checkpoint", expected(), "none"))?;
    if found.shape != shape.dimensions() {
        let found = format!("{name}, {:?}", found.shape);
        return Err(Error::shape("checkpoint", expected(), found));
    }
    *tensor = Tensor::from_rows(backend, shape, &found.numbers)?;
    Ok(())
}

/// Fails unless every tensor of a checkpoint was asked for.
fn expect_all(of: &str, known: usize, found: &[NamedTensor]) -> Result<()> {
    if known == found.len() {
        return Ok(());
    }
    let expected = format!("{known} tensors of the {of}");
    Err(Error::shape("checkpoint", expected, found.len()))
}
