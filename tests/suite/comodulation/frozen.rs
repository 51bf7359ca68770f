//! Frozen parts keep their bits, and trained parts change.

use neurogain::Cpu;
use neurogain::learn::{
    ComodulationLearnerConfig, ControllerPass, GainGranularity, GainSource, Modulator,
};
use neurogain::models::Trainable;

use super::learner::{
    MODULATOR, SETTINGS, adapter, batch, learn, learner, pair, parameters, statistics,
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
