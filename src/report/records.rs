//! One run's history as CSV: `iteration, context, train_loss, train_accuracy, test_loss, test_accuracy,
//! entropy, gain_<layer>…, mean_absolute_weight_<layer>…`, and, where every task is evaluated,
//! `test_loss_task2, test_accuracy_task2, …`.
//!
//! The test columns are empty where an iteration was not evaluated, and before a task's context. Numbers
//! are printed with as few digits as read back to the same f64, so that a report built again from the files
//! is the same to the byte.

use std::path::Path;

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::experiment::StreamSettings;
use crate::learn::{Evaluation, History, Record};

const COLUMNS: [&str; 7] = [
    "iteration",
    "context",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "entropy",
];
/// Numbers of a row before those of the layers.
pub(super) const BEFORE_LAYERS: usize = COLUMNS.len() - 2;
const GAIN: &str = "gain_";
const WEIGHT: &str = "mean_absolute_weight_";

/// The first number of a history that is not finite.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotFinite {
    pub(super) iteration: usize,
    pub(super) column: String,
    pub(super) value: f64,
}

/// Iterations of a complete run; the largest number for settings that no run could finish.
pub(super) fn total_iterations(stream: &StreamSettings) -> usize {
    stream.contexts.len().saturating_mul(stream.iterations)
}

/// `history` as CSV.
///
/// # Errors
/// [`Error::Shape`] where a record does not have one gain and one weight for each layer.
pub(super) fn to_csv(history: &History) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Error::shape("write_run", "records that CSV can hold", e);
    writer.write_record(header(history)).map_err(failed)?;
    for (record, row) in history.records.iter().zip(rows(history)?) {
        let mut fields = vec![record.iteration.to_string(), record.context.to_string()];
        // `Debug` is the shortest text that reads back to the same bits, with exponents where short.
        let text = |value: &Option<f64>| value.map_or(String::new(), |value| format!("{value:?}"));
        fields.extend(row.iter().map(text));
        writer.write_record(&fields).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|e| Error::shape("write_run", "records that CSV can hold", e))
}

/// The history in the CSV `text` of the file `path`, which has at most the iterations that `stream` says.
///
/// # Errors
/// [`Error::Format`] with file, line and value for whatever is not as [`to_csv`] writes it.
pub(super) fn from_csv(path: &Path, text: &[u8], stream: &StreamSettings) -> Result<History> {
    if text.last() != Some(&b'\n') {
        let lines = text.split(|&b| b == b'\n').count();
        return Err(Error::format(
            path,
            format!("line {lines}: truncated, the last line does not end"),
        ));
    }
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().map_err(|e| bad_csv(path, e))?.clone();
    let (layers, later_tasks) = columns(path, &header)?;
    let mut records = Vec::new();
    for (index, row) in reader.records().enumerate() {
        let row = row.map_err(|e| bad_csv(path, e))?;
        let counts = (layers.len(), later_tasks);
        records.push(record(path, &header, &row, counts, index, stream)?);
    }
    Ok(History { layers, records })
}

/// The first number of `history` that is not finite.
pub(super) fn not_finite(history: &History) -> Option<NotFinite> {
    let later_tasks = later_tasks(history);
    history.records.iter().find_map(|record| {
        let values = numbers(record, later_tasks);
        let (at, value) = values
            .into_iter()
            .enumerate()
            .find_map(|(at, value)| Some((at, value.filter(|value| !value.is_finite())?)))?;
        Some(NotFinite {
            iteration: record.iteration,
            column: header(history).swap_remove(at + 2),
            value,
        })
    })
}

/// Tasks after the first that some iteration was evaluated on.
fn later_tasks(history: &History) -> usize {
    let counts = history
        .records
        .iter()
        .map(|record| record.later_tasks.len());
    counts.max().unwrap_or(0)
}

/// Every column's name: iteration, context and what is measured, the layers' gains, their mean weights, and
/// the later tasks.
pub(super) fn header(history: &History) -> Vec<String> {
    names(&history.layers, later_tasks(history))
}

fn names(layers: &[String], later_tasks: usize) -> Vec<String> {
    let named = |prefix: &'static str| layers.iter().map(move |layer| format!("{prefix}{layer}"));
    let later = (2..2 + later_tasks)
        .flat_map(|task| ["loss", "accuracy"].map(|of| format!("test_{of}_task{task}")));
    COLUMNS
        .map(String::from)
        .into_iter()
        .chain(named(GAIN))
        .chain(named(WEIGHT))
        .chain(later)
        .collect()
}

