//! Small learners, and their parts.

use neurogain::gain::{GainStatistic, Modulation, Rectification, SamplingScheme};
use neurogain::learn::{
    Batch, ComodulationLearner, ComodulationLearnerConfig, ControllerPass, GainGranularity,
    GainSource, Modulator,
};
use neurogain::models::{Comodulated, Controller, CouplingStart, Trainable};
use neurogain::optim::Optimizer;
use neurogain::rng::Purpose;
use neurogain::{Cpu, Memory, Result, Tensor};

use crate::reference::comodulated_library::{CASE, Pair};
use crate::reference::resnet_library::narrow;

/// Classes of each task.
pub const CLASSES: [usize; 3] = [2, 4, 3];

pub const MODULATOR: Modulator = Modulator {
    std: 0.25,
    num_draws: 8,
    sampling: SamplingScheme::Antithetic,
    modulation: Modulation::LogNormal,
    test_modulator: 1.0,
    statistic: GainStatistic::Covariance,
    rectification: Rectification::Rectified,
    granularity: GainGranularity::Task,
    controller_pass: ControllerPass::Constant,
};

pub const SETTINGS: ComodulationLearnerConfig = ComodulationLearnerConfig {
    rule: Optimizer::Momentum { momentum: 0.9 },
    learning_rate: 0.005,
    shared_readout: false,
    readout_learnt: true,
    learnt: Trainable::Modulation,
    gains: GainSource::Comodulation,
    modulator: MODULATOR,
    seed: 5,
};

/// A network, and batches for it.
pub fn pair(backend: &Cpu) -> Pair {
    CASE.pair(backend)
}

/// Couplings of the order of ½.
pub fn controller(backend: &Cpu, pair: &mut Pair, tasks: usize, neurons: usize) -> Controller {
    let mut controller =
        Controller::new(backend, tasks, 0, neurons, CouplingStart::Small, 5).unwrap();
    let fresh = pair.draw(tasks * neurons, 0.3, 1.0);
    for table in controller.parameters() {
        let floats = table.value.floats_mut();
        backend.upload(&narrow(&fresh), floats).unwrap();
    }
    controller
}

pub fn adapter(
    backend: &Cpu,
    network: Comodulated,
    controller: Option<Controller>,
    settings: &ComodulationLearnerConfig,
) -> Result<ComodulationLearner> {
    ComodulationLearner::new(
        backend,
        network,
        controller,
        &CLASSES,
        Purpose::Readouts,
        settings.clone(),
    )
}

/// A learner with a controller, made of the same numbers at every call.
pub fn learner(backend: &Cpu, settings: &ComodulationLearnerConfig) -> ComodulationLearner {
    let mut pair = pair(backend);
    let controller = controller(backend, &mut pair, CLASSES.len(), CASE.couplings());
    adapter(backend, pair.library, Some(controller), settings).unwrap()
}

/// A batch of new images of a task; the same at every call.
pub fn batch(backend: &Cpu, task: usize, number: u64) -> Batch {
    let case = crate::reference::comodulated_library::Case {
        seed: 1000 + number,
        ..CASE
    };
    let mut pair = case.pair(backend);
    let labels = pair.draw(CASE.samples, 0.0, CLASSES[task] as f32);
    let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
    Batch {
        inputs: pair.inputs,
        labels: backend.bytes(&labels).unwrap(),
    }
}

/// Trains this many batches of each of two tasks, in turn.
pub fn learn(backend: &Cpu, adapter: &mut ComodulationLearner, batches: u64) {
    for step in 0..batches {
        for task in 0..2 {
            let number = 2 * step + task as u64;
            let batch = batch(backend, task, number);
            let loss = adapter.learn(backend, task, &batch, number).unwrap();
            assert!(loss.cross_entropy.is_finite(), "{loss:?}");
        }
    }
}

pub fn bits(backend: &Cpu, tensor: &Tensor) -> Vec<u32> {
    let rows = tensor.to_rows(backend).unwrap();
    rows.into_iter().map(f32::to_bits).collect()
}

/// Every parameter by name.
pub fn parameters(backend: &Cpu, adapter: &mut ComodulationLearner) -> Vec<(String, Vec<u32>)> {
    let all = adapter.parameters();
    all.map(|p| (p.name.clone(), bits(backend, &p.value)))
        .collect()
}

/// The running statistics of the network.
pub fn statistics(backend: &Cpu, adapter: &mut ComodulationLearner) -> Vec<(String, Vec<u32>)> {
    let all = adapter.network().statistics();
    all.map(|(name, tensor)| (name.into(), bits(backend, tensor)))
        .collect()
}
