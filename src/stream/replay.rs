//! A bounded memory of old samples in the place of joint training.

use alloc::format;
use alloc::vec::Vec;

use rand::RngExt;

use super::Context;
use crate::error::{Error, Result};
use crate::rng::{Purpose, Stream};

settings! {
    /// How a memory is filled.
    pub enum MemoryKind {
        /// Reservoir sampling (Vitter's algorithm R): at any time every sample seen so far is in memory with the
        /// same probability.
        Reservoir = "reservoir",
        /// As many samples of each class seen so far, give or take one.
        Balanced = "balanced",
    }
}

/// `contexts` of joint training with old samples only out of a memory of `size`.
///
/// A sample of a context is old if an earlier one has it. At the end of each context the memory takes in what
/// was new in it; what it drops is gone for good. In each context the old samples are replaced by the memory,
/// repeated until they are as many as before, so that batches hold old and new samples in joint training's
/// proportion. `labels` are those of all samples; draws come from (`seed`, [`Purpose::Memory`], context or
/// class).
///
/// # Errors
/// [`Error::Setting`] for a memory of no sample, [`Error::Shape`] for a context's sample beyond `labels`.
///
/// ```
/// use neurogain::stream::{Context, MemoryKind, replay};
/// let context = |samples| Context { samples, iterations: 5 };
/// let joint = [context(vec![0, 1, 2, 3]), context(vec![0, 1, 2, 3, 4, 5])];
/// let contexts = replay(&joint, &[0, 0, 1, 1, 2, 2], MemoryKind::Balanced, 2, 42)?;
/// assert_eq!(contexts[0], joint[0]);
/// // Two new samples, and two old ones twice.
/// assert_eq!(contexts[1].samples[..2], [4, 5]);
/// assert_eq!(contexts[1].samples[2..4], contexts[1].samples[4..]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn replay(
    contexts: &[Context],
    labels: &[u8],
    kind: MemoryKind,
    size: usize,
    seed: u64,
) -> Result<Vec<Context>> {
    if size == 0 {
        let expected = "a memory of at least one sample";
        return Err(Error::setting("stream.memory.size", size, expected));
    }
    let mut seen = alloc::vec![false; labels.len()];
    let mut seen_so_far = 0;
    let mut memory: Vec<u32> = Vec::new();
    let mut found = Vec::with_capacity(contexts.len());
    for (number, context) in (1..).zip(contexts) {
        if let Some(sample) = context
            .samples
            .iter()
            .find(|&&s| s as usize >= labels.len())
        {
            let expected = format!("samples below {}", labels.len());
            return Err(Error::shape("replay", expected, sample));
        }
        let is_old = |sample: &u32| seen[*sample as usize];
        let (old, new): (Vec<u32>, Vec<u32>) = context.samples.iter().partition(|s| is_old(s));
        let replayed = memory.iter().copied().cycle().take(old.len());
        found.push(Context {
            samples: new.iter().copied().chain(replayed).collect(),
            iterations: context.iterations,
        });
        match kind {
            MemoryKind::Reservoir => {
                let mut stream = Stream::new(seed, Purpose::Memory, number);
                reservoir(&new, size, seen_so_far, &mut stream, &mut memory);
            }
            MemoryKind::Balanced => balanced(&new, labels, size, seed, &mut memory),
        }
        seen_so_far += new.len() as u64;
        for sample in new {
            seen[sample as usize] = true;
        }
    }
    Ok(found)
}

fn reservoir(new: &[u32], size: usize, seen: u64, stream: &mut Stream, memory: &mut Vec<u32>) {
    for (before, &sample) in (seen..).zip(new) {
        if memory.len() < size {
            memory.push(sample);
            continue;
        }
        // Drawn as u64, so that the width of `usize` does not matter.
        let place = stream.random_range(0..=before);
        if let Some(kept) = usize::try_from(place).ok().and_then(|p| memory.get_mut(p)) {
            *kept = sample;
        }
    }
}

/// Each class has its samples in a random order of their own and keeps the first: what it drops as its share
/// shrinks is the last.
fn balanced(new: &[u32], labels: &[u8], size: usize, seed: u64, memory: &mut Vec<u32>) {
    let label = |sample: u32| labels[sample as usize];
    let mut candidates: Vec<(u8, u64, u32)> = Vec::new();
    for &sample in memory.iter().chain(new) {
        let step = (1 << 40) + u64::from(sample);
        let order = Stream::new(seed, Purpose::Memory, step).random::<u64>();
        candidates.push((label(sample), order, sample));
    }
    candidates.sort_unstable();
    memory.clear();
    // Samples are taken in rounds, one of each class in each, until the memory is full.
    let classes: Vec<&[(u8, u64, u32)]> = candidates.chunk_by(|a, b| a.0 == b.0).collect();
    let rounds = classes.iter().map(|class| class.len()).max().unwrap_or(0);
    for round in 0..rounds {
        for class in &classes {
            if let Some(&(_, _, sample)) = class.get(round)
                && memory.len() < size
            {
                memory.push(sample);
            }
        }
    }
}
