//! The gradient of every parameter, and of the signals themselves, is the slope of the f64 reference's loss.

use neurogain::models::{
    Ablation, ActivitySignals, FeedforwardConfig, InferenceNetwork, NeuMoSyncConfig, SignalBound,
    SignalMode,
};
use neurogain::nn::{LossLog, Parameter};
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Shape, Tensor};

use super::reference::Reference;
use super::{batch, cnn, mlp, noise};

/// The step of the central differences: their error is below 1e-9 here, away from kinks.
const STEP: f64 = 1e-5;
/// Relative to the largest gradient of a tensor: 100 units in the last place of f32. Each gradient passes through
/// about 30 kernels. A wrong term differs by more than 1e-2.
const BOUND: f64 = 100.0 / 8_388_608.0;

/// A network with random numbers everywhere: also in the head, in the slow weights and in the statistics.
pub fn random(
    backend: &Cpu,
    sizes: &FeedforwardConfig,
    config: &NeuMoSyncConfig,
) -> InferenceNetwork {
    let mut network = InferenceNetwork::new(backend, sizes, config, 3).unwrap();
    let mut state = Checkpoint::take(backend, &mut network).unwrap();
    for (number, tensor) in state.network.iter_mut().enumerate() {
        let scale = match tensor.name.as_str() {
            name if name.ends_with(".activity") || name == "signals" => 0.9,
            name if name.ends_with("gamma") => 0.3,
            name if name.starts_with("neurosync") => 0.5,
            _ => 0.3,
        };
        for (place, value) in tensor.numbers.iter_mut().enumerate() {
            *value += scale * noise(1009 * number + place);
        }
    }
    state.restore(backend, &mut network).unwrap();
    network
}

fn check(sizes: &FeedforwardConfig, config: &NeuMoSyncConfig, samples: usize) {
    let backend = Cpu::new().unwrap();
    let mut network = random(&backend, sizes, config);
    let state = Checkpoint::take(&backend, &mut network).unwrap();
    let wide = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let values = state.network.iter();
    let mut reference = Reference {
        network: sizes.clone(),
        config: config.clone(),
        values: values.map(|t| (t.name.clone(), wide(&t.numbers))).collect(),
    };
    let batch = batch(&backend, sizes, samples);
    let rows = batch.inputs.to_rows(&backend).unwrap();
    let pixels = batch.inputs.shape().columns();
    let images: Vec<Vec<f64>> = rows.chunks(pixels).map(wide).collect();
    let labels = batch.labels.clone();

    let mut log = LossLog::new();
    let mut dlogits = Tensor::zeros(&backend, Shape::features(0, 1)).unwrap();
    let logits = network.forward(&backend, &batch.inputs).unwrap();
    log.forward(&backend, logits, &batch.labels, &mut dlogits)
        .unwrap();
    let found = log.last(&backend).unwrap().mean_cross_entropy();
    let expected = reference.loss(&images, &labels);
    assert!(
        (found - expected).abs() < 1e-5,
        "loss {found}, not {expected}"
    );
    network.backward(&backend, &batch.inputs, &dlogits).unwrap();

    let mut gradients: Vec<(String, Vec<f32>)> = Vec::new();
    let mut collect = |parameter: &mut Parameter| {
        let gradient = parameter.gradient.to_rows(&backend)?;
        gradients.push((parameter.name.clone(), gradient));
        Ok(())
    };
    network.main.for_each_parameter(&mut collect).unwrap();
    network.signals.for_each_parameter(&mut collect).unwrap();
    let mut worst = 0.0f64;
    for (name, found) in gradients {
        let slopes: Vec<f64> = (0..found.len())
            .map(|place| {
                let mut at = |step: f64| {
                    reference.values.get_mut(&name).unwrap()[place] += step;
                    let loss = reference.loss(&images, &labels);
                    reference.values.get_mut(&name).unwrap()[place] -= step;
                    loss
                };
                (at(STEP) - at(-STEP)) / (2.0 * STEP)
            })
            .collect();
        let largest = slopes.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for (place, (&found, slope)) in found.iter().zip(&slopes).enumerate() {
            let error = (f64::from(found) - slope).abs();
            let bound = BOUND * largest + 1e-8;
            worst = worst.max(error / bound);
            assert!(
                error <= bound,
                "{name}[{place}]: {found}, not {slope}; the largest is {largest}"
            );
        }
    }
    println!("largest error: {worst} of the bound");
}

fn small() -> NeuMoSyncConfig {
    NeuMoSyncConfig {
        token_width: 6,
        feed_forward: 5,
        learnable_features: 3,
        ..NeuMoSyncConfig::default()
    }
}

#[test]
fn mlp_per_batch() {
    check(&mlp(), &small(), 5);
    check(&mlp(), &small(), 17);
}

#[test]
fn mlp_per_sample() {
    let config = NeuMoSyncConfig {
        mode: SignalMode::Sample,
        activity: ActivitySignals::Offset,
        ..small()
    };
    check(&mlp(), &config, 5);
    check(&mlp(), &config, 17);
}

#[test]
fn cnn_per_batch() {
    let config = NeuMoSyncConfig {
        activity: ActivitySignals::LinearityOffset,
        heads: 3,
        ..small()
    };
    check(&cnn(), &config, 4);
}

#[test]
fn cnn_per_sample() {
    let config = NeuMoSyncConfig {
        mode: SignalMode::Sample,
        bound: SignalBound::Linear,
        ..small()
    };
    check(&cnn(), &config, 4);
}

#[test]
fn ablations() {
    for part in [Ablation::Weights, Ablation::Consolidation, Ablation::Input] {
        for mode in [SignalMode::Batch, SignalMode::Sample] {
            let without = vec![part];
            let config = NeuMoSyncConfig {
                mode,
                without,
                ..small()
            };
            check(&mlp(), &config, 3);
        }
    }
    let config = NeuMoSyncConfig {
        activity: ActivitySignals::None,
        learnable_features: 0,
        heads: 1,
        ..small()
    };
    check(&mlp(), &config, 3);
}

/// With static signals and without a bound, the gradients of the parameters are those of the signals.
#[test]
fn signals_themselves() {
    for bound in [SignalBound::Linear, SignalBound::Tanh] {
        for activity in [
            ActivitySignals::Linearity,
            ActivitySignals::Offset,
            ActivitySignals::LinearityOffset,
        ] {
            let config = NeuMoSyncConfig {
                static_signals: true,
                bound,
                activity,
                ..small()
            };
            check(&mlp(), &config, 5);
            check(&cnn(), &config, 4);
        }
    }
}
