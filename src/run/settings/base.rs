//! Inheritance between documents: `base = "split-mnist"`.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::check::{MISSING, address, join, spell, variant};
use super::text::{at_offset, located, offset, parse, read};
use super::{Document, DocumentKind, Key, Kind, checked, find_key, unknown};
use crate::error::{Error, Result};

/// The text of a document, and the folder of the files that it names.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) folder: PathBuf,
}

impl Source {
    /// Finds a preset by name, or a TOML file: one that exists, or whose name ends in `.toml` or is a path. A relative path
    /// starts at `folder`.
    pub(crate) fn find(name: &str, folder: &Path) -> Result<Self> {
        if let Some((_, text)) = DocumentKind::presets().find(|(known, _)| *known == name) {
            return Ok(Source {
                name: name.into(),
                text: text.to_string(),
                folder: PathBuf::new(),
            });
        }
        let path = folder.join(name);
        let is_path = name.ends_with(".toml") || name.contains(std::path::is_separator);
        if !is_path && !path.is_file() {
            let known: Vec<String> = DocumentKind::presets()
                .map(|(name, _)| name.to_string())
                .collect();
            return Err(unknown("benchmark", name, &known));
        }
        Source::file(&path)
    }

    /// Reads a file.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        Ok(Source {
            name: path.display().to_string(),
            text: read(path)?,
            folder: path.parent().unwrap_or(Path::new("")).into(),
        })
    }
}

/// A document, its base, the base of that, and so on.
///
/// A document contains only its differences from the base. Tables are merged key by key. Entries of a list of tables
/// are merged by their `name`; entries with new names come after the base's. Other values replace the base's, and so
/// does a table whose tag (`kind` of a network, `rule` of an optimizer) changes. `replace = ["methods"]` lists keys
/// whose tables and lists replace the base's as a whole.
pub(crate) struct Layers(Vec<(Source, Table)>);

impl Layers {
    /// Reads a document and its bases.
    pub(crate) fn read(source: Source) -> Result<Self> {
        let mut layers: Vec<(Source, Table)> = Vec::new();
        let mut next = Some(source);
        while let Some(source) = next.take() {
            let table = parse(&source.text, &source.name)?;
            let base = table.get("base").cloned();
            layers.push((source, table));
            next = match base {
                Some(base) => Some(Layers::base(&layers, &base)?),
                None => None,
            };
        }
        Ok(Layers(layers))
    }

    /// Reads the base of the last of `layers`.
    fn base(layers: &[(Source, Table)], base: &Value) -> Result<Source> {
        let Some((last, _)) = layers.last() else {
            return Err(Error::setting("base", base, "a document that contains it"));
        };
        let expected = "a benchmark or a file of settings that is not itself based on this one";
        let wrong = || Error::setting("base", base, expected);
        let found = base.as_str().ok_or_else(wrong);
        let found = found.and_then(|name| Source::find(name, &last.folder));
        let found = found.and_then(|found| {
            let known = layers.iter().any(|(known, _)| known.name == found.name);
            if known { Err(wrong()) } else { Ok(found) }
        });
        found.map_err(|error| {
            let at = offset(&last.text, "base").map(|(at, _)| at);
            at_offset(&last.text, &last.name, at, &error)
        })
    }

    /// The value of the top-level key `kind`, which says which system the document belongs to.
    pub(crate) fn kind(&self) -> Option<&Value> {
        self.0.iter().find_map(|(_, table)| table.get("kind"))
    }

    /// Merges the layers and checks the settings.
    pub(crate) fn settings<D: Document>(&self) -> Result<D> {
        let settings = || {
            let kind = self.kind();
            D::check_kind(kind)?;
            // The last layer has no base.
            let last = self.0.last().and_then(|(_, table)| table.get("kind"));
            if let Some(kind) = kind.filter(|_| kind != last) {
                return Err(Error::setting("kind", kind, "the kind of the base"));
            }
            let mut merged = Table::new();
            for (_, table) in self.0.iter().rev() {
                let mut own = table.clone();
                own.remove("base");
                overlay(&mut merged, own, D::KEYS)?;
            }
            checked(merged)
        };
        settings().map_err(|error| self.located(self.without_base(error)))
    }

