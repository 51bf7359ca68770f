//! The feed-forward network is its definition: logits and every gradient within the proved rounding bound of an f64
//! reference, inference equal to training in bits, the number of parameters, and what it refuses.

mod reference;

use crate::reference::layers::Number;
use crate::reference::resnet_library::{Numbers, narrow, wide};
use crate::reference::{Bounded, exact};
use neurogain::models::{
    Activation, ConvolutionConfig, Feedforward, FeedforwardConfig, Network as _,
};
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Error, Memory, Shape, Tensor};
use reference::{Image, Reference};

const ACTIVATIONS: [Activation; 3] = [Activation::Relu, Activation::Crelu, Activation::Adalin];

/// Every combination of activation and normalisation, as an MLP and with one and two convolutions.
fn configs() -> Vec<FeedforwardConfig> {
    let mut configs = Vec::new();
    for activation in ACTIVATIONS {
        for layer_norm in [false, true] {
            let mlp = FeedforwardConfig {
                activation,
                layer_norm,
                ..FeedforwardConfig::mlp(7, &[6, 5], 4)
            };
            let convolution = |channels, window| ConvolutionConfig { channels, window };
            let shallow = FeedforwardConfig {
                // An odd number of pixels: the pooling leaves out the last ones.
                input: [8, 9, 2],
                convolutions: vec![convolution(3, 3)],
                hidden: vec![5],
                ..mlp.clone()
            };
            let deep = FeedforwardConfig {
                input: [11, 10, 1],
                convolutions: vec![convolution(3, 3), convolution(4, 3)],
                hidden: vec![],
                ..mlp.clone()
            };
            configs.extend([mlp, shallow, deep]);
        }
    }
    configs
}

/// The library's network with drawn slopes, scales and shifts, the reference's, and samples.
struct Case {
    library: Feedforward,
    reference: Reference<f64>,
    samples: Vec<Image<f64>>,
    dlogits: Vec<Vec<f64>>,
}

impl Case {
    fn new(backend: &Cpu, config: &FeedforwardConfig, samples: usize, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let mut library = Feedforward::new(backend, config, seed).unwrap();
        let mut parameters = Vec::new();
        library
            .for_each_parameter(&mut |parameter| {
                let mut values = wide(backend, &parameter.value);
                let (low, high) = match parameter.name.rsplit('.').next() {
                    Some("gamma") => (0.5, 1.5),
                    Some("beta" | "slope") => (-0.5, 0.5),
                    _ => (0.0, 0.0),
                };
                if low < high {
                    values.iter_mut().for_each(|x| *x = numbers.next(low, high));
                    backend.upload(&narrow(&values), parameter.value.floats_mut())?;
                }
                parameters.push(values);
                Ok(())
            })
            .unwrap();
        let shape = config.input;
        let mut image = || Image {
            shape,
            numbers: (0..shape.iter().product())
                .map(|_| numbers.next(-1.5, 1.5))
                .collect(),
        };
        let samples: Vec<_> = (0..samples).map(|_| image()).collect();
        let mut gradient = || {
            (0..config.classes)
                .map(|_| numbers.next(-1.0, 1.0))
                .collect()
        };
        Case {
            dlogits: samples.iter().map(|_| gradient()).collect(),
            library,
            reference: Reference {
                config: config.clone(),
                parameters,
            },
            samples,
        }
    }

    fn inputs(&self, backend: &Cpu) -> Tensor {
        let [height, width, channels] = self.samples[0].shape;
        let shape = Shape::images(self.samples.len(), height, width, channels);
        let rows: Vec<f64> = self
            .samples
            .iter()
            .flat_map(|x| x.numbers.clone())
            .collect();
        Tensor::from_rows(backend, shape, &narrow(&rows)).unwrap()
    }

    fn bounded(&self) -> (Reference<Bounded>, Vec<Image<Bounded>>) {
        let to = |numbers: &Vec<f64>| numbers.iter().map(|&x| exact(x)).collect();
        let reference = Reference {
            config: self.reference.config.clone(),
            parameters: self.reference.parameters.iter().map(to).collect(),
        };
        let sample = |x: &Image<f64>| Image {
            shape: x.shape,
            numbers: to(&x.numbers),
        };
        (reference, self.samples.iter().map(sample).collect())
    }
}

#[track_caller]
fn check(found: &[f64], expected: &[Bounded], widest: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        expected.check(*found, format!("{what}[{i}]"));
        // The bound is not so wide that a wrong number would pass.
        let width = expected.error / (1.0 + expected.value.abs());
        assert!(width < widest, "{what}[{i}]: {expected:?}");
    }
}

