//! Benchmarks as sequences of contexts.
//!
//! A context names what it trains on by a list of items: classes, angles or permutations. Joint training
//! is a stream whose lists each contain the one before. What a context's list has and no earlier one had
//! is its *task*; accuracy is measured on tasks.

mod replay;

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::data::Dataset;
use crate::error::{Error, Result};

pub use replay::{MemoryKind, replay};

/// A stretch of training on a fixed set of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The training samples that batches are drawn from: indices into a dataset.
    pub samples: Vec<u32>,
    /// Training iterations.
    pub iterations: usize,
}

/// One context for each list of classes, over the samples of these classes.
///
/// # Errors
/// [`Error::Setting`] if there is no context, or a context has no sample.
///
/// ```
/// use neurogain::{data::Dataset, stream};
/// let dataset = Dataset::new(1, 4, vec![0, 0, 0, 0], vec![3, 0, 1, 2])?;
/// let contexts = stream::split(&dataset, &[vec![0, 1], vec![0, 1, 2, 3]], 200)?;
/// assert_eq!(contexts[0].samples, [1, 2]);
/// assert_eq!(contexts[1].samples, [0, 1, 2, 3]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn split(dataset: &Dataset, contexts: &[Vec<u8>], iterations: usize) -> Result<Vec<Context>> {
    not_empty(contexts.len())?;
    let context = |classes: &Vec<u8>| {
        let samples = dataset.of_classes(classes);
        if samples.is_empty() {
            let found = format!("{classes:?}");
            let expected = format!("classes that the {} samples have", dataset.len());
            return Err(Error::setting("stream.contexts", found, expected));
        }
        Ok(Context {
            samples,
            iterations,
        })
    };
    contexts.iter().map(context).collect()
}

/// One context for each list of angles in degrees, over all samples rotated by each of them
/// ([`Dataset::rotated`]), and the dataset that the contexts index: one rotated copy after another.
///
/// # Errors
/// [`Error::Setting`] if there is no context or one without angles, [`Error::Memory`] if there is no room.
///
/// ```
/// use neurogain::{data::{Dataset, ImageShape}, stream};
/// let shape = ImageShape { height: 2, width: 2, channels: 1 };
/// let dataset = Dataset::images(shape, 1, vec![1, 2, 3, 4], vec![0])?;
/// let (rotated, contexts) = stream::rotated(&dataset, &[vec![0], vec![0, 90]], 400)?;
/// assert_eq!(rotated.pixels(), [1, 2, 3, 4, 2, 4, 1, 3]);
/// assert_eq!(contexts[1].samples, [0, 1]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn rotated(
    dataset: &Dataset,
    contexts: &[Vec<u16>],
    iterations: usize,
) -> Result<(Dataset, Vec<Context>)> {
    variants(dataset, contexts, iterations, |angle| {
        dataset.rotated(f64::from(angle))
    })
}

/// One context for each list of permutations, over all samples with their pixels in each of these orders
/// ([`Dataset::permuted`]), and the dataset that the contexts index: one permuted copy after another.
///
/// # Errors
/// [`Error::Setting`] if there is no context or one without permutations, [`Error::Memory`] if there is no
/// room.
pub fn permuted(
    dataset: &Dataset,
    contexts: &[Vec<u16>],
    iterations: usize,
) -> Result<(Dataset, Vec<Context>)> {
    variants(dataset, contexts, iterations, |number| {
        Ok(dataset.permuted(u64::from(number)))
    })
}

/// The task of each context: the items of its list that no earlier list has, in the list's order.
///
/// ```
/// use neurogain::stream;
/// assert_eq!(stream::tasks(&[vec![0, 1], vec![0, 1, 2]]), [vec![0, 1], vec![2]]);
/// ```
pub fn tasks(contexts: &[Vec<u16>]) -> Vec<Vec<u16>> {
    let mut seen = Vec::new();
    let mut tasks = Vec::with_capacity(contexts.len());
    for context in contexts {
        let new: Vec<u16> = context
            .iter()
            .copied()
            .filter(|item| !seen.contains(item))
            .collect();
        seen.extend_from_slice(&new);
        tasks.push(new);
    }
    tasks
}

fn variants(
    dataset: &Dataset,
    contexts: &[Vec<u16>],
    iterations: usize,
    change: impl Fn(u16) -> Result<Dataset>,
) -> Result<(Dataset, Vec<Context>)> {
    not_empty(contexts.len())?;
    if contexts.iter().any(Vec::is_empty) || dataset.is_empty() {
        let found = format!("{contexts:?} on {} samples", dataset.len());
        let expected = "at least one variant in each context, and samples";
        return Err(Error::setting("stream.contexts", found, expected));
    }
    let used = tasks(contexts).concat();
    let copies = used
        .iter()
        .map(|&item| change(item))
        .collect::<Result<Vec<_>>>()?;
    let joined = Dataset::joined(&copies)?;
    let count = u32::try_from(dataset.len()).ok();
    let all = u32::try_from(joined.len()).ok();
    let (Some(count), Some(_)) = (count, all) else {
        let expected = "fewer than 2³² samples, all variants together";
        return Err(Error::setting("stream.contexts", used.len(), expected));
    };
    let context = |items: &Vec<u16>| {
        let mut samples = vec![];
        for (place, item) in (0u32..).zip(&used) {
            if items.contains(item) {
                samples.extend(place * count..(place + 1) * count);
            }
        }
        Context {
            samples,
            iterations,
        }
    };
    Ok((joined, contexts.iter().map(context).collect()))
}

fn not_empty(contexts: usize) -> Result<()> {
    match contexts {
        0 => Err(Error::setting(
            "stream.contexts",
            "[]",
            "at least one context",
        )),
        _ => Ok(()),
    }
}
