//! Benchmarks as sequences of contexts.

use alloc::format;
use alloc::vec::Vec;

use crate::data::Dataset;
use crate::error::{Error, Result};

/// A stretch of training on a fixed set of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The training samples that batches are drawn from: indices into a dataset.
    pub samples: Vec<u32>,
    /// Training iterations.
    pub iterations: usize,
}

/// One context for each list of classes, over the samples of these classes. Joint training is a
/// stream whose lists each contain the one before.
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
    if contexts.is_empty() {
        return Err(Error::setting(
            "stream.contexts",
            "[]",
            "at least one context",
        ));
    }
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
