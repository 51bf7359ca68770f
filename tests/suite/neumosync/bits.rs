//! Promises of NeuMoSync about bits and bytes.

use neurogain::backend::cpu::InstructionSet;
use neurogain::learn::{GradientDescent, Learner, NeuMoSync, OptimizerConfig};
use neurogain::models::{
    Activation, Feedforward, FeedforwardConfig, InferenceNetwork, NeuMoSyncConfig, SignalMode,
};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Error};

use super::gradients::random;
use super::{batch, cnn, mlp};

const MODES: [SignalMode; 2] = [SignalMode::Batch, SignalMode::Sample];

fn sgd() -> OptimizerConfig {
    OptimizerConfig::new(Optimizer::Sgd, 0.05)
}

fn train(backend: &Cpu, learner: &mut NeuMoSync, steps: std::ops::Range<usize>) {
    let sizes = learner.network.main.config().clone();
    let mut log = LossLog::new();
    for step in steps {
        let batch = batch(backend, &sizes, 16 + step % 5);
        learner.step(backend, &batch, &mut log).unwrap();
    }
}

/// The head of NeuroSync starts at 0. As long as it stays there, NeuMoSync is gradient descent.
#[test]
fn a_zero_head_is_the_plain_network() {
    let backend = Cpu::new().unwrap();
    for (sizes, mode) in [mlp(), cnn()]
        .into_iter()
        .flat_map(|s| MODES.map(|m| (s.clone(), m)))
    {
        let config = NeuMoSyncConfig {
            mode,
            clip: 0.0,
            neurosync_learning_rate: 0.0,
            ..NeuMoSyncConfig::default()
        };
        let mut ours = NeuMoSync::new(&backend, &sizes, &config, sgd(), 8).unwrap();
        let plain = Feedforward::new(&backend, &sizes, 8).unwrap();
        let mut plain = GradientDescent::new(&backend, plain, sgd(), None).unwrap();
        let mut log = LossLog::new();
        for step in 0..40 {
            let batch = batch(&backend, &sizes, 16 + step % 5);
            plain.step(&backend, &batch, &mut log).unwrap();
            let expected = log.last(&backend).unwrap();
            ours.step(&backend, &batch, &mut log).unwrap();
            assert_eq!(log.last(&backend).unwrap(), expected, "step {step}");
            let x = &batch.inputs;
            let expected = plain.infer(&backend, x).unwrap().to_rows(&backend).unwrap();
            let found = ours.infer(&backend, x).unwrap().to_rows(&backend).unwrap();
            assert_eq!(found, expected, "inference after step {step}");
        }
        let mut fast = Vec::new();
        let mut of_plain = Vec::new();
        for (network, bits) in [
            (
                Checkpoint::take(&backend, &mut ours).unwrap().network,
                &mut fast,
            ),
            (
                Checkpoint::take(&backend, &mut plain).unwrap().network,
                &mut of_plain,
            ),
        ] {
            let other = |name: &str| {
                ["neurosync.", ".slow", ".activity"]
                    .iter()
                    .any(|part| name.contains(part))
            };
            for tensor in network.into_iter().filter(|tensor| !other(&tensor.name)) {
                let numbers = tensor.numbers.iter().map(|x| x.to_bits());
                bits.push((tensor.name, numbers.collect::<Vec<u32>>()));
            }
        }
        assert!(fast.len() >= 6);
        assert_eq!(fast, of_plain);
    }
}