#[test]
fn logits_and_gradients_are_the_reference_within_its_rounding_bound() {
    let backend = Cpu::new().unwrap();
    for (number, config) in configs().iter().enumerate() {
        // The bound through 1/√variance of as few as three neurons can exceed the value itself; the tests of the
        // layer-normalisation kernels have tight ones.
        let widest = if config.layer_norm {
            f64::INFINITY
        } else {
            1e-3
        };
        // One block, and two with padding lanes.
        for samples in [3, 18] {
            let mut case = Case::new(&backend, config, samples, 11 + number as u64);
            let (reference, images) = case.bounded();
            let what = format!("{config:?}");
            let inputs = case.inputs(&backend);
            let logits = case.library.forward(&backend, &inputs).unwrap();
            let found = wide(&backend, logits);
            let expected: Vec<Bounded> = images.iter().flat_map(|x| reference.logits(x)).collect();
            check(&found, &expected, widest, &format!("logits of {what}"));

            let shape = Shape::features(samples, config.classes);
            let dlogits = narrow(&case.dlogits.concat());
            let dlogits = Tensor::from_rows(&backend, shape, &dlogits).unwrap();
            case.library.backward(&backend, &inputs, &dlogits).unwrap();
            let bounded: Vec<Vec<Bounded>> = (case.dlogits.iter())
                .map(|d| d.iter().map(|&d| Bounded::of(d)).collect())
                .collect();
            let mut expected = reference.gradients(&images, &bounded).into_iter();
            case.library
                .for_each_parameter(&mut |parameter| {
                    let found = wide(&backend, &parameter.gradient);
                    let name = format!("d {} of {what}", parameter.name);
                    check(&found, &expected.next().unwrap(), widest, &name);
                    Ok(())
                })
                .unwrap();
            assert!(expected.next().is_none());

            let inferred = case.library.infer(&backend, &inputs).unwrap();
            assert_eq!(wide(&backend, inferred), found, "inference of {what}");
        }
    }
}

/// Inference between a forward and a backward pass changes no gradient.
#[test]
fn inference_leaves_training_alone() {
    let backend = Cpu::new().unwrap();
    for config in configs() {
        let gradients = |between: bool| {
            let mut case = Case::new(&backend, &config, 3, 5);
            let inputs = case.inputs(&backend);
            case.library.forward(&backend, &inputs).unwrap();
            if between {
                let other = Case::new(&backend, &config, 20, 6).inputs(&backend);
                case.library.infer(&backend, &other).unwrap();
            }
            let shape = Shape::features(3, config.classes);
            let dlogits = narrow(&case.dlogits.concat());
            let dlogits = Tensor::from_rows(&backend, shape, &dlogits).unwrap();
            case.library.backward(&backend, &inputs, &dlogits).unwrap();
            let mut all = Vec::new();
            case.library
                .for_each_parameter(&mut |parameter| {
                    all.push(parameter.gradient.to_rows(&backend)?);
                    Ok(())
                })
                .unwrap();
            all
        };
        assert_eq!(gradients(true), gradients(false), "{config:?}");
    }
}

