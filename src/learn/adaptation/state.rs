//! The trained parameters and the state of an adapter.

use alloc::format;

use super::{ComodulationLearner, Controller};
use crate::backend::Backend;
use crate::error::Result;
use crate::models::{Comodulated, Trainable};
use crate::nn::{GainLinear, Parameter};
use crate::state::{State, Visitor};

/// Every parameter, the readouts last; the network's only if `learnt` is [`Trainable::Weights`].
pub(super) fn trained<'a, B: Backend>(
    learnt: Trainable,
    network: &'a mut Comodulated<B>,
    controller: &'a mut Option<Controller<B>>,
    readouts: &'a mut [GainLinear<B>],
) -> impl Iterator<Item = &'a mut Parameter<B>> {
    let network = (learnt == Trainable::Weights).then_some(network);
    let network = network.into_iter().flat_map(Comodulated::parameters);
    let controller = controller.iter_mut().flat_map(Controller::parameters);
    let readouts = readouts.iter_mut().map(|readout| &mut readout.weight);
    network.chain(controller).chain(readouts)
}

impl<B: Backend> State<B> for ComodulationLearner<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        let (network, controller) = (&mut self.network, &mut self.controller);
        network.visit(backend, visitor)?;
        for parameter in trained(
            Trainable::Modulation,
            network,
            controller,
            &mut self.readouts,
        ) {
            parameter.visit(backend, visitor)?;
        }
        let learnt = self.settings.learnt;
        let parameters = trained(learnt, network, controller, &mut self.readouts);
        for (parameter, state) in parameters.zip(&mut self.states) {
            state.visit(&parameter.name, visitor)?;
        }
        for (task, gain) in self.gains.iter_mut().enumerate() {
            gain.visit(&format!("gains{}", task + 1), visitor)?;
        }
        Ok(())
    }
}
