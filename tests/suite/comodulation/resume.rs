//! A network that is trained as a whole resumes from a checkpoint with the same bits.

use neurogain::learn::{ComodulationLearner, ComodulationLearnerConfig, GainSource};
use neurogain::models::Trainable;
use neurogain::optim::Optimizer;
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Error};

use super::learner::{SETTINGS, adapter, batch, pair, parameters, statistics};

fn fresh(backend: &Cpu, rule: Optimizer) -> ComodulationLearner {
    let settings = ComodulationLearnerConfig {
        rule,
        learning_rate: 0.002,
        learnt: Trainable::Weights,
        gains: GainSource::Ones,
        ..SETTINGS
    };
    adapter(backend, pair(backend).library, None, &settings).unwrap()
}

fn learn(backend: &Cpu, learner: &mut ComodulationLearner, steps: std::ops::Range<u64>) {
    for step in steps {
        let batch = batch(backend, 1, step);
        learner.learn(backend, 1, &batch, step).unwrap();
    }
}

const RULES: [Optimizer; 3] = [
    Optimizer::Sgd,
    Optimizer::Momentum { momentum: 0.9 },
    Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    },
];

#[test]
fn what_goes_on_is_what_never_stopped() {
    let backend = Cpu::new().unwrap();
    for rule in RULES {
        for stopped in [0, 2] {
            let mut whole = fresh(&backend, rule);
            learn(&backend, &mut whole, 0..stopped);
            let checkpoint = Checkpoint::take(&backend, &mut whole).unwrap();
            learn(&backend, &mut whole, stopped..4);
            let mut resumed = fresh(&backend, rule);
            // The earlier training is lost.
            learn(&backend, &mut resumed, 7..8);
            checkpoint.restore(&backend, &mut resumed).unwrap();
            learn(&backend, &mut resumed, stopped..4);
            let of = |learner: &mut ComodulationLearner| {
                (parameters(&backend, learner), statistics(&backend, learner))
            };
            assert_eq!(of(&mut resumed), of(&mut whole), "{rule:?}, {stopped}");
        }
    }
}

#[test]
fn a_checkpoint_that_lacks_something_is_refused() {
    let backend = Cpu::new().unwrap();
    let mut learner = fresh(&backend, RULES[2]);
    learn(&backend, &mut learner, 0..1);
    let right = Checkpoint::take(&backend, &mut learner).unwrap();
    let damages: [fn(&mut Checkpoint); 6] = [
        |checkpoint| drop(checkpoint.numbers.pop()),
        |checkpoint| drop(checkpoint.learner.pop()),
        |checkpoint| checkpoint.counts.clear(),
        |checkpoint| drop(checkpoint.network.pop()),
        |checkpoint| drop(checkpoint.network.remove(0)),
        |checkpoint| {
            let mut more = checkpoint.network[0].clone();
            more.name = "another".into();
            checkpoint.network.push(more);
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let mut wrong = right.clone();
        damage(&mut wrong);
        let result = wrong.restore(&backend, &mut fresh(&backend, RULES[2]));
        assert!(
            matches!(result, Err(Error::Shape { .. })),
            "{number}: {result:?}"
        );
    }
    right
        .restore(&backend, &mut fresh(&backend, RULES[2]))
        .unwrap();
}
