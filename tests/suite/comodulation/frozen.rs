//! Frozen parts keep their bits, and trained parts change.

use neurogain::Cpu;
use neurogain::learn::{
    ComodulationLearnerConfig, ControllerPass, GainGranularity, GainSource, Input, Modulator,
};
use neurogain::models::{ModulatedLayers, Trainable};

use super::learner::{
    CLASSES, MODULATOR, SETTINGS, adapter, batch, bits, controller, learn, learner, pair,
    parameters, statistics,
};
use crate::reference::comodulated_library::CASE;

#[test]
fn the_network_keeps_its_bits_while_a_modulation_is_learnt() {
    let backend = Cpu::new().unwrap();
    for gains in [
        GainSource::Ones,
        GainSource::Comodulation,
        GainSource::Shuffled,
        GainSource::MeanActivity,
    ] {
        for (granularity, pass) in [
            (GainGranularity::Task, ControllerPass::Constant),
            (GainGranularity::Image, ControllerPass::Fluctuating),
        ] {
            let settings = ComodulationLearnerConfig {
                gains,
                modulator: Modulator {
                    granularity,
                    controller_pass: pass,
                    ..MODULATOR
                },
                ..SETTINGS
            };
            let mut learner = learner(&backend, &settings);
            let before = parameters(&backend, &mut learner);
            let running = statistics(&backend, &mut learner);
            learn(&backend, &mut learner, 3);
            learner
                .predict(&backend, 2, &batch(&backend, 2, 50), 0)
                .unwrap();
            let after = parameters(&backend, &mut learner);
            assert_eq!(statistics(&backend, &mut learner), running);
            for ((name, before), (_, after)) in before.iter().zip(&after) {
                // Tasks 1 and 2 were learnt, task 3 was not.
                let learns = ["controller1", "readout1", "readout2"].contains(&name.as_str());
                assert_eq!(
                    before != after,
                    learns,
                    "{gains:?}, {granularity:?}: {name}"
                );
            }
        }
    }
}

/// A batch of a task changes only its own readout and row of couplings.
#[test]
fn other_tasks_keep_theirs() {
    let backend = Cpu::new().unwrap();
    let mut learner = learner(&backend, &SETTINGS);
    let couplings = |learner: &mut neurogain::learn::ComodulationLearner, task| {
        let couplings = learner.couplings(&backend, task).unwrap();
        couplings.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let tasks = 0..3;
    let before: Vec<_> = tasks.clone().map(|t| couplings(&mut learner, t)).collect();
    let gains: Vec<_> = tasks.clone().map(|t| learner.gains(t).unwrap()).collect();
    learner
        .learn(&backend, 1, &batch(&backend, 1, 0), 0)
        .unwrap();
    for task in tasks {
        assert_eq!(
            couplings(&mut learner, task) != before[task],
            task == 1,
            "{task}"
        );
        assert_eq!(
            learner.gains(task).unwrap() != gains[task],
            task == 1,
            "{task}"
        );
    }
}

#[test]
fn answers_change_nothing() {
    let backend = Cpu::new().unwrap();
    for granularity in [GainGranularity::Task, GainGranularity::Image] {
        let settings = ComodulationLearnerConfig {
            modulator: Modulator {
                granularity,
                ..MODULATOR
            },
            ..SETTINGS
        };
        let mut learner = learner(&backend, &settings);
        learn(&backend, &mut learner, 1);
        // With gains per image, a task has no gains.
        let ones = learner.gains(0).unwrap() == [1.0; CASE.decoder];
        assert_eq!(ones, granularity == GainGranularity::Image);
        let batch = batch(&backend, 0, 9);
        let before = (
            parameters(&backend, &mut learner),
            learner.gains(0).unwrap(),
        );
        let first = learner.predict(&backend, 0, &batch, 4).unwrap();
        let second = learner.predict(&backend, 0, &batch, 4).unwrap();
        assert_eq!(first, second);
        let after = (
            parameters(&backend, &mut learner),
            learner.gains(0).unwrap(),
        );
        assert_eq!(before, after);
    }
}

/// If the whole network is trained, every weight and running statistic changes; hard sharing trains only the readout.
#[test]
fn everything_or_the_readout() {
    let backend = Cpu::new().unwrap();
    let settings = ComodulationLearnerConfig {
        learnt: Trainable::Weights,
        gains: GainSource::Ones,
        ..SETTINGS
    };
    let mut whole = learner(&backend, &settings);
    let before = [
        parameters(&backend, &mut whole),
        statistics(&backend, &mut whole),
    ];
    learn(&backend, &mut whole, 2);
    let after = [
        parameters(&backend, &mut whole),
        statistics(&backend, &mut whole),
    ];
    for ((name, before), (_, after)) in before.iter().flatten().zip(after.iter().flatten()) {
        assert_eq!(before != after, name != "readout3", "{name}");
    }
    let settings = ComodulationLearnerConfig {
        learnt: Trainable::Modulation,
        ..settings
    };
    let mut shared = adapter(&backend, pair(&backend).library, None, &settings).unwrap();
    let before = parameters(&backend, &mut shared);
    learn(&backend, &mut shared, 2);
    let after = parameters(&backend, &mut shared);
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let learns = ["readout1", "readout2"].contains(&name.as_str());
        assert_eq!(before != after, learns, "{name}");
    }
}