#[test]
fn slow_weights_follow_and_get_no_gradient() {
    let backend = Cpu::new().unwrap();
    let config = |consolidation_rate| NeuMoSyncConfig {
        consolidation_rate,
        ..NeuMoSyncConfig::default()
    };
    let numbers = |learner: &mut NeuMoSync, slow: bool| -> Vec<f32> {
        let state = Checkpoint::take(&backend, learner).unwrap().network;
        let main = state.iter().filter(|t| {
            !t.name.starts_with("neurosync.")
                && !t.name.ends_with(".activity")
                && t.name.ends_with(".slow") == slow
        });
        main.flat_map(|t| t.numbers.clone()).collect()
    };
    let mut frozen = NeuMoSync::new(&backend, &cnn(), &config(0.0), sgd(), 1).unwrap();
    let start = numbers(&mut frozen, false);
    assert_eq!(
        numbers(&mut frozen, true),
        start,
        "slow weights start equal"
    );
    train(&backend, &mut frozen, 0..20);
    assert_eq!(
        numbers(&mut frozen, true),
        start,
        "slow weights got a gradient"
    );
    assert_ne!(numbers(&mut frozen, false), start);
    for slow in frozen.network.main.slow_parameters() {
        assert_eq!(slow.gradient.shape().rows(), 0);
    }

    let mut following = NeuMoSync::new(&backend, &cnn(), &config(0.25), sgd(), 1).unwrap();
    train(&backend, &mut following, 0..3);
    let before = numbers(&mut following, true);
    train(&backend, &mut following, 3..4);
    let fast = numbers(&mut following, false);
    for ((slow, before), fast) in numbers(&mut following, true).iter().zip(before).zip(fast) {
        assert_eq!(*slow, 0.25f32.mul_add(fast, 0.75 * before));
    }
}

#[test]
fn neurosync_adds_five_to_eight_percent() {
    let backend = Cpu::new().unwrap();
    let sizes = FeedforwardConfig {
        input: [28, 28, 1],
        ..FeedforwardConfig::mlp(784, &[100, 100], 10)
    };
    let config = NeuMoSyncConfig::default();
    let mut network = InferenceNetwork::new(&backend, &sizes, &config, 1).unwrap();
    let (mut main, mut added) = (0, 0);
    let visit =
        |p: &mut neurogain::nn::Parameter| p.value.shape().rows() * p.value.shape().columns();
    network
        .main
        .for_each_parameter(&mut |p| {
            main += visit(p);
            Ok(())
        })
        .unwrap();
    network
        .signals
        .for_each_parameter(&mut |p| {
            added += visit(p);
            Ok(())
        })
        .unwrap();
    assert_eq!((main, added), (89_610, 5_060));
    let share = added as f64 / main as f64;
    assert!((0.05..0.08).contains(&share), "{share}");
}

/// The mean of 16 equal tokens is the token itself, and the kernels compute the same for one input and for each.
#[test]
fn equal_inputs_give_equal_bits_in_both_modes() {
    let backend = Cpu::new().unwrap();
    for sizes in [mlp(), cnn()] {
        let one = batch(&backend, &sizes, 1).inputs.to_rows(&backend).unwrap();
        let [height, width, channels] = sizes.input;
        let shape = neurogain::Shape::images(16, height, width, channels);
        let rows: Vec<f32> = std::iter::repeat_n(one, 16).flatten().collect();
        let x = neurogain::Tensor::from_rows(&backend, shape, &rows).unwrap();
        let [per_batch, per_sample] = MODES.map(|mode| {
            let config = NeuMoSyncConfig {
                mode,
                ..NeuMoSyncConfig::default()
            };
            let mut network = random(&backend, &sizes, &config);
            let trained = network.forward(&backend, &x).unwrap();
            let trained = trained.to_rows(&backend).unwrap();
            let inferred = network.infer(&backend, &x).unwrap();
            assert_eq!(inferred.to_rows(&backend).unwrap(), trained);
            trained.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        });
        assert_eq!(per_batch, per_sample);
    }
}

