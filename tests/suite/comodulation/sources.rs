//! The sources of gains; comodulation is exactly attention plus gains.

use neurogain::gain::{GainStatistic, Rectification, SamplingScheme};
use neurogain::learn::{
    ComodulationLearnerConfig, ControllerPass, GainGranularity, GainSource, Modulator, Prediction,
};
use neurogain::models::Trainable;
use neurogain::{Cpu, Memory, Tensor};

use super::learner::{
    CLASSES, MODULATOR, SETTINGS, adapter, batch, controller, learn, learner, pair, parameters,
    statistics,
};
use crate::reference::comodulated_library::CASE;

const SOURCES: [GainSource; 4] = [
    GainSource::Ones,
    GainSource::Comodulation,
    GainSource::Shuffled,
    GainSource::MeanActivity,
];

fn with(gains: GainSource, modulator: Modulator) -> ComodulationLearnerConfig {
    ComodulationLearnerConfig {
        gains,
        modulator,
        ..SETTINGS
    }
}

fn same_answer(one: &Prediction, other: &Prediction) {
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let all = |prediction: &Prediction| {
        [
            &prediction.logits,
            &prediction.activity,
            &prediction.decision,
        ]
        .map(|x| bits(x))
    };
    assert_eq!(all(one), all(other));
    assert_eq!(one.loss, other.loss);
}

/// A constant modulator, σ = 0, has no covariance with anything: g = 1, and training and
/// predictions have attention's bits. The same holds if the gains are set to 1 while m varies.
#[test]
fn a_constant_modulator_is_attention() {
    let backend = Cpu::new().unwrap();
    for (granularity, learnt) in [
        (GainGranularity::Task, Trainable::Modulation),
        (GainGranularity::Image, Trainable::Modulation),
        (GainGranularity::Task, Trainable::Weights),
    ] {
        let still = Modulator {
            std: 0.0,
            granularity,
            ..MODULATOR
        };
        let of = |gains, modulator| {
            let settings = ComodulationLearnerConfig {
                learnt,
                ..with(gains, modulator)
            };
            let mut learner = learner(&backend, &settings);
            learn(&backend, &mut learner, 3);
            let prediction = learner.predict(&backend, 1, &batch(&backend, 1, 99), 0);
            for task in 0..CLASSES.len() {
                assert_eq!(learner.gains(task).unwrap(), [1.0; CASE.decoder]);
            }
            let parameters = parameters(&backend, &mut learner);
            (
                parameters,
                statistics(&backend, &mut learner),
                prediction.unwrap(),
            )
        };
        let attention = of(GainSource::Ones, MODULATOR);
        for modulator in [
            still.clone(),
            // The fluctuating pass is around the constant 1.
            Modulator {
                controller_pass: ControllerPass::Fluctuating,
                ..still.clone()
            },
            Modulator {
                controller_pass: ControllerPass::Fluctuating,
                sampling: SamplingScheme::Gaussian,
                test_modulator: 0.0,
                ..still.clone()
            },
        ] {
            let constant = Modulator {
                std: 0.25,
                ..modulator.clone()
            };
            let attention = match modulator.test_modulator == 1.0 {
                true => attention.clone(),
                // The fluctuating pass with draws of 0 equals the pass with the constant 0.
                false => of(GainSource::Ones, constant),
            };
            let found = of(GainSource::Comodulation, modulator);
            assert_eq!((&found.0, &found.1), (&attention.0, &attention.1));
            same_answer(&found.2, &attention.2);
        }
        // With draws that vary, the prediction differs.
        let moving = Modulator {
            granularity,
            ..MODULATOR
        };
        let settings = ComodulationLearnerConfig {
            learnt,
            ..with(GainSource::Comodulation, moving)
        };
        let mut learner = learner(&backend, &settings);
        learn(&backend, &mut learner, 3);
        let prediction = learner
            .predict(&backend, 1, &batch(&backend, 1, 99), 0)
            .unwrap();
        assert_ne!(prediction.logits, attention.2.logits);
    }
}

/// Without coupling every draw gives the same activity in every bit, so the covariance is exactly 0.
#[test]
fn without_couplings_gains_are_ones() {
    let backend = Cpu::new().unwrap();
    for measure in [GainStatistic::Covariance, GainStatistic::Correlation] {
        for sign in [Rectification::Rectified, Rectification::Absolute] {
            for draws in [
                SamplingScheme::Gaussian,
                SamplingScheme::Antithetic,
                SamplingScheme::MomentMatched,
            ] {
                let modulator = Modulator {
                    std: 3.0,
                    statistic: measure,
                    rectification: sign,
                    sampling: draws,
                    ..MODULATOR
                };
                let settings = with(GainSource::Comodulation, modulator);
                let network = pair(&backend).library;
                let mut learner = adapter(&backend, network, None, &settings).unwrap();
                learn(&backend, &mut learner, 2);
                assert_eq!(learner.gains(0).unwrap(), [1.0; CASE.decoder]);
                assert_eq!(
                    learner.couplings(&backend, 2).unwrap(),
                    vec![0.0; CASE.couplings()]
                );
            }
        }
    }
}

