//! Sweeps: a grid over settings, one experiment a cell.

mod grid;

use std::path::Path;

use serde::Serialize;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use self::grid::{cells, flatten};
use crate::error::{Error, Result};
use crate::run::settings::{at_offset, checked, join, parse, read as read_file, unknown};
use crate::systems::stability_gap::Settings;

const KEYS: [&str; 7] = [
    "description",
    "base",
    "variants",
    "methods",
    "seeds",
    "set",
    "grid",
];

/// The sweeps that ship inside: TOML files of `data/sweeps`, compiled in.
pub(crate) const SHIPPED: &[(&str, &str)] = &[
    (
        "lr-sweep",
        include_str!("../../../data/sweeps/lr-sweep.toml"),
    ),
    ("replay", include_str!("../../../data/sweeps/replay.toml")),
    (
        "gain-complexity",
        include_str!("../../../data/sweeps/gain-complexity.toml"),
    ),
    (
        "longer-contexts",
        include_str!("../../../data/sweeps/longer-contexts.toml"),
    ),
    (
        "gain-layers",
        include_str!("../../../data/sweeps/gain-layers.toml"),
    ),
];

/// A base, and the values that some of its settings take; every cell of it has been checked.
///
/// ```toml
/// description = "…"               # may be left out
/// base = "split-digits"           # a benchmark, a file of settings, or a table of them
/// variants = "composition"        # a list of methods instead of the base's; may be left out
/// methods = ["ngm-sgd", "sgd"]    # of these, in this order; all if left out
/// seeds = [42, 43, 44]            # those of the base if left out
/// set = ["evaluation.tasks=all"]  # other settings of the base, as --set takes them; may be left out
///
/// [grid]                          # dotted paths, as --set takes them
/// gain.eta = [0.1, 0.2, 0.4]
/// training.batch = [32, 64]
/// ```
///
/// A base that is a file stands beside this one. The cells are the product of the grid's lists, numbered
/// from 1, the last list going through its values fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    base: Settings,
    grid: Vec<Axis>,
    cells: Vec<Cell>,
}

/// One setting of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Its dotted path.
    pub(crate) key: String,
    /// The values that it takes; no two give the same settings.
    pub(crate) values: Vec<Value>,
}

/// One choice of a value from each list of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Counted from 1.
    pub number: usize,
    /// The base with this cell's values.
    pub settings: Settings,
    /// The value of each axis.
    pub(crate) values: Vec<Value>,
}

