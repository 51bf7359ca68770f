//! The contexts of a stream's settings.

use super::{StreamSettings, StreamTraining};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::stream::{self, ClassLists, Context};

impl StreamSettings {
    /// The number of contexts.
    pub fn count(&self) -> usize {
        let given = self.tasks.unwrap_or(self.contexts.len());
        let others = given.saturating_sub(1);
        let again = self.recurring.and_then(|every| others.checked_div(every));
        given.saturating_add(again.unwrap_or(0))
    }

    /// Training iterations of a context; contexts are counted from 0.
    pub fn iterations_of(&self, context: usize) -> usize {
        let list = self.iterations_per_context.as_ref();
        let given = list.and_then(|list| list.get(context));
        given.copied().unwrap_or(self.iterations)
    }

    /// The training iterations before each context, then the total.
    pub fn starts(&self) -> Vec<usize> {
        let mut end = 0usize;
        let mut starts = vec![0];
        for context in 0..self.count() {
            end = end.saturating_add(self.iterations_of(context));
            starts.push(end);
        }
        starts
    }

    /// Iterations of a complete run; saturates at the largest number.
    pub fn total_iterations(&self) -> usize {
        match &self.iterations_per_context {
            None => self.count().saturating_mul(self.iterations),
            Some(_) => self.starts().last().copied().unwrap_or(0),
        }
    }

    /// The list of each context, for samples with `classes` classes.
    ///
    /// # Errors
    /// [`Error::Setting`] for more tasks than are possible.
    pub fn lists(&self, classes: usize) -> Result<Vec<Vec<u16>>> {
        let classes = ClassLists {
            classes,
            each: self.classes_per_task,
            shuffled: self.shuffle_classes.unwrap_or(false),
            seed: self.seed.unwrap_or(0),
        };
        let lists = match self.tasks {
            Some(count) => stream::numbered(self.kind, count, classes)?,
            None if self.kind.has_classes() => classes.renamed(self.contexts.clone()),
            None => self.contexts.clone(),
        };
        Ok(match self.recurring {
            Some(every) => stream::recurring(lists, every),
            None => lists,
        })
    }

    /// The contexts of `lists` over the training samples.
    pub(super) fn contexts(&self, samples: &Dataset, lists: &[Vec<u16>]) -> Result<Vec<Context>> {
        let joint = self.training == Some(StreamTraining::Joint);
        let seed = self.seed.unwrap_or(0);
        let mut contexts = stream::contexts(self.kind, samples, lists, joint, seed)?;
        for (number, context) in contexts.iter_mut().enumerate() {
            context.iterations = self.iterations_of(number);
        }
        Ok(contexts)
    }

    /// The settings with `epochs` converted to iterations for these training samples and batches of this size: one epoch
    /// is the number of iterations that draw as many samples as the context has.
    ///
    /// # Errors
    /// [`Error::Setting`] for contexts that cannot be built from these samples.
    pub fn with_epochs_counted(&self, training: &Dataset, batch: usize) -> Result<StreamSettings> {
        let mut stream = self.clone();
        let Some(epochs) = stream.epochs.take() else {
            return Ok(stream);
        };
        let lists = self.lists(training.classes())?;
        let contexts = self.contexts(training, &lists)?;
        let mut iterations = Vec::with_capacity(contexts.len());
        for (number, context) in contexts.iter().enumerate() {
            let epochs = match epochs[..] {
                [epochs] => epochs,
                _ => epochs.get(number).copied().unwrap_or(0),
            };
            let one = context.count().div_ceil(batch);
            let all = one.checked_mul(epochs).ok_or_else(|| {
                Error::setting(
                    "stream.epochs",
                    epochs,
                    "epochs that give a valid number of iterations",
                )
            })?;
            iterations.push(all);
        }
        let equal = iterations.iter().all(|&n| n == iterations[0]);
        stream.iterations = iterations[0];
        stream.iterations_per_context = (!equal).then_some(iterations);
        Ok(stream)
    }

    /// Whether `resolved` can be what [`with_epochs_counted`](Self::with_epochs_counted) makes of these settings.
    pub(crate) fn resolves_to(&self, resolved: &StreamSettings) -> bool {
        let mut stream = self.clone();
        if stream.epochs.take().is_some() {
            // The data decide these.
            stream.iterations = resolved.iterations;
            let each = &resolved.iterations_per_context;
            stream.iterations_per_context.clone_from(each);
        }
        stream == *resolved
    }
}