/// Each record's numbers: the columns of [`header`] after the first two, `None` where there was no
/// evaluation.
///
/// # Errors
/// [`Error::Shape`] where a record does not have one gain and one weight for each layer.
pub(super) fn rows(history: &History) -> Result<Vec<Vec<Option<f64>>>> {
    let (layers, later_tasks) = (history.layers.len(), later_tasks(history));
    let row = |record: &Record| {
        if record.gain.len() != layers || record.mean_absolute_weight.len() != layers {
            return Err(Error::shape(
                "write_run",
                format!("{layers} gains and mean weights, one a layer"),
                format!(
                    "{} gains and {} mean weights at iteration {}",
                    record.gain.len(),
                    record.mean_absolute_weight.len(),
                    record.iteration
                ),
            ));
        }
        Ok(numbers(record, later_tasks))
    };
    history.records.iter().map(row).collect()
}

/// Every column but the first two; `None` where the iteration was not evaluated on the task.
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

/// The layers' names, from the columns after the fixed ones, and the number of later tasks.
fn columns(path: &Path, found: &StringRecord) -> Result<(Vec<String>, usize)> {
    let layers: Vec<String> = found
        .iter()
        .skip(COLUMNS.len())
        .map_while(|column| column.strip_prefix(GAIN))
        .map(String::from)
        .collect();
    let known = COLUMNS.len() + 2 * layers.len();
    let further = found.iter().skip(known);
    let later_tasks = further.take_while(|c| c.starts_with("test_")).count() / 2;
    for (at, expected) in names(&layers, later_tasks).iter().enumerate() {
        match found.get(at) {
            Some(column) if column == expected => {}
            Some(column) => {
                return Err(Error::format(
                    path,
                    format!("line 1: column {} is `{column}`, not `{expected}`", at + 1),
                ));
            }
            None => {
                return Err(Error::format(
                    path,
                    format!("line 1: column `{expected}` is missing"),
                ));
            }
        }
    }
    match found.get(known + 2 * later_tasks) {
        Some(column) => Err(Error::format(
            path,
            format!("line 1: unknown column `{column}`"),
        )),
        None => Ok((layers, later_tasks)),
    }
}

/// Row `index` of the file; the reader has made sure that it is as long as the header.
fn record(
    path: &Path,
    header: &StringRecord,
    row: &StringRecord,
    (layers, later_tasks): (usize, usize),
    index: usize,
    stream: &StreamSettings,
) -> Result<Record> {
    let line = row.position().map_or(0, csv::Position::line);
    let bad = |at: usize, expected: &str| {
        Error::format(
            path,
            format!(
                "line {line}: {} is `{}`, expected {expected}",
                &header[at], &row[at]
            ),
        )
    };
    let total = total_iterations(stream);
    if index >= total {
        return Err(bad(0, &format!("no more than {total} iterations")));
    }
    for (at, expected) in [(0, index + 1), (1, index / stream.iterations + 1)] {
        if row[at].parse() != Ok(expected) {
            return Err(bad(at, &expected.to_string()));
        }
    }
    let number = |at: usize| row[at].parse::<f64>().map_err(|_| bad(at, "a number"));
    let evaluation = |at: usize| -> Result<Evaluation> {
        Ok(Evaluation {
            loss: number(at)?,
            accuracy: number(at + 1)?,
        })
    };
    let evaluated = |at: usize| !row[at].is_empty() || !row[at + 1].is_empty();
    let test = match evaluated(4) {
        false => None,
        true => Some(evaluation(4)?),
    };
    let later = COLUMNS.len() + 2 * layers;
    let later = (0..later_tasks).map(|task| later + 2 * task);
    // A gap before an evaluated task is found by the one that is missing.
    let last = later.clone().rposition(evaluated);
    let later = later.take(last.map_or(0, |last| last + 1)).map(evaluation);
    let list = |from: usize| {
        (from..from + layers)
            .map(number)
            .collect::<Result<Vec<f64>>>()
    };
    Ok(Record {
        iteration: index + 1,
        context: index / stream.iterations + 1,
        train: evaluation(2)?,
        test,
        entropy: number(6)?,
        gain: list(COLUMNS.len())?,
        mean_absolute_weight: list(COLUMNS.len() + layers)?,
        later_tasks: later.collect::<Result<_>>()?,
    })
}

fn bad_csv(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("line {line}: {len} columns, expected {expected_len}"),
        csv::ErrorKind::Utf8 { err, .. } => format!("line {line}: not UTF-8: {err}"),
        _ => format!("line {line}: {error}"),
    };
    Error::format(path, problem)
}
