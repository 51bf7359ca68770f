//! The arrays that the `.npz` file of a history must hold.

use std::collections::BTreeMap;

use neurogain::learn::History;
use serde::Deserialize;

/// An array as its shape and its numbers' bits.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Array {
    pub kind: String,
    pub shape: Vec<usize>,
    pub bits: Vec<u64>,
}

/// The expected arrays of `history`.
pub fn expected(history: &History) -> BTreeMap<String, Array> {
    let records = &history.records;
    let whole = |of: fn(&neurogain::learn::Record) -> usize| Array {
        kind: "<i8".into(),
        shape: vec![records.len()],
        bits: records.iter().map(|record| of(record) as u64).collect(),
    };
    let floats = |shape: &[usize], values: Vec<f64>| Array {
        kind: "<f8".into(),
        shape: shape.to_vec(),
        bits: values.into_iter().map(f64::to_bits).collect(),
    };
    let column = |of: &dyn Fn(&neurogain::learn::Record) -> f64| {
        floats(&[records.len()], records.iter().map(of).collect())
    };
    let block = |of: &dyn Fn(&neurogain::learn::Record) -> Vec<f64>| {
        let shape = [records.len(), history.layers.len()];
        floats(&shape, records.iter().flat_map(of).collect())
    };
    BTreeMap::from(
        [
            ("iteration", whole(|record| record.iteration)),
            ("context", whole(|record| record.context)),
            ("train_loss", column(&|record| record.train.loss)),
            ("train_accuracy", column(&|record| record.train.accuracy)),
            (
                "test_loss",
                column(&|record| record.test.map_or(f64::NAN, |test| test.loss)),
            ),
            (
                "test_accuracy",
                column(&|record| record.test.map_or(f64::NAN, |test| test.accuracy)),
            ),
            (
                "test_loss_task2",
                column(&|record| {
                    record
                        .later_tasks
                        .first()
                        .map_or(f64::NAN, |test| test.loss)
                }),
            ),
            (
                "test_accuracy_task2",
                column(&|record| {
                    let test = record.later_tasks.first();
                    test.map_or(f64::NAN, |test| test.accuracy)
                }),
            ),
            ("entropy", column(&|record| record.entropy)),
            ("gain", block(&|record| record.gain.clone())),
            (
                "mean_absolute_weight",
                block(&|record| record.mean_absolute_weight.clone()),
            ),
        ]
        .map(|(name, array)| (name.to_string(), array)),
    )
}
