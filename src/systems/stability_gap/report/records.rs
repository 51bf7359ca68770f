//! A run's history as records: `iteration, context, train_loss, train_accuracy, test_loss, test_accuracy, entropy,
//! gain_<layer>…, mean_absolute_weight_<layer>…`, and, if every task is evaluated, `test_loss_task2,
//! test_accuracy_task2, …`.
//!
//! The test columns are empty for iterations without an evaluation, and before a task's context.

use std::path::Path;

use crate::error::{Error, Result};
use crate::learn::{Evaluation, History, Record};
use crate::run::continual::StreamSettings;
use crate::run::{Column, Csv, Records};

const COLUMNS: [&str; 7] = [
    "iteration",
    "context",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "entropy",
];
const GAIN: &str = "gain";
const WEIGHT: &str = "mean_absolute_weight";

/// The first number of a history that is not finite.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotFinite {
    pub(crate) iteration: usize,
    pub(crate) column: String,
    pub(crate) value: f64,
}

/// Converts `history` to records.
///
/// # Errors
/// [`Error::Shape`] if a record does not have one gain and one weight for each layer.
pub(crate) fn to_records(history: &History) -> Result<Records> {
    let (layers, later_tasks) = (history.layers.len(), later_tasks(history));
    let row = |record: &Record| {
        if record.gain.len() != layers || record.mean_absolute_weight.len() != layers {
            return Err(Error::shape(
                "records",
                format!("{layers} gains and mean weights, one a layer"),
                format!(
                    "{} gains and {} mean weights at iteration {}",
                    record.gain.len(),
                    record.mean_absolute_weight.len(),
                    record.iteration
                ),
            ));
        }
        let counts = [record.iteration, record.context].map(|count| Some(count as f64));
        Ok(counts
            .into_iter()
            .chain(numbers(record, later_tasks))
            .collect())
    };
    Ok(Records {
        columns: columns(&history.layers, later_tasks),
        rows: history.records.iter().map(row).collect::<Result<_>>()?,
    })
}

/// Reads a history from the CSV `text` of the file `path`; it has at most the iterations of `stream`.
///
/// # Errors
/// [`Error::Format`] with file, line and value for anything that [`to_records`] does not write.
pub(crate) fn from_csv(path: &Path, text: &[u8], stream: &StreamSettings) -> Result<History> {
    let mut found = (Vec::new(), 0);
    let csv = Csv::read(path, text, |headings| {
        found = layers_and_tasks(path, headings)?;
        Ok(())
    })?;
    let (layers, later_tasks) = found;
    let starts = stream.starts();
    let total = starts.last().copied().unwrap_or(0);
    let mut records = Vec::with_capacity(csv.rows.len());
    for (index, row) in csv.rows.iter().enumerate() {
        let bad = |at: usize, expected: &str| {
            let line = csv.first_line + index;
            let value = row[at].map_or(String::new(), |value| value.to_string());
            let heading = &csv.headings[at];
            let problem = format!("line {line}: {heading} is `{value}`, expected {expected}");
            Error::format(path, problem)
        };
        if index >= total {
            return Err(bad(0, &format!("no more than {total} iterations")));
        }
        let context = starts.partition_point(|&start| start <= index);
        for (at, expected) in [(0, index + 1), (1, context)] {
            if row[at] != Some(expected as f64) {
                return Err(bad(at, &expected.to_string()));
            }
        }
        let number = |at: usize| row[at].ok_or_else(|| bad(at, "a number"));
        records.push(record(
            row,
            index,
            context,
            (layers.len(), later_tasks),
            number,
        )?);
    }
    Ok(History { layers, records })
}

/// The first number of `history` that is not finite.
pub(crate) fn not_finite(history: &History) -> Option<NotFinite> {
    let later_tasks = later_tasks(history);
    history.records.iter().find_map(|record| {
        let values = numbers(record, later_tasks);
        let (at, value) = values
            .into_iter()
            .enumerate()
            .find_map(|(at, value)| Some((at, value.filter(|value| !value.is_finite())?)))?;
        Some(NotFinite {
            iteration: record.iteration,
            column: columns(&history.layers, later_tasks)[at + 2].heading(),
            value,
        })
    })
}

