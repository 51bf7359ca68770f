//! Replay: a bounded memory of old samples instead of joint training.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand::RngExt;

use super::{Context, Part, View};
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};

settings! {
    /// How the replay memory is filled.
    pub enum ReplayKind {
        /// Reservoir sampling (Vitter's algorithm R): at any time every sample seen so far is in the memory with the
        /// same probability.
        Reservoir = "reservoir",
        /// The same number of samples of each class seen so far, up to a difference of one.
        Balanced = "balanced",
    }
}

/// The old samples that a context replays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Each sample of the memory, with a part that has its view.
    pub memory: Vec<(Arc<Part>, u32)>,
    /// The number of samples that the memory counts as in a draw: it is repeated in order up to this number.
    pub places: usize,
}

impl Replayed {
    pub(super) fn samples(&self) -> impl Iterator<Item = (u32, &View)> {
        let memory = self.memory.iter();
        let memory = memory.map(|(part, sample)| (*sample, &part.view));
        memory.cycle().take(self.places)
    }
}

/// Replaces the old samples in the `contexts` of joint training by a memory of `size` samples. Each context is made
/// when the iterator reaches it.
///
/// A sample of a context is old if an earlier context has it with the same view. At the end of each context the memory
/// takes in the context's new samples; a sample that it drops never returns. In each context the memory replaces the
/// old samples, repeated to their number, so that batches have old and new samples in the proportion of joint
/// training. `labels` are the classes of all samples. A reservoir draws from (`seed`, [`Purpose::Reservoir`],
/// context), a balanced memory from (`seed`, [`Purpose::BalancedReplay`], view, sample).
///
/// # Errors
/// [`Error::Setting`] for a `size` of 0, [`Error::Shape`] for a sample beyond `labels`.
///
/// ```
/// use neurogain::stream::{Context, ReplayKind, replay};
/// let joint = [Context::new(vec![0, 1, 2, 3], 5), Context::new(vec![0, 1, 2, 3, 4, 5], 5)];
/// let contexts: Vec<_> = replay(&joint, &[0, 0, 1, 1, 2, 2], ReplayKind::Balanced, 2, 42)?.collect();
/// assert_eq!(contexts[0], joint[0]);
/// // Two new samples, then two old samples, repeated once.
/// let samples: Vec<u32> = contexts[1].samples().map(|(sample, _)| sample).collect();
/// assert_eq!(samples[..2], [4, 5]);
/// assert_eq!(samples[2..4], samples[4..]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn replay<'a>(
    contexts: &'a [Context],
    labels: &'a [u8],
    kind: ReplayKind,
    size: usize,
    seed: u64,
) -> Result<impl Iterator<Item = Context> + 'a> {
    if size == 0 {
        let expected = "a memory of at least one sample";
        return Err(Error::setting("stream.replay.size", size, expected));
    }
    let mut checked = BTreeSet::new();
    for part in contexts.iter().flat_map(|context| &context.parts) {
        let beyond = |sample: &&u32| **sample as usize >= labels.len();
        if checked.insert(Arc::as_ptr(part))
            && let Some(sample) = part.samples.iter().find(beyond)
        {
            let expected = format!("samples below {}", labels.len());
            return Err(Error::shape("replay", expected, sample));
        }
    }
    let mut memory: Vec<Candidate> = Vec::new();
    let mut seen = Seen::default();
    let mut seen_so_far = 0;
    Ok((1..).zip(contexts).map(move |(number, context)| {
        let mut parts = Vec::new();
        let mut new = Vec::new();
        for part in &context.parts {
            let (part, view) = seen.new_of(part);
            let samples = part.samples.iter();
            new.extend(samples.map(|&sample| Candidate {
                label: part.view.labels.label(sample, labels[sample as usize]),
                view,
                part: part.clone(),
                sample,
            }));
            parts.push(part);
        }
        parts.retain(|part| !part.samples.is_empty());
        let replayed = memory.iter().map(|old| (old.part.clone(), old.sample));
        let replayed = Replayed {
            memory: replayed.collect(),
            places: match memory.is_empty() {
                true => 0,
                false => context.count() - new.len(),
            },
        };
        seen.add(&context.parts, labels.len());
        let before = seen_so_far;
        seen_so_far += new.len() as u64;
        match kind {
            ReplayKind::Reservoir => {
                let mut stream = RandomStream::new(seed, Purpose::Reservoir, number);
                reservoir(new, size, before, &mut stream, &mut memory);
            }
            ReplayKind::Balanced => balanced(new, size, seed, &mut memory),
        }
        Context {
            parts,
            replayed,
            iterations: context.iterations,
        }
    }))
}

