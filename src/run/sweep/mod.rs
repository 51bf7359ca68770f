//! Sweeps: a grid over settings, with one experiment per cell.

mod chart;
mod directory;
mod grid;
mod page;
mod source;
mod table;

use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};

use self::grid::{cells, flatten};
use crate::error::{Error, Result};
use crate::run::settings::{
    Adjustments, Document, adjusted, at_offset, changed, checked, find, join, unknown,
};

pub use self::directory::{Collected, begin_sweep, cell_directory, cell_has_ended, collect_sweep};
pub use self::source::SweepSource;

const KEYS: [&str; 7] = [
    "description",
    "base",
    "variants",
    "methods",
    "seeds",
    "set",
    "grid",
];

/// A sweep: a base, and lists of values for some of its settings. Every cell has been checked.
///
/// ```toml
/// description = "…"               # optional
/// base = "split-digits"           # a benchmark, a file of settings, or a table of them
/// variants = "composition"        # optional: a list of methods that replaces the base's
/// methods = ["ngm-sgd", "sgd"]    # optional: the methods to run, in this order; default: all
/// seeds = [42, 43, 44]            # optional; default: the base's seeds
/// set = ["evaluation.tasks=all"]  # optional: changes to other settings of the base, as in --set
///
/// [grid]                          # dotted paths, as in --set
/// gain.eta = [0.1, 0.2, 0.4]
/// training.batch = [32, 64]
/// ```
///
/// A base that is a file is searched for in the folder of the sweep's file. The cells are the product of the grid's
/// lists, numbered from 1; the last list varies fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep<D> {
    description: String,
    base: D,
    grid: Vec<Axis>,
    cells: Vec<Cell<D>>,
}

/// One setting of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Its dotted path.
    pub(crate) key: String,
    /// Its values; no two give the same settings.
    pub(crate) values: Vec<Value>,
}

impl Axis {
    /// Whether a value is a table.
    pub(crate) fn has_tables(&self) -> bool {
        self.values.iter().any(Value::is_table)
    }

    /// A value as a table of results shows it: text without quotes; of a table, the entries that not all values share.
    fn short(&self, value: &Value) -> String {
        let Some(table) = value.as_table() else {
            return plain(value);
        };
        let shared =
            |key: &str, entry: &Value| self.values.iter().all(|of| of.get(key) == Some(entry));
        let own = table.iter().filter(|(key, entry)| !shared(key, entry));
        let parts = own.map(|(key, entry)| match entry {
            Value::String(text) => text.clone(),
            Value::Table(_) => key.clone(),
            other => format!("{key} {other}"),
        });
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// Text without quotes, any other value as in TOML.
fn plain(value: &Value) -> String {
    let text = value.as_str();
    text.map_or_else(|| value.to_string(), String::from)
}

/// One cell: a value from each list of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<D> {
    /// Counted from 1.
    pub number: usize,
    /// The base with this cell's values.
    pub settings: D,
    /// The value of each axis.
    pub(crate) values: Vec<Value>,
}

impl<D: Document> Sweep<D> {
    /// Reads a sweep, and checks every cell.
    ///
    /// # Errors
    /// [`Error::Settings`] that names the file, the line, the key and, for a value that only some cells refuse, the
    /// first such cell.
    pub fn read(source: &SweepSource) -> Result<Self> {
        read(source.document.clone(), &source.folder).map_err(|failure| match failure.error {
            // These errors already name a file, that of the base.
            error @ (Error::File { .. } | Error::Format { .. } | Error::Settings { .. }) => error,
            error => {
                let at = source.offset(&failure.key);
                at_offset(&source.text, &source.name, at, &error)
            }
        })
    }

    /// The sweep as a TOML document, with the base written out; [`Sweep::read`] reads an equal sweep from it.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that TOML cannot represent.
    pub fn to_toml(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Resolved<'a, D> {
            #[serde(skip_serializing_if = "str::is_empty")]
            description: &'a str,
            base: &'a D,
            grid: Table,
        }
        let lists = self.grid.iter();
        let lists = lists.map(|axis| (axis.key.clone(), Value::Array(axis.values.clone())));
        let document = Resolved {
            description: &self.description,
            base: &self.base,
            grid: lists.collect(),
        };
        toml::to_string_pretty(&document).map_err(|error| Error::encoding("sweep", "TOML", error))
    }

