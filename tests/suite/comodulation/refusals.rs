//! Invalid input gives an error that says what is valid.

use neurogain::gain::SamplingScheme;
use neurogain::learn::{ComodulationLearner, ComodulationLearnerConfig, Modulator};
use neurogain::models::{
    BackboneConfig, CellsConfig, Comodulated, ComodulatedBackbone, ComodulatedConfig, Controller,
    CouplingStart, DecoderGains,
};
use neurogain::rng::Purpose;
use neurogain::{Cpu, Error, Memory, Result, Shape, Tensor};

use super::learner::{MODULATOR, SETTINGS, adapter, batch, controller, learner, pair};
use crate::reference::comodulated_library::CASE;

#[track_caller]
fn refused<T>(result: Result<T>, parts: &[&str]) {
    let error = result.err().expect("an error");
    let kind = matches!(error, Error::Setting { .. } | Error::Shape { .. });
    assert!(kind, "{error:?}");
    for part in parts {
        assert!(error.to_string().contains(part), "{error}: {part}");
    }
}

#[test]
fn settings_out_of_range() {
    let backend = Cpu::new().unwrap();
    let with = |settings: ComodulationLearnerConfig| {
        let mut pair = pair(&backend);
        let controller = controller(&backend, &mut pair, 3, CASE.couplings());
        adapter(&backend, pair.library, Some(controller), &settings)
    };
    let modulated = |modulator| {
        with(ComodulationLearnerConfig {
            modulator,
            ..SETTINGS
        })
    };
    let draws = |draws, count| {
        modulated(Modulator {
            sampling: draws,
            num_draws: count,
            ..MODULATOR
        })
    };
    refused(
        draws(SamplingScheme::Gaussian, 1),
        &["modulator.num_draws = 1", "at least 2"],
    );
    refused(
        draws(SamplingScheme::MomentMatched, 1),
        &["modulator.num_draws = 1", "at least 2"],
    );
    refused(
        draws(SamplingScheme::Antithetic, 1),
        &["modulator.num_draws = 1", "even"],
    );
    refused(
        draws(SamplingScheme::Antithetic, 0),
        &["modulator.num_draws = 0"],
    );
    for constant in [f32::NAN, f32::INFINITY] {
        let modulator = Modulator {
            test_modulator: constant,
            ..MODULATOR
        };
        refused(modulated(modulator), &["modulator.test_modulator"]);
    }
    let modulator = Modulator {
        std: -1.0,
        ..MODULATOR
    };
    refused(modulated(modulator), &["modulator.std"]);
    for learning_rate in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let settings = ComodulationLearnerConfig {
            learning_rate,
            ..SETTINGS
        };
        refused(with(settings), &["learning_rate"]);
    }
    // One class only, and no task.
    for classes in [&[2, 1][..], &[0], &[]] {
        let network = pair(&backend).library;
        let result = ComodulationLearner::new(
            &backend,
            network,
            None,
            classes,
            Purpose::Readouts,
            SETTINGS,
        );
        refused(result, &["tasks", "two classes or more"]);
    }
}

#[test]
fn tasks_that_are_none() {
    let backend = Cpu::new().unwrap();
    let hard = adapter(&backend, pair(&backend).library, None, &SETTINGS).unwrap();
    // A controller that knows more tasks than there are readouts.
    let mut made = pair(&backend);
    let more = controller(&backend, &mut made, 9, CASE.couplings());
    let more = adapter(&backend, made.library, Some(more), &SETTINGS).unwrap();
    for mut learner in [hard, more, learner(&backend, &SETTINGS)] {
        let batch = batch(&backend, 0, 0);
        for task in [3, 8, usize::MAX] {
            let said = ["task", "a number below 3"];
            refused(learner.learn(&backend, task, &batch, 0), &said);
            refused(learner.predict(&backend, task, &batch, 0), &said);
            refused(learner.couplings(&backend, task), &said);
            refused(learner.gains(task), &said);
        }
    }
}