    /// Adds to the error of a missing setting that a base supplies it, if the document has no base.
    fn without_base(&self, error: Error) -> Error {
        match error {
            Error::Setting {
                name,
                value,
                expected,
            } if value == MISSING && self.0.len() == 1 => Error::Setting {
                name,
                value,
                expected: format!(
                    "{expected}; or begin the file with base = \"NAME\", a benchmark that `neurogain list` prints: it \
                     supplies every setting that the file leaves out"
                ),
            },
            error => error,
        }
    }

    /// Adds the file and line of the wrong setting to an error.
    fn located(&self, error: Error) -> Error {
        let (Error::Setting { name: path, .. } | Error::Unknown { name: path, .. }) = &error else {
            return error;
        };
        let has = |source: &Source| offset(&source.text, path).is_some_and(|(_, whole)| whole);
        let sources = || self.0.iter().map(|(source, _)| source);
        match sources().find(|source| has(source)).or(sources().next()) {
            Some(source) => located(&source.text, &source.name, &error),
            None => error,
        }
    }
}

/// Merges `own` into `base` by the rules of [`Layers`].
pub(super) fn overlay(base: &mut Table, mut own: Table, keys: &'static [Key]) -> Result<()> {
    let replaced = match own.remove("replace") {
        Some(given) => replaced(&given, &own)?,
        None => Vec::new(),
    };
    named_once(&own)?;
    merge("", base, own, keys, &replaced);
    Ok(())
}

/// Refuses a list with two entries of one name, which would be merged into one.
fn named_once(own: &Table) -> Result<()> {
    for (key, list) in own {
        let names = list.as_array().into_iter().flatten();
        let names: Vec<&str> = names
            .filter_map(|entry| entry.get("name")?.as_str())
            .collect();
        let twice = (1..names.len()).find(|&at| names[..at].contains(&names[at]));
        if let Some(at) = twice {
            return Err(Error::setting(key, names[at], "each name once in a file"));
        }
    }
    Ok(())
}

/// The paths in `replace`; `own` must contain each.
fn replaced(given: &Value, own: &Table) -> Result<Vec<String>> {
    let has = |path: &str| {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let rest = rest.split('.').filter(|segment| !segment.is_empty());
        let value = own.get(first);
        rest.fold(value, |value, segment| value?.get(segment))
            .is_some()
    };
    let wrong = || {
        let expected = "a list of keys that this document gives, such as [\"methods\"]";
        Error::setting("replace", given, expected)
    };
    let list = given.as_array().ok_or_else(wrong)?.iter();
    let paths = list.map(|path| path.as_str().filter(|path| has(path)).map(String::from));
    paths.collect::<Option<_>>().ok_or_else(wrong)
}

fn merge(path: &str, base: &mut Table, mut own: Table, keys: &'static [Key], replaced: &[String]) {
    spell(&mut own, keys);
    for (name, value) in own {
        let path = join(path, &name);
        let kind = find_key(keys, &name).map(|key| key.kind);
        let kind = kind.filter(|_| !replaced.contains(&path));
        match (kind, base.get_mut(&name), value) {
            (Some(Kind::Table(keys)), Some(Value::Table(base)), Value::Table(own)) => {
                merge(&path, base, own, keys, replaced);
            }
            (
                Some(Kind::Tagged(tag, variants)),
                Some(Value::Table(base)),
                Value::Table(mut own),
            ) if own.get(tag).is_none() || own.get(tag) == base.get(tag) => {
                own.remove(tag);
                merge(
                    &path,
                    base,
                    own,
                    variant(tag, variants, base).keys,
                    replaced,
                );
            }
            (Some(Kind::List(Kind::Table(keys))), Some(Value::Array(base)), Value::Array(own)) => {
                for (index, entry) in own.into_iter().enumerate() {
                    let path = join(&path, &address(index, &entry));
                    let name = entry.get("name").and_then(Value::as_str).map(String::from);
                    let same = |known: &&mut Value| {
                        name.is_some()
                            && known.get("name").and_then(Value::as_str) == name.as_deref()
                    };
                    match (base.iter_mut().find(same), entry) {
                        (Some(Value::Table(base)), Value::Table(own)) => {
                            merge(&path, base, own, keys, replaced);
                        }
                        (_, entry) => base.push(entry),
                    }
                }
            }
            (_, _, value) => {
                base.insert(name, value);
            }
        }
    }
}