    /// Its description; empty if it has none.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether both have the same cells.
    pub(crate) fn has_the_cells_of(&self, other: &Self) -> bool
    where
        D: PartialEq,
    {
        (&self.base, &self.grid) == (&other.base, &other.grid)
    }

    /// The base settings.
    pub fn base(&self) -> &D {
        &self.base
    }

    /// The cells, in order.
    pub fn cells(&self) -> &[Cell<D>] {
        &self.cells
    }

    /// The settings that differ from cell to cell, in the order of the file.
    pub(crate) fn grid(&self) -> &[Axis] {
        &self.grid
    }

    /// The values of `cell` in short: of tables, the entries that not all values of the list share.
    pub(crate) fn short_values(&self, cell: &Cell<D>) -> Vec<String> {
        let values = self.grid.iter().zip(&cell.values);
        values.map(|(axis, value)| axis.short(value)).collect()
    }

    /// The label of `cell`: `gain.eta = 0.1, training.batch = 32`.
    pub fn label(&self, cell: &Cell<D>) -> String {
        let values = self.grid.iter().zip(&cell.values);
        let values = values.map(|(axis, value)| format!("{} = {value}", axis.key));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// An error, and the path of the key in the document that causes it.
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

fn read<D: Document>(mut document: Table, folder: &Path) -> Reading<Sweep<D>> {
    if let Some(key) = document.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let error = unknown("key of a sweep", key, &KEYS.map(String::from));
        return Err(Failure::at(key)(error));
    }
    let description = match document.remove("description") {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => {
            let error = Error::setting("description", other, "text");
            return Err(Failure::at("description")(error));
        }
    };
    let mut base: D = base(document.remove("base"), folder)?;
    let variants = match document.remove("variants") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => {
            let error = Error::setting("variants", other, "the name of a list of methods");
            return Err(Failure::at("variants")(error));
        }
    };
    let texts = |list: Vec<Value>| -> Option<Vec<String>> {
        let texts = list.into_iter().map(|name| Some(name.as_str()?.into()));
        texts.collect()
    };
    let mut list_of = |key: &'static str, expected: &str| match document.remove(key) {
        None => Ok(None),
        Some(given) => {
            let list = given.as_array().cloned().and_then(texts);
            let wrong = || Failure::at(key)(Error::setting(key, &given, expected));
            list.ok_or_else(wrong).map(Some)
        }
    };
    let methods = list_of("methods", "a list of names, such as [\"ngm-sgd\"]")?;
    let expected = "a list of settings, such as [\"evaluation.tasks=all\"]";
    let changes = list_of("set", expected)?;
    let made = Adjustments {
        variants: variants.as_deref(),
        methods: methods.as_deref(),
        changes: changes.as_deref().unwrap_or_default(),
    };
    base = adjusted(&base, &made).map_err(|error| {
        let key = match error {
            Error::Unknown {
                kind: "list of methods",
                ..
            } => "variants",
            Error::Unknown { kind: "method", .. } => "methods",
            _ if changes.is_none() && methods.is_some() => "methods",
            _ if changes.is_none() => "variants",
            _ => "set",
        };
        Failure::at(key)(error)
    })?;
    if let Some(seeds) = document.remove("seeds") {
        base =
            changed(&base, &[format!("training.seeds={seeds}")]).map_err(Failure::at("seeds"))?;
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
    Ok(Sweep {
        description,
        base,
        grid,
        cells,
    })
}

fn base<D: Document>(value: Option<Value>, folder: &Path) -> Reading<D> {
    let expected = "a benchmark's name, a file of settings, or a table of them";
    match value {
        Some(Value::String(name)) => find(&name, folder).map_err(Failure::at("base")),
        Some(Value::Table(table)) => checked::<D>(table).map_err(|error| {
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
