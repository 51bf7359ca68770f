//! The document of a sweep, before its system is known.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::run::settings::{DocumentKind, Layers, Source, join, parse, read, unknown};

/// The TOML document of a sweep.
#[derive(Debug, Clone)]
pub struct SweepSource {
    /// Its name in errors.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) document: Table,
    /// The folder in which a base that is a file is searched for.
    pub(super) folder: PathBuf,
}

impl SweepSource {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Settings`] if it is not TOML.
    pub fn from_file(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::new(read(path)?, path.display().to_string(), folder)
    }

    /// Finds a built-in sweep by name, or else a sweep's file. `base`, a benchmark's name or a file of settings in the
    /// working directory, replaces the sweep's base.
    ///
    /// # Errors
    /// Those of [`SweepSource::from_file`]; [`Error::Unknown`] for a name that is neither.
    pub fn find(name: &Path, base: Option<&str>) -> Result<Self> {
        let mut shipped = DocumentKind::sweeps();
        let mut source = match shipped.find(|(known, _)| Path::new(known) == name) {
            Some((known, toml)) => Self::new(toml.to_string(), known.to_string(), Path::new(""))?,
            None if name.extension().is_none() && !name.exists() => {
                let known: Vec<String> = DocumentKind::sweeps()
                    .map(|(name, _)| name.to_string())
                    .collect();
                return Err(unknown("sweep", &name.display().to_string(), &known));
            }
            None if name.is_dir() => return Err(no_file(name)),
            None => Self::from_file(name)?,
        };
        if let Some(base) = base {
            source
                .document
                .insert("base".into(), Value::String(base.into()));
            source.folder = PathBuf::new();
        }
        Ok(source)
    }

    fn new(text: String, name: String, folder: &Path) -> Result<Self> {
        let document = parse(&text, &name)?;
        Ok(SweepSource {
            name,
            text,
            document,
            folder: folder.into(),
        })
    }

    /// The `kind` of its base, which identifies the system; `None` if the base has no kind or cannot be read.
    pub fn kind(&self) -> Option<String> {
        let kind = match self.document.get("base")? {
            Value::String(name) => {
                let source = Source::find(name, &self.folder).ok()?;
                Layers::read(source).ok()?.kind().cloned()
            }
            base => base.get("kind").cloned(),
        };
        kind?.as_str().map(String::from)
    }

    /// The byte offset in the text of the key with this dotted path; for a key inside a value, that of the value.
    pub(super) fn offset(&self, path: &str) -> Option<usize> {
        fn find(table: &DeTable, prefix: &str, wanted: &str) -> Option<usize> {
            table.iter().find_map(|(key, value)| {
                let path = join(prefix, key.get_ref());
                let inner = match value.get_ref() {
                    DeValue::Table(inner) => find(inner, &path, wanted),
                    _ => None,
                };
                let within = wanted.strip_prefix(path.as_str());
                let here = within.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                inner.or_else(|| here.then(|| key.span().start))
            })
        }
        find(DeTable::parse(&self.text).ok()?.get_ref(), "", path)
    }
}

/// The error of a directory that is given as a sweep's file.
fn no_file(directory: &Path) -> Error {
    let place = directory.display();
    let reason = match directory.join("sweep.toml").exists() {
        true => format!(
            "it is the directory of a sweep; to continue it: neurogain sweep {place}/sweep.toml --out {place}; to collect its results: neurogain sweep --collect {place}"
        ),
        false => "it is a directory; name the TOML file of a sweep, or one of those that `neurogain list` prints".into(),
    };
    Error::file(directory, "read as a sweep", reason)
}