/// A pitfall: modulation multiplies, so an all-zero stimulus carries none of it.
#[test]
fn without_a_stimulus_gains_are_ones() {
    let backend = Cpu::new().unwrap();
    let mut learner = learner(&backend, &SETTINGS);
    // Without the shifts of the normalisations, zero input gives zero output.
    for parameter in learner.network().parameters() {
        if parameter.name.ends_with("beta") {
            let zeros = vec![0.0; parameter.value.shape().rows()];
            backend
                .upload(&zeros, parameter.value.floats_mut())
                .unwrap();
        }
    }
    for (_, statistics) in learner.network().statistics() {
        let channels = statistics.shape().columns();
        let mut rest = vec![0.0; 2 * channels];
        rest[channels..].fill(1.0);
        backend.upload(&rest, statistics.floats_mut()).unwrap();
    }
    let mut silent = batch(&backend, 1, 0);
    silent.inputs = Tensor::zeros(&backend, silent.inputs.shape()).unwrap();
    learner.learn(&backend, 1, &silent, 0).unwrap();
    assert_eq!(learner.gains(1).unwrap(), [1.0; CASE.decoder]);
    learner
        .learn(&backend, 1, &batch(&backend, 1, 0), 1)
        .unwrap();
    assert_ne!(learner.gains(1).unwrap(), [1.0; CASE.decoder]);
}

#[test]
fn comodulation_has_the_parameters_of_attention() {
    let backend = Cpu::new().unwrap();
    let of = |gains| {
        let mut learner = learner(&backend, &with(gains, MODULATOR));
        learn(&backend, &mut learner, 1);
        let all = learner.parameters();
        all.map(|p| (p.name.clone(), p.value.shape()))
            .collect::<Vec<_>>()
    };
    let attention = of(GainSource::Ones);
    assert_eq!(attention.last().unwrap().0, "readout3");
    for source in SOURCES {
        assert_eq!(of(source), attention, "{source:?}");
    }
}

fn sorted(gains: &[f32]) -> Vec<f32> {
    let mut gains = gains.to_vec();
    gains.sort_by(f32::total_cmp);
    gains
}

/// The same gains, permuted over neurons; the permutation of a task is fixed. (Six neurons stay in place in one of 720
/// shuffles; the seed is fixed.)
#[test]
fn shuffled_gains_are_a_permutation() {
    let backend = Cpu::new().unwrap();
    // The first step is before any learning from the gains, so both have the same activities.
    let of = |source, granularity| {
        let modulator = Modulator {
            granularity,
            ..MODULATOR
        };
        let mut learner = learner(&backend, &with(source, modulator));
        for task in 0..2 {
            let batch = batch(&backend, task, 3);
            learner.learn(&backend, task, &batch, 3).unwrap();
        }
        learner
    };
    let [straight, shuffled] = [GainSource::Comodulation, GainSource::Shuffled]
        .map(|source| of(source, GainGranularity::Task));
    let mut orders = Vec::new();
    for task in 0..2 {
        let [a, b] = [&straight, &shuffled].map(|learner| learner.gains(task).unwrap());
        assert_ne!(a, b);
        assert_eq!(sorted(&a), sorted(&b));
        assert_eq!(b, shuffled.gains(task).unwrap());
        let place = |g: &f32| a.iter().position(|other| other == g).unwrap();
        orders.push(b.iter().map(place).collect::<Vec<_>>());
    }
    assert_ne!(orders[0], orders[1]);

    // Also with gains per image: the decision is the activity times the gains, which is visible in a network
    // without a residual connection around the decoder.
    let case = crate::reference::comodulated_library::Case {
        residual: false,
        ..CASE
    };
    let gains_of = |source| {
        let modulator = Modulator {
            granularity: GainGranularity::Image,
            ..MODULATOR
        };
        let mut pair = case.pair(&backend);
        let controller = controller(&backend, &mut pair, CLASSES.len(), case.couplings());
        let settings = with(source, modulator);
        let mut learner = adapter(&backend, pair.library, Some(controller), &settings).unwrap();
        let prediction = learner
            .predict(&backend, 1, &batch(&backend, 1, 3), 0)
            .unwrap();
        let ratio = |(y, h): (&f32, &f32)| (*h > 0.0).then(|| y / h);
        let pairs = prediction.decision.iter().zip(&prediction.activity);
        pairs.map(ratio).collect::<Vec<_>>()
    };
    let [a, b] = [GainSource::Comodulation, GainSource::Shuffled].map(gains_of);
    let mut moved = 0;
    for (a, b) in a.chunks(case.decoder).zip(b.chunks(case.decoder)) {
        // The gain of neuron n is another neuron's, by the task's permutation: equal up to the division's rounding.
        for (n, b) in b.iter().enumerate() {
            if let (Some(a), Some(b)) = (a[orders[1][n]], b) {
                assert!((a - b).abs() <= 1e-6 * (1.0 + b), "{a} {b}");
                moved += usize::from(orders[1][n] != n && *b != 0.0);
            }
        }
    }
    assert!(moved > 10, "{moved}");
}

