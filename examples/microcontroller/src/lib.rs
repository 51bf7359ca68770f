//! Split-Digits with NGM-SGD in little memory: the images stay in read-only data, and a batch is one block of 16 samples.
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;

use neurogain::data::digits::{self, Digit};
use neurogain::gain::GainDynamics;
use neurogain::learn::{Batch, GradientDescent, Learner, OptimizerConfig};
use neurogain::models::{Mlp, MlpConfig, Network};
use neurogain::nn::{BatchStats, LossLog};
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::shape::LANES;
use neurogain::state::{Role, State, Visitor};
use neurogain::{Cpu, Memory, Result, Shape, Tensor};
use rand::RngExt;
use sha2::{Digest, Sha256};

/// The SHA-256 that [`train`] gives on every machine.
pub const PINNED: &str = include_str!("../hash.txt").trim_ascii();

/// Each context has two more classes: 0 and 1, then 0 to 3, up to all ten.
const CONTEXTS: u8 = 5;
const ITERATIONS: u64 = 100;
const HIDDEN: usize = 32;
const SEED: u64 = 42;

type NgmSgd = GradientDescent<Cpu, Mlp>;

/// The state after a context.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Number of classes in the context.
    pub classes: u8,
    /// The test samples of these classes.
    pub test: BatchStats,
    /// Mean gain of the hidden layer.
    pub gain: f64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, test) = (self.classes - 1, &self.test);
        let (correct, all, gain) = (test.correct, test.samples, self.gain);
        write!(
            f,
            "digits 0 to {last}: {correct} of {all} test samples correct, mean hidden gain {gain:.3}"
        )
    }
}

/// A SHA-256, displayed in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Trains on all contexts, and shows `observe` the progress after each. Returns the hash of the final weights and gains.
///
/// # Errors
/// [`neurogain::Error::Memory`] if memory is insufficient.
pub fn train(mut observe: impl FnMut(&Progress)) -> Result<Hash> {
    let cpu = Cpu::new()?;
    let network = MlpConfig {
        neurons: [digits::FEATURES, HIDDEN, digits::CLASSES].into(),
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.05,
    };
    let network = Mlp::new(&cpu, &network, SEED)?;
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
    let mut learner = NgmSgd::new(&cpu, network, sgd, Some(dynamics.into()))?;
    let mut loss = LossLog::new();
    let mut block = SampleBlock::new(&cpu)?;
    let mut iteration = 0;
    for context in 1..=CONTEXTS {
        let classes = 2 * context;
        let of_context = || digits::iter().filter(|digit| digit.label < classes);
        let training = || of_context().filter(|digit| !digit.is_test);
        let mut samples = Vec::with_capacity(training().count());
        samples.extend(training());
        learner.begin_context(&cpu, context.into(), ITERATIONS as usize)?;
        for _ in 0..ITERATIONS {
            iteration += 1;
            let mut stream = RandomStream::new(SEED, Purpose::Batch, iteration);
            // Drawn as u32, so that the result does not depend on the width of `usize`.
            let mut draw = || samples[stream.random_range(0..samples.len() as u32) as usize];
            block.fill(&cpu, (0..LANES).map(|_| draw()))?;
            learner.step(&cpu, &block.batch, &mut loss)?;
        }
        observe(&Progress {
            classes,
            test: evaluate(&cpu, &mut learner, &mut block, of_context())?,
            gain: mean_hidden_gain(&cpu, &mut learner)?,
        });
    }
    hash(&cpu, &mut learner)
}

fn evaluate(
    cpu: &Cpu,
    learner: &mut NgmSgd,
    block: &mut SampleBlock,
    digits: impl Iterator<Item = Digit>,
) -> Result<BatchStats> {
    let mut tests = digits.filter(|digit| digit.is_test).peekable();
    let mut loss = LossLog::new();
    let mut total = BatchStats::default();
    while tests.peek().is_some() {
        block.fill(cpu, tests.by_ref().take(LANES))?;
        let logits = learner.infer(cpu, &block.batch.inputs)?;
        loss.infer(cpu, logits, &block.batch.labels)?;
        total = total.plus(loss.total(cpu)?);
    }
    Ok(total)
}

/// Up to 16 samples, in buffers that every batch reuses.
struct SampleBlock {
    batch: Batch,
    /// `[pixels][16]`, the layout of a block of samples.
    pixels: Vec<f32>,
    labels: Vec<u8>,
}

impl SampleBlock {
    fn new(cpu: &Cpu) -> Result<Self> {
        Ok(SampleBlock {
            batch: Batch {
                inputs: Tensor::zeros(cpu, Shape::features(LANES, digits::FEATURES))?,
                labels: cpu.bytes(&[])?,
            },
            pixels: alloc::vec![0.0; digits::FEATURES * LANES],
            labels: Vec::with_capacity(LANES),
        })
    }

    fn fill(&mut self, cpu: &Cpu, digits: impl Iterator<Item = Digit>) -> Result<()> {
        self.pixels.fill(0.0);
        self.labels.clear();
        for (lane, digit) in digits.enumerate() {
            for (pixel, &byte) in digit.image.iter().enumerate() {
                self.pixels[pixel * LANES + lane] = scaled(byte);
            }
            self.labels.push(digit.label);
        }
        let shape = Shape::features(self.labels.len(), digits::FEATURES);
        self.batch.inputs.reshape(cpu, shape)?;
        cpu.upload(&self.pixels, self.batch.inputs.floats_mut())?;
        cpu.upload_bytes(&self.labels, &mut self.batch.labels)
    }
}

/// Mean 0, deviation 1 over the training samples.
fn scaled(byte: u8) -> f32 {
    (f32::from(byte) / f32::from(digits::MAXIMUM) - 0.3053) / 0.3761
}

fn mean_hidden_gain(cpu: &Cpu, learner: &mut NgmSgd) -> Result<f64> {
    let layers = learner.network.layers();
    let Some(gain) = layers.first().and_then(|layer| layer.gain.as_ref()) else {
        return Ok(1.0);
    };
    let gains = gain.to_rows(cpu)?;
    let sum: f64 = gains.iter().copied().map(f64::from).sum();
    Ok(sum / gains.len() as f64)
}

/// The SHA-256 of the little-endian bits of every parameter and gain, in the order of [`State::visit`].
fn hash(cpu: &Cpu, learner: &mut NgmSgd) -> Result<Hash> {
    struct Hasher<'a>(&'a Cpu, Sha256);
    impl Visitor for Hasher<'_> {
        fn tensor(&mut self, role: Role, _: &str, tensor: &mut Tensor) -> Result<()> {
            if role.is_parameter() || role == Role::Gain {
                for number in tensor.to_rows(self.0)? {
                    self.1.update(number.to_le_bytes());
                }
            }
            Ok(())
        }
        fn numbers(&mut self, _: &str, _: &mut [f64]) -> Result<()> {
            Ok(())
        }
        fn count(&mut self, _: &str, _: &mut u64) -> Result<()> {
            Ok(())
        }
    }
    let mut visitor = Hasher(cpu, Sha256::new());
    learner.visit(cpu, &mut visitor)?;
    Ok(Hash(visitor.1.finalize().into()))
}