/// Frozen readouts keep their bits, while couplings and gains change; the gradient of the couplings is the same.
#[test]
fn readouts() {
    let backend = Cpu::new().unwrap();
    let of = |readout_learnt| {
        let settings = ComodulationLearnerConfig {
            readout_learnt,
            ..SETTINGS
        };
        let mut learner = learner(&backend, &settings);
        let before = parameters(&backend, &mut learner);
        learn(&backend, &mut learner, 1);
        let gradient = learner.parameters().find(|p| p.name == "controller1");
        let gradient = bits(&backend, &gradient.unwrap().gradient);
        learn(&backend, &mut learner, 2);
        let added = learner.added_parameters(&backend);
        (before, parameters(&backend, &mut learner), gradient, added)
    };
    let [frozen, learnt] = [false, true].map(of);
    for ((name, before), (_, after)) in frozen.0.iter().zip(&frozen.1) {
        assert_eq!(before != after, name.starts_with("controller"), "{name}");
    }
    let moved = |name: &str| {
        let of = |all: &[(String, Vec<u32>)]| all.iter().find(|(n, _)| n == name).cloned();
        of(&learnt.0) != of(&learnt.1)
    };
    assert!(moved("readout1") && moved("readout2"));
    assert!(frozen.3 < learnt.3);
    assert_eq!(frozen.2, learnt.2);
}