/// Gains from the mean activity are that activity scaled to mean 1, and need no draws.
#[test]
fn gains_from_mean_activity() {
    let backend = Cpu::new().unwrap();
    let batch = batch(&backend, 0, 7);
    for granularity in [GainGranularity::Task, GainGranularity::Image] {
        let modulator = Modulator {
            granularity,
            ..MODULATOR
        };
        let case = crate::reference::comodulated_library::Case {
            residual: false,
            ..CASE
        };
        let pair = case.pair(&backend);
        let settings = with(GainSource::MeanActivity, modulator);
        let mut learner = adapter(&backend, pair.library.clone(), None, &settings).unwrap();
        let before = learner.predict(&backend, 0, &batch, 0).unwrap();
        learner.learn(&backend, 0, &batch, 0).unwrap();
        let after = learner.predict(&backend, 0, &batch, 0).unwrap();
        assert_eq!(before.activity, after.activity);
        let neurons = case.decoder;
        let mean = |rows: &[f32], n: usize| {
            let column = rows.iter().skip(n).step_by(neurons);
            column.map(|h| f64::from(*h)).sum::<f64>()
        };
        let gains = |rows: &[f32]| {
            let all: Vec<f64> = (0..neurons).map(|n| mean(rows, n)).collect();
            let total: f64 = all.iter().sum();
            let scale = if total > 0.0 {
                neurons as f64 / total
            } else {
                1.0
            };
            all.iter().map(|a| a * scale).collect::<Vec<f64>>()
        };
        let check = |found: f32, expected: f64| {
            let error = (f64::from(found) - expected).abs();
            assert!(
                error <= 4.0 * crate::reference::U * (1.0 + expected),
                "{found} {expected}"
            );
        };
        let of_task = gains(&after.activity);
        for (n, g) in learner.gains(0).unwrap().into_iter().enumerate() {
            match granularity {
                // The first batch is averaged with ones.
                GainGranularity::Task => check(g, (1.0 + of_task[n]) / 2.0),
                GainGranularity::Image => assert_eq!(g, 1.0),
            }
        }
        if granularity == GainGranularity::Image {
            let rows = after
                .activity
                .chunks(neurons)
                .zip(after.decision.chunks(neurons));
            for (h, y) in rows {
                let gains = gains(h);
                let total: f32 = h.iter().sum();
                for ((h, y), g) in h.iter().zip(y).zip(gains).filter(|_| total > 0.0) {
                    check(*y, f64::from(*h) * g);
                }
            }
        }
    }
}

/// The fluctuating pass trains with the first draw: a different step of the controller, the same gains.
#[test]
fn the_fluctuating_pass_learns_from_a_draw() {
    let backend = Cpu::new().unwrap();
    let of = |pass| {
        let modulator = Modulator {
            controller_pass: pass,
            ..MODULATOR
        };
        let mut learner = learner(&backend, &with(GainSource::Comodulation, modulator));
        let batch = batch(&backend, 0, 7);
        let loss = learner.learn(&backend, 0, &batch, 0).unwrap();
        (
            loss,
            learner.gains(0).unwrap(),
            parameters(&backend, &mut learner),
        )
    };
    let [constant, fluctuating] = [ControllerPass::Constant, ControllerPass::Fluctuating].map(of);
    assert_eq!(constant.1, fluctuating.1);
    assert_ne!(constant.0, fluctuating.0);
    let controller = |all: &[(String, Vec<u32>)]| {
        let found = all.iter().find(|(name, _)| name == "controller1");
        found.unwrap().1.clone()
    };
    assert_ne!(controller(&constant.2), controller(&fluctuating.2));
}

/// Gains from mean activity are those of the network without modulation: no coupling changes them.
#[test]
fn gains_from_mean_activity_ignore_the_couplings() {
    let backend = Cpu::new().unwrap();
    let gains = |coupled: bool| {
        let mut pair = pair(&backend);
        let controller = controller(&backend, &mut pair, CLASSES.len(), CASE.couplings());
        let settings = with(GainSource::MeanActivity, MODULATOR);
        let controller = coupled.then_some(controller);
        let mut learner = adapter(&backend, pair.library, controller, &settings).unwrap();
        learner
            .learn(&backend, 0, &batch(&backend, 0, 7), 0)
            .unwrap();
        learner.gains(0).unwrap()
    };
    assert_ne!(gains(true), [1.0; CASE.decoder]);
    assert_eq!(gains(true), gains(false));
}
