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

    /// Whether `epochs` are given whose iterations have not been counted.
    pub(crate) fn lacks_iterations(&self) -> bool {
        self.epochs.is_some() && self.iterations_per_context.is_none()
    }

    /// The settings with the iterations of `epochs`, for these training samples and batches of this size, as
    /// `iterations_per_context`: one epoch is the number of iterations that draw as many samples as the context has.
    ///
    /// # Errors
    /// [`Error::Setting`] for contexts that cannot be built from these samples, and for other iterations beside `epochs`.
    pub fn with_epochs_counted(&self, training: &Dataset, batch: usize) -> Result<StreamSettings> {
        let Some(epochs) = &self.epochs else {
            return Ok(self.clone());
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
        match &self.iterations_per_context {
            Some(given) if *given != iterations => {
                let expected = format!("no value, or {iterations:?}, which are stream.epochs");
                let given = format!("{given:?}");
                Err(Error::setting(
                    "stream.iterations_per_context",
                    given,
                    expected,
                ))
            }
            _ => Ok(StreamSettings {
                iterations_per_context: Some(iterations),
                ..self.clone()
            }),
        }
    }

    /// Whether `resolved` can be what [`with_epochs_counted`](Self::with_epochs_counted) makes of these settings.
    pub(crate) fn resolves_to(&self, resolved: &StreamSettings) -> bool {
        let mut stream = self.clone();
        if stream.lacks_iterations() {
            // The data decide these.
            let each = &resolved.iterations_per_context;
            stream.iterations_per_context.clone_from(each);
        }
        stream == *resolved
    }
}
