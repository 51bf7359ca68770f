//! The data of an experiment on a backend, which all its jobs share.

use std::borrow::Cow;
use std::sync::Arc;

use super::{NetworkConfig, NetworkSettings, ReplaySettings, StreamSettings};
use crate::backend::{Backend, Cpu};
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::learn::{DeviceDataset, EvalSets, PixelScaling, RandomCropFlip};
use crate::run::evenly;
use crate::stream::{self, Context, Part};

/// Training samples, test samples of each task, contexts and the network's configuration.
pub(crate) struct Prepared<B: Backend = Cpu> {
    pub(crate) training: DeviceDataset<B>,
    pub(crate) test: EvalSets<B>,
    pub(crate) contexts: Vec<Context>,
    pub(crate) network: NetworkConfig,
}

/// The test samples of an experiment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tests {
    /// Whether only the first task is tested; otherwise each context has a task.
    pub(crate) first_only: bool,
    /// The largest number of samples per task, evenly spread; 0 for all.
    pub(crate) limit: usize,
    /// Whether tasks are tested on their training samples; those of random labels always are.
    pub(crate) training_samples: bool,
    /// The augmentation of test images.
    pub(crate) transform: RandomCropFlip,
}

impl<B: Backend> Prepared<B> {
    /// Copies samples to the backend and builds the contexts.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if memory does not
    /// suffice.
    pub(crate) fn new(
        backend: &B,
        samples: &TrainTest,
        scaling: &PixelScaling,
        stream: &StreamSettings,
        network: &NetworkSettings,
        tests: Tests,
    ) -> Result<Self> {
        if stream.lacks_iterations() {
            let expected = "iterations: call Settings::with_epochs_counted first";
            return Err(Error::setting("stream.epochs", "(given)", expected));
        }
        let lists = stream.lists(samples.train.classes())?;
        let outputs = stream.kind.outputs(samples.train.classes(), &lists);
        let network = NetworkConfig::new(network, &samples.train, outputs)?;
        let contexts = stream.contexts(&samples.train, &lists)?;
        let training = DeviceDataset::new(backend, &samples.train, scaling)?;
        let mut tasks = stream.kind.tasks(&lists);
        if tests.first_only {
            tasks.truncate(1);
        }
        for (task, list) in tasks.iter_mut().zip(&lists) {
            if task.is_empty() {
                task.clone_from(list);
            }
        }
        let test = match tests.training_samples || stream.kind.tests_training_samples() {
            true => &samples.train,
            false => &samples.test,
        };
        let seed = stream.seed.unwrap_or(0);
        let tasks = stream::contexts(stream.kind, test, &tasks, false, seed)?;
        let tasks = tasks.into_iter().map(|task| limited(task, tests.limit));
        let test = DeviceDataset::new(backend, test, scaling)?;
        Ok(Prepared {
            training,
            test: EvalSets::new(backend, test, tasks.collect(), tests.transform)?,
            contexts,
            network,
        })
    }

    /// The contexts of a run with this seed, each built when it is reached.
    pub(crate) fn contexts(
        &self,
        replay: Option<&ReplaySettings>,
        seed: u64,
    ) -> Result<Box<dyn Iterator<Item = Cow<'_, Context>> + '_>> {
        let contexts = self.contexts.as_slice();
        Ok(match replay {
            None => Box::new(contexts.iter().map(Cow::Borrowed)),
            Some(memory) => {
                let (kind, size) = (memory.kind, memory.size);
                let labels = self.training.labels();
                let contexts = stream::replay(contexts, labels, kind, size, seed)?;
                Box::new(contexts.map(Cow::Owned))
            }
        })
    }
}

/// Keeps `limit` of the samples, evenly spread because files can be sorted by class; all if `limit` is 0.
fn limited(mut task: Context, limit: usize) -> Context {
    let mut kept = evenly(task.count(), limit).peekable();
    if kept.size_hint().0 == task.count() {
        return task;
    }
    let mut first = 0;
    for part in &mut task.parts {
        let mut samples = Vec::new();
        while let Some(place) = kept.next_if(|place| place - first < part.samples.len()) {
            samples.push(part.samples[place - first]);
        }
        first += part.samples.len();
        let view = part.view.clone();
        let samples = samples.into();
        *part = Arc::new(Part { samples, view });
    }
    task
}
