//! Checks the keys and values of a table, and fills in defaults.

use std::collections::BTreeSet;

use serde::Serialize;
use toml::{Table, Value};

use super::{Document, Key, Kind, Variant, find_key, require, unknown};
use crate::error::{Error, Result};

/// Checks every key and value of `document`, fills in defaults, and converts keys to the canonical spelling.
pub(crate) fn checked<D: Document>(mut document: Table) -> Result<D> {
    checked_table(&mut document, D::KEYS)?;
    let settings: D = document
        .try_into()
        .map_err(|error: toml::de::Error| Error::setting("settings", error.message(), "TOML"))?;
    settings.check()?;
    Ok(settings)
}

/// As [`checked`], without the rules that concern several keys.
pub(crate) fn checked_table(document: &mut Table, keys: &'static [Key]) -> Result<()> {
    let given = document.clone();
    check_table("", document, keys, &|| paths(&given, keys))
}

/// A value as a TOML table.
pub(crate) fn as_table(value: &impl Serialize) -> Result<Table> {
    Table::try_from(value).map_err(|error| Error::encoding("settings", "TOML", error))
}

/// `prefix.name`, or `name` at the root.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_string(),
        _ => format!("{prefix}.{name}"),
    }
}

/// The address of an entry of a list: its name, or its index if it has none.
pub(super) fn address(index: usize, entry: &Value) -> String {
    match entry.get("name").and_then(Value::as_str) {
        Some(name) => name.to_string(),
        None => index.to_string(),
    }
}

/// The names of variants.
pub(super) fn names(variants: &[Variant]) -> Vec<&'static str> {
    variants.iter().map(|variant| variant.name).collect()
}

/// The variant that the tag of `table` names; the first variant if there is no tag.
pub(super) fn variant(tag: &str, variants: &'static [Variant], table: &Table) -> &'static Variant {
    let name = table.get(tag).and_then(Value::as_str);
    let found = variants.iter().find(|variant| Some(variant.name) == name);
    found.unwrap_or(&variants[0])
}

/// Renames keys to their canonical spelling.
pub(super) fn spell(table: &mut Table, keys: &'static [Key]) {
    let other = |name: &String| find_key(keys, name).filter(|key| key.name != name);
    let found: Vec<(String, &str)> = table
        .keys()
        .filter_map(|name| Some((name.clone(), other(name)?.name)))
        .filter(|(_, key)| !table.contains_key(*key))
        .collect();
    for (name, key) in found {
        if let Some(value) = table.remove(&name) {
            table.insert(key.to_string(), value);
        }
    }
}

/// `known` are the dotted paths among which an error suggests the nearest.
fn check_table(
    path: &str,
    table: &mut Table,
    keys: &'static [Key],
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    spell(table, keys);
    for (name, value) in table.iter_mut() {
        let path = join(path, name);
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check_value(&path, value, key, known)?,
            None => return Err(unknown("setting", &path, &known())),
        }
    }
    for key in keys.iter().filter(|key| !key.optional) {
        if table.contains_key(key.name) {
            continue;
        }
        let path = join(path, key.name);
        let mut value = default(key)
            .ok_or_else(|| Error::setting(&path, MISSING, expected(key.name, key.kind)))?;
        check_value(&path, &mut value, key, known)?;
        table.insert(key.name.into(), value);
    }
    Ok(())
}

/// The value of a setting that is not there, in errors.
pub(super) const MISSING: &str = "(missing)";

/// The default value of a key.
pub(super) fn default(key: &Key) -> Option<Value> {
    key.default.and_then(|text| text.parse().ok())
}

fn check_value(
    path: &str,
    value: &mut Value,
    key: &Key,
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    match (key.kind, &mut *value) {
        (Kind::Table(keys), Value::Table(table)) => return check_table(path, table, keys, known),
        (Kind::Tagged(tag, variants), Value::Table(table)) => {
            return check_tagged(path, table, (tag, variants), known);
        }
        (Kind::List(inner @ (Kind::Table(_) | Kind::Tagged(..))), Value::Array(list)) => {
            check_entries(path, list, *inner, known)?;
        }
        (kind, value) if !fits(kind, value) => {
            return Err(wrong_type(path, value, &expected(key.name, kind)));
        }
        _ => {}
    }
    key.range.check(path, value)
}

