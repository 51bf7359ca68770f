//! Training gives PyTorch's losses. `tests/replay/replay.py` trains in f64, independently of the library, and wrote
//! `losses.safetensors` beside it: first weights, batches, and the loss and gain of every iteration. Here the library trains
//! on the same weights and batches.
#![cfg(feature = "report")]

use neurogain::data::{Dataset, ImageShape, digits};
use neurogain::gain::GainDynamics;
use neurogain::learn::{DeviceDataset, GradientDescent, Learner, OptimizerConfig, PixelScaling};
use neurogain::models::{Mlp, MlpConfig, Network, SlimResNet, SlimResNetConfig};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::state::Role;
use neurogain::{Cpu, Tensor};
use safetensors::SafeTensors;

const REFERENCE: &[u8] = include_bytes!("../replay/losses.safetensors");
const SGD: Optimizer = Optimizer::Sgd;
const MOMENTUM: Optimizer = Optimizer::Momentum { momentum: 0.9 };
const RATE: f32 = 0.01;

/// The numbers of a tensor in the file, each from `SIZE` bytes.
fn numbers<const SIZE: usize, T>(name: &str, of: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    let file = SafeTensors::deserialize(REFERENCE).unwrap();
    let view = file.tensor(name).expect(name);
    let numbers = view.data().as_chunks::<SIZE>().0.iter();
    numbers.map(|bytes| of(*bytes)).collect()
}

/// The records of the digits in each batch.
fn batches() -> Vec<Vec<u32>> {
    let records = numbers("batches", |bytes| u32::from(u16::from_le_bytes(bytes)));
    records.chunks(32).map(<[u32]>::to_vec).collect()
}

/// NGM-SGD's constants.
fn dynamics() -> Option<GainDynamics> {
    Some(GainDynamics::new(0.9, 1.0, 0.4).unwrap())
}

/// Trains on batches of `samples`: the loss of each before the update, and the gain of the last layer that it used.
fn train<N: Network>(
    network: N,
    optimizer: OptimizerConfig,
    dynamics: Option<GainDynamics>,
    samples: &DeviceDataset,
    batches: &[Vec<u32>],
) -> [Vec<f64>; 2] {
    let backend = Cpu::new().unwrap();
    let gain = dynamics.map(Into::into);
    let mut learner = GradientDescent::new(&backend, network, optimizer, gain).unwrap();
    let (mut batch, mut log) = (samples.batch(&backend).unwrap(), LossLog::new());
    let (mut losses, mut gains) = (Vec::new(), Vec::new());
    for indices in batches {
        samples.gather(&backend, indices, &mut batch).unwrap();
        learner.step(&backend, &batch, &mut log).unwrap();
        losses.push(log.last(&backend).unwrap().mean_cross_entropy());
        let head = learner.layers().pop().expect("a head");
        let gain = head.gain.as_ref().expect("gains").to_rows(&backend);
        gains.push(f64::from(gain.unwrap()[0]));
    }
    [losses, gains]
}

/// Compares with the tensors `NAME.loss` and `NAME.gain` of the file, of this many iterations.
fn compare(name: &str, found: [Vec<f64>; 2], iterations: usize, bound: f64) {
    for (quantity, found) in ["loss", "gain"].into_iter().zip(found) {
        let expected = numbers(&format!("{name}.{quantity}"), f64::from_le_bytes);
        assert_eq!([found.len(), expected.len()], [iterations; 2]);
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let distance = (found - expected).abs();
            assert!(
                distance <= bound,
                "{name}, iteration {}: the {quantity} is {found}, not {expected}: {distance:e} away",
                at + 1
            );
        }
    }
}

/// The multilayer perceptron with the weights of the file, trained on the digits.
fn perceptron(optimizer: Optimizer, dynamics: Option<GainDynamics>) -> [Vec<f64>; 2] {
    let backend = Cpu::new().unwrap();
    let config = MlpConfig {
        neurons: vec![64, 64, 64, 10],
        hidden_standard_deviation: 1.0,
        output_standard_deviation: 1.0,
    };
    let mut network = Mlp::new(&backend, &config, 1).unwrap();
    for parameter in network.parameters() {
        let weights = numbers(&parameter.name, f32::from_le_bytes);
        let shape = parameter.value.shape();
        parameter.value = Tensor::from_rows(&backend, shape, &weights).unwrap();
    }
    // Training and test samples in the order of the file, whose records the batches name.
    let pixels = digits::iter().flat_map(|digit| *digit.image).collect();
    let labels = digits::iter().map(|digit| digit.label).collect();
    let all = Dataset::images(digits::SHAPE, 10, pixels, labels).unwrap();
    let scaling = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3053],
        standard_deviation: vec![0.3761],
    };
    let samples = DeviceDataset::new(&backend, &all, &scaling).unwrap();
    let optimizer = OptimizerConfig::new(optimizer, RATE);
    train(network, optimizer, dynamics, &samples, &batches())
}

