//! The test samples of a stream's tasks.

use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::learn::{Batch, EVALUATION_BATCH, Learner, Samples, Transform, evaluate};

use crate::nn::SoftmaxCrossEntropy;
use crate::rng::{Purpose, Stream};

/// The test samples of each task, in the order in which the contexts bring the tasks.
///
/// Images that are left as they are lie ready in the kernels' layout; else they are transformed anew at
/// every evaluation, as the published code of arXiv 2507.14056 does.
#[derive(Debug, Clone)]
pub struct TestTasks<B: Backend = Cpu> {
    samples: Samples<B>,
    tasks: Vec<Vec<u32>>,
    transform: Transform,
    /// The batches of each task; none where they are made anew.
    ready: Vec<Vec<Batch<B>>>,
}

impl<B: Backend> TestTasks<B> {
    /// The samples of `tasks`, each a list of indices into `samples`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no task, one without samples, or an index beyond the samples;
    /// [`Error::Memory`] if there is no room.
    pub fn new(
        backend: &B,
        samples: Samples<B>,
        tasks: Vec<Vec<u32>>,
        transform: Transform,
    ) -> Result<Self> {
        if tasks.is_empty() || tasks.iter().any(Vec::is_empty) {
            let counts: Vec<usize> = tasks.iter().map(Vec::len).collect();
            let expected = "at least one task, and test samples of each";
            return Err(Error::shape(
                "test tasks",
                expected,
                alloc::format!("{counts:?}"),
            ));
        }
        let mut ready = Vec::new();
        if transform == Transform::default() {
            for task in &tasks {
                ready.push(samples.batches(backend, task, EVALUATION_BATCH)?);
            }
        }
        Ok(TestTasks {
            samples,
            tasks,
            transform,
            ready,
        })
    }

    /// Tasks.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Test samples of each task.
    pub fn samples(&self) -> impl Iterator<Item = usize> {
        self.tasks.iter().map(Vec::len)
    }

    /// Adds the losses of `learner` on the batches of `task`, counted from 0. Transformed images are drawn from
    /// (`seed`, [`Purpose::Evaluation`], iteration + 2³²·task).
    ///
    /// # Errors
    /// [`Error::Shape`] for a task that is none, and what the kernels fail with.
    pub fn evaluate(
        &self,
        backend: &B,
        learner: &mut dyn Learner<B>,
        loss: &mut SoftmaxCrossEntropy<B>,
        task: usize,
        seed: u64,
        iteration: usize,
    ) -> Result<()> {
        if let Some(batches) = self.ready.get(task) {
            return evaluate(backend, learner, loss, batches);
        }
        let Some(indices) = self.tasks.get(task) else {
            let expected = alloc::format!("a task below {}", self.tasks.len());
            return Err(Error::shape("test tasks", expected, task));
        };
        let step = iteration as u64 + ((task as u64) << 32);
        let mut stream = Stream::new(seed, Purpose::Evaluation, step);
        let mut placements = Vec::new();
        let mut batch = self.samples.batch(backend)?;
        for indices in indices.chunks(EVALUATION_BATCH) {
            self.transform
                .draw(indices.len(), &mut stream, &mut placements);
            self.samples
                .gather_placed(backend, indices, &placements, &mut batch)?;
            evaluate(backend, learner, loss, core::slice::from_ref(&batch))?;
        }
        Ok(())
    }
}