fn check_tagged(
    path: &str,
    table: &mut Table,
    (tag, variants): (&str, &'static [Variant]),
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    // Removed, because it is not one of the variant's keys.
    let chosen = variant(tag, variants, table).keys;
    let place = join(path, tag);
    let expected = expected(tag, Kind::Choice(variants));
    match table.remove(tag) {
        Some(value) if fits(Kind::Choice(variants), &value) => {
            check_table(path, table, chosen, known)?;
            // The tag comes first.
            let rest = std::mem::take(table);
            table.insert(tag.into(), value);
            table.extend(rest);
            Ok(())
        }
        Some(value) => Err(wrong_type(&place, value, &expected)),
        None => Err(Error::setting(place, MISSING, expected)),
    }
}

fn check_entries(
    path: &str,
    list: &mut [Value],
    kind: Kind,
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (index, entry) in list.iter_mut().enumerate() {
        let path = join(path, &address(index, entry));
        match (kind, &mut *entry) {
            (Kind::Table(keys), Value::Table(table)) => check_table(&path, table, keys, known)?,
            (Kind::Tagged(tag, variants), Value::Table(table)) => {
                check_tagged(&path, table, (tag, variants), known)?;
            }
            (_, other) => return Err(wrong_type(&path, other, "a table")),
        }
        if let Some(name) = entry.get("name").and_then(Value::as_str) {
            // Some file systems do not distinguish upper and lower case.
            let new = seen.insert(name.to_lowercase());
            let expected = "names that differ in more than upper and lower case";
            require(new, &join(&path, "name"), name, expected)?;
        }
    }
    Ok(())
}

fn fits(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Text, value) => value.is_str(),
        (Kind::Flag, value) => value.is_bool(),
        (Kind::Free, value) => value.is_table(),
        (Kind::Number, value) => value.is_integer() || value.is_float(),
        (Kind::Whole(most), value) => {
            let number = value.as_integer().and_then(|v| u64::try_from(v).ok());
            number.is_some_and(|v| v <= most)
        }
        (Kind::Choice(variants), Value::String(text)) => names(variants).contains(&text.as_str()),
        (Kind::List(kind), Value::Array(list)) => list.iter().all(|value| fits(*kind, value)),
        _ => false,
    }
}

/// The error for a value of the wrong type.
pub(super) fn wrong_type(path: &str, value: impl ToString, expected: &str) -> Error {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(80) {
        text.truncate(end);
        text.push('…');
    }
    Error::setting(path, text, expected)
}

/// Describes the values of the key `name` of this kind.
pub(super) fn expected(name: &str, kind: Kind) -> String {
    let list = |keys: &[Key]| {
        keys.iter()
            .map(|key| key.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match kind {
        Kind::Text => "text".into(),
        Kind::Flag => "true or false".into(),
        Kind::Whole(_) => "a whole number, not negative".into(),
        Kind::Number => "a number".into(),
        Kind::List(Kind::Whole(_)) => {
            "a list of whole numbers, none negative, such as [1, 2]".into()
        }
        Kind::List(Kind::Number) => "a list of numbers, such as [0.5, 0.25]".into(),
        Kind::List(Kind::Table(keys)) => format!("a list of tables [[{name}]] of {}", list(keys)),
        Kind::List(Kind::Tagged(tag, variants)) => {
            let name = variants[0].name;
            format!("a list of tables, such as [{{ {tag} = \"{name}\" … }}]")
        }
        Kind::List(Kind::List(_)) => {
            "a list of lists of whole numbers, such as [[0, 1], [2, 3]]".into()
        }
        Kind::List(Kind::Choice(variants)) => {
            format!("a list of \"{}\"", names(variants).join("\", \""))
        }
        Kind::List(_) => "a list of texts, such as [\"stem\", \"head\"]".into(),
        Kind::Choice(variants) => format!("\"{}\"", names(variants).join("\" or \"")),
        Kind::Table(keys) => format!("a table of {}", list(keys)),
        Kind::Free => "a table".into(),
        Kind::Tagged(tag, variants) => {
            format!("a table such as {{ {tag} = \"{}\" … }}", variants[0].name)
        }
    }
}

#[cfg(feature = "cli")]
/// Whether documents of this system can have the setting at this dotted path, which leads through no list.
pub(crate) fn has_key<D: Document>(path: &str) -> bool {
    let all = paths(&Table::new(), D::KEYS);
    all.iter().any(|known| known == path)
}

/// The dotted path of every setting that `root`, which has `keys`, may hold.
pub(super) fn paths(root: &Table, keys: &[Key]) -> Vec<String> {
    let mut found = Vec::new();
    collect("", keys, Some(root), &mut found);
    found
}

fn collect(prefix: &str, keys: &[Key], table: Option<&Table>, found: &mut Vec<String>) {
    for key in keys {
        let path = join(prefix, key.name);
        let value = table.and_then(|table| table.get(key.name));
        let inner = value.and_then(Value::as_table);
        match key.kind {
            Kind::Table(keys) => collect(&path, keys, inner, found),
            Kind::List(Kind::Table(keys)) => {
                let entries = value.and_then(Value::as_array).map_or(&[][..], |v| v);
                for (index, entry) in entries.iter().enumerate() {
                    let path = join(&path, &address(index, entry));
                    collect(&path, keys, entry.as_table(), found);
                }
            }
            Kind::Tagged(tag, variants) => {
                found.push(join(&path, tag));
                let chosen = inner.map_or(&variants[0], |table| variant(tag, variants, table));
                collect(&path, chosen.keys, inner, found);
            }
            _ => found.push(path),
        }
    }
}
