//! The slim ResNet-18 follows its definition: logits, loss, every gradient, running statistics, inference and
//! training steps agree with an f64 reference.
//!
//! `reference::nearness` defines the permitted error.

use crate::reference::layers::Number;
use crate::reference::nearness::{distance, near, values};
use crate::reference::resnet::{Pass, SlimResNet};
use crate::reference::resnet_library::{Case, Numbers, Pair, narrow, wide};
use neurogain::gain::GainDynamics;
use neurogain::learn::{GradientDescent, Learner, OptimizerConfig};
use neurogain::models::Network as _;
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::{Cpu, Shape, Tensor};

const HEAD: &[&str] = &["head"];
const ALL: &[&str] = &["stem", "stage1", "stage2", "stage3", "stage4", "head"];
const SOME: &[&str] = &["stage1.block2.first", "stage3.block1.shortcut", "stage4"];

/// Even and odd image sizes (12 → 6 → 3 → 2), numbers of samples that fill blocks of 16 and that do not.
fn cases() -> impl Iterator<Item = Case> {
    let sizes = [
        (20, 8, 3, 3, 3),
        (5, 12, 3, 5, 2),
        (16, 9, 1, 4, 2),
        (18, 8, 2, 3, 4),
    ];
    let modulated: [&[&str]; 4] = [HEAD, ALL, &[], SOME];
    sizes.into_iter().zip(1..).flat_map(move |(size, seed)| {
        let (samples, side, channels, classes, width) = size;
        modulated.into_iter().map(move |modulated| Case {
            samples,
            side,
            channels,
            classes,
            width,
            modulated,
            seed,
        })
    })
}

fn gradients(backend: &Cpu, pair: &mut Pair) -> Vec<Vec<f64>> {
    let parameters = pair.library.parameters();
    parameters.map(|p| wide(backend, &p.gradient)).collect()
}

#[test]
fn logits_loss_and_every_gradient() {
    let backend = Cpu::new().unwrap();
    for case in cases() {
        let mut pair = case.pair(&backend, true);
        let exact: Pass<f64> = pair.reference.pass(&pair.images, &pair.labels);
        let single: Pass<f32> = pair.reference.pass(&pair.images, &pair.labels);
        let mut loss = LossLog::new();
        let mut dlogits = Tensor::zeros(&backend, Shape::features(0, 1)).unwrap();
        let logits = pair.library.forward(&backend, &pair.batch.inputs).unwrap();
        let found_logits = wide(&backend, logits);
        loss.forward(&backend, logits, &pair.batch.labels, &mut dlogits)
            .unwrap();
        let found = loss.last(&backend).unwrap();
        let losses = vec![found.mean_cross_entropy(), found.mean_entropy()];
        pair.library
            .backward(&backend, &pair.batch.inputs, &dlogits)
            .unwrap();
        let expected = [vec![exact.loss, exact.entropy], exact.logits];
        let rounded = [vec![single.loss, single.entropy], single.logits];
        let names = ["loss", "logits"].into_iter();
        let tensors = names.zip([losses, found_logits]).zip(rounded).zip(expected);
        near(
            &format!("{case:?}: forward"),
            tensors.map(|(((name, found), single), exact)| (name, found, values(&single), exact)),
        );
        // No ReLU input is so close to its kink that rounding may fall on the other side than f64.
        assert!(exact.margin > 1e-7, "{case:?}: {}", exact.margin);
        let found = gradients(&backend, &mut pair);
        assert_eq!(found.len(), exact.gradients.len());
        let tensors = pair.names.iter().zip(found).zip(&single.gradients);
        let tensors = tensors
            .zip(exact.gradients)
            .map(|(((name, found), single), exact)| (name.as_str(), found, values(single), exact));
        near(&format!("{case:?}: gradient"), tensors);
    }
}

/// The reference's gradient is its loss's slope, by central differences in f64: their error is h²/6 times
/// a third derivative (below 10⁵ here) plus u₆₄/h.
#[test]
fn reference_gradients_are_the_slopes_of_the_loss() {
    let backend = Cpu::new().unwrap();
    for case in cases().filter(|case| case.modulated == ALL && case.samples == 5) {
        let pair = case.pair(&backend, true);
        let pass: Pass<f64> = pair.reference.pass(&pair.images, &pair.labels);
        let mut numbers = Numbers::new(7);
        for (parameter, name) in pair.names.iter().enumerate() {
            for _ in 0..2 {
                let length = pair.reference.parameters[parameter].len();
                let at = numbers.next(0.0, length as f32) as usize;
                let step = 1e-6;
                let loss = |by: f64| {
                    let mut moved: SlimResNet = pair.reference.clone();
                    moved.parameters[parameter][at] += by;
                    moved.loss(&pair.images, &pair.labels)
                };
                let slope = (loss(step) - loss(-step)) / (2.0 * step);
                let gradient = pass.gradients[parameter][at];
                let error = (slope - gradient).abs();
                assert!(
                    error <= 1e-6 * (1.0 + gradient.abs()),
                    "{case:?}, {name}[{at}]: slope {slope}, gradient {gradient}"
                );
            }
        }
    }
}

