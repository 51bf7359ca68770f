//! A training run on CUDA has the same bits as on the CPU backend: the kernels run on the CPU, through
//! the launch code used for a GPU.

use crate::emulated::devices;
use neurogain::data::digits;
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    Batch, DeviceDataset, EvalSets, Evaluations, GradientDescent, History, Learner,
    OptimizerConfig, PixelScaling, RandomCropFlip, Record, Sampling, Trainer,
};
use neurogain::models::{Mlp, MlpConfig, Network, SlimResNet, SlimResNetConfig};
use neurogain::nn::{LossLog, Parameter};
use neurogain::optim::Optimizer;
use neurogain::state::Checkpoint;
use neurogain::{Backend, Cpu, Shape, Tensor, stream};

fn cpu() -> Cpu {
    Cpu::new().expect("an instruction set")
}

/// The bits of every weight and gain.
fn bits<'a, B: Backend>(
    backend: &B,
    parameters: impl Iterator<Item = &'a mut Parameter<B>>,
) -> Vec<u32> {
    let mut bits = Vec::new();
    for parameter in parameters {
        let tensors = [Some(&parameter.value), parameter.gain.as_ref()];
        for tensor in tensors.into_iter().flatten() {
            let numbers = tensor.to_rows(backend).expect("a copy to the host");
            bits.extend(numbers.iter().map(|number| number.to_bits()));
        }
    }
    bits
}

/// Two contexts of the digits, evaluated after every iteration, with one method.
fn split_digits<B: Backend>(backend: &B, rule: Optimizer) -> (Vec<Record>, Vec<u32>) {
    let digits = digits::load();
    let pixels = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3053],
        standard_deviation: vec![0.3761],
    };
    let training = DeviceDataset::new(backend, &digits.train, &pixels).expect("samples");
    let test = DeviceDataset::new(backend, &digits.test, &pixels).expect("samples");
    let tasks = vec![digits.test.of_classes(&[0, 1])];
    let test = EvalSets::new(backend, test, tasks, RandomCropFlip::default()).expect("tasks");
    let classes = [vec![0, 1], vec![0, 1, 2, 3]];
    let contexts = stream::split(&digits.train, &classes, 4).expect("contexts");
    let shape = MlpConfig {
        neurons: vec![64, 50, 10],
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.05,
    };
    let mut network = Mlp::new(backend, &shape, 42).expect("a network");
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).expect("a gain");
    let sgd = OptimizerConfig::new(rule, 0.01);
    let learner = GradientDescent::new(backend, &mut network, sgd, Some(dynamics.into()));
    let mut learner = learner.expect("a learner");
    let trainer = Trainer {
        backend,
        training: &training,
        test: &test,
        batch: 40,
        sampling: Sampling::Uniform,
        transform: RandomCropFlip::default(),
        evaluations: Evaluations::default(),
        seed: 42,
    };
    let mut history = History::default();
    let run = trainer.run(&mut learner, &contexts, &mut history, |_| true);
    run.expect("it trains");
    let weights = bits(backend, network.parameters());
    (history.records, weights)
}

#[test]
fn the_multilayer_perceptron() {
    let devices = devices("perceptron");
    for rule in [
        Optimizer::Sgd,
        Optimizer::Momentum { momentum: 0.9 },
        Optimizer::Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        },
    ] {
        let (records, weights) = split_digits(&cpu(), rule);
        assert_eq!(records.len(), 8);
        for device in devices.iter().take(3) {
            let found = split_digits(device, rule);
            assert_eq!(format!("{:?}", found.0), format!("{records:?}"), "{rule:?}");
            assert!(found.1 == weights, "{rule:?}: other weights");
        }
    }
}

