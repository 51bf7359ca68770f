//! The trained parameters and the state of a learner.

use alloc::format;

use super::{ComodulationLearner, Controller};
use crate::backend::Backend;
use crate::error::Result;
use crate::models::{Comodulated, Trainable};
use crate::nn::{GainLinear, Parameter};
use crate::state::{State, Visitor};

/// The trained parameters, the readouts last: the network's if `learnt` is [`Trainable::Weights`], the readouts'
/// unless they are frozen.
pub(super) fn trained<'a, B: Backend>(
    (learnt, readout_learnt): (Trainable, bool),
    network: &'a mut Comodulated<B>,
    controller: &'a mut Option<Controller<B>>,
    readouts: &'a mut [GainLinear<B>],
) -> impl Iterator<Item = &'a mut Parameter<B>> {
    let network = (learnt == Trainable::Weights).then_some(network);
    let network = network.into_iter().flat_map(Comodulated::parameters);
    let controller = controller.iter_mut().flat_map(Controller::parameters);
    let readouts = readout_learnt.then_some(readouts);
    let readouts = readouts.into_iter().flatten();
    let readouts = readouts.map(|readout| &mut readout.weight);
    network.chain(controller).chain(readouts)
}

impl<B: Backend> State<B> for ComodulationLearner<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        let (network, controller) = (&mut self.network, &mut self.controller);
        network.visit(backend, visitor)?;
        let added = (Trainable::Modulation, true);
        for parameter in trained(added, network, controller, &mut self.readouts) {
            parameter.visit(backend, visitor)?;
        }
        let learnt = (self.settings.learnt, self.settings.readout_learnt);
        let parameters = trained(learnt, network, controller, &mut self.readouts);
        for (parameter, state) in parameters.zip(&mut self.states) {
            state.visit(&parameter.name, visitor)?;
        }
        self.visit_gains(visitor)
    }
}

impl<B: Backend> ComodulationLearner<B> {
    fn visit_gains(&mut self, visitor: &mut dyn Visitor<B>) -> Result<()> {
        for (task, gain) in self.gains.iter_mut().enumerate() {
            gain.visit(&format!("gains{}", task + 1), visitor)?;
        }
        Ok(())
    }
}

/// What a learner's predictions depend on and learning changes: the trained parameters, the running statistics of a
/// network whose weights are trained, and the gains.
#[derive(Debug)]
pub struct Learnt<'a, B: Backend>(pub(super) &'a mut ComodulationLearner<B>);

impl<B: Backend> State<B> for Learnt<'_, B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        let learner = &mut *self.0;
        let learnt = learner.settings.learnt;
        if learnt == Trainable::Weights {
            learner.network.visit(backend, visitor)?;
        }
        let added = (Trainable::Modulation, learner.settings.readout_learnt);
        let (network, controller) = (&mut learner.network, &mut learner.controller);
        for parameter in trained(added, network, controller, &mut learner.readouts) {
            parameter.visit(backend, visitor)?;
        }
        learner.visit_gains(visitor)
    }
}