/// Two steps of NGM-SGD (momentum 0.9 on the backbone, none for layers with gains), with inference after
/// each: parameters, gains and, through inference, the running statistics agree with the reference.
#[test]
fn training_steps_running_statistics_and_inference() {
    const RATE: f32 = 0.05;
    let backend = Cpu::new().unwrap();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.2).unwrap();
    for case in cases().filter(|case| case.modulated == HEAD || case.modulated == SOME) {
        let mut pair = case.pair(&backend, false);
        let mut exact = Steps::<f64>::new(&pair.reference);
        let mut single = Steps::<f32>::new(&pair.reference);
        let momentum = Optimizer::Momentum { momentum: 0.9 };
        let config = OptimizerConfig {
            backbone: momentum,
            ..OptimizerConfig::new(Optimizer::Sgd, RATE)
        };
        let gain = Some(dynamics.into());
        let network = pair.library.clone();
        let mut learner = GradientDescent::new(&backend, network, config, gain).unwrap();
        for step in 1..=2 {
            let mut log = LossLog::new();
            learner.step(&backend, &pair.batch, &mut log).unwrap();
            pair.library.clone_from(&learner.network);
            exact.step(&pair, RATE);
            single.step(&pair, RATE);
            let what = format!("{case:?}: step {step}");
            let found: Vec<Vec<f64>> = pair
                .library
                .parameters()
                .map(|p| wide(&backend, &p.value))
                .collect();
            // Compares the updates, because a step is small relative to the weights.
            let start = &pair.reference.parameters;
            let moved = |now: &[f64], start: &[f64]| -> Vec<f64> {
                now.iter()
                    .zip(start)
                    .map(|(now, start)| now - start)
                    .collect()
            };
            let tensors = pair.names.iter().enumerate().map(|(i, name)| {
                let of = |now: &[f64]| moved(now, &start[i]);
                let steps = [&single.network.parameters[i], &exact.network.parameters[i]];
                let [single, exact] = steps.map(|now| of(now));
                (name.as_str(), of(&found[i]), single, exact)
            });
            near(&what, tensors);
            for (parameter, expected) in pair.library.parameters().zip(&exact.network.gains) {
                if let (Some(gain), Some(expected)) = (&parameter.gain, expected) {
                    assert!(distance(&wide(&backend, gain), expected) < 1e-5, "{what}");
                    // Not the resting gain: the second step uses an entropy.
                    assert!(step == 1 || expected[0] > 1.01);
                }
            }
            let inferred = pair.library.infer(&backend, &pair.batch.inputs).unwrap();
            let found = wide(&backend, inferred);
            let expected = exact.network.infer::<f64>(&pair.images);
            let rounded = values(&single.network.infer::<f32>(&pair.images));
            near(&what, [("inference", found, rounded, expected)].into_iter());
        }
    }
}

/// The reference's training.
struct Steps<T> {
    network: SlimResNet,
    velocities: Vec<Vec<T>>,
    entropy: T,
}

impl<T: Number> Steps<T> {
    fn new(network: &SlimResNet) -> Self {
        Steps {
            network: network.clone(),
            velocities: network
                .parameters
                .iter()
                .map(|p| vec![T::of(0.0); p.len()])
                .collect(),
            entropy: T::of(0.0),
        }
    }

    fn step(&mut self, pair: &Pair, rate: f32) {
        for gain in self.network.gains.iter_mut().flatten().flatten() {
            let (decay, rise) = (T::of(*gain) * T::of(0.9), T::of(0.2) * self.entropy);
            *gain = (decay + T::of(0.1) + rise).value();
        }
        let pass: Pass<T> = self.network.pass(&pair.images, &pair.labels);
        let gains = &self.network.gains;
        let parameters = self.network.parameters.iter_mut().zip(gains);
        let moves = self.velocities.iter_mut().zip(&pass.gradients);
        for ((values, gain), (velocities, gradients)) in parameters.zip(moves) {
            // No momentum for layers with gains.
            let momentum = T::of(if gain.is_some() { 0.0 } else { 0.9 });
            for ((value, velocity), &gradient) in values.iter_mut().zip(velocities).zip(gradients) {
                *velocity = momentum * *velocity + gradient;
                *value = (T::of(*value) - T::of(f64::from(rate)) * *velocity).value();
            }
        }
        self.network.move_running(&pass.statistics);
        self.entropy = pass.entropy;
    }
}

#[test]
fn narrowing_loses_nothing() {
    // The reference has the same numbers as the library.
    let pair = cases().next().unwrap().pair(&Cpu::new().unwrap(), true);
    let numbers = pair.images.numbers.iter().zip(narrow(&pair.images.numbers));
    assert!(numbers.into_iter().all(|(a, b)| *a == f64::from(b)));
}
