//! The documented steps of a run, checked one by one: the samples of a batch, the initial weights,
//! the processing of pixels, the contents of a record, the times of evaluation, and the range of the gains
//! that the kernel updates.
//!
//! Bounds on random draws hold for all but one in 10⁶ seeds; the seeds are fixed,
//! so the outcome is fixed too.

mod drawing;
mod placement;
mod records;

use neurogain::backend::{CropFlip, Memory as _};
use neurogain::data::{Dataset, ImageShape};
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    Batch, DeviceDataset, EvalSets, Evaluations, GradientDescent, History, Learner,
    OptimizerConfig, PixelScaling, RandomCropFlip, Sampling, Trainer,
};
use neurogain::models::{Mlp, MlpConfig, Network};
use neurogain::nn::{LossLog, Parameter};
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::shape::LANES;
use neurogain::state::{State, Visitor};
use neurogain::stream::Context;
use neurogain::{Cpu, Result, Shape, Tensor};
use proptest::prelude::*;
use rand_distr::{Distribution as _, StandardNormal};

/// The number of standard deviations beyond which a normal number lies with a probability of 10⁻⁶ per side.
const SIGMAS: f64 = 4.9;

/// Half a unit in the last place of an f32 of 1: the rounding error relative to the result.
const U: f64 = 1.0 / 16_777_216.0;

/// Fails if the counts, equally likely, are too unequal or too equal: χ² with k degrees
/// of freedom is above k + 2√(kt) + 2t or below k − 2√(kt) with a probability of at most e⁻ᵗ each
/// (Laurent & Massart 2000, lemma 1), 10⁻⁶ here.
fn assert_uniform(counts: &[usize], what: &str) {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    assert!(expected > 20.0, "{what}: too few draws, {expected} each");
    let squares = counts.iter().map(|&n| (n as f64 - expected).powi(2));
    let (found, k) = (squares.sum::<f64>() / expected, (counts.len() - 1) as f64);
    let (t, root) = (1e6f64.ln(), (k * 1e6f64.ln()).sqrt());
    let range = k - 2.0 * root..k + 2.0 * root + 2.0 * t;
    assert!(
        range.contains(&found),
        "{what}: χ² {found}, not in {range:?}"
    );
}

/// A binomial count, of `n` draws with probability `p`.
fn assert_binomial(found: usize, n: usize, p: f64, what: &str) {
    let (mean, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
    let far = (found as f64 - mean).abs();
    assert!(
        far <= SIGMAS * deviation,
        "{what}: {found}, {mean} ± {deviation}"
    );
}

/// A byte as a number of the same value.
fn as_is() -> PixelScaling {
    PixelScaling {
        maximum: 1.0,
        mean: vec![0.0],
        standard_deviation: vec![1.0],
    }
}

/// 200 samples of one row of three pixels: the index, the label, 200 minus the index.
fn numbered() -> Dataset {
    let labels: Vec<u8> = (0..200u32).map(|i| (i * i / 7 % 4) as u8).collect();
    let pixels = (0..200u8).zip(&labels).flat_map(|(i, &l)| [i, l, 200 - i]);
    let shape = ImageShape {
        height: 1,
        width: 3,
        channels: 1,
    };
    Dataset::images(shape, 4, pixels.collect(), labels).unwrap()
}

/// Two contexts without a common sample and one that spans both, out of order.
fn contexts(iterations: [usize; 3]) -> Vec<Context> {
    let lists: [Vec<u32>; 3] = [
        (0..61).map(|i| i * 61 * 7 % 199 / 2).collect(),
        (100..200).rev().collect(),
        (0..23).map(|i| (i * 41 + 3) % 200).collect(),
    ];
    let contexts = lists.into_iter().zip(iterations);
    contexts
        .map(|(mut samples, iterations)| {
            let mut seen = Vec::new();
            samples.retain(|s| !seen.contains(s) && (seen.push(*s), true).1);
            Context::new(samples, iterations)
        })
        .collect()
}

fn mlp(backend: &Cpu, seed: u64) -> Mlp {
    let shape = MlpConfig {
        neurons: vec![3, 7, 5, 4],
        hidden_standard_deviation: 0.02,
        output_standard_deviation: 0.3,
    };
    Mlp::new(backend, &shape, seed).unwrap()
}

/// Mean cross-entropy, accuracy and mean entropy in f64, from the logits.
fn measure(backend: &Cpu, network: &mut impl Network<Cpu>, batches: &[Batch]) -> [f64; 3] {
    let (mut sums, mut samples) = ([0.0; 3], 0);
    for batch in batches {
        let logits = network.infer(backend, &batch.inputs).unwrap();
        let rows = logits.to_rows(backend).unwrap();
        let classes = logits.shape().columns();
        for (row, &label) in rows.chunks(classes).zip(&batch.labels) {
            let row: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|z| (z - most).exp()).sum();
            let log = |z: f64| z - most - total.ln();
            sums[0] -= log(row[usize::from(label)]);
            let first = row.iter().position(|&z| z == most).unwrap();
            sums[1] += f64::from(u8::from(first == usize::from(label)));
            sums[2] -= row.iter().map(|&z| log(z).exp() * log(z)).sum::<f64>();
            samples += 1;
        }
    }
    sums.map(|sum| sum / f64::from(samples))
}

