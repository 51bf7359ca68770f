//! The memory estimate of an experiment, checked before it begins.
//!
//! Linux grants more memory than it has and kills the process when the memory is used. Only a check beforehand gives
//! an error message.

use super::{EvaluatedTasks, Settings};
use crate::data::{Dataset, TrainTest};
use crate::learn::{EVALUATION_BATCH, READY_SAMPLES, RegularizerConfig};
use crate::optim::Optimizer;
use crate::run::MemoryNeed;
use crate::run::continual::NetworkSettings;

/// Samples come in blocks of this many; the last is padded.
const BLOCK: u64 = 16;
const FLOAT: u64 = 4;
/// Convolutions and head.
const SLIM_RESNET_LAYERS: u64 = 21;
/// Numbers of a record, without those of its layers.
const RECORD_NUMBERS: u64 = 7;
/// Most bytes of a number in a run's CSV.
const TEXT: u64 = 25;
/// Copies of a checkpoint in memory while it is written: as numbers, as bytes and as a file.
const CHECKPOINT_COPIES: u64 = 3;

/// An upper bound on the bytes that `settings` need on `samples`, with `side_by_side` parallel runs; `None` if it
/// exceeds a u64.
///
/// It counts the samples, as read and as trained on, and the contexts' lists of samples. For each run it counts the
/// weights with gradients, effective and packed copies, the state of optimizer and regularizers, the copies of a
/// checkpoint while it is written, and two tensors per layer for a batch and one for a batch of test samples. It also
/// counts the records of every run.
fn memory_needed(settings: &Settings, samples: &TrainTest, side_by_side: usize) -> Option<u64> {
    let inputs = samples.train.features() as u64;
    let (neurons, weights) = sizes(&settings.network, &samples.train)?;
    let state = settings.methods.iter().map(|method| {
        let moments = match method.optimizer {
            Optimizer::Sgd => 0,
            Optimizer::Momentum { .. } => 1,
            Optimizer::Adam { .. } => 2,
        };
        let regularizers = method.regularizers.iter().flatten();
        moments + regularizers.map(RegularizerConfig::copies).sum::<u64>()
    });
    let state = state.max().unwrap_or(0);
    let copies = 4 + state + CHECKPOINT_COPIES * (1 + state);

    let batch = padded(settings.training.batch as u64)?;
    let test = padded((samples.test.len() as u64).min(EVALUATION_BATCH as u64))?;
    let tensors = neurons.checked_mul(batch.checked_mul(2)?.checked_add(test)?)?;
    let run = weights.checked_mul(copies)?.checked_add(tensors)?;
    let running = run
        .checked_mul(FLOAT)?
        .checked_mul(side_by_side.max(1) as u64)?;

    let tests = match settings.evaluation.tasks {
        EvaluatedTasks::First => 1,
        EvaluatedTasks::All => settings.stream.count(),
    };
    // A record is its numbers, two more for each task after the first, and three lists; a growing list can have
    // twice the capacity of its contents.
    let layers = match &settings.network {
        NetworkSettings::Mlp { hidden, .. } => hidden.len() as u64 + 1,
        NetworkSettings::SlimResnet18 { .. } => SLIM_RESNET_LAYERS,
    };
    let numbers = layers
        .checked_add(tests as u64)?
        .checked_mul(2)?
        .checked_add(RECORD_NUMBERS)?;
    let record = numbers.checked_mul(8)?.checked_add(3 * 24)?;
    let iterations = settings.stream.total_iterations() as u64;
    let records = iterations
        .checked_mul(runs(settings) as u64)?
        .checked_mul(record)?
        .checked_mul(2)?;
    let histories = iterations
        .checked_mul(numbers.checked_mul(TEXT * CHECKPOINT_COPIES)?)?
        .checked_mul(side_by_side.max(1) as u64)?;

    // Test images of the first tasks are also kept as floats. A context that was split by class has a list of its
    // samples; other contexts share one list, and have a pixel map for each of their views.
    let ready = samples.test.len().checked_mul(tests)?.min(READY_SAMPLES);
    let ready = ready.max(samples.test.len()) as u64;
    let ready = ready.checked_mul(inputs)?.checked_mul(FLOAT)?;
    let data = bytes(&samples.train)
        .checked_add(bytes(&samples.test))?
        .checked_add(ready)?;
    let list = match settings.stream.kind.has_classes() {
        true => samples.train.len() as u64,
        false => inputs.checked_mul(side_by_side.max(1) as u64)?,
    };
    let lists = list.checked_mul(settings.stream.count() as u64)?;
    let lists = lists
        .checked_mul(4)?
        .checked_add(4 * samples.train.len() as u64)?;
    let data = data.checked_mul(2)?;
    sum([data, lists, running, records, histories].into_iter())
}

