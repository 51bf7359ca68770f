//! The memory that the runs of an experiment need, apart from their records.
//!
//! Linux grants more memory than it has and kills the process when the memory is used. Only a check beforehand gives
//! an error message.

use super::{MethodSettings, NetworkSettings, StreamSettings};
use crate::data::{Dataset, TrainTest};
use crate::learn::{EVALUATION_BATCH, READY_SAMPLES, RegularizerConfig};
use crate::optim::Optimizer;

/// Samples come in blocks of this many; the last is padded.
const BLOCK: u64 = 16;
const FLOAT: u64 = 4;
/// Copies of a checkpoint in memory while it is written: as numbers, as bytes and as a file.
pub(crate) const CHECKPOINT_COPIES: u64 = 3;

/// What the memory depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) samples: &'a TrainTest,
    pub(crate) stream: &'a StreamSettings,
    pub(crate) network: &'a NetworkSettings,
    pub(crate) methods: &'a [MethodSettings],
    /// Samples of a training batch.
    pub(crate) batch: usize,
    /// Tasks that are tested.
    pub(crate) tests: usize,
    /// Parallel runs.
    pub(crate) side_by_side: usize,
}

/// An upper bound on the bytes of samples and runs, without the runs' records; `None` if it exceeds a u64.
///
/// It counts the samples, as read and as trained on, and the contexts' lists of samples. For each run it counts the
/// weights with gradients, effective and packed copies, the state of optimizer and regularizers, the copies of a
/// checkpoint while it is written, and two tensors per layer for a batch and one for a batch of test samples.
pub(crate) fn memory_of_runs(demand: Demand<'_>) -> Option<u64> {
    let Demand {
        samples,
        stream,
        network,
        methods,
        batch,
        tests,
        side_by_side,
    } = demand;
    let side_by_side = side_by_side.max(1) as u64;
    let inputs = samples.train.features() as u64;
    let (neurons, weights) = sizes(network, &samples.train)?;
    let state = methods.iter().map(|method| {
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

    let batch = padded(batch as u64)?;
    let test = padded((samples.test.len() as u64).min(EVALUATION_BATCH as u64))?;
    let tensors = neurons.checked_mul(batch.checked_mul(2)?.checked_add(test)?)?;
    let run = weights.checked_mul(copies)?.checked_add(tensors)?;
    let running = run.checked_mul(FLOAT)?.checked_mul(side_by_side)?;

    // Test images of the first tasks are also kept as floats. A context that was split by class has a list of its
    // samples; other contexts share one list, and have a pixel map for each of their views.
    let ready = samples.test.len().checked_mul(tests)?.min(READY_SAMPLES);
    let ready = ready.max(samples.test.len()) as u64;
    let ready = ready.checked_mul(inputs)?.checked_mul(FLOAT)?;
    let data = bytes(&samples.train)
        .checked_add(bytes(&samples.test))?
        .checked_add(ready)?;
    let list = match stream.kind.has_classes() {
        true => samples.train.len() as u64,
        false => inputs.checked_mul(side_by_side)?,
    };
    let lists = list.checked_mul(stream.count() as u64)?;
    let lists = lists
        .checked_mul(4)?
        .checked_add(4 * samples.train.len() as u64)?;
    let data = data.checked_mul(2)?;
    sum([data, lists, running].into_iter())
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
        NetworkSettings::Feedforward {
            convolutions,
            hidden,
        } => {
            let shape = samples.shape();
            let (mut height, mut width, mut channels) = (
                shape.height as u64,
                shape.width as u64,
                shape.channels as u64,
            );
            let (mut neurons, mut weights) = (inputs, 0u64);
            for convolution in convolutions {
                let (outputs, window) = (convolution.channels as u64, convolution.window as u64);
                let of_window = window.checked_mul(window)?.checked_mul(channels)?;
                weights = weights.checked_add(of_window.checked_mul(outputs)?)?;
                let pixels = height.checked_mul(width)?;
                neurons = neurons.checked_add(pixels.checked_mul(outputs)?.checked_mul(2)?)?;
                height = height.saturating_sub(window.saturating_sub(1)) / 2;
                width = width.saturating_sub(window.saturating_sub(1)) / 2;
                channels = outputs.checked_mul(2)?;
            }
            let mut before = height.checked_mul(width)?.checked_mul(channels)?;
            for outputs in hidden.iter().map(|&n| n as u64).chain([classes]) {
                weights = weights.checked_add(before.checked_add(1)?.checked_mul(outputs)?)?;
                neurons = neurons.checked_add(outputs.checked_mul(4)?)?;
                // CReLU doubles the features.
                before = outputs.checked_mul(2)?;
            }
            Some((neurons, weights.checked_mul(2)?))
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

/// The settings of the network's size.
pub(crate) fn described(network: &NetworkSettings) -> String {
    match network {
        NetworkSettings::Mlp { hidden, .. } | NetworkSettings::Feedforward { hidden, .. } => {
            format!("network.hidden = {hidden:?}")
        }
        NetworkSettings::SlimResnet18 { width, .. } => format!("network.width = {width}"),
    }
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
