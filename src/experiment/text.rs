//! Settings from and to TOML, with errors that name file, line and key.

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

use super::keys::Key;
use super::nearest::unknown;
use super::{Settings, comodulation, keys, overrides, presets};
use crate::error::{Error, Result};

/// No experiment's description comes near this; a larger file is not one.
const LARGEST_FILE: u64 = 1 << 20;

/// Settings of one kind of experiment, as a TOML document has them.
pub(super) trait Document: Serialize + DeserializeOwned {
    /// The document's keys.
    const KEYS: &'static [Key];

    /// Refuses a document of another kind by what it is, rather than by the first key that is not known.
    fn check_kind(_table: &Table) -> Result<()> {
        Ok(())
    }

    /// Whether every value is in its range.
    fn check(&self) -> Result<()>;
}

impl Document for Settings {
    const KEYS: &'static [Key] = keys::SETTINGS;

    fn check_kind(table: &Table) -> Result<()> {
        match table.get("kind") {
            Some(kind) if kind.as_str() == Some("comodulation") => Err(Error::setting(
                "kind",
                kind,
                "settings of a stream of contexts: a comodulation experiment has a run and a report of its \
                 own, and neither sweeps nor pages with others",
            )),
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<()> {
        self.validate()
    }
}

impl Settings {
    /// Reads a TOML document and checks every value; `source_name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Settings`] that names the source, the line and the key.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self> {
        from_text(text, source_name)
    }

    /// Reads a file with [`Settings::from_toml`].
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, otherwise as [`Settings::from_toml`].
    pub fn from_file(path: &Path) -> Result<Self> {
        Settings::from_toml(&read(path)?, &path.display().to_string())
    }

    /// The settings that `name` stands for: a preset, or a TOML file where the name ends in `.toml` or is
    /// a path; a relative one starts at `folder`.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest preset, or as [`Settings::from_file`].
    pub fn find(name: &str, folder: &Path) -> Result<Self> {
        let looks_like_file = name.ends_with(".toml") || name.contains(std::path::is_separator);
        if looks_like_file && !presets::names().any(|preset| preset == name) {
            return Settings::from_file(&folder.join(name));
        }
        if let Some(text) = comodulation::presets::text(name) {
            return Settings::from_toml(text, name);
        }
        presets::settings(name).map_err(|error| match error {
            // What `neurogain run` knows besides.
            Error::Unknown { kind, name, .. } => {
                let all = presets::names().chain(comodulation::presets::names());
                unknown(kind, &name, &all.map(String::from).collect::<Vec<_>>())
            }
            other => other,
        })
    }

    /// The TOML document that [`Settings::from_toml`] reads back to equal settings.
    ///
    /// # Errors
    /// [`Error::Setting`] where [`Settings::validate`] refuses a value: TOML cannot hold every number.
    pub fn to_toml(&self) -> Result<String> {
        to_text(self)
    }
}

/// A checked document from TOML.
pub(super) fn from_text<D: Document>(text: &str, source_name: &str) -> Result<D> {
    from_table(parse(text, source_name)?).map_err(|error| {
        let at = match &error {
            Error::Setting { name, .. } | Error::Unknown { name, .. } => offset(text, name),
            _ => None,
        };
        located(text, source_name, at, &error)
    })
}

/// The TOML that [`from_text`] reads back to an equal document.
pub(super) fn to_text<D: Document>(document: &D) -> Result<String> {
    document.check()?;
    toml::to_string_pretty(document).map_err(|error| Error::setting("settings", "these", error))
}

/// A document with each `key=value` applied in turn, checked at the end.
pub(super) fn changed<D: Document, S: AsRef<str>>(document: &D, overrides: &[S]) -> Result<D> {
    document.check()?;
    let table =
        Table::try_from(document).map_err(|error| Error::setting("settings", "these", error))?;
    from_table(overrides::apply(table, D::KEYS, overrides)?)
}

/// The text of a file of settings, or of a sweep.
pub(super) fn read(path: &Path) -> Result<String> {
    let refused = |reason| Error::file(path, "read", reason);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(refused)?;
    // A device tells no length: read no further than it takes to know that this is too long.
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

/// The TOML document `text`; `source_name` is what errors call it.
pub(super) fn parse(text: &str, source_name: &str) -> Result<Table> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        located(text, source_name, at, &error.message())
    })
}

/// What is wrong with `text`, with the line of the byte offset `at` where that is known.
pub(super) fn located(
    text: &str,
    source_name: &str,
    at: Option<usize>,
    problem: &dyn Display,
) -> Error {
    Error::Settings {
        path: source_name.to_string(),
        problem: match at {
            Some(at) => format!("line {}: {problem}", line(text, at)),
            None => problem.to_string(),
        },
    }
}

/// Checked settings from a parsed document.
pub(super) fn from_table<D: Document>(table: Table) -> Result<D> {
    D::check_kind(&table)?;
    keys::check(&table, D::KEYS)?;
    let settings: D = table
        .try_into()
        .map_err(|error: toml::de::Error| Error::setting("settings", error.message(), "TOML"))?;
    settings.check()?;
    Ok(settings)
}

/// The line, from 1, of a byte offset.
fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// Where the setting at a dotted `path` stands; for one that is missing, its table.
fn offset(text: &str, path: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    let mut segments = path.split('.');
    while let Some(segment) = segments.next() {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == segment) else {
            break;
        };
        found = Some(key.span().start);
        table = match value.get_ref() {
            DeValue::Table(inner) => inner,
            DeValue::Array(entries) => {
                let Some(entry) = segments.next().and_then(|name| method(entries, name)) else {
                    break;
                };
                found = Some(entry.span().start);
                match entry.get_ref() {
                    DeValue::Table(inner) => inner,
                    _ => break,
                }
            }
            _ => break,
        };
    }
    found
}

/// The entry of `methods` that [`keys::method_address`] calls `address`.
fn method<'a, 'i>(
    entries: &'a [Spanned<DeValue<'i>>],
    address: &str,
) -> Option<&'a Spanned<DeValue<'i>>> {
    let mut entries = entries.iter().enumerate();
    let found = entries.find(|(index, entry)| {
        let name = entry.get_ref().get("name").map(Spanned::get_ref);
        match name.and_then(DeValue::as_str) {
            Some(name) => name == address,
            None => index.to_string() == address,
        }
    });
    found.map(|(_, entry)| entry)
}
