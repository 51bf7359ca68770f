//! Every key of an experiment's TOML and the kind of its value: the one place that errors about
//! unknown keys, missing keys and wrong types are made from. A test holds it equal to the structs.

use toml::{Table, Value};

use super::nearest::unknown;
use crate::error::{Error, Result};

/// One key and what its value must be.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a value must be. Ranges are [`super::Settings::validate`]'s.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    Whole,
    Number,
    WholeList,
    ContextList,
    Choice(&'static [&'static str]),
    Table(&'static [Key]),
    Methods,
    Optimiser,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

pub(super) const SETTINGS: &[Key] = &[
    key("name", Kind::Text),
    key("title", Kind::Text),
    key("description", Kind::Text),
    key("data", Kind::Table(DATA)),
    key("stream", Kind::Table(STREAM)),
    key("network", Kind::Table(NETWORK)),
    key("training", Kind::Table(TRAINING)),
    key("gain", Kind::Table(GAIN)),
    key("methods", Kind::Methods),
];

const DATA: &[Key] = &[
    key("source", Kind::Choice(&["digits", "mnist"])),
    key("maximum", Kind::Number),
    key("mean", Kind::Number),
    key("standard_deviation", Kind::Number),
];

const STREAM: &[Key] = &[
    key("contexts", Kind::ContextList),
    key("iterations", Kind::Whole),
];

const NETWORK: &[Key] = &[
    key("hidden", Kind::WholeList),
    key("hidden_standard_deviation", Kind::Number),
    key("output_standard_deviation", Kind::Number),
];

const TRAINING: &[Key] = &[
    key("batch", Kind::Whole),
    key("learning_rate", Kind::Number),
    key("seeds", Kind::WholeList),
];

const GAIN: &[Key] = &[
    key("gamma", Kind::Number),
    key("g0", Kind::Number),
    key("eta", Kind::Number),
];

pub(super) const METHOD: &[Key] = &[
    key("name", Kind::Text),
    key("label", Kind::Text),
    key("gain_modulated", Kind::Flag),
    key("optimiser", Kind::Optimiser),
];

const RULE: Kind = Kind::Choice(&["sgd", "momentum", "adam"]);
const SGD: &[Key] = &[key("rule", RULE)];
const MOMENTUM: &[Key] = &[key("rule", RULE), key("momentum", Kind::Number)];
const ADAM: &[Key] = &[
    key("rule", RULE),
    key("beta1", Kind::Number),
    key("beta2", Kind::Number),
    key("epsilon", Kind::Number),
];

/// The keys of an optimiser's table, which depend on its `rule`.
pub(super) fn optimiser(table: &Table) -> &'static [Key] {
    match table.get("rule").and_then(Value::as_str) {
        Some("momentum") => MOMENTUM,
        Some("adam") => ADAM,
        _ => SGD,
    }
}

/// What a method's entry is addressed by: its name, or its place in the list if it has none.
pub(super) fn method_address(index: usize, entry: &Value) -> String {
    match entry.get("name").and_then(Value::as_str) {
        Some(name) => name.to_string(),
        None => index.to_string(),
    }
}

/// `prefix.name`, or `name` at the root.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_string()
    } else {
        format!("{prefix}.{name}")
    }
}

/// Whether `table` has every key, none else, each with a value of its kind.
pub(super) fn check(table: &Table) -> Result<()> {
    check_table("", table, SETTINGS, table)
}

fn check_table(path: &str, table: &Table, keys: &[Key], root: &Table) -> Result<()> {
    for (name, value) in table {
        let path = join(path, name);
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check_value(&path, value, key.kind, root)?,
            None => return Err(unknown("setting", &path, &paths(root))),
        }
    }
    match keys.iter().find(|key| !table.contains_key(key.name)) {
        Some(missing) => Err(Error::setting(
            join(path, missing.name),
            "(missing)",
            expected(missing.kind),
        )),
        None => Ok(()),
    }
}