/// Iterations of the slim ResNet-18 with gains on three layers, then its logits in inference.
fn resnet<B: Backend>(backend: &B) -> (Vec<u64>, Vec<u32>) {
    let (samples, side, classes) = (20, 9, 5);
    let shape = SlimResNetConfig {
        side,
        channels: 3,
        classes,
        width: 5,
        head_standard_deviation: 0.05,
        modulated: ["head", "stage2.block1", "stage4.block2.second"]
            .map(String::from)
            .into(),
    };
    let mut network = SlimResNet::new(backend, &shape, 9).expect("a network");
    let dynamics = GainDynamics::new(0.9, 1.0, 0.2).expect("a gain");
    let rule = Optimizer::Momentum { momentum: 0.9 };
    let sgd = OptimizerConfig::new(rule, 0.01);
    let learner = GradientDescent::new(backend, &mut network, sgd, Some(dynamics.into()));
    let mut learner = learner.expect("a learner");
    let count = samples * side * side * 3;
    let numbers: Vec<f32> = (0..count)
        .map(|i| ((i * 7919) % 2003) as f32 / 1001.5 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..samples)
        .map(|sample| (sample * 3 % classes) as u8)
        .collect();
    let images = Shape::images(samples, side, side, 3);
    let batch = Batch {
        inputs: Tensor::from_rows(backend, images, &numbers).expect("images"),
        labels: backend.bytes(&labels).expect("labels"),
    };
    let (mut losses, mut loss) = (Vec::new(), LossLog::new());
    for _ in 0..3 {
        learner.step(backend, &batch, &mut loss).expect("it trains");
        let found = loss.last(backend).expect("a loss");
        losses.push(found.cross_entropy.to_bits());
    }
    let logits = network.infer(backend, &batch.inputs).expect("it infers");
    let logits = logits.to_rows(backend).expect("a copy to the host");
    let mut all: Vec<u32> = logits.iter().map(|number| number.to_bits()).collect();
    all.extend(bits(backend, network.parameters()));
    (losses, all)
}

#[test]
fn the_slim_resnet() {
    let expected = resnet(&cpu());
    for device in devices("resnet") {
        let found = resnet(&device);
        assert_eq!(found.0, expected.0, "other losses");
        assert!(found.1 == expected.1, "other logits, weights or gains");
    }
}

/// A run that is stopped on one device and continued on the other ends with the same weights.
#[test]
fn a_run_goes_on_on_the_other_device() {
    let devices = devices("resumed");
    let mut learner = adam(&cpu());
    step(&cpu(), &mut learner);
    let stopped = Checkpoint::take(&cpu(), &mut learner).expect("a checkpoint");
    step(&cpu(), &mut learner);
    let expected = bits(&cpu(), learner.network.parameters());
    for device in devices.iter().take(3) {
        let mut learner = adam(device);
        stopped.restore(device, &mut learner).expect("it fits");
        step(device, &mut learner);
        assert!(
            bits(device, learner.network.parameters()) == expected,
            "other weights"
        );
    }
}

fn step<B: Backend>(backend: &B, learner: &mut impl Learner<B>) {
    let mut log = LossLog::new();
    let done = learner.step(backend, &batch(backend), &mut log);
    done.expect("it trains");
}

fn mlp<B: Backend>(backend: &B) -> Mlp<B> {
    let shape = MlpConfig {
        neurons: vec![12, 30, 4],
        hidden_standard_deviation: 0.3,
        output_standard_deviation: 0.3,
    };
    Mlp::new(backend, &shape, 3).expect("a network")
}

fn adam<B: Backend>(backend: &B) -> GradientDescent<B, Mlp<B>> {
    let rule = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).expect("a gain");
    let adam = OptimizerConfig::new(rule, 0.01);
    let learner = GradientDescent::new(backend, mlp(backend), adam, Some(dynamics.into()));
    learner.expect("a learner")
}

fn batch<B: Backend>(backend: &B) -> Batch<B> {
    let numbers: Vec<f32> = (0..20 * 12)
        .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..20).map(|sample| sample % 4).collect();
    Batch {
        inputs: Tensor::from_rows(backend, Shape::features(20, 12), &numbers).expect("samples"),
        labels: backend.bytes(&labels).expect("labels"),
    }
}

/// An experiment run as the program runs it, methods and seeds in parallel, has the same hash.
#[cfg(feature = "report")]
#[test]
fn an_experiment_has_the_processors_hash() {
    use neurogain::systems::stability_gap::{Experiment, Settings};
    use std::sync::atomic::AtomicBool;
    fn hash<B: Backend>(backend: &B) -> String {
        let short = [
            "stream.iterations=2",
            "network.hidden=[20]",
            "evaluation.limit=20",
        ];
        let settings = Settings::preset("split-digits").expect("a preset");
        let settings = settings.with_overrides(&short).expect("settings");
        let settings = settings.with_seeds(&[1, 2]).expect("seeds");
        let experiment = Experiment::new(&settings, &digits::load(), backend).expect("it fits");
        let outcome = experiment.run(2, &AtomicBool::new(false));
        outcome.expect("it runs").hash().expect("it ended")
    }
    let expected = hash(&cpu());
    for device in devices("experiment").iter().take(3) {
        assert_eq!(hash(device), expected);
    }
}