#[test]
fn a_restored_learner_continues_with_the_same_bytes() {
    let backend = Cpu::new().unwrap();
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let static_signals = NeuMoSyncConfig {
        static_signals: true,
        ..NeuMoSyncConfig::with_adam()
    };
    let per_sample = NeuMoSyncConfig {
        mode: SignalMode::Sample,
        ..NeuMoSyncConfig::with_adam()
    };
    for config in [NeuMoSyncConfig::default(), per_sample, static_signals] {
        let optimizer = OptimizerConfig::new(adam, 0.003);
        let new = |seed| NeuMoSync::new(&backend, &cnn(), &config, optimizer, seed).unwrap();
        let mut whole = new(1);
        train(&backend, &mut whole, 0..9);
        let middle = Checkpoint::take(&backend, &mut whole).unwrap();
        train(&backend, &mut whole, 9..20);
        let end = Checkpoint::take(&backend, &mut whole).unwrap();
        assert_ne!(middle, end);

        let mut resumed = new(2);
        middle.restore(&backend, &mut resumed).unwrap();
        train(&backend, &mut resumed, 9..20);
        assert_eq!(Checkpoint::take(&backend, &mut resumed).unwrap(), end);
    }
}

#[test]
fn every_instruction_set_and_thread_count_gives_the_same_bits() {
    for mode in MODES {
        let config = NeuMoSyncConfig {
            mode,
            ..NeuMoSyncConfig::default()
        };
        let mut expected = None;
        for set in InstructionSet::available() {
            for threads in [1, 3] {
                let backend = Cpu::with(set, threads).unwrap();
                let mut learner = NeuMoSync::new(&backend, &cnn(), &config, sgd(), 5).unwrap();
                train(&backend, &mut learner, 0..6);
                let found = Checkpoint::take(&backend, &mut learner).unwrap();
                assert_eq!(&found, expected.get_or_insert_with(|| found.clone()));
            }
        }
    }
}

#[test]
fn wrong_settings_are_errors() {
    let backend = Cpu::new().unwrap();
    let default = NeuMoSyncConfig::default;
    let wrong = [
        NeuMoSyncConfig {
            heads: 3,
            ..default()
        },
        NeuMoSyncConfig {
            heads: 0,
            ..default()
        },
        NeuMoSyncConfig {
            decay: 1.0,
            ..default()
        },
        NeuMoSyncConfig {
            clip: f32::NAN,
            ..default()
        },
        NeuMoSyncConfig {
            consolidation_rate: 1.5,
            ..default()
        },
        NeuMoSyncConfig {
            neurosync_learning_rate: -1.0,
            ..default()
        },
    ];
    for config in wrong {
        let found = NeuMoSync::new(&backend, &mlp(), &config, sgd(), 1);
        assert!(matches!(found, Err(Error::Setting { .. })), "{config:?}");
    }
    for sizes in [
        FeedforwardConfig {
            activation: Activation::Crelu,
            ..mlp()
        },
        FeedforwardConfig {
            layer_norm: true,
            ..mlp()
        },
        FeedforwardConfig {
            classes: 0,
            ..mlp()
        },
        FeedforwardConfig {
            input: [3, 3, 1],
            ..cnn()
        },
    ] {
        let found = NeuMoSync::new(&backend, &sizes, &default(), sgd(), 1);
        assert!(matches!(found, Err(Error::Setting { .. })), "{sizes:?}");
    }
    let mut learner = NeuMoSync::new(&backend, &mlp(), &default(), sgd(), 1).unwrap();
    let other = batch(&backend, &cnn(), 2);
    let found = learner.infer(&backend, &other.inputs);
    assert!(matches!(found, Err(Error::Shape { .. })));
}

/// The defaults in Rust are those of the settings.
#[cfg(feature = "report")]
#[test]
fn defaults_are_those_of_the_settings() {
    use neurogain::run::settings::{Kind, Setting};
    let Kind::Table(keys) = NeuMoSyncConfig::KIND else {
        panic!("a table");
    };
    let mut table = toml::Table::new();
    for key in keys {
        let value: toml::Value = key.default.unwrap().parse().unwrap();
        table.insert(key.name.into(), value);
    }
    let found: NeuMoSyncConfig = table.try_into().unwrap();
    assert_eq!(found, NeuMoSyncConfig::default());
}