#[test]
fn batches_that_do_not_fit() {
    let backend = Cpu::new().unwrap();
    let mut learner = learner(&backend, &SETTINGS);
    let right = batch(&backend, 0, 0);
    let side = CASE.side;
    for (shape, said) in [
        (
            Shape::images(0, side, side, CASE.channels),
            "at least one image",
        ),
        (
            Shape::images(2, side, side + 1, CASE.channels),
            "images of 5×5",
        ),
        (Shape::images(2, side, side, CASE.channels + 1), "channels"),
    ] {
        let mut wrong = right.clone();
        wrong.inputs = Tensor::zeros(&backend, shape).unwrap();
        refused(learner.learn(&backend, 0, &wrong, 0), &[said]);
        refused(learner.predict(&backend, 0, &wrong, 0), &[said]);
    }
    let mut wrong = right.clone();
    wrong.labels = backend.bytes(&[0]).unwrap();
    refused(learner.learn(&backend, 0, &wrong, 0), &[]);
    wrong.labels = backend.bytes(&[2; CASE.samples]).unwrap();
    refused(learner.learn(&backend, 0, &wrong, 0), &[]);
    // It still trains.
    learner.learn(&backend, 0, &right, 0).unwrap();
}

#[test]
fn sizes_that_do_not_fit() {
    let backend = Cpu::new().unwrap();
    let new = |shape: ComodulatedConfig| Comodulated::new(&backend, &shape, 1);
    let shape = CASE.shape();
    let ComodulatedBackbone::Residual(backbone) = shape.backbone else {
        panic!("a backbone with stages")
    };
    for backbone in [
        BackboneConfig {
            side: 0,
            ..backbone
        },
        BackboneConfig {
            channels: 0,
            ..backbone
        },
        BackboneConfig {
            width: 0,
            ..backbone
        },
        BackboneConfig {
            stages: 0,
            ..backbone
        },
        BackboneConfig {
            stages: 5,
            ..backbone
        },
    ] {
        let backbone = ComodulatedBackbone::Residual(backbone);
        refused(new(ComodulatedConfig { backbone, ..shape }), &["network"]);
    }
    refused(
        new(ComodulatedConfig {
            encoder: [0, 4],
            ..shape
        }),
        &["network"],
    );
    refused(
        new(ComodulatedConfig {
            decoder: 0,
            ..shape
        }),
        &["network"],
    );
    // Residual connections around a convolution that changes the number of channels, or of pixels.
    let cells = |cell| {
        ComodulatedBackbone::Cells(CellsConfig {
            side: 8,
            channels: 1,
            cell,
            width: 3,
        })
    };
    for (encoder, backbone) in [([4, 3], shape.backbone), ([4, 4], cells(2))] {
        let found = ComodulatedConfig {
            encoder,
            backbone,
            residual: true,
            ..shape
        };
        refused(new(found), &["network", "residual"]);
    }
    // Cells that do not divide the image, or are the whole image.
    for cell in [0, 3, 8] {
        let found = ComodulatedConfig {
            backbone: cells(cell),
            residual: false,
            ..shape
        };
        refused(new(found), &["network", "cells that divide the image"]);
    }
    for [tasks, neurons] in [[0, 3], [3, 0]] {
        let result = Controller::new(&backend, tasks, 4, neurons, CouplingStart::Small, 1);
        refused(result, &["controller", "at least one of each"]);
    }
    let mut made = pair(&backend);
    let narrow = controller(&backend, &mut made, 3, CASE.couplings() - 1);
    let mut learner = adapter(&backend, made.library, Some(narrow), &SETTINGS).unwrap();
    let batch = batch(&backend, 0, 0);
    refused(
        learner.learn(&backend, 0, &batch, 0),
        &["modulation", "7", "8"],
    );

    let mut network = pair(&backend).library;
    network.encode(&backend, &batch.inputs, false).unwrap();
    refused(
        network.decode(&backend, &[1.0; 7]).map(|_| ()),
        &["modulation"],
    );
    network.decode(&backend, &[1.0; 8]).unwrap();
    for count in [0, CASE.decoder - 1, CASE.decoder + 1] {
        let gains = vec![1.0; count];
        let result = network.readout(&backend, DecoderGains::Neurons(&gains));
        refused(result.map(|_| ()), &[]);
        let result = network.readout(&backend, DecoderGains::Images(&gains));
        refused(result.map(|_| ()), &[]);
    }
    let mut table = Controller::new(&backend, 2, 0, 3, CouplingStart::Small, 1).unwrap();
    refused(table.forward(&backend, 2), &["task", "below 2"]);
    table.forward(&backend, 1).unwrap();
    refused(table.backward(&backend, &[1.0; 2]), &["controller"]);
}
