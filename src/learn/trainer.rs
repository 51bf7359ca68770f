//! The continual training loop: contexts in sequence, evaluation after every iteration or every few iterations.

use alloc::string::ToString;
use core::borrow::Borrow;

use crate::backend::{Backend, Cpu, summation};
use crate::error::{Error, Result};
use crate::learn::batches::{BatchConfig, Batches};
use crate::learn::eval_sets::TestDraws;
use crate::learn::readback::Readback;
use crate::learn::{
    Batch, DeviceDataset, EvalSets, Evaluation, History, Learner, Passes, RandomCropFlip, Record,
    Sampling,
};
use crate::nn::{BatchStats, LossLog};
use crate::rng::{Purpose, RandomStream};
use crate::shape::LANES;
use crate::stream::Context;

/// Samples per evaluation batch: one chunk of [`summation`].
pub const EVALUATION_BATCH: usize = summation::CHUNK * LANES;

/// Trains on contexts in sequence, and evaluates after every iteration or every few iterations.
#[derive(Debug)]
pub struct Trainer<'a, B: Backend = Cpu> {
    /// The backend that everything runs on.
    pub backend: &'a B,
    /// The training samples.
    pub training: &'a DeviceDataset<B>,
    /// The test samples: of the first task alone, or of one task per context. Each task is evaluated from its context
    /// on.
    pub test: &'a EvalSets<B>,
    /// Samples per batch.
    pub batch: usize,
    /// How they are chosen from the context's.
    pub sampling: Sampling,
    /// The augmentation of training images.
    pub transform: RandomCropFlip,
    /// When the test samples are evaluated.
    pub evaluations: Evaluations,
    /// The seed of the random streams: iteration i draws its samples from (seed, [`Purpose::Batch`], i) or, epoch by
    /// epoch, in the order of (seed, [`Purpose::EpochOrder`], epoch, context), and its transforms from (seed,
    /// [`Purpose::Transform`], i).
    pub seed: u64,
}

/// When a run evaluates its test samples, and how often it goes over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluations {
    /// Iterations between evaluations, counted within each context; 0 for none.
    pub every: usize,
    /// Iterations at the start of each context but the first that are all evaluated.
    pub after_switch: usize,
    /// Passes over transformed test images.
    pub passes: Passes,
}

impl Default for Evaluations {
    /// One pass after every iteration.
    fn default() -> Self {
        Evaluations {
            every: 1,
            after_switch: 0,
            passes: Passes::One,
        }
    }
}

impl<B: Backend> Trainer<'_, B> {
    /// Trains `learner` on `contexts` and adds one record per iteration to `history`, which keeps them if an error
    /// ends the run. `observe` sees each record and ends the run by returning `false`.
    ///
    /// Continues after the records already in `history`. `learner` must have the state after the last of them: that of
    /// the run that ended, or restored from its [`Checkpoint`](crate::state::Checkpoint).
    ///
    /// Evaluation after iteration i uses the weights updated by iteration i and the gains of its forward pass.
    ///
    /// # Errors
    /// [`Error::Diverged`] at the first loss, gain or weight that is not finite, [`Error::Interrupted`] if `observe`
    /// ended the run, and errors of the kernels.
    pub fn run(
        &self,
        learner: &mut dyn Learner<B>,
        contexts: impl IntoIterator<Item: Borrow<Context>>,
        history: &mut History,
        mut observe: impl FnMut(&Record) -> bool,
    ) -> Result<()> {
        let backend = self.backend;
        let mut loss = LossLog::new();
        let mut readback = Readback::default();
        let config = BatchConfig {
            size: self.batch,
            sampling: self.sampling,
            transform: self.transform,
            seed: self.seed,
        };
        let layers = learner.layers();
        history.layers = layers.iter().map(|layer| layer.name.clone()).collect();
        let done = history.records.len();
        let mut iteration = 0;
        for (number, context) in contexts.into_iter().enumerate() {
            let context: &Context = context.borrow();
            if iteration >= done {
                learner.begin_context(backend, number + 1, context.iterations)?;
            } else if iteration + context.iterations <= done {
                iteration += context.iterations;
                continue;
            }
            let mut batches = Batches::new(backend, self.training, config, context, number + 1)?;
            for step in 1..=context.iterations {
                iteration += 1;
                if iteration <= done {
                    continue;
                }
                let batch = batches.get(backend, iteration, step)?;
                learner.step(backend, batch, &mut loss)?;
                readback.begin(&loss)?;
                let after_switch = number > 0 && step <= self.evaluations.after_switch;
                let draws = TestDraws {
                    seed: self.seed,
                    iteration,
                    passes: match self.evaluations.passes {
                        Passes::One => 1,
                        Passes::PerContext => number + 1,
                    },
                };
                if after_switch || step.checked_rem(self.evaluations.every) == Some(0) {
                    for task in 0..self.test.count().min(number + 1) {
                        self.test
                            .evaluate(backend, learner, &mut loss, task, draws)?;
                        readback.task(&loss);
                    }
                }
                // Waits for the device, once per iteration.
                let found = readback.read(backend, learner, &loss)?;
                let train = &found.train;
                finite(iteration, "training loss", train.mean_cross_entropy())?;
                for test in &found.tests {
                    finite(iteration, "test loss", test.mean_cross_entropy())?;
                }
                let mut tests = found.tests.iter().map(evaluation);
                let record = Record {
                    iteration,
                    context: number + 1,
                    train: evaluation(train),
                    test: tests.next(),
                    later_tasks: tests.collect(),
                    entropy: train.mean_entropy(),
                    gain: found.gain,
                    mean_absolute_weight: found.mean_absolute_weight,
                };
                for &gain in &record.gain {
                    finite(iteration, "mean gain", gain)?;
                }
                for &weight in &record.mean_absolute_weight {
                    finite(iteration, "mean |w|", weight)?;
                }
                if step == context.iterations {
                    let mut stream =
                        RandomStream::new(self.seed, Purpose::ContextEnd, number as u64 + 1);
                    learner.end_context(backend, &mut batches.drawn_from(backend, &mut stream))?;
                }
                let go_on = observe(&record);
                history.records.push(record);
                if !go_on {
                    return Err(Error::Interrupted { iteration });
                }
            }
        }
        Ok(())
    }
}

/// Adds the losses of `learner` on `batches` to the list; their [`total`](LossLog::total) is over all
/// samples. After a training step the list also holds the loss of the training batch.
///
/// # Errors
/// Errors of the kernels.
pub fn evaluate<B: Backend>(
    backend: &B,
    learner: &mut dyn Learner<B>,
    loss: &mut LossLog<B>,
    batches: &[Batch<B>],
) -> Result<()> {
    for batch in batches {
        let logits = learner.infer(backend, &batch.inputs)?;
        loss.infer(backend, logits, &batch.labels)?;
    }
    Ok(())
}

fn evaluation(loss: &BatchStats) -> Evaluation {
    Evaluation {
        loss: loss.mean_cross_entropy(),
        accuracy: loss.accuracy(),
    }
}

fn finite(iteration: usize, quantity: &'static str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::Diverged {
        iteration,
        quantity: quantity.into(),
        value: value.to_string(),
    })
}
