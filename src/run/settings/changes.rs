//! Differences between settings and the preset of the same name.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::check::{address, join};
use super::{Document, Layers, Source};
use crate::error::Result;

/// One setting that differs; a value is empty if the setting is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its dotted path, as in `--set`.
    pub key: String,
    /// The preset's value.
    pub preset: String,
    /// The value here.
    pub value: String,
}

/// The differences between `own` and the system's preset called `name`, or else the first one with the same description,
/// without title and description; `None` if there is no such preset. A list entry (a method) that `own` omits is not a
/// difference.
pub(crate) fn changes<D: Document>(own: &D, name: &str) -> Result<Option<Vec<Change>>> {
    let whole = |document: &D| -> Result<Table> {
        Ok(super::to_toml(document)?.parse().unwrap_or_default())
    };
    let read =
        |name: &str| -> Result<D> { Layers::read(Source::find(name, Path::new(""))?)?.settings() };
    let mut preset = None;
    if D::PRESETS.iter().any(|(known, _)| *known == name) {
        preset = Some(read(name)?);
    } else {
        let described = whole(own)?.remove("description");
        for (known, _) in D::PRESETS.iter().filter(|_| described.is_some()) {
            let document = read(known)?;
            if whole(&document)?.remove("description") == described {
                preset = Some(document);
                break;
            }
        }
    }
    let Some(preset) = preset else {
        return Ok(None);
    };
    let table = |document: &D| -> Result<Value> {
        let mut table = whole(document)?;
        for key in ["name", "title", "description"] {
            table.remove(key);
        }
        Ok(Value::Table(table))
    };
    let mut own = table(own)?;
    if let Some(stream) = own.get_mut("stream").and_then(Value::as_table_mut)
        && stream.contains_key("epochs")
    {
        // A run has counted them.
        stream.remove("iterations_per_context");
    }
    let mut found = Vec::new();
    compare("", Some(&own), Some(&table(&preset)?), &mut found);
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Some(found))
}

fn compare(path: &str, own: Option<&Value>, preset: Option<&Value>, found: &mut Vec<Change>) {
    let tables = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.iter().any(Value::is_table))
    };
    let either = || own.into_iter().chain(preset);
    if either().any(Value::is_table) {
        let names: BTreeSet<&String> = either()
            .filter_map(Value::as_table)
            .flat_map(Table::keys)
            .collect();
        for name in names {
            let of = |value: Option<&'_ Value>| value.and_then(|value| value.get(name)).cloned();
            compare(
                &join(path, name),
                of(own).as_ref(),
                of(preset).as_ref(),
                found,
            );
        }
    } else if either().any(tables) {
        let entries = |value: Option<&Value>| {
            let list = value
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate();
            list.map(|(index, entry)| (address(index, entry), entry.clone()))
                .collect::<Vec<_>>()
        };
        let known = entries(preset);
        for (name, entry) in entries(own) {
            let preset = known
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, entry)| entry);
            let path = join(path, &name);
            match preset {
                Some(preset) => compare(&path, Some(&entry), Some(preset), found),
                None => found.push(Change {
                    key: path,
                    preset: String::new(),
                    value: entry.to_string(),
                }),
            }
        }
    } else if own != preset {
        let text = |value: Option<&Value>| value.map_or(String::new(), Value::to_string);
        found.push(Change {
            key: path.into(),
            preset: text(preset),
            value: text(own),
        });
    }
}

/// The settings that differ between `documents`, without title and description: the key of each, and its value in each
/// document as text, empty if absent. Of methods that not all have, only the names differ, at the key `methods`.
pub(crate) fn differing<D: Document>(documents: &[&D]) -> Result<Vec<(String, Vec<String>)>> {
    let flat = |document: &&D| -> Result<Vec<(String, String)>> {
        let table: Table = super::to_toml(*document)?.parse().unwrap_or_default();
        let mut found = Vec::new();
        flatten("", &Value::Table(table), &mut found);
        Ok(found)
    };
    let documents = documents.iter().map(flat).collect::<Result<Vec<_>>>()?;
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in documents.iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |of: &[(String, String)], key: &str| {
        let found = of.iter().find(|(known, _)| known == key);
        found.map_or(String::new(), |(_, value)| value.clone())
    };
    // A method that some do not have differs in its name alone.
    let shared = |key: &str| {
        let mut parts = key.split('.');
        let method = match (parts.next(), parts.next(), parts.next()) {
            (Some("methods"), Some(name), Some(_)) => format!("methods.{name}."),
            _ => return true,
        };
        let has = |of: &Vec<(String, String)>| of.iter().any(|(key, _)| key.starts_with(&method));
        documents.iter().all(has)
    };
    let mut found = Vec::new();
    for key in keys {
        let values: Vec<String> = documents.iter().map(|of| value(of, key)).collect();
        let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
        // A run counts the iterations of its epochs.
        let counted = key == "stream.iterations_per_context"
            && documents
                .iter()
                .all(|of| !value(of, "stream.epochs").is_empty());
        let text = ["title", "description"].contains(&key.as_str());
        if differs && shared(key) && !counted && !text {
            found.push((key.clone(), values));
        }
    }
    Ok(found)
}

/// Every setting below `value` with its dotted path; of a list of tables, also the names.
fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                flatten(&join(path, key), value, found);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            let entries = list.iter().enumerate();
            let entries: Vec<(String, &Value)> = entries
                .map(|(index, entry)| (address(index, entry), entry))
                .collect();
            let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
            found.push((path.into(), names.join(", ")));
            for (name, entry) in &entries {
                flatten(&join(path, name), entry, found);
            }
        }
        Value::String(text) => found.push((path.into(), text.clone())),
        value => found.push((path.into(), value.to_string())),
    }
}