impl Sweep {
    /// Reads a TOML document, and checks every cell.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Settings`] that names the file, the line, the key and, for
    /// a value that only some cells refuse, the first such cell.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = read_file(path)?;
        let source = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_toml(&text, &source, folder, None)
    }

    /// The names of the sweeps that ship inside, each with what it shows.
    ///
    /// # Errors
    /// [`Error::Format`] where a compiled-in file is not what it should be.
    pub fn shipped() -> Result<Vec<(&'static str, String)>> {
        let described = |(name, toml): &(&'static str, &str)| {
            let document = parse(toml, name)?;
            let description = document.get("description").and_then(Value::as_str);
            Ok((*name, description.unwrap_or_default().trim().to_string()))
        };
        SHIPPED.iter().map(described).collect()
    }

    /// Finds a sweep by the name of one that ships inside, or else by its file; `base`, a benchmark's name
    /// or a file of settings in the working directory, takes the place of its own.
    ///
    /// # Errors
    /// Those of [`Sweep::from_file`]; [`Error::Unknown`] for a name that is neither.
    pub fn find(name: &Path, base: Option<&str>) -> Result<Self> {
        let known = SHIPPED.iter().find(|(known, _)| Path::new(known) == name);
        if let Some((known, toml)) = known {
            return Self::from_toml(toml, known, Path::new(""), base);
        }
        if name.extension().is_none() && !name.exists() {
            let known: Vec<String> = SHIPPED.iter().map(|(name, _)| name.to_string()).collect();
            return Err(unknown("sweep", &name.display().to_string(), &known));
        }
        let text = read_file(name)?;
        let folder = name.parent().unwrap_or(Path::new(""));
        let folder = if base.is_some() {
            Path::new("")
        } else {
            folder
        };
        Self::from_toml(&text, &name.display().to_string(), folder, base)
    }

    fn from_toml(text: &str, source: &str, folder: &Path, base: Option<&str>) -> Result<Self> {
        let mut document = parse(text, source)?;
        if let Some(base) = base {
            document.insert("base".into(), Value::String(base.into()));
        }
        read(document, folder).map_err(|failure| match failure.error {
            // These name a file already: the base's.
            error @ (Error::File { .. } | Error::Format { .. } | Error::Settings { .. }) => error,
            error => {
                let at = offset(text, &failure.key);
                at_offset(text, source, at, &error)
            }
        })
    }

    /// The TOML document that [`Sweep::from_file`] reads back to an equal sweep, with the base written out.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Document<'a> {
            base: &'a Settings,
            grid: Table,
        }
        let lists = self.grid.iter();
        let lists = lists.map(|axis| (axis.key.clone(), Value::Array(axis.values.clone())));
        let document = Document {
            base: &self.base,
            grid: lists.collect(),
        };
        toml::to_string_pretty(&document)
            .map_err(|error| Error::setting("sweep", &self.base.name, error))
    }

    /// The settings that the grid changes.
    pub fn base(&self) -> &Settings {
        &self.base
    }

    /// The cells, in order.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The settings that differ from cell to cell, in the order of the file.
    pub(crate) fn grid(&self) -> &[Axis] {
        &self.grid
    }

    /// What tells `cell` from the others: `gain.eta = 0.1, training.batch = 32`.
    pub fn label(&self, cell: &Cell) -> String {
        let values = self.grid.iter().zip(&cell.values);
        let values = values.map(|(axis, value)| format!("{} = {value}", axis.key));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// What is wrong, and the path of the key in the document where it shows.
struct Failure {
    key: String,
    error: Error,
}

type Reading<T> = core::result::Result<T, Failure>;

impl Failure {
    fn at(key: &str) -> impl Fn(Error) -> Failure {
        move |error| Failure {
            key: key.to_string(),
            error,
        }
    }
}

fn read(mut document: Table, folder: &Path) -> Reading<Sweep> {
    if let Some(key) = document.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let error = unknown("key of a sweep", key, &KEYS.map(String::from));
        return Err(Failure::at(key)(error));
    }
    document.remove("description");
    let mut base = base(document.remove("base"), folder)?;
    if let Some(name) = document.remove("variants") {
        let wrong = || Error::setting("variants", &name, "the name of a list of methods");
        let list = name.as_str().ok_or_else(wrong);
        base = list
            .and_then(|list| base.with_variants(list))
            .map_err(Failure::at("variants"))?;
    }
    let texts = |list: Vec<Value>| -> Option<Vec<String>> {
        let texts = list.into_iter().map(|name| Some(name.as_str()?.into()));
        texts.collect()
    };
    if let Some(names) = document.remove("methods") {
        let wrong = || Error::setting("methods", &names, "a list of names, such as [\"ngm-sgd\"]");
        let list = names.as_array().cloned().and_then(texts);
        base = list
            .ok_or_else(wrong)
            .and_then(|list| base.with_methods(&list))
            .map_err(Failure::at("methods"))?;
    }
    if let Some(seeds) = document.remove("seeds") {
        base = base
            .with_overrides(&[format!("training.seeds={seeds}")])
            .map_err(Failure::at("seeds"))?;
    }
    if let Some(changes) = document.remove("set") {
        let wrong = || {
            let expected = "a list of settings, such as [\"evaluation.tasks=all\"]";
            Error::setting("set", &changes, expected)
        };
        let list = changes.as_array().cloned().and_then(texts);
        base = list
            .ok_or_else(wrong)
            .and_then(|list| base.with_overrides(&list))
            .map_err(Failure::at("set"))?;
    }
    let mut grid = Vec::new();
    let expected = "a table of settings with lists of values, such as \"gain.eta\" = [0.1, 0.2]";
    match document.remove("grid") {
        Some(Value::Table(table)) if !table.is_empty() => flatten("", table, &mut grid)?,
        Some(other) => {
            let error = Error::setting("grid", other, expected);
            return Err(Failure::at("grid")(error));
        }
        None => {
            let error = Error::setting("grid", "(missing)", expected);
            return Err(Failure::at("grid")(error));
        }
    }
    let cells = cells(&base, &grid)?;
    Ok(Sweep { base, grid, cells })
}

fn base(value: Option<Value>, folder: &Path) -> Reading<Settings> {
    let expected = "a benchmark's name, a file of settings, or a table of them";
    match value {
        Some(Value::String(name)) => Settings::find(&name, folder).map_err(Failure::at("base")),
        Some(Value::Table(table)) => checked::<Settings>(table).map_err(|error| {
            let key = match &error {
                Error::Setting { name, .. } | Error::Unknown { name, .. } => join("base", name),
                _ => "base".into(),
            };
            Failure { key, error }
        }),
        Some(other) => Err(Failure::at("base")(Error::setting("base", other, expected))),
        None => Err(Failure::at("base")(Error::setting(
            "base",
            "(missing)",
            expected,
        ))),
    }
}

/// Where the key with this dotted path stands in a document; for one inside a value, where that stands.
fn offset(text: &str, path: &str) -> Option<usize> {
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
    find(DeTable::parse(text).ok()?.get_ref(), "", path)
}