/// A batch that all tasks label: with SGD, every parameter moves by the sum of what the tasks alone would move it by.
#[test]
fn tasks_learnt_together_add_their_gradients() {
    let backend = Cpu::new().unwrap();
    let settings = ComodulationLearnerConfig {
        rule: neurogain::optim::Optimizer::Sgd,
        learning_rate: 0.01,
        learnt: Trainable::Weights,
        gains: GainSource::Ones,
        ..SETTINGS
    };
    let fresh = || {
        let library = pair(&backend).library;
        adapter(&backend, library, None, &settings).unwrap()
    };
    let gradients = |learner: &mut neurogain::learn::ComodulationLearner| {
        let all = learner.parameters();
        let all = all.map(|p| (p.name.clone(), p.gradient.to_rows(&backend).unwrap()));
        all.collect::<Vec<_>>()
    };
    // The images of one batch, with labels for each task.
    let batches: Vec<_> = (0..CLASSES.len())
        .map(|task| batch(&backend, task, 3))
        .collect();
    let labels: Vec<_> = batches.iter().map(|of| of.labels.clone()).collect();
    let mut together = fresh();
    let loss = together.learn_together(&backend, &batches[0].inputs, &labels);
    let loss = loss.unwrap().cross_entropy;
    let found = gradients(&mut together);
    let (mut expected, mut losses) = (Vec::new(), 0.0);
    for (task, labels) in labels.iter().enumerate() {
        let mut alone = fresh();
        let batch = neurogain::learn::Batch {
            inputs: batches[0].inputs.clone(),
            labels: labels.clone(),
        };
        losses += alone
            .learn(&backend, task, &batch, 0)
            .unwrap()
            .cross_entropy;
        expected.push(gradients(&mut alone));
    }
    assert!(
        (loss - losses).abs() <= 1e-9 * losses.abs(),
        "{loss}, {losses}"
    );
    for (number, (name, found)) in found.iter().enumerate() {
        let all: Vec<_> = expected.iter().map(|of| &of[number].1).collect();
        let largest = found.iter().fold(0.0f32, |most, g| most.max(g.abs()));
        assert!(largest > 0.0, "{name}");
        for (at, found) in found.iter().enumerate() {
            let sum: f64 = all.iter().map(|of| f64::from(of[at])).sum();
            let error = (f64::from(*found) - sum).abs();
            // A sum of a few hundred products, rounded in another order.
            assert!(error <= 2e-5 * f64::from(largest), "{name}: {found}, {sum}");
        }
    }
    let few = together.learn_together(&backend, &batches[0].inputs, &labels[..1]);
    assert!(few.unwrap_err().to_string().contains("labels of tasks"));
}

/// A frozen network learns and predicts the same bits from the maps that it computed once as from the images.
#[test]
fn maps_before_the_modulation_replace_the_images() {
    let backend = Cpu::new().unwrap();
    for modulated in [ModulatedLayers::First, ModulatedLayers::Second] {
        let case = crate::reference::comodulated_library::Case { modulated, ..CASE };
        let fresh = || {
            let mut pair = case.pair(&backend);
            let couplings = case.couplings();
            let controller = controller(&backend, &mut pair, CLASSES.len(), couplings);
            adapter(&backend, pair.library, Some(controller), &SETTINGS).unwrap()
        };
        let [mut by_images, mut by_maps] = [fresh(), fresh()];
        for number in 0..3 {
            let batch = batch(&backend, 1, number);
            let mut network = case.pair(&backend).library;
            network.encode(&backend, &batch.inputs, false).unwrap();
            let maps = network.encoded();
            let input = || Input::Encoded(maps);
            let one = by_images.predict(&backend, 1, &batch, number);
            let other = by_maps.predict_from(&backend, 1, input(), &batch.labels, number);
            assert_eq!(one.unwrap(), other.unwrap());
            let one = by_images.learn(&backend, 1, &batch, number);
            let other = by_maps.learn_from(&backend, 1, input(), &batch.labels, number);
            assert_eq!(one.unwrap(), other.unwrap());
            let [one, other] = [&mut by_images, &mut by_maps].map(|of| parameters(&backend, of));
            assert_eq!(one, other, "{modulated:?}, batch {number}");
        }
        let images = batch(&backend, 1, 0);
        let input = Input::Encoded(&images.inputs);
        let refused = by_maps.learn_from(&backend, 1, input, &images.labels, 0);
        assert!(refused.unwrap_err().to_string().contains("encoded maps"));
    }
    let weights = ComodulationLearnerConfig {
        learnt: Trainable::Weights,
        ..SETTINGS
    };
    let mut learner = learner(&backend, &weights);
    let images = batch(&backend, 1, 0);
    let input = Input::Encoded(&images.inputs);
    let refused = learner.learn_from(&backend, 1, input, &images.labels, 0);
    assert!(refused.unwrap_err().to_string().contains("weights"));
}