/// The numbers of a sample's activations and of the weights.
fn sizes(network: &NetworkSettings, samples: &Dataset) -> Option<(u64, u64)> {
    let classes = samples.classes() as u64;
    let inputs = samples.features() as u64;
    match network {
        NetworkSettings::Mlp { hidden, .. } => {
            let mut widths = vec![inputs];
            widths.extend(hidden.iter().map(|&width| width as u64));
            widths.push(classes);
            let weights = sum_of(widths.windows(2), |pair| pair[0].checked_mul(pair[1]))?;
            Some((sum(widths.into_iter())?, weights))
        }
        NetworkSettings::SlimResnet18 { width, .. } => {
            // The tensors that the backward pass reads hold 16⅓ times the numbers of the first stage's
            // output, as each stage has half the numbers of the previous one: at most 20 times with the
            // gradients. There are 2,716·width² weights and the head's.
            let width = *width as u64;
            let pixels =
                (samples.shape().height as u64).checked_mul(samples.shape().width as u64)?;
            let stage = pixels.checked_mul(width)?;
            let neurons = stage.checked_mul(20)?.checked_add(inputs)?;
            let kernels = width.checked_mul(width)?.checked_mul(2_800)?;
            Some((
                neurons,
                kernels.checked_add(width.checked_mul(8)?.checked_mul(classes)?)?,
            ))
        }
    }
}

/// The memory that `threads` parallel runs need at most.
pub fn memory(settings: &Settings, samples: &TrainTest, threads: usize) -> MemoryNeed {
    let side_by_side = threads.min(runs(settings));
    MemoryNeed {
        bytes: memory_needed(settings, samples, side_by_side).unwrap_or(u64::MAX),
        purpose: format!(
            "{side_by_side} of {} runs at the same time, with training.batch = {}, {} and {} × {} iterations,",
            runs(settings),
            settings.training.batch,
            described(&settings.network),
            settings.stream.count(),
            settings.stream.iterations_of(0),
        ),
        remedy: "lower these settings, or --threads",
    }
}

/// The settings of the network's size.
fn described(network: &NetworkSettings) -> String {
    match network {
        NetworkSettings::Mlp { hidden, .. } => format!("network.hidden = {hidden:?}"),
        NetworkSettings::SlimResnet18 { width, .. } => format!("network.width = {width}"),
    }
}

fn runs(settings: &Settings) -> usize {
    let (methods, seeds) = (settings.methods.len(), settings.training.seeds.len());
    methods.saturating_mul(seeds)
}

fn padded(samples: u64) -> Option<u64> {
    samples.checked_next_multiple_of(BLOCK)
}

fn bytes(dataset: &Dataset) -> u64 {
    (dataset.pixels().len() + dataset.labels().len()) as u64
}

fn sum(mut terms: impl Iterator<Item = u64>) -> Option<u64> {
    terms.try_fold(0u64, u64::checked_add)
}

fn sum_of<T>(mut items: impl Iterator<Item = T>, term: impl Fn(T) -> Option<u64>) -> Option<u64> {
    items.try_fold(0u64, |total, item| total.checked_add(term(item)?))
}
