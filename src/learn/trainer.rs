//! The continual loop: contexts one after the other, evaluation after every iteration, or every few.

use alloc::string::ToString;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::{Backend, Cpu, summation};
use crate::error::{Error, Result};
use crate::learn::readings::Readings;
use crate::learn::{Batch, Evaluation, History, Method, Record, Samples, TestTasks, Transform};
use crate::models::Network;
use crate::nn::{Loss, SoftmaxCrossEntropy};
use crate::rng::{Purpose, Stream};
use crate::shape::LANES;
use crate::stream::Context;

/// Samples an evaluation batch: one chunk of [`summation`].
pub const EVALUATION_BATCH: usize = summation::CHUNK * LANES;

/// Trains on contexts one after the other and evaluates after every iteration.
#[derive(Debug)]
pub struct Trainer<'a, B: Backend = Cpu> {
    /// Where everything runs.
    pub backend: &'a B,
    /// The training samples.
    pub training: &'a Samples<B>,
    /// The test samples: of the first task alone, or of one task a context, each of which is evaluated
    /// from its context on.
    pub test: &'a TestTasks<B>,
    /// Samples a batch, drawn uniformly with replacement from the context's.
    pub batch: usize,
    /// What is done to a batch's images.
    pub transform: Transform,
    /// Iterations from one evaluation to the next, counted within each context.
    pub evaluate_every: usize,
    /// Names the random streams: iteration i draws its indices from (seed, [`Purpose::Batch`], i), and
    /// what is done to them from (seed, [`Purpose::Transform`], i).
    pub seed: u64,
}

impl<B: Backend> Trainer<'_, B> {
    /// Trains `network` by `method` through `contexts`, adding a record an iteration to `history`,
    /// which keeps what was done when an error ends the run. `observe` sees each record and ends
    /// the run by returning `false`.
    ///
    /// Goes on behind the records that `history` has already, `network` and `method` being as they were
    /// then: those of the run that was ended, or of its [`Checkpoint`](crate::learn::Checkpoint).
    ///
    /// Evaluation after iteration i uses the weights that i left and the gains that i's forward used.
    ///
    /// # Errors
    /// [`Error::Diverged`] at the first loss that is not finite, [`Error::Interrupted`] if `observe`
    /// ended the run, and what the kernels fail with.
    pub fn run(
        &self,
        network: &mut impl Network<B>,
        method: &mut impl Method<B>,
        contexts: &[Context],
        history: &mut History,
        mut observe: impl FnMut(&Record) -> bool,
    ) -> Result<()> {
        let backend = self.backend;
        let mut loss = SoftmaxCrossEntropy::new();
        let mut readings = Readings::default();
        let mut batch = self.training.batch(backend)?;
        let (mut indices, mut placements) = (Vec::new(), Vec::new());
        history.layers = network
            .parameters()
            .filter(|p| p.is_weight())
            .map(|p| p.name.clone())
            .collect();
        let done = history.records.len();
        let mut iteration = 0;
        for (number, context) in contexts.iter().enumerate() {
            if iteration >= done {
                method.begin_context(backend, number + 1)?;
            }
            for step in 1..=context.iterations {
                iteration += 1;
                if iteration <= done {
                    continue;
                }
                self.draw(&context.samples, iteration, &mut indices)?;
                if self.transform == Transform::default() {
                    self.training.gather(backend, &indices, &mut batch)?;
                } else {
                    let mut stream = Stream::new(self.seed, Purpose::Transform, iteration as u64);
                    self.transform
                        .draw(indices.len(), &mut stream, &mut placements);
                    self.training
                        .gather_placed(backend, &indices, &placements, &mut batch)?;
                }
                method.step(backend, network, &batch, &mut loss)?;
                readings.begin(&loss)?;
                if step.checked_rem(self.evaluate_every) == Some(0) {
                    for task in 0..self.test.count().min(number + 1) {
                        self.test
                            .evaluate(backend, network, &mut loss, task, self.seed, iteration)?;
                        readings.task(&loss);
                    }
                }
                // The device is waited for here, once an iteration.
                let found = readings.read(backend, network, &loss)?;
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
                let go_on = observe(&record);
                history.records.push(record);
                if !go_on {
                    return Err(Error::Interrupted { iteration });
                }
            }
        }
        Ok(())
    }

    fn draw(&self, samples: &[u32], iteration: usize, indices: &mut Vec<u32>) -> Result<()> {
        // Drawn as u32, so that the width of `usize` does not matter.
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        if count == 0 || self.batch == 0 {
            let expected = "at least one sample to draw from and one to draw";
            return Err(Error::setting("batch", self.batch, expected));
        }
        let mut stream = Stream::new(self.seed, Purpose::Batch, iteration as u64);
        indices.clear();
        indices.try_reserve(self.batch).map_err(|_| Error::Memory {
            purpose: "a batch".into(),
            bytes: (self.batch as u64).saturating_mul(4),
            remedy: "use a smaller one".into(),
        })?;
        indices.extend((0..self.batch).map(|_| samples[stream.random_range(0..count) as usize]));
        Ok(())
    }
}

/// Adds the losses of `network` on `batches` to the list; their [`total`](SoftmaxCrossEntropy::total) is over all
/// samples. A list that a training step has begun holds the training batch's loss too.
///
/// # Errors
/// What the kernels fail with.
pub fn evaluate<B: Backend>(
    backend: &B,
    network: &mut impl Network<B>,
    loss: &mut SoftmaxCrossEntropy<B>,
    batches: &[Batch<B>],
) -> Result<()> {
    for batch in batches {
        let logits = network.infer(backend, &batch.inputs)?;
        loss.infer(backend, logits, &batch.labels)?;
    }
    Ok(())
}

fn evaluation(loss: &Loss) -> Evaluation {
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