/// The reference's gradients are the slopes of Σ dlogits·logits: central differences in f64.
#[test]
fn the_references_gradients_are_slopes() {
    let backend = Cpu::new().unwrap();
    for (number, config) in configs().iter().enumerate() {
        let case = Case::new(&backend, config, 2, 31 + number as u64);
        let mut reference = case.reference;
        let gradients = reference.gradients(&case.samples, &case.dlogits);
        let value = |reference: &Reference<f64>| -> f64 {
            let pairs = case.samples.iter().zip(&case.dlogits);
            let each = pairs
                .map(|(x, d)| f64::dot(reference.logits(x).into_iter().zip(d.iter().copied())));
            each.sum()
        };
        for (parameter, gradient) in gradients.iter().enumerate() {
            for (place, &gradient) in gradient.iter().enumerate().step_by(5) {
                let step = 1e-6;
                let mut moved = |by: f64| {
                    reference.parameters[parameter][place] += by;
                    let found = value(&reference);
                    reference.parameters[parameter][place] -= by;
                    found
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                let error = (slope - gradient).abs();
                assert!(
                    error < 1e-6 * (1.0 + slope.abs()),
                    "{config:?}, parameter {parameter}[{place}]: {gradient} is no slope {slope}"
                );
            }
        }
    }
}

#[test]
fn the_number_of_parameters_is_as_stated() {
    let backend = Cpu::new().unwrap();
    let count = |config: &FeedforwardConfig| {
        let mut network = Feedforward::new(&backend, config, 1).unwrap();
        let mut count = 0;
        network
            .for_each_parameter(&mut |parameter| {
                count += backend.length(parameter.value.floats()) as u64;
                Ok(())
            })
            .unwrap();
        count
    };
    let relu = FeedforwardConfig::mlp(784, &[100, 100], 10);
    assert_eq!(relu.parameters().unwrap(), 89_610);
    let crelu = relu.with_equal_parameters(Activation::Crelu).unwrap();
    assert_eq!(crelu.hidden, [91, 91]);
    assert_eq!(crelu.parameters().unwrap(), 89_918);
    assert_eq!(relu.with_equal_parameters(Activation::Relu).unwrap(), relu);
    let convolution = ConvolutionConfig {
        channels: 16,
        window: 5,
    };
    let cnn = FeedforwardConfig {
        input: [32, 32, 3],
        convolutions: vec![convolution; 2],
        ..relu.clone()
    };
    // 5·5·3·16 + 16, 5·5·16·16 + 16, 400·100 + 100, 100·100 + 100, 100·10 + 10.
    assert_eq!(
        cnn.parameters().unwrap(),
        1_216 + 6_416 + 40_100 + 10_100 + 1_010
    );
    for config in configs().iter().chain([&relu, &crelu, &cnn]) {
        assert_eq!(count(config), config.parameters().unwrap(), "{config:?}");
        for activation in ACTIVATIONS {
            let found = config.with_equal_parameters(activation).unwrap();
            let distance = found
                .parameters()
                .unwrap()
                .abs_diff(config.parameters().unwrap());
            // No other factor is nearer: one neuron more or less in every layer is farther.
            for step in [-1, 1] {
                let other = |n: usize| n.saturating_add_signed(step).max(1);
                let mut other_config = found.clone();
                other_config.hidden.iter_mut().for_each(|n| *n = other(*n));
                for convolution in &mut other_config.convolutions {
                    convolution.channels = other(convolution.channels);
                }
                let other = other_config.parameters().unwrap();
                let other = other.abs_diff(config.parameters().unwrap());
                assert!(distance <= other, "{config:?}, {activation:?}");
            }
        }
    }
}

/// Weights and biases are uniform in ±1/√(inputs of a neuron), scales 1, shifts and slopes 0.
#[test]
fn parameters_start_as_stated() {
    let backend = Cpu::new().unwrap();
    let config = FeedforwardConfig {
        activation: Activation::Adalin,
        layer_norm: true,
        ..FeedforwardConfig::mlp(64, &[400], 300)
    };
    let mut network = Feedforward::new(&backend, &config, 3).unwrap();
    let mut names = Vec::new();
    network
        .for_each_parameter(&mut |parameter| {
            let values = wide(&backend, &parameter.value);
            let bound = match parameter.name.as_str() {
                "hidden1" | "hidden1.bias" => 1.0 / 8.0,
                "output" | "output.bias" => 1.0 / 20.0,
                "hidden1.norm.gamma" => {
                    assert!(values.iter().all(|&x| x == 1.0));
                    0.0
                }
                _ => {
                    assert!(values.iter().all(|&x| x == 0.0));
                    0.0
                }
            };
            if bound > 0.0 {
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let square = values.iter().map(|x| x * x).sum::<f64>() / n;
                assert!(values.iter().all(|x| x.abs() <= bound));
                // The mean has the standard deviation b/√(3n), the mean square 2b²/√(45n)·…: five of each.
                assert!(mean.abs() < 5.0 * bound / (3.0 * n).sqrt(), "{mean}");
                let error = (square - bound * bound / 3.0).abs();
                assert!(error < 5.0 * bound * bound * (4.0 / (45.0 * n)).sqrt());
            }
            names.push(parameter.name.clone());
            Ok(())
        })
        .unwrap();
    let expected = [
        "hidden1",
        "hidden1.bias",
        "hidden1.norm.gamma",
        "hidden1.norm.beta",
        "hidden1.slope",
        "output",
        "output.bias",
    ];
    assert_eq!(names, expected);
    let recorded: Vec<String> = network.layers().iter().map(|p| p.name.clone()).collect();
    assert_eq!(recorded, ["hidden1", "output"]);
}

/// Slopes of 0 are ReLU, bit for bit.
#[test]
fn adalin_starts_as_relu() {
    let backend = Cpu::new().unwrap();
    for relu in configs()
        .into_iter()
        .filter(|c| c.activation == Activation::Relu)
    {
        let adalin = FeedforwardConfig {
            activation: Activation::Adalin,
            ..relu.clone()
        };
        let mut networks =
            [&relu, &adalin].map(|config| Feedforward::new(&backend, config, 7).unwrap());
        let weights = Checkpoint::take(&backend, &mut networks[0])
            .unwrap()
            .network;
        networks[1]
            .for_each_parameter(&mut |parameter| {
                if let Some(found) = weights.iter().find(|w| w.name == parameter.name) {
                    backend.upload(&found.numbers, parameter.value.floats_mut())?;
                }
                Ok(())
            })
            .unwrap();
        let inputs = Case::new(&backend, &relu, 5, 8).inputs(&backend);
        let [a, b] = networks.each_mut().map(|network| {
            let logits = network.infer(&backend, &inputs).unwrap();
            logits.to_rows(&backend).unwrap()
        });
        assert_eq!(a, b);
    }
}

#[test]
fn a_state_restores_the_network() {
    let backend = Cpu::new().unwrap();
    for config in configs() {
        let mut case = Case::new(&backend, &config, 3, 2);
        let state = Checkpoint::take(&backend, &mut case.library).unwrap();
        let mut other = Feedforward::new(&backend, &config, 99).unwrap();
        state.restore(&backend, &mut other).unwrap();
        let inputs = case.inputs(&backend);
        let [a, b] = [&mut case.library, &mut other].map(|network| {
            let logits = network.infer(&backend, &inputs).unwrap();
            logits.to_rows(&backend).unwrap()
        });
        assert_eq!(a, b);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let backend = Cpu::new().unwrap();
    let good = FeedforwardConfig {
        input: [8, 8, 1],
        convolutions: vec![ConvolutionConfig {
            channels: 2,
            window: 5,
        }],
        ..FeedforwardConfig::mlp(64, &[4], 3)
    };
    assert!(Feedforward::new(&backend, &good, 1).is_ok());
    let change = |change: fn(&mut FeedforwardConfig)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    for wrong in [
        change(|c| c.input[1] = 0),
        change(|c| c.classes = 0),
        change(|c| c.hidden[0] = 0),
        change(|c| c.convolutions[0].channels = 0),
        change(|c| c.convolutions[0].window = 0),
        // One pixel is left, and the pooling needs two.
        change(|c| c.convolutions[0].window = 8),
        change(|c| c.convolutions[0].window = 9),
        change(|c| c.hidden[0] = usize::MAX / 2),
    ] {
        let found = Feedforward::new(&backend, &wrong, 1);
        assert!(matches!(found, Err(Error::Setting { .. })), "{wrong:?}");
        assert!(matches!(wrong.parameters(), Err(Error::Setting { .. })));
    }
    let mut network = Feedforward::new(&backend, &good, 1).unwrap();
    let wrong = Tensor::zeros(&backend, Shape::images(2, 12, 8, 1)).unwrap();
    assert!(matches!(
        network.forward(&backend, &wrong),
        Err(Error::Shape { .. })
    ));
}

/// Gains of 1 change no bit; other gains scale each neuron's weights, not its bias.
#[test]
fn with_gains_it_is_the_network_of_the_scaled_weights() {
    let cpu = Cpu::new().expect("a backend");
    let config = FeedforwardConfig::mlp(7, &[6, 5], 4);
    let x: Vec<f32> = (0..3 * 7).map(|i| (i as f32 * 0.7).sin()).collect();
    let x = Tensor::from_rows(&cpu, Shape::features(3, 7), &x).expect("samples");
    let logits = |network: &mut Feedforward| {
        let logits = network.infer(&cpu, &x).expect("logits");
        logits.to_rows(&cpu).expect("a copy")
    };
    let mut plain = Feedforward::new(&cpu, &config, 3).expect("a network");
    let mut gained = plain.clone().with_gains(&cpu).expect("gains");
    assert_eq!(logits(&mut gained), logits(&mut plain));
    for (gained, plain) in gained.layers().into_iter().zip(plain.layers()) {
        let shape = plain.value.shape();
        // Powers of two, so that no product rounds.
        let gains: Vec<f32> = (0..shape.rows()).map(|i| [0.5, 2.0, 4.0][i % 3]).collect();
        let mut scaled = plain.value.to_rows(&cpu).expect("weights");
        for (row, gain) in scaled.chunks_mut(shape.columns()).zip(&gains) {
            row.iter_mut().for_each(|w| *w *= gain);
        }
        let gain = gained.gain.as_mut().expect("gains");
        *gain = Tensor::from_rows(&cpu, Shape::vector(gains.len()), &gains).expect("gains");
        plain.value = Tensor::from_rows(&cpu, shape, &scaled).expect("weights");
    }
    assert_eq!(logits(&mut gained), logits(&mut plain));
}
