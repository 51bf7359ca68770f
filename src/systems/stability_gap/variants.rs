//! Lists of methods that ship inside, for any benchmark: TOML files of `data/variants`, compiled in.

use toml::{Table, Value};

use super::Settings;
use crate::error::{Error, Result};
use crate::run::settings::{overlaid, unknown};

pub(crate) const VARIANTS: &[(&str, &str)] = &[
    (
        "ablation",
        include_str!("../../../data/variants/ablation.toml"),
    ),
    ("reset", include_str!("../../../data/variants/reset.toml")),
    (
        "composition",
        include_str!("../../../data/variants/composition.toml"),
    ),
    (
        "boundary",
        include_str!("../../../data/variants/boundary.toml"),
    ),
];

/// The names of the lists, each with what it is for.
///
/// # Errors
/// [`Error::Format`] where a compiled-in file is not what it should be.
pub fn variants() -> Result<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    for (name, toml) in VARIANTS {
        let table = parse(name, toml)?;
        let description = table.get("description").and_then(Value::as_str);
        found.push((*name, description.unwrap_or_default().trim().to_string()));
    }
    Ok(found)
}

impl Settings {
    /// These settings with the methods of a list that ships inside instead of their own.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    pub fn with_variants(&self, name: &str) -> Result<Self> {
        let Some((_, toml)) = VARIANTS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<String> = VARIANTS.iter().map(|(name, _)| name.to_string()).collect();
            return Err(unknown("list of methods", name, &known));
        };
        let mut list = parse(name, toml)?;
        // What the list is for.
        list.remove("description");
        overlaid(self, list)
    }
}

fn parse(name: &str, toml: &str) -> Result<Table> {
    toml.parse()
        .map_err(|error: toml::de::Error| Error::Format {
            path: format!("data/variants/{name}.toml"),
            problem: error.message().to_string(),
        })
}
