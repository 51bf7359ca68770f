//! Online first-order MAML takes the steps of its definition, computed by hand in f64; it resumes to the same bits.

use neurogain::learn::{Batch, Learner, Maml, MamlConfig, OptimizerConfig, OuterLoss};
use neurogain::models::{Feedforward, FeedforwardConfig, Network as _};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Error, Memory, Shape, Tensor};
use rand::RngExt as _;

const FEATURES: usize = 4;
const CLASSES: usize = 3;
const SEED: u64 = 5;

/// Inputs and labels of batch number `number`.
fn samples(number: usize) -> Vec<(Vec<f32>, u8)> {
    let input = |i: usize| ((i * 29 + number * 17) % 31) as f32 / 15.0 - 1.0;
    let sample = |s: usize| (0..FEATURES).map(|f| input(s * FEATURES + f)).collect();
    (0..6)
        .map(|s| (sample(s), ((s * s + number) % CLASSES) as u8))
        .collect()
}

fn batch(backend: &Cpu, number: usize) -> Batch {
    let samples = samples(number);
    let rows: Vec<f32> = samples.iter().flat_map(|(x, _)| x.clone()).collect();
    let labels: Vec<u8> = samples.iter().map(|(_, label)| *label).collect();
    let shape = Shape::features(samples.len(), FEATURES);
    Batch {
        inputs: Tensor::from_rows(backend, shape, &rows).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}

fn learner(backend: &Cpu, config: MamlConfig, hidden: &[usize]) -> Maml<Cpu, Feedforward> {
    let network = FeedforwardConfig::mlp(FEATURES, hidden, CLASSES);
    let network = Feedforward::new(backend, &network, 3).unwrap();
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.2);
    Maml::new(backend, network, sgd, config, SEED).unwrap()
}

/// Softmax regression: W, then b.
#[derive(Clone)]
struct Weights([Vec<f64>; 2]);

impl Weights {
    fn of(backend: &Cpu, network: &mut Feedforward) -> Self {
        let mut found = Vec::new();
        network
            .for_each_parameter(&mut |parameter| {
                let rows = parameter.value.to_rows(backend)?;
                found.push(rows.into_iter().map(f64::from).collect());
                Ok(())
            })
            .unwrap();
        Weights(found.try_into().unwrap())
    }

    /// The gradient of the mean cross-entropy.
    fn gradient(&self, samples: &[(Vec<f32>, u8)]) -> Weights {
        let Weights([w, b]) = self;
        let mut sums = Weights([vec![0.0; w.len()], vec![0.0; b.len()]]);
        for (x, label) in samples {
            let logit = |c: usize| {
                let row = &w[c * FEATURES..][..FEATURES];
                row.iter()
                    .zip(x)
                    .map(|(w, x)| w * f64::from(*x))
                    .sum::<f64>()
                    + b[c]
            };
            let exponentials: Vec<f64> = (0..CLASSES).map(|c| logit(c).exp()).collect();
            let total: f64 = exponentials.iter().sum();
            for (c, exponential) in exponentials.iter().enumerate() {
                let target = f64::from(u8::from(usize::from(*label) == c));
                let d = (exponential / total - target) / samples.len() as f64;
                sums.0[1][c] += d;
                for (f, x) in x.iter().enumerate() {
                    sums.0[0][c * FEATURES + f] += d * f64::from(*x);
                }
            }
        }
        sums
    }

    fn descend(&mut self, rate: f64, gradient: &Weights) {
        for (w, dw) in self.0.iter_mut().flatten().zip(gradient.0.iter().flatten()) {
            *w -= rate * dw;
        }
    }
}