fn mean_absolute(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&w| f64::from(w).abs()).sum::<f64>() / numbers.len() as f64
}

/// Records each batch and the network's output for it, then trains on it if enabled.
struct Recorder {
    learner: GradientDescent<Cpu, Mlp>,
    learns: bool,
    test: Vec<Batch>,
    inputs: Vec<Vec<f32>>,
    labels: Vec<Vec<u8>>,
    /// Before each step: on its batch, on the test samples, and mean |w| of each layer.
    states: Vec<([f64; 3], [f64; 3], Vec<f64>)>,
}

impl State for Recorder {
    fn visit(&mut self, backend: &Cpu, visitor: &mut dyn Visitor) -> Result<()> {
        self.learner.visit(backend, visitor)
    }
}

impl Learner for Recorder {
    fn infer(&mut self, backend: &Cpu, x: &Tensor) -> Result<&Tensor> {
        self.learner.infer(backend, x)
    }

    fn layers(&mut self) -> Vec<&mut Parameter> {
        self.learner.layers()
    }

    fn step(&mut self, backend: &Cpu, batch: &Batch, loss: &mut LossLog) -> Result<()> {
        self.inputs.push(batch.inputs.to_rows(backend)?);
        self.labels.push(batch.labels.clone());
        let network = &mut self.learner.network;
        if !self.learns {
            let logits = network.infer(backend, &batch.inputs)?;
            *loss = LossLog::new();
            return loss.infer(backend, logits, &batch.labels);
        }
        let test = measure(backend, network, &self.test);
        let train = measure(backend, network, std::slice::from_ref(batch));
        let weights = network.parameters();
        let weights = weights.map(|p| mean_absolute(&p.value.to_rows(backend).unwrap()));
        self.states.push((train, test, weights.collect()));
        self.learner.step(backend, batch, loss)
    }
}

impl Recorder {
    /// The index of each batch's samples in [`numbered`], which their pixels encode.
    fn indices(&self) -> Vec<Vec<u32>> {
        let index = |sample: &[f32]| sample[0] as u32;
        let batches = self.inputs.iter();
        batches
            .map(|inputs| inputs.chunks(3).map(index).collect())
            .collect()
    }
}

/// A run of a method over [`numbered`], or one that leaves the network unchanged.
struct Setting {
    rule: Option<Optimizer>,
    iterations: [usize; 3],
    batch: usize,
    transform: RandomCropFlip,
    evaluate_every: usize,
    evaluate_after_switch: usize,
    seed: u64,
}

impl Setting {
    fn run(&self, prepare: impl FnOnce(&Cpu, &mut Mlp)) -> (Recorder, History) {
        let backend = Cpu::new().unwrap();
        let dataset = numbered();
        let training = DeviceDataset::new(&backend, &dataset, &as_is()).unwrap();
        let of_test = dataset.of_classes(&[0, 2]);
        let batches = training.batches(&backend, &of_test, 33).unwrap();
        let tasks = vec![of_test];
        let test =
            EvalSets::new(&backend, training.clone(), tasks, RandomCropFlip::default()).unwrap();
        let mut network = mlp(&backend, 11);
        prepare(&backend, &mut network);
        let optimizer = OptimizerConfig::new(self.rule.unwrap_or(Optimizer::Sgd), 1e-4);
        let learner = GradientDescent::new(&backend, network, optimizer, None);
        let mut recorder = Recorder {
            learner: learner.unwrap(),
            learns: self.rule.is_some(),
            test: batches,
            inputs: Vec::new(),
            labels: Vec::new(),
            states: Vec::new(),
        };
        let trainer = Trainer {
            backend: &backend,
            training: &training,
            test: &test,
            batch: self.batch,
            sampling: Sampling::Uniform,
            transform: self.transform,
            evaluations: Evaluations {
                every: self.evaluate_every,
                after_switch: self.evaluate_after_switch,
                ..Evaluations::default()
            },
            seed: self.seed,
        };
        let (contexts, mut history) = (contexts(self.iterations), History::default());
        trainer
            .run(&mut recorder, &contexts, &mut history, |_| true)
            .unwrap();
        (recorder, history)
    }
}

const DRAWING: Setting = Setting {
    rule: None,
    iterations: [400, 600, 200],
    batch: 20,
    transform: RandomCropFlip {
        padding: 0,
        horizontal_flip: false,
    },
    evaluate_every: 0,
    evaluate_after_switch: 0,
    seed: 3,
};
