//! The memory estimate of an experiment, checked before it begins.

use super::ComodulationSettings;
use crate::data::TrainTest;
use crate::learn::EVALUATION_BATCH;
use crate::models::{CouplingGranularity, STAGES, Stem};
use crate::run::MemoryNeed;

const FLOAT: u64 = 4;
/// Copies per weight: weight, gradient, packed copy, the optimizer's moments, and a checkpoint as numbers, as bytes and
/// as a file.
const COPIES: u64 = 4 + 2 + 3 * 3;
/// Bytes of a batch's record, in memory and as text while its file is written.
const STEP: u64 = 24 + 2 * 80;

/// The memory that `threads` parallel runs need at most.
///
/// It counts upper bounds: for each run, the weights and their training state, the activations of a batch and of a
/// batch of test samples, and the decoder's activations under all draws of one batch; and the records of every run.
pub(super) fn memory(
    settings: &ComodulationSettings,
    samples: &TrainTest,
    threads: usize,
) -> MemoryNeed {
    let network = &settings.network;
    MemoryNeed {
        bytes: needed(settings, samples, threads).unwrap_or(u64::MAX),
        purpose: format!(
            "a network of network.width = {}, encoder = {}, decoder = {}, controller = {}, with training.batch = {}, pretraining.epochs = {:?}, adaptation.iterations = {} of {} tasks,",
            network.width,
            network.encoder,
            network.decoder,
            network.controller,
            settings.training.batch,
            settings.pretraining.epochs,
            settings.adaptation.iterations,
            settings.tasks.len(),
        ),
        remedy: "lower these settings, or --threads",
    }
}

/// The bytes; `None` if they exceed a u64.
fn needed(settings: &ComodulationSettings, samples: &TrainTest, threads: usize) -> Option<u64> {
    let network = &settings.network;
    let [width, encoder, decoder, controller] = [
        network.width,
        network.encoder,
        network.decoder,
        network.controller,
    ]
    .map(|size| size as u64);
    let image = samples.train.shape();
    let pixels = (image.height as u64).checked_mul(image.width as u64)?;
    // The output of the large stem's convolution has half the height and width.
    let first = match (network.cell, network.stem) {
        (Some(cell), _) => pixels.div_ceil((cell as u64).checked_mul(cell as u64)?.max(1)),
        (None, Stem::Small) => pixels,
        (None, Stem::Large) => pixels.div_ceil(4),
    };
    let stages = u32::try_from(network.stages.clamp(1, STAGES)).ok()? - 1;
    let last = width.checked_mul(1 << stages)?;
    let side_by_side = first.div_ceil(4u64.pow(stages)).max(1);
    let output = network
        .encoder_output
        .map_or(encoder, |output| output as u64);
    let neurons = match network.places {
        true => decoder.checked_mul(side_by_side)?,
        false => decoder,
    };
    let couplings = match network.couplings {
        CouplingGranularity::Channel => encoder.max(output),
        CouplingGranularity::Neuron => encoder.max(output).checked_mul(side_by_side)?,
    };
    // The backbone's tensors hold 16⅓ times the numbers of the first stage's output: at most 20 times with the
    // gradients. The encoder has eight maps, the decoder five vectors and those of each draw.
    let activations = sum([
        pixels.checked_mul(image.channels as u64)?,
        first.checked_mul(width)?.checked_mul(20)?,
        side_by_side
            .checked_mul(encoder.max(output))?
            .checked_mul(8)?,
        neurons.checked_mul(5 + 2 * 5)?,
    ])?;
    let tasks = settings.tasks.len() as u64;
    let classes = settings.tasks.iter().chain(&settings.primary);
    let classes = classes.map(|task| task.class_count(settings.data.source) as u64);
    let weights = sum([
        match network.cell {
            Some(cell) => width
                .checked_mul(image.channels as u64)?
                .checked_mul((cell as u64).checked_mul(cell as u64)?)?,
            None => width.checked_mul(width)?.checked_mul(2_800)?,
        },
        last.checked_mul(9)?.checked_mul(encoder)?,
        encoder.checked_mul(9)?.checked_mul(output)?,
        decoder.checked_mul(output)?.checked_mul(2)?,
        neurons.checked_mul(classes.sum())?,
        match controller {
            0 => tasks.checked_mul(couplings)?.checked_mul(2)?,
            hidden => hidden.checked_mul(sum([tasks, couplings.checked_mul(2)?])?)?,
        },
    ])?;
    // Each task keeps a copy of everything that a method learns, as f64.
    // The maps of the few samples are computed once.
    let kept = match settings.adaptation.samples.iter().max() {
        None => 0,
        Some(&samples) => {
            let maps = side_by_side.checked_mul(encoder.max(output))?;
            let maps = maps.checked_mul(samples as u64)?;
            sum([weights.checked_mul(2)?, maps])?.checked_mul(tasks)?
        }
    };
    let batch = settings.training.batch.max(settings.adaptation_batch());
    let batch = (batch as u64).checked_next_multiple_of(16)?;
    let test = EVALUATION_BATCH as u64;
    let run = sum([
        weights.checked_mul(COPIES)?,
        kept,
        activations.checked_mul(sum([batch, test])?)?,
    ])?;
    let runs = run.checked_mul(FLOAT)?.checked_mul(threads.max(1) as u64)?;

    let conditions = settings.conditions().len() as u64;
    let cells = (settings.training.seeds.len() as u64)
        .checked_mul(settings.methods.len() as u64)?
        .checked_mul(conditions)?;
    let batches = (settings.adaptation.iterations as u64)
        .checked_mul(tasks)?
        .checked_mul(settings.adaptation.learning_rates.len() as u64)?;
    let steps = batches.checked_mul(cells)?.checked_mul(STEP)?;
    // Fails if the number of batches overflows.
    let longest = *settings.pretraining.epochs.last()? as u64;
    let epoch = (samples.train.len() as u64).checked_mul(settings.primary.len() as u64)?;
    longest.checked_mul(epoch)?.checked_mul(cells)?;
    let pixels = (samples.train.pixels().len() + samples.test.pixels().len()) as u64;
    sum([runs, steps, pixels.checked_mul(2)?])
}

fn sum<const COUNT: usize>(terms: [u64; COUNT]) -> Option<u64> {
    terms.into_iter().try_fold(0u64, u64::checked_add)
}