/// The largest difference is 7e-7, at a loss of 1.
#[test]
fn ngm_sgd_has_pytorchs_losses() {
    compare("ngm-sgd", perceptron(SGD, dynamics()), 40, 1e-6);
}

#[test]
fn momentum_has_pytorchs_losses() {
    compare("msgd", perceptron(MOMENTUM, None), 40, 1e-6);
}

/// The script's formula: the upper 24 bits of SplitMix64 as a number in [−1, 1).
fn uniform(stream: u64, count: usize) -> impl Iterator<Item = f64> {
    (1..=count as u64).map(move |place| {
        let z = ((stream << 32) + place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let z = z ^ (z >> 31);
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

const COLOUR: ImageShape = ImageShape {
    height: 32,
    width: 32,
    channels: 3,
};

/// The first eight digits of each batch as images: each pixel 4×4 times; the digit, its transpose and its negative, with
/// noise.
fn colour() -> Dataset {
    let digits: Vec<digits::Digit> = digits::iter().collect();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (batch, stream) in batches().iter().zip(2000..) {
        let mut noise = uniform(stream, 8 * 32 * 32 * 3).map(|u| (64.0 * (u + 1.0)) as u8);
        for &record in &batch[..8] {
            let digit = digits[record as usize];
            labels.push(digit.label);
            for at in 0..32 * 32 {
                let (row, column) = (at / 32 / 4, at % 32 / 4);
                let (pixel, transposed) =
                    (digit.image[8 * row + column], digit.image[8 * column + row]);
                let channels = [pixel, transposed, 16 - pixel];
                pixels.extend(channels.into_iter().zip(&mut noise).map(|(c, n)| 7 * c + n));
            }
        }
    }
    Dataset::images(COLOUR, 10, pixels, labels).unwrap()
}

/// The paper's slim ResNet-18 on images of 32×32, with the formula's weights: the head has gains and learns by SGD, the other
/// layers learn with momentum.
fn residual(rate: f32, iterations: usize) -> [Vec<f64>; 2] {
    let backend = Cpu::new().unwrap();
    let config = SlimResNetConfig {
        side: 32,
        channels: 3,
        classes: 10,
        width: 20,
        head_standard_deviation: 1.0,
        modulated: vec!["head".into()],
    };
    let mut network = SlimResNet::new(&backend, &config, 1).unwrap();
    let weights = network.parameters().filter(|p| p.role == Role::Weight);
    for (parameter, stream) in weights.zip(100..) {
        let shape = parameter.value.shape();
        let bound = match parameter.name.as_str() {
            "head" => 0.01,
            _ => 1.0 / (shape.columns() as f64).sqrt(),
        };
        let drawn = uniform(stream, shape.rows() * shape.columns());
        let drawn: Vec<f32> = drawn.map(|u| (u * bound) as f32).collect();
        parameter.value = Tensor::from_rows(&backend, shape, &drawn).unwrap();
    }
    let scaling = PixelScaling {
        maximum: 240.0,
        mean: vec![0.5],
        standard_deviation: vec![0.25],
    };
    let samples = DeviceDataset::new(&backend, &colour(), &scaling).unwrap();
    let optimizer = OptimizerConfig {
        backbone: MOMENTUM,
        ..OptimizerConfig::new(SGD, rate)
    };
    let batches = (0..iterations as u32).map(|batch| (8 * batch..8 * batch + 8).collect());
    let batches: Vec<Vec<u32>> = batches.collect();
    train(network, optimizer, dynamics(), &samples, &batches)
}

/// At a small rate, for the reason in the script: the largest difference is 2.5e-6, of losses above 2.
#[test]
fn the_resnet_has_pytorchs_losses() {
    let found = residual(2.0f32.powi(-19), 40);
    compare("resnet", found, 40, 5e-6);
}

/// Before f32 and f64 part.
#[test]
fn the_resnet_has_pytorchs_losses_at_the_usual_rate() {
    compare("resnet-fast", residual(RATE, 3), 3, 1e-6);
}