fn check_value(path: &str, value: &Value, kind: Kind, root: &Table) -> Result<()> {
    let fits = match (kind, value) {
        (Kind::Text, value) => value.is_str(),
        (Kind::Flag, value) => value.is_bool(),
        (Kind::Whole, value) => is_whole(value, usize::MAX as u64),
        (Kind::Number, value) => value.is_integer() || value.is_float(),
        (Kind::WholeList, Value::Array(list)) => list.iter().all(|v| is_whole(v, u64::MAX)),
        (Kind::ContextList, Value::Array(list)) => list.iter().all(|context| {
            let classes = context.as_array();
            classes.is_some_and(|c| c.iter().all(|v| is_whole(v, u64::from(u8::MAX))))
        }),
        (Kind::Choice(names), Value::String(text)) => names.contains(&text.as_str()),
        (Kind::Table(keys), Value::Table(table)) => return check_table(path, table, keys, root),
        (Kind::Optimiser, Value::Table(table)) => {
            // An unknown rule would otherwise be reported as an unknown `beta1`.
            if let Some(rule) = table.get("rule") {
                check_value(&join(path, "rule"), rule, RULE, root)?;
            }
            return check_table(path, table, optimiser(table), root);
        }
        (Kind::Methods, Value::Array(list)) => {
            for (index, entry) in list.iter().enumerate() {
                let path = join(path, &method_address(index, entry));
                match entry {
                    Value::Table(table) => check_table(&path, table, METHOD, root)?,
                    other => return Err(wrong_type(&path, other, "a table")),
                }
            }
            true
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(wrong_type(path, value, &expected(kind)))
    }
}

fn is_whole(value: &Value, most: u64) -> bool {
    let number = value.as_integer().and_then(|v| u64::try_from(v).ok());
    number.is_some_and(|v| v <= most)
}

/// The error for a value that is not of its key's kind.
pub(super) fn wrong_type(path: &str, value: impl ToString, expected: &str) -> Error {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(80) {
        text.truncate(end);
        text.push('…');
    }
    Error::setting(path, text, expected)
}

/// What a value of this kind looks like.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Flag => "true or false".into(),
        Kind::Whole => "a whole number, not negative".into(),
        Kind::Number => "a number".into(),
        Kind::WholeList => "a list of whole numbers, none negative, such as [1, 2]".into(),
        Kind::ContextList => "a list of lists of classes, such as [[0, 1], [2, 3]]".into(),
        Kind::Choice(names) => format!("\"{}\"", names.join("\" or \"")),
        Kind::Table(keys) => {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            format!("a table of {}", names.join(", "))
        }
        Kind::Methods => "a list of methods, one [[methods]] each".into(),
        Kind::Optimiser => "a table such as { rule = \"sgd\" }".into(),
    }
}

/// The dotted path of every setting that `root` may hold.
pub(super) fn paths(root: &Table) -> Vec<String> {
    let mut found = Vec::new();
    collect("", SETTINGS, Some(root), &mut found);
    found
}

fn collect(prefix: &str, keys: &[Key], table: Option<&Table>, found: &mut Vec<String>) {
    for key in keys {
        let path = join(prefix, key.name);
        let value = table.and_then(|table| table.get(key.name));
        match key.kind {
            Kind::Table(inner) => collect(&path, inner, value.and_then(Value::as_table), found),
            Kind::Methods => {
                let entries = value.and_then(Value::as_array).map_or(&[][..], |v| v);
                for (index, entry) in entries.iter().enumerate() {
                    let path = join(&path, &method_address(index, entry));
                    collect(&path, METHOD, entry.as_table(), found);
                }
            }
            Kind::Optimiser => {
                let inner = value.and_then(Value::as_table);
                collect(&path, inner.map_or(SGD, optimiser), inner, found);
            }
            _ => found.push(path),
        }
    }
}
