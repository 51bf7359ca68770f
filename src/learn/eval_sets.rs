//! The test samples of a stream's tasks.

use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::{Batch, DeviceDataset, EVALUATION_BATCH, Learner, RandomCropFlip, evaluate};

use crate::learn::drawing::{Drawing, Viewed};
use crate::nn::LossLog;
use crate::rng::{Purpose, RandomStream};
use crate::stream::Context;

/// Maximum number of test samples kept in the kernels' layout; the first task is always kept. Six views of MNIST's
/// test set fit.
pub(crate) const READY_SAMPLES: usize = 1 << 16;

/// The test samples of each task, in the order in which the contexts introduce the tasks.
///
/// Images of the first tasks are kept in the kernels' layout; those of the other tasks are gathered at every
/// evaluation. With a transform, all images are transformed anew at every evaluation, as in the published code of
/// arXiv 2507.14056.
#[derive(Debug, Clone)]
pub struct EvalSets<B: Backend = Cpu> {
    samples: DeviceDataset<B>,
    tasks: Vec<Context>,
    transform: RandomCropFlip,
    /// The batches of the first tasks.
    ready: Vec<Vec<Batch<B>>>,
}

impl<B: Backend> EvalSets<B> {
    /// The samples of `tasks`, each a list of indices into `samples`, or a context.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no task, a task has no samples, or an index is beyond the samples;
    /// [`Error::Memory`] if memory is insufficient.
    pub fn new(
        backend: &B,
        samples: DeviceDataset<B>,
        tasks: Vec<impl Into<Context>>,
        transform: RandomCropFlip,
    ) -> Result<Self> {
        let tasks: Vec<Context> = tasks.into_iter().map(Into::into).collect();
        let counts: Vec<usize> = tasks.iter().map(Context::count).collect();
        if tasks.is_empty() || counts.contains(&0) {
            let expected = "at least one task, and at least one test sample of each";
            return Err(Error::shape(
                "test tasks",
                expected,
                alloc::format!("{counts:?}"),
            ));
        }
        let mut found = EvalSets {
            samples,
            tasks,
            transform,
            ready: Vec::new(),
        };
        let mut kept = 0;
        for (task, count) in counts.into_iter().enumerate() {
            kept += count;
            if transform != RandomCropFlip::default() || (task > 0 && kept > READY_SAMPLES) {
                break;
            }
            let mut batches = Vec::new();
            found.gather(backend, task, None, |batch| {
                let empty = found.samples.batch(backend)?;
                batches.push(core::mem::replace(batch, empty));
                Ok(())
            })?;
            found.ready.push(batches);
        }
        Ok(found)
    }

    /// Number of tasks.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Number of test samples of each task.
    pub fn samples(&self) -> impl Iterator<Item = usize> {
        self.tasks.iter().map(Context::count)
    }

    /// Adds the losses of `learner` on the batches of `task`, counted from 0. Transforms are drawn from (seed,
    /// [`Purpose::Evaluation`], `task`, iteration), one pass over the images after another.
    ///
    /// # Errors
    /// [`Error::Shape`] if `task` is out of range; [`Error::Setting`] if images are transformed and `iteration` is
    /// 2³² or more; and errors of the kernels.
    pub fn evaluate(
        &self,
        backend: &B,
        learner: &mut dyn Learner<B>,
        loss: &mut LossLog<B>,
        task: usize,
        draws: TestDraws,
    ) -> Result<()> {
        if let Some(batches) = self.ready.get(task) {
            return evaluate(backend, learner, loss, batches);
        }
        let mut on_batch =
            |batch: &mut Batch<B>| evaluate(backend, learner, loss, core::slice::from_ref(batch));
        if self.transform == RandomCropFlip::default() {
            return self.gather(backend, task, None, on_batch);
        }
        let key = [number("task", task)?, number("iteration", draws.iteration)?];
        let mut stream = RandomStream::indexed(draws.seed, Purpose::Evaluation, key[0], key[1]);
        for _ in 0..draws.passes {
            self.gather(backend, task, Some(&mut stream), &mut on_batch)?;
        }
        Ok(())
    }

    /// Shows `visit` the batches of `task`, without transforms.
    ///
    /// # Errors
    /// [`Error::Shape`] if `task` is out of range, the error of `visit`, and errors of the kernels.
    pub fn for_each_batch(
        &self,
        backend: &B,
        task: usize,
        visit: &mut dyn FnMut(&Batch<B>) -> Result<()>,
    ) -> Result<()> {
        match self.ready.get(task) {
            Some(batches) => batches.iter().try_for_each(visit),
            None => self.gather(backend, task, None, |batch| visit(batch)),
        }
    }

    /// Gathers the batches of a task one by one, transformed by draws from `stream`.
    fn gather(
        &self,
        backend: &B,
        task: usize,
        mut stream: Option<&mut RandomStream>,
        mut on_batch: impl FnMut(&mut Batch<B>) -> Result<()>,
    ) -> Result<()> {
        let Some(task) = self.tasks.get(task) else {
            let expected = alloc::format!("a task below {}", self.tasks.len());
            return Err(Error::shape("test tasks", expected, task));
        };
        let drawing = Drawing::new(backend, &self.samples, task)?;
        let mut batch = self.samples.batch(backend)?;
        let (mut viewed, mut placements) = (Viewed::default(), Vec::new());
        for first in (0..task.count()).step_by(EVALUATION_BATCH) {
            let count = EVALUATION_BATCH.min(task.count() - first);
            viewed.clear();
            for place in first..first + count {
                drawing.add(place, &mut viewed);
            }
            let placed = stream.as_mut().map(|stream| {
                self.transform.draw(count, stream, &mut placements);
                &placements[..]
            });
            self.samples
                .gather_viewed(backend, &viewed, &drawing.maps, placed, &mut batch)?;
            on_batch(&mut batch)?;
        }
        Ok(())
    }
}

/// What the transforms of test images are drawn from, and how often every image is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestDraws {
    /// The run's seed.
    pub seed: u64,
    /// The iteration of the evaluation.
    pub iteration: usize,
    /// Passes over the test images. Each pass draws new transforms. Without transforms there is one pass.
    pub passes: usize,
}

settings! {
    /// Passes of an evaluation over transformed test images, whose mean is its result.
    pub enum Passes {
        /// One.
        One = "one",
        /// In context t, t passes with draws of their own.
        PerContext = "per-context",
    }
}

/// `value` as a part of the key of a random stream.
fn number(name: &str, value: usize) -> Result<u32> {
    let expected = "a number below 2³², as it selects the random stream of transformed test images";
    u32::try_from(value).map_err(|_| Error::setting(name, value, expected))
}
