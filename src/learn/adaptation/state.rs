//! What an adapter goes on from.

use alloc::format;
use alloc::vec::Vec;

use super::Adapter;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::learn::Checkpoint;
use crate::optim::State;
use crate::tensor::{NamedTensor, Tensor};

impl<B: Backend> Adapter<B> {
    /// Shows `visit` every tensor that learning goes on from, by name, and gives the steps of each optimiser
    /// state in the order of the parameters. What modulates is no part of it.
    fn visit(
        &mut self,
        backend: &B,
        mut visit: impl FnMut(&str, &mut Tensor<B>) -> Result<()>,
    ) -> Result<()> {
        let rule = self.settings.rule;
        let [network, _, readouts] = &mut self.states;
        let of_readouts = self.readouts.iter_mut().map(|readout| &mut readout.weight);
        for (parameters, states) in [
            (self.network.parameters().collect::<Vec<_>>(), network),
            (of_readouts.collect(), readouts),
        ] {
            for (number, parameter) in parameters.iter().enumerate() {
                // What has not learnt yet, as another task's readout, may have no moments yet.
                let started = states.get(number).is_some_and(|state| state.steps() > 0);
                if !started {
                    let fresh = State::after(backend, rule, parameter.value.shape(), 0)?;
                    match states.get_mut(number) {
                        Some(state) => *state = fresh,
                        None => states.push(fresh),
                    }
                }
            }
            for (parameter, state) in parameters.into_iter().zip(states) {
                visit(&parameter.name, &mut parameter.value)?;
                for (moment, tensor) in state.moments() {
                    visit(&format!("{}.{moment}", parameter.name), tensor)?;
                }
            }
        }
        for (name, statistics) in self.network.statistics() {
            visit(&name, statistics)?;
        }
        Ok(())
    }

    /// The state between two batches of a network that is learnt as a whole, without modulation.
    ///
    /// # Errors
    /// What the backend's download fails with.
    pub fn checkpoint(&mut self, backend: &B) -> Result<Checkpoint> {
        let mut network = Vec::new();
        self.visit(backend, |name, tensor| {
            network.push(NamedTensor::of(backend, name, tensor)?);
            Ok(())
        })?;
        let [of_network, _, readouts] = &self.states;
        let states = of_network.iter().chain(readouts).enumerate();
        let steps =
            states.map(|(number, state)| (format!("steps.{number:05}"), state.steps().into()));
        Ok(Checkpoint {
            network,
            method: Vec::new(),
            numbers: steps.collect(),
        })
    }

    /// Brings a network and its optimiser, made from the same settings, to this state.
    ///
    /// # Errors
    /// [`Error::Shape`] if a tensor is missing there or has another shape, or one is not theirs.
    pub fn restore(&mut self, backend: &B, from: &Checkpoint) -> Result<()> {
        let rule = self.settings.rule;
        let learners = self.network.parameters().count() + self.readouts.len();
        if from.numbers.len() != learners {
            let expected = format!("the steps of {learners} parameters");
            return Err(Error::shape("checkpoint", expected, from.numbers.len()));
        }
        let mut numbers = from.numbers.iter().map(|(_, steps)| *steps as u32);
        let [network, _, readouts] = &mut self.states;
        network.clear();
        for (parameter, steps) in self.network.parameters().zip(&mut numbers) {
            network.push(State::after(backend, rule, parameter.value.shape(), steps)?);
        }
        readouts.clear();
        for (readout, steps) in self.readouts.iter().zip(&mut numbers) {
            let shape = readout.weight.value.shape();
            readouts.push(State::after(backend, rule, shape, steps)?);
        }
        let mut known = 0;
        self.visit(backend, |name, tensor| {
            known += 1;
            from.fill(backend, name, tensor)
        })?;
        match known == from.network.len() {
            true => Ok(()),
            false => {
                let expected = format!("{known} tensors");
                Err(Error::shape("checkpoint", expected, from.network.len()))
            }
        }
    }
}