/// The number of tasks after the first on which some iteration was evaluated.
fn later_tasks(history: &History) -> usize {
    let counts = history
        .records
        .iter()
        .map(|record| record.later_tasks.len());
    counts.max().unwrap_or(0)
}

/// Every column: iteration, context and measurements, the layers' gains, their mean weights, and the later tasks.
fn columns(layers: &[String], later_tasks: usize) -> Vec<Column> {
    let fixed = COLUMNS.iter().enumerate().map(|(at, name)| match at {
        0 | 1 => Column::count(name),
        _ => Column::number(*name),
    });
    let group = |name: &'static str| {
        layers
            .iter()
            .map(move |layer| Column::of_layer(name, layer))
    };
    let later = (2..2 + later_tasks).flat_map(|task| {
        ["loss", "accuracy"].map(|of| Column::number(format!("test_{of}_task{task}")))
    });
    fixed
        .chain(group(GAIN))
        .chain(group(WEIGHT))
        .chain(later)
        .collect()
}

/// The values of every column but the first two; `None` if the iteration was not evaluated on the task.
fn numbers(record: &Record, later_tasks: usize) -> Vec<Option<f64>> {
    let (train, test) = (record.train, record.test);
    let mut values = vec![
        Some(train.loss),
        Some(train.accuracy),
        test.map(|test| test.loss),
        test.map(|test| test.accuracy),
        Some(record.entropy),
    ];
    values.extend(record.gain.iter().copied().map(Some));
    values.extend(record.mean_absolute_weight.iter().copied().map(Some));
    for task in 0..later_tasks {
        let test = record.later_tasks.get(task);
        values.extend([test.map(|test| test.loss), test.map(|test| test.accuracy)]);
    }
    values
}

/// The layers' names, from the headings after the fixed ones, and the number of later tasks.
fn layers_and_tasks(path: &Path, found: &[String]) -> Result<(Vec<String>, usize)> {
    let prefix = format!("{GAIN}_");
    let layers: Vec<String> = found
        .iter()
        .skip(COLUMNS.len())
        .map_while(|heading| heading.strip_prefix(&prefix))
        .map(String::from)
        .collect();
    let known = COLUMNS.len() + 2 * layers.len();
    let further = found.iter().skip(known);
    let later_tasks = further.take_while(|c| c.starts_with("test_")).count() / 2;
    for (at, column) in columns(&layers, later_tasks).iter().enumerate() {
        let expected = column.heading();
        let problem = match found.get(at) {
            Some(heading) if *heading == expected => continue,
            Some(heading) => format!("column {} is `{heading}`, not `{expected}`", at + 1),
            None => format!("column `{expected}` is missing"),
        };
        return Err(Error::format(path, format!("line 1: {problem}")));
    }
    match found.get(known + 2 * later_tasks) {
        Some(heading) => Err(Error::format(
            path,
            format!("line 1: unknown column `{heading}`"),
        )),
        None => Ok((layers, later_tasks)),
    }
}

/// The record in row `index`; the reader has checked that it has as many fields as there are headings.
fn record(
    row: &[Option<f64>],
    index: usize,
    context: usize,
    (layers, later_tasks): (usize, usize),
    number: impl Fn(usize) -> Result<f64>,
) -> Result<Record> {
    let evaluation = |at: usize| -> Result<Evaluation> {
        Ok(Evaluation {
            loss: number(at)?,
            accuracy: number(at + 1)?,
        })
    };
    let evaluated = |at: usize| row[at].is_some() || row[at + 1].is_some();
    let test = match evaluated(4) {
        false => None,
        true => Some(evaluation(4)?),
    };
    let later = COLUMNS.len() + 2 * layers;
    let later = (0..later_tasks).map(|task| later + 2 * task);
    // A missing task before an evaluated one is an error.
    let last = later.clone().rposition(evaluated);
    let later = later.take(last.map_or(0, |last| last + 1)).map(evaluation);
    let list = |from: usize| {
        let numbers = (from..from + layers).map(&number);
        numbers.collect::<Result<Vec<f64>>>()
    };
    Ok(Record {
        iteration: index + 1,
        context,
        train: evaluation(2)?,
        test,
        entropy: number(6)?,
        gain: list(COLUMNS.len())?,
        mean_absolute_weight: list(COLUMNS.len() + layers)?,
        later_tasks: later.collect::<Result<_>>()?,
    })
}
