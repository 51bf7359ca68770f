//! The history of a run: one record per iteration.

use alloc::string::String;
use alloc::vec::Vec;

/// Loss and accuracy on a set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Fraction of samples whose largest logit is that of the label, in [0, 1].
    pub accuracy: f64,
}

/// One training iteration, and the evaluation right after it, if any.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The iteration, counted from 1 over the whole run.
    pub iteration: usize,
    /// The context, counted from 1.
    pub context: usize,
    /// Loss and accuracy on the training batch, before the update of the weights.
    pub train: Evaluation,
    /// Loss and accuracy on the test samples of the first task, after the update of the weights; `None` if the
    /// iteration was not evaluated.
    pub test: Option<Evaluation>,
    /// The same for task 2 and all later tasks introduced so far; empty unless every task is evaluated.
    pub later_tasks: Vec<Evaluation>,
    /// Mean softmax entropy H of the training batch's logits, nats.
    pub entropy: f64,
    /// Mean gain of each layer, as used by the forward pass.
    pub gain: Vec<f64>,
    /// Mean |w| of each layer, after the update.
    pub mean_absolute_weight: Vec<f64>,
}

/// Every iteration of one run (one method, one seed), in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The names of the layers, in the order of `gain` and `mean_absolute_weight` of a record.
    pub layers: Vec<String>,
    /// One record per iteration.
    pub records: Vec<Record>,
}

impl History {
    /// The records that were evaluated, each with its evaluation.
    pub fn evaluated(&self) -> impl Iterator<Item = (&Record, Evaluation)> {
        let records = self.records.iter();
        records.filter_map(|record| record.test.map(|test| (record, test)))
    }
}
