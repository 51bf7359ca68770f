//! Benchmarks as sequences of contexts.
//!
//! A context is a view of a dataset: a set of samples, maps of their pixels and labels, and a number of iterations.
//! The samples are stored once; the maps are applied when a batch is gathered.
//!
//! A list of numbers defines the data of a context: classes, angles, permutations, … ([`StreamKind`]). In joint
//! training, each list contains the previous one. The numbers that a context's list has and no earlier list had are
//! its *task*; accuracy is measured on tasks.

mod kind;
mod lists;
mod replay;
mod view;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::data::Dataset;
use crate::error::{Error, Result};

pub use kind::StreamKind;
pub use lists::{ClassLists, numbered, recurring};
pub use replay::{ReplayKind, Replayed, replay};
pub use view::{LabelMap, PixelMap, View};

/// Samples seen through one view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Indices into a dataset.
    pub samples: Arc<[u32]>,
    /// Their view.
    pub view: View,
}

impl Part {
    fn as_they_are(samples: Vec<u32>) -> Part {
        Part {
            samples: samples.into(),
            view: View::default(),
        }
    }
}

/// A phase of training on a fixed set of samples.
///
/// Each batch is drawn uniformly, with replacement, from the samples of all parts and of the replay memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The sources of batches. Contexts share them.
    pub parts: Vec<Arc<Part>>,
    /// Old samples from a bounded memory.
    pub replayed: Replayed,
    /// Training iterations.
    pub iterations: usize,
}

impl Context {
    /// Training on `samples`, indices into a dataset, with unchanged pixels and labels.
    pub fn new(samples: Vec<u32>, iterations: usize) -> Context {
        Context {
            parts: alloc::vec![Arc::new(Part::as_they_are(samples))],
            replayed: Replayed::default(),
            iterations,
        }
    }

    /// The number of samples that a batch is drawn from.
    pub fn count(&self) -> usize {
        let parts = self.parts.iter().map(|part| part.samples.len());
        parts.fold(self.replayed.places, usize::saturating_add)
    }

    /// These samples with their views, in the order of their numbers in a draw.
    pub fn samples(&self) -> impl Iterator<Item = (u32, &View)> {
        let parts = self.parts.iter();
        let parts = parts.flat_map(|part| part.samples.iter().map(|&s| (s, &part.view)));
        parts.chain(self.replayed.samples())
    }
}

impl From<Vec<u32>> for Context {
    fn from(samples: Vec<u32>) -> Context {
        Context::new(samples, 0)
    }
}

/// One context for each list of classes, with the samples of these classes.
///
/// # Errors
/// As [`contexts`].
///
/// ```
/// use neurogain::{data::Dataset, stream};
/// let dataset = Dataset::new(1, 4, vec![0, 0, 0, 0], vec![3, 0, 1, 2])?;
/// let contexts = stream::split(&dataset, &[vec![0, 1], vec![0, 1, 2, 3]], 200)?;
/// assert_eq!(*contexts[0].parts[0].samples, [1, 2]);
/// assert_eq!(*contexts[1].parts[0].samples, [0, 1, 2, 3]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn split(dataset: &Dataset, lists: &[Vec<u8>], iterations: usize) -> Result<Vec<Context>> {
    let lists = lists.iter().map(|list| list.iter().map(|&c| c.into()));
    let lists: Vec<Vec<u16>> = lists.map(Iterator::collect).collect();
    let mut contexts = contexts(StreamKind::Split, dataset, &lists, false, 0)?;
    for context in &mut contexts {
        context.iterations = iterations;
    }
    Ok(contexts)
}

/// One context for each of `lists`, with 0 iterations. `kind` gives the numbers their meaning. With `joint`, each
/// context also trains on the data of all earlier contexts. `seed` is the seed of drawn labels.
///
/// # Errors
/// [`Error::Setting`] if `lists` or one of its lists is empty, a class has no sample, or the dataset is empty.
///
/// ```
/// use neurogain::{data::Dataset, stream::{self, PixelMap, StreamKind}};
/// let dataset = Dataset::new(4, 1, vec![1, 2, 3, 4], vec![0])?;
/// let contexts = stream::contexts(StreamKind::Permuted, &dataset, &[vec![7], vec![9]], true, 0)?;
/// assert_eq!(contexts[1].count(), 2);
/// assert_eq!(contexts[1].parts[1].view.pixels, PixelMap::Permutation(9));
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn contexts(
    kind: StreamKind,
    dataset: &Dataset,
    lists: &[Vec<u16>],
    joint: bool,
    seed: u64,
) -> Result<Vec<Context>> {
    if lists.is_empty() {
        let expected = "at least one context";
        return Err(Error::setting("stream.contexts", "[]", expected));
    }
    if lists.iter().any(Vec::is_empty) || dataset.is_empty() {
        let found = format!("{lists:?} on {} samples", dataset.len());
        let [item, _] = kind.item();
        let expected = format!("at least one {item} in each context, and samples");
        return Err(Error::setting("stream.contexts", found, expected));
    }
    let mut parts: Vec<Arc<Part>> = Vec::new();
    let mut places: BTreeMap<&[u16], usize> = BTreeMap::new();
    let mut unions = Unions::default();
    let mut contexts = Vec::with_capacity(lists.len());
    for list in lists {
        let mut own = BTreeSet::new();
        for unit in kind.units(list) {
            let place = match places.get(unit) {
                Some(&place) => place,
                None => {
                    let mut part = kind.part(unit, dataset, seed)?;
                    // Parts with the same samples share one list, whatever their views.
                    if let Some(first) = parts.first()
                        && first.samples == part.samples
                    {
                        part.samples = first.samples.clone();
                    }
                    places.insert(unit, parts.len());
                    parts.push(Arc::new(part));
                    parts.len() - 1
                }
            };
            own.insert(place);
        }
        if joint {
            own = (0..parts.len()).collect();
        }
        contexts.push(Context {
            parts: unions.of(own, &parts),
            ..Context::default()
        });
    }
    Ok(contexts)
}

/// Merges parts without maps into one part with ascending samples, once for each set of parts.
#[derive(Default)]
struct Unions(BTreeMap<BTreeSet<usize>, Arc<Part>>);

impl Unions {
    fn of(&mut self, places: BTreeSet<usize>, parts: &[Arc<Part>]) -> Vec<Arc<Part>> {
        let chosen = || places.iter().map(|&place| &parts[place]);
        if places.len() < 2 || chosen().any(|part| part.view != View::default()) {
            return chosen().cloned().collect();
        }
        let union = self.0.entry(places.clone()).or_insert_with(|| {
            let mut samples: Vec<u32> = chosen().flat_map(|part| part.samples.to_vec()).collect();
            samples.sort_unstable();
            Arc::new(Part::as_they_are(samples))
        });
        alloc::vec![union.clone()]
    }
}

/// The task of each context: the numbers of its list that no earlier list has, in the list's order.
///
/// ```
/// use neurogain::stream;
/// assert_eq!(stream::tasks(&[vec![0, 1], vec![0, 1, 2]]), [vec![0, 1], vec![2]]);
/// ```
pub fn tasks(lists: &[Vec<u16>]) -> Vec<Vec<u16>> {
    let mut seen = BTreeSet::new();
    let new = |list: &Vec<u16>| {
        let mut new = list.clone();
        new.retain(|item| !seen.contains(item));
        seen.extend(new.iter().copied());
        new
    };
    lists.iter().map(new).collect()
}