/// Every step of both outer losses, with one and several inner steps, and buffers smaller and larger than the stream.
#[test]
fn steps_are_those_of_the_definition() {
    let backend = Cpu::new().unwrap();
    for (outer_loss, inner_steps, capacity, replayed) in [
        (OuterLoss::BufferAndBatch, 1, 7, 4),
        (OuterLoss::BufferAndBatch, 3, 1000, 9),
        (OuterLoss::Buffer, 2, 7, 5),
        (OuterLoss::Buffer, 1, 1, 1),
    ] {
        let config = MamlConfig {
            inner_learning_rate: 0.3,
            inner_steps,
            capacity,
            replayed,
            outer_loss,
        };
        let mut learner = learner(&backend, config, &[]);
        let mut theta = Weights::of(&backend, &mut learner.network);
        let mut buffer: Vec<(Vec<f32>, u8)> = Vec::new();
        let mut seen = 0;
        let mut log = LossLog::new();
        learner.begin_context(&backend, 1, 12).unwrap();
        for number in 1..=12 {
            let current = samples(number);
            let mut stream = RandomStream::new(SEED, Purpose::MetaReplay, number as u64);
            for sample in &current {
                // Algorithm R: the sample takes a place at random among all seen.
                if buffer.len() < capacity {
                    buffer.push(sample.clone());
                } else {
                    let place: u64 = stream.random_range(0..=seen);
                    if place < capacity as u64 {
                        buffer[place as usize] = sample.clone();
                    }
                }
                seen += 1;
            }
            let mut outer = match outer_loss {
                OuterLoss::Buffer => Vec::new(),
                OuterLoss::BufferAndBatch => current.clone(),
            };
            for _ in 0..replayed {
                let place: u32 = stream.random_range(0..buffer.len() as u32);
                outer.push(buffer[place as usize].clone());
            }
            let mut adapted = theta.clone();
            for _ in 0..inner_steps {
                adapted.descend(f64::from(0.3f32), &adapted.gradient(&current));
            }
            theta.descend(f64::from(0.2f32), &adapted.gradient(&outer));

            let given = batch(&backend, number);
            let logits = learner.infer(&backend, &given.inputs).unwrap();
            let mut expected_log = LossLog::new();
            expected_log.infer(&backend, logits, &given.labels).unwrap();
            learner.step(&backend, &given, &mut log).unwrap();
            // The log holds the loss of the batch at θ, and only that.
            let (found, expected) = (
                log.last(&backend).unwrap(),
                expected_log.last(&backend).unwrap(),
            );
            assert_eq!(found.mean_cross_entropy(), expected.mean_cross_entropy());
            let found = Weights::of(&backend, &mut learner.network);
            for (found, expected) in found.0.iter().flatten().zip(theta.0.iter().flatten()) {
                // Roundings of at most 12 steps on numbers near 1, each below 2⁻²⁰.
                assert!(
                    (found - expected).abs() < 1.2e-5,
                    "{config:?}, {number}: {found}, {expected}"
                );
            }
        }
    }
}

/// Restored before the first or after any iteration, a learner continues with the same bits.
#[test]
fn a_restored_learner_continues_with_the_same_bits() {
    let backend = Cpu::new().unwrap();
    for restored in [0, 1, 5] {
        let config = MamlConfig {
            capacity: 9,
            ..MamlConfig::default()
        };
        let state = |stop: Option<usize>| {
            let mut first = learner(&backend, config, &[5]);
            let mut log = LossLog::new();
            for number in 1..=8 {
                if stop == Some(number - 1) {
                    let state = Checkpoint::take(&backend, &mut first).unwrap();
                    first = learner(&backend, config, &[5]);
                    // The new learner has seen something else.
                    first
                        .step(&backend, &batch(&backend, 77), &mut log)
                        .unwrap();
                    state.restore(&backend, &mut first).unwrap();
                }
                first
                    .step(&backend, &batch(&backend, number), &mut log)
                    .unwrap();
            }
            Checkpoint::take(&backend, &mut first).unwrap()
        };
        assert_eq!(state(None), state(Some(restored)), "{restored}");
    }
}

/// The look ahead matters, and learning works: with one task, the loss falls.
#[test]
fn one_task_is_learnt() {
    let backend = Cpu::new().unwrap();
    let mut learner = learner(&backend, MamlConfig::default(), &[16]);
    let mut log = LossLog::new();
    learner.begin_context(&backend, 1, 300).unwrap();
    let mut losses = Vec::new();
    for _ in 0..300 {
        learner
            .step(&backend, &batch(&backend, 1), &mut log)
            .unwrap();
        losses.push(log.last(&backend).unwrap().mean_cross_entropy());
    }
    assert!(
        losses[299] < 0.2 * losses[0],
        "{} {}",
        losses[0],
        losses[299]
    );
}

#[test]
fn settings_outside_their_range_are_refused() {
    let backend = Cpu::new().unwrap();
    let change = |change: fn(&mut MamlConfig)| {
        let mut config = MamlConfig::default();
        change(&mut config);
        config
    };
    for wrong in [
        change(|c| c.inner_learning_rate = 0.0),
        change(|c| c.inner_learning_rate = f32::NAN),
        change(|c| c.inner_steps = 0),
        change(|c| c.capacity = 0),
        change(|c| c.replayed = 0),
    ] {
        let network = Feedforward::new(&backend, &FeedforwardConfig::mlp(4, &[], 3), 3).unwrap();
        let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.2);
        let found = Maml::new(&backend, network, sgd, wrong, SEED);
        assert!(matches!(found, Err(Error::Setting { .. })), "{wrong:?}");
    }
    // Samples of another size do not fit the buffer.
    let mut learner = learner(&backend, MamlConfig::default(), &[]);
    let mut log = LossLog::new();
    learner
        .step(&backend, &batch(&backend, 1), &mut log)
        .unwrap();
    let wrong = Batch {
        inputs: Tensor::zeros(&backend, Shape::features(2, FEATURES + 1)).unwrap(),
        labels: backend.bytes(&[0, 1]).unwrap(),
    };
    let found = learner.step(&backend, &wrong, &mut log);
    assert!(matches!(found, Err(Error::Shape { .. })));
}
