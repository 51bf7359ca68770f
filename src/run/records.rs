//! Records: named columns with one row per step, and their CSV.
//!
//! Numbers are written with the fewest digits that read back to the same f64, so that a report rebuilt from the files
//! has the same bytes.

use std::path::Path;

use crate::error::{Error, Result};

/// The description of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name of the column, or of the group of columns that it belongs to.
    pub name: String,
    /// The layer, if the column belongs to a group with one column per layer.
    pub layer: Option<String>,
    /// Whether it is a count: its numbers are whole and are not plotted.
    pub counts: bool,
}

impl Column {
    /// A column of whole numbers.
    pub fn count(name: &str) -> Self {
        Column {
            name: name.into(),
            layer: None,
            counts: true,
        }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Self {
        Column {
            name: name.into(),
            layer: None,
            counts: false,
        }
    }

    /// A column of a group with one column per layer.
    pub fn of_layer(name: &str, layer: &str) -> Self {
        Column {
            name: name.into(),
            layer: Some(layer.into()),
            counts: false,
        }
    }

    /// The heading: `NAME`, or `NAME_LAYER`.
    pub fn heading(&self) -> String {
        match &self.layer {
            None => self.name.clone(),
            Some(layer) => format!("{}_{layer}", self.name),
        }
    }
}

/// Named columns, one row per step. The first column counts the steps, from 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// The columns.
    pub columns: Vec<Column>,
    /// A number for each column; `None` if the step has no such number.
    pub rows: Vec<Vec<Option<f64>>>,
}

/// Parsed CSV: headings, rows, and the line of the first row.
#[derive(Debug)]
pub struct Csv {
    /// The headings.
    pub headings: Vec<String>,
    /// A number for each heading; `None` if the field is empty.
    pub rows: Vec<Vec<Option<f64>>>,
    /// The line of the first row, counted from 1; each further row is one line.
    pub first_line: usize,
}

impl Records {
    /// The records as CSV.
    ///
    /// # Errors
    /// [`Error::Encoding`] for a row whose length is not the number of columns.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |e: csv::Error| Error::encoding("records", "CSV", e);
        let headings = self.columns.iter().map(Column::heading);
        writer.write_record(headings).map_err(failed)?;
        for row in &self.rows {
            let fields = self.columns.iter().zip(row).map(|(column, number)| {
                number.map_or(String::new(), |number| match column.counts {
                    true => number.to_string(),
                    // `Debug` is the shortest text that reads back to the same bits, with exponents where short.
                    false => format!("{number:?}"),
                })
            });
            writer.write_record(fields).map_err(failed)?;
        }
        writer
            .into_inner()
            .map_err(|e| Error::encoding("records", "CSV", e))
    }
}

impl Csv {
    /// Reads `text`, the contents of the file `path`. `check` gets the headings before any row is read.
    ///
    /// # Errors
    /// [`Error::Format`] with file, line and value for text that [`Records::to_csv`] does not write, and the error of
    /// `check`.
    pub fn read(
        path: &Path,
        text: &[u8],
        check: impl FnOnce(&[String]) -> Result<()>,
    ) -> Result<Self> {
        if text.last() != Some(&b'\n') {
            let lines = text.split(|&b| b == b'\n').count();
            let problem = format!("line {lines}: truncated, the last line does not end");
            return Err(Error::format(path, problem));
        }
        let mut reader = csv::Reader::from_reader(text);
        let headings = reader.headers().map_err(|e| bad_csv(path, e))?;
        let headings: Vec<String> = headings.iter().map(String::from).collect();
        check(&headings)?;
        let mut found = Csv {
            headings,
            rows: Vec::new(),
            first_line: 2,
        };
        for row in reader.records() {
            let row = row.map_err(|e| bad_csv(path, e))?;
            let line = row.position().map_or(0, csv::Position::line) as usize;
            if found.rows.is_empty() {
                found.first_line = line;
            }
            let number = |(field, heading): (&str, &String)| match field {
                "" => Ok(None),
                field => field.parse().map(Some).map_err(|_| {
                    let problem = format!("line {line}: {heading} is `{field}`, expected a number");
                    Error::format(path, problem)
                }),
            };
            let numbers = row.iter().zip(&found.headings).map(number);
            let numbers = numbers.collect::<Result<_>>()?;
            found.rows.push(numbers);
        }
        Ok(found)
    }
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
