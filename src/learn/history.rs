//! What a run leaves: one record an iteration.

use alloc::string::String;
use alloc::vec::Vec;

/// Loss and accuracy on a set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Share of samples whose largest logit is the label's, in [0, 1].
    pub accuracy: f64,
}

/// One training iteration, and the evaluation right after it, if there was one.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Counted from 1 over the whole run.
    pub iteration: usize,
    /// Counted from 1.
    pub context: usize,
    /// On the training batch, before the weights' update.
    pub train: Evaluation,
    /// On the test samples of the first task, after the weights' update; `None` where the iteration
    /// was not evaluated.
    pub test: Option<Evaluation>,
    /// The same on the test samples of task 2 and every further one that a context has brought so far,
    /// where every task is evaluated.
    pub later_tasks: Vec<Evaluation>,
    /// Mean softmax entropy H of the training batch's logits, nats.
    pub entropy: f64,
    /// Mean gain of each layer, as the iteration's forward used it.
    pub gain: Vec<f64>,
    /// Mean |w| of each layer, after the update.
    pub mean_absolute_weight: Vec<f64>,
}

/// Every iteration of one run (one method, one seed), in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The names of the layers that `gain` and `mean_absolute_weight` of a record list.
    pub layers: Vec<String>,
    /// One record an iteration.
    pub records: Vec<Record>,
}

impl History {
    /// The records that were evaluated, each with its evaluation.
    pub fn evaluated(&self) -> impl Iterator<Item = (&Record, Evaluation)> {
        let records = self.records.iter();
        records.filter_map(|record| record.test.map(|test| (record, test)))
    }
}
