//! Training steps of the plasticity benchmarks' MLP: gradient descent and NeuMoSync.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{Benchmark, Work};
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::{Batch, GradientDescent, Learner, NeuMoSync, OptimizerConfig};
use crate::models::{Feedforward, FeedforwardConfig, NeuMoSyncConfig, SignalMode};
use crate::nn::LossLog;
use crate::optim::Optimizer;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Samples of a batch.
const BATCH: usize = 16;

/// One step each on a batch of 16, with 784, 100, 100 and 10 neurons, by SGD.
pub(super) fn plasticity<B: Backend>(backend: &B) -> Result<Vec<Benchmark<'_>>> {
    let sizes = FeedforwardConfig {
        input: [28, 28, 1],
        ..FeedforwardConfig::mlp(784, &[100, 100], 10)
    };
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 1e-4);
    let network = Feedforward::new(backend, &sizes, 1)?;
    let plain = GradientDescent::new(backend, network, sgd, None)?;
    let config = |mode| NeuMoSyncConfig {
        mode,
        ..NeuMoSyncConfig::default()
    };
    let neumosync = |mode| NeuMoSync::new(backend, &sizes, &config(mode), sgd, 1);
    let (neurons, first, all) = (210, 784 * 100, 784 * 100 + 100 * 100 + 100 * 10);
    let plain_work = BATCH * (3 * all - first);
    // Twice the forward pass, and twice the gradient of each input.
    let main = BATCH * (5 * all - 2 * first);
    // The products of a token before, within and after the attention, forward and backward; per sample, those after it
    // are computed for each sample.
    let (before, within, after) = (
        16 * 16 * 4,
        2 * 16 * neurons,
        16 * 16 + 2 * 16 * 32 + 16 * 4,
    );
    let tokens = |samples| neurons * 3 * (before + within + samples * (after + 2 * 16));
    Ok(vec![
        step(backend, "SGD", plain, plain_work)?,
        step(
            backend,
            "NeuMoSync per batch",
            neumosync(SignalMode::Batch)?,
            main + tokens(1),
        )?,
        step(
            backend,
            "NeuMoSync per sample",
            neumosync(SignalMode::Sample)?,
            main + tokens(BATCH),
        )?,
    ])
}

fn step<'a, B: Backend>(
    backend: &'a B,
    name: &str,
    mut learner: impl Learner<B> + 'a,
    multiply_adds: usize,
) -> Result<Benchmark<'a>> {
    let rows: Vec<f32> = (0..BATCH * 784).map(|i| (i % 251) as f32 / 251.0).collect();
    let labels: Vec<u8> = (0..BATCH).map(|i| (i % 10) as u8).collect();
    let batch = Batch {
        inputs: Tensor::from_rows(backend, Shape::images(BATCH, 28, 28, 1), &rows)?,
        labels: backend.bytes(&labels)?,
    };
    let mut log = LossLog::new();
    let mut step = move || {
        learner.step(backend, &batch, &mut log)?;
        log.last(backend)
    };
    Ok(Benchmark {
        name: format!("{name} step of 784-100-100-10, batch {BATCH}"),
        amount: Work::Operations(2.0 * multiply_adds as f64),
        call: Box::new(move || super::done(step())),
    })
}
