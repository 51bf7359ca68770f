//! Reading of TOML documents, and the line numbers of errors.

use std::fmt::Display;
use std::io::{ErrorKind, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

use super::same_name;
use crate::error::{Error, Result};

/// The largest file that is read; settings are far smaller.
const LARGEST_FILE: u64 = 1 << 20;

/// What is wrong if there is no file.
const MISSING: &str = "there is no such file; `neurogain list` prints the names of benchmarks and sweeps, \
    and a file of settings of your own begins with base = \"NAME\"";

/// Reads a file of settings or of a sweep.
pub(crate) fn read(path: &Path) -> Result<String> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Error::file(path, "read", MISSING),
        _ => Error::file(path, "read", error),
    };
    // Checked before opening: opening a pipe would wait for its other end.
    let found = std::fs::metadata(path).map_err(refused)?;
    if !found.is_file() {
        let reason = match path.join("config.toml").is_file() {
            true => {
                "it is the directory of a run: to continue it, give it to --resume; its settings are the file config.toml in it"
            }
            false => "it is not a file",
        };
        return Err(Error::file(path, "read", reason));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(refused)?;
    // Reading stops one byte past the limit: the file may grow.
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(refused)? as u64 > LARGEST_FILE {
        let expected = format!("expected settings in TOML, at most {LARGEST_FILE} bytes");
        return Err(Error::format(path, expected));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::format(path, format!("not UTF-8 text: the byte at {at}"))
    })
}

/// Parses the TOML document `text`; `source_name` is its name in errors.
pub(crate) fn parse(text: &str, source_name: &str) -> Result<Table> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        at_offset(text, source_name, at, &error.message())
    })
}

/// Adds the source, and the line of the setting that the error names, to an error about `text`.
pub(crate) fn located(text: &str, source_name: &str, error: &Error) -> Error {
    let at = match error {
        Error::Setting { name, .. } | Error::Unknown { name, .. } => offset(text, name),
        _ => None,
    };
    at_offset(text, source_name, at.map(|(at, _)| at), error)
}

/// Adds the source, and the line of the byte offset `at` if it is known, to an error about `text`.
pub(crate) fn at_offset(
    text: &str,
    source_name: &str,
    at: Option<usize>,
    problem: &dyn Display,
) -> Error {
    let version = env!("CARGO_PKG_VERSION");
    let writer = match writer(text) {
        Some(other) if other != version => {
            format!("; neurogain {other} wrote this file, but this is neurogain {version}")
        }
        _ => String::new(),
    };
    Error::Settings {
        path: source_name.to_string(),
        problem: match at {
            Some(at) => format!("line {}: {problem}{writer}", line(text, at)),
            None => format!("{problem}{writer}"),
        },
    }
}

/// The beginning of the first line of the documents that this program writes; the version follows.
const WRITTEN: &str = "# Written by neurogain ";

/// A document with this program's version in its first line, so that another version can say what does not fit.
pub(crate) fn signed(text: &str) -> String {
    format!("{WRITTEN}{}\n{text}", env!("CARGO_PKG_VERSION"))
}

/// The version that wrote a document, if it says so.
fn writer(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix(WRITTEN)
}

/// The line of a byte offset, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// The byte offset of the setting at a dotted `path`, and true. If only the beginning of the path exists, the offset of
/// the last part found, and false.
pub(crate) fn offset(text: &str, path: &str) -> Option<(usize, bool)> {
    let document = DeTable::parse(text).ok()?;
    let mut value: Option<&DeValue> = None;
    let mut found = None;
    for segment in path.split('.') {
        let next = match value {
            None => entry(document.get_ref(), segment),
            Some(DeValue::Table(table)) => entry(table, segment),
            Some(DeValue::Array(entries)) => named(entries, segment),
            Some(_) => None,
        };
        let Some((at, inner)) = next else {
            return found.map(|at| (at, false));
        };
        (found, value) = (Some(at), Some(inner));
    }
    found.map(|at| (at, true))
}

type Place<'a, 'i> = Option<(usize, &'a DeValue<'i>)>;

fn entry<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Place<'a, 'i> {
    let mut entries = table.iter();
    let (key, value) = entries.find(|(key, _)| same_name(key.get_ref(), name))?;
    Some((key.span().start, value.get_ref()))
}

/// The entry of a list with this [`address`](super::check::address).
fn named<'a, 'i>(entries: &'a [Spanned<DeValue<'i>>], address: &str) -> Place<'a, 'i> {
    let mut entries = entries.iter().enumerate();
    let (_, entry) = entries.find(|(index, entry)| {
        let name = entry.get_ref().get("name").map(Spanned::get_ref);
        match name.and_then(DeValue::as_str) {
            Some(name) => name == address,
            None => index.to_string() == address,
        }
    })?;
    Some((entry.span().start, entry.get_ref()))
}