/// A sample that a memory may keep.
#[derive(Debug, Clone)]
struct Candidate {
    label: u8,
    /// The number of its view, in order of appearance.
    view: u32,
    part: Arc<Part>,
    sample: u32,
}

/// The samples of earlier contexts, by their view.
#[derive(Default)]
struct Seen {
    parts: BTreeSet<*const Part>,
    /// The number of each view, in order of appearance, and one bit for each sample.
    views: BTreeMap<View, (u32, Vec<u64>)>,
}

impl Seen {
    /// The new samples of a part, and the number of its view.
    fn new_of(&self, part: &Arc<Part>) -> (Arc<Part>, u32) {
        let Some((view, bits)) = self.views.get(&part.view) else {
            return (part.clone(), self.views.len() as u32);
        };
        let mut samples = Vec::new();
        if !self.parts.contains(&Arc::as_ptr(part)) {
            samples.extend_from_slice(&part.samples);
            samples.retain(|&sample| bits[sample as usize / 64] >> (sample % 64) & 1 == 0);
        }
        if samples.len() == part.samples.len() {
            return (part.clone(), *view);
        }
        let new = Part {
            samples: samples.into(),
            view: part.view.clone(),
        };
        (Arc::new(new), *view)
    }

    fn add(&mut self, parts: &[Arc<Part>], samples: usize) {
        for part in parts {
            if !self.parts.insert(Arc::as_ptr(part)) {
                continue;
            }
            let number = self.views.len() as u32;
            let (_, bits) = (self.views.entry(part.view.clone()))
                .or_insert_with(|| (number, alloc::vec![0; samples.div_ceil(64)]));
            for &sample in &*part.samples {
                bits[sample as usize / 64] |= 1 << (sample % 64);
            }
        }
    }
}

fn reservoir(
    new: Vec<Candidate>,
    size: usize,
    seen: u64,
    stream: &mut RandomStream,
    memory: &mut Vec<Candidate>,
) {
    for (before, sample) in (seen..).zip(new) {
        if memory.len() < size {
            memory.push(sample);
            continue;
        }
        // Drawn as u64, so that the result does not depend on the width of `usize`.
        let place = stream.random_range(0..=before);
        if let Some(kept) = usize::try_from(place).ok().and_then(|p| memory.get_mut(p)) {
            *kept = sample;
        }
    }
}

/// The samples of each class have a fixed random order. A class keeps the first ones; as its share shrinks, it drops
/// the last ones.
fn balanced(new: Vec<Candidate>, size: usize, seed: u64, memory: &mut Vec<Candidate>) {
    let order = |candidate: &Candidate| {
        let Candidate {
            label,
            view,
            sample,
            ..
        } = *candidate;
        let mut stream = RandomStream::indexed(seed, Purpose::BalancedReplay, view, sample);
        (label, stream.random::<u64>(), view, sample)
    };
    let mut candidates = core::mem::take(memory);
    candidates.extend(new);
    candidates.sort_by_cached_key(order);
    // Each round takes one sample of each class, until the memory is full.
    let classes: Vec<&[Candidate]> = candidates.chunk_by(|a, b| a.label == b.label).collect();
    let rounds = classes.iter().map(|class| class.len()).max().unwrap_or(0);
    for round in 0..rounds {
        for class in &classes {
            if let Some(candidate) = class.get(round)
                && memory.len() < size
            {
                memory.push(candidate.clone());
            }
        }
    }
}
