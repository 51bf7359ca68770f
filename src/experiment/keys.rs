//! Every key of an experiment's TOML and the kind of its value: the one place that errors about
//! unknown keys, missing keys and wrong types are made from. A test holds it equal to the structs.
//! The keys of a comodulation experiment stand with its settings.

use toml::{Table, Value};

use super::nearest::unknown;
use crate::error::{Error, Result};
use crate::stream::StreamKind;

/// One key and what its value must be.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    optional: bool,
}

/// A table whose keys depend on the value of one of them.
pub(super) struct Tagged {
    pub(super) tag: &'static str,
    names: &'static [&'static str],
    variants: &'static [&'static [Key]],
}

impl Tagged {
    /// The keys of `table`, the tag among them; those of the first variant if its tag names none.
    pub(super) fn keys(&self, table: &Table) -> &'static [Key] {
        let name = table.get(self.tag).and_then(Value::as_str);
        let place = self.names.iter().position(|known| Some(*known) == name);
        self.variants[place.unwrap_or(0)]
    }
}

/// What a value must be. Ranges are [`super::Settings::validate`]'s.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    Whole,
    Number,
    WholeList,
    NumberList,
    TextList,
    ContextList,
    /// A whole number for all, or a list of them.
    WholeOrList,
    Choice(&'static [&'static str]),
    Table(&'static [Key]),
    /// A list of tables that are addressed by the name that each has.
    Entries(&'static [Key]),
    Tagged(&'static Tagged),
    /// A table whose own type checks it.
    FreeTable,
    /// A list of such tables.
    FreeList,
}

pub(super) const fn key(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        optional: false,
    }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        optional: true,
    }
}

pub(super) const SETTINGS: &[Key] = &[
    key("name", Kind::Text),
    key("title", Kind::Text),
    key("description", Kind::Text),
    key("data", Kind::Table(DATA)),
    key("stream", Kind::Table(STREAM)),
    key("network", Kind::Tagged(&NETWORK)),
    key("training", Kind::Table(TRAINING)),
    key("evaluation", Kind::Table(EVALUATION)),
    key("gain", Kind::Table(GAIN)),
    key("methods", Kind::Entries(METHOD)),
];

pub(super) const DATA: &[Key] = &[
    key(
        "source",
        Kind::Choice(&[
            "digits",
            "mnist",
            "fashion-mnist",
            "cifar10",
            "cifar100",
            "images",
            "celeba",
        ]),
    ),
    key("maximum", Kind::Number),
    key("mean", Kind::NumberList),
    key("standard_deviation", Kind::NumberList),
    optional("name", Kind::Text),
    optional("side", Kind::Whole),
];

const STREAM: &[Key] = &[
    key("kind", Kind::Choice(StreamKind::NAMES)),
    optional("contexts", Kind::ContextList),
    optional("tasks", Kind::Whole),
    optional("classes_per_task", Kind::Whole),
    optional("shuffle_classes", Kind::Flag),
    optional("recurring", Kind::Whole),
    optional("training", Kind::Choice(&["joint", "sequential"])),
    optional("seed", Kind::Whole),
    optional("iterations", Kind::Whole),
    optional("iterations_per_context", Kind::WholeList),
    optional("epochs", Kind::WholeOrList),
    optional("memory", Kind::Table(MEMORY)),
];

const MEMORY: &[Key] = &[
    key("kind", Kind::Choice(&["reservoir", "balanced"])),
    key("size", Kind::Whole),
];

const NETWORK: Tagged = Tagged {
    tag: "kind",
    names: NETWORKS,
    variants: &[MLP, SLIM_RESNET_18],
};
const NETWORKS: &[&str] = &["mlp", "slim-resnet18"];
const MLP: &[Key] = &[
    key("kind", Kind::Choice(NETWORKS)),
    key("hidden", Kind::WholeList),
    key("hidden_standard_deviation", Kind::Number),
    key("output_standard_deviation", Kind::Number),
];

const SLIM_RESNET_18: &[Key] = &[
    key("kind", Kind::Choice(NETWORKS)),
    key("width", Kind::Whole),
    key("head_standard_deviation", Kind::Number),
    key("modulated", Kind::TextList),
];

const TRAINING: &[Key] = &[
    key("batch", Kind::Whole),
    key("learning_rate", Kind::Number),
    key("crop_padding", Kind::Whole),
    key("mirror", Kind::Flag),
    key("seeds", Kind::WholeList),
];

const EVALUATION: &[Key] = &[
    key("every", Kind::Whole),
    key("limit", Kind::Whole),
    key("tasks", Kind::Choice(&["first", "all"])),
    key("augmented", Kind::Flag),
];

const GAIN: &[Key] = &[
    key("gamma", Kind::Number),
    key("g0", Kind::Number),
    key("eta", Kind::Number),
];

const METHOD: &[Key] = &[
    key("name", Kind::Text),
    key("label", Kind::Text),
    key("gain_modulated", Kind::Flag),
    key("optimiser", Kind::Tagged(&OPTIMISER)),
    optional("backbone", Kind::Tagged(&OPTIMISER)),
    optional("reset_at_switch", Kind::Flag),
    optional("drive", Kind::Choice(&["entropy", "boundary"])),
    optional("only_slow", Kind::Flag),
    optional("gain", Kind::Table(GAIN)),
    optional("learner", Kind::Text),
    optional("learning_rate", Kind::Number),
    optional("schedule", Kind::FreeTable),
    optional("weight_decay", Kind::Number),
    optional("regularisers", Kind::FreeList),
    optional("replacement", Kind::FreeTable),
    optional("parameters", Kind::FreeTable),
];

pub(super) const OPTIMISER: Tagged = Tagged {
    tag: "rule",
    names: RULES,
    variants: &[SGD, MOMENTUM, ADAM],
};
const RULES: &[&str] = &["sgd", "momentum", "adam"];
const RULE: Key = key("rule", Kind::Choice(RULES));
const SGD: &[Key] = &[RULE];
const MOMENTUM: &[Key] = &[RULE, key("momentum", Kind::Number)];
const ADAM: &[Key] = &[
    RULE,
    key("beta1", Kind::Number),
    key("beta2", Kind::Number),
    key("epsilon", Kind::Number),
];

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

/// Whether `table` has every one of `keys`, none else, each with a value of its kind.
pub(super) fn check(table: &Table, keys: &[Key]) -> Result<()> {
    check_table("", table, keys, &|| paths(table, keys))
}

/// `known` gives the dotted paths that an error names the nearest of.
fn check_table(
    path: &str,
    table: &Table,
    keys: &[Key],
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    for (name, value) in table {
        let path = join(path, name);
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check_value(&path, value, key.kind, known)?,
            None => return Err(unknown("setting", &path, &known())),
        }
    }
    let missing = |key: &&Key| !key.optional && !table.contains_key(key.name);
    match keys.iter().find(missing) {
        Some(missing) => Err(Error::setting(
            join(path, missing.name),
            "(missing)",
            expected(missing.name, missing.kind),
        )),
        None => Ok(()),
    }
}

fn check_value(
    path: &str,
    value: &Value,
    kind: Kind,
    known: &dyn Fn() -> Vec<String>,
) -> Result<()> {
    let fits = match (kind, value) {
        (Kind::Text, value) => value.is_str(),
        (Kind::Flag, value) => value.is_bool(),
        (Kind::Whole, value) => is_whole(value, usize::MAX as u64),
        (Kind::Number, value) => value.is_integer() || value.is_float(),
        (Kind::WholeOrList, Value::Integer(_)) => is_whole(value, usize::MAX as u64),
        (Kind::WholeList | Kind::WholeOrList, Value::Array(list)) => {
            list.iter().all(|v| is_whole(v, u64::MAX))
        }
        (Kind::NumberList, Value::Array(list)) => {
            list.iter().all(|v| v.is_integer() || v.is_float())
        }
        (Kind::TextList, Value::Array(list)) => list.iter().all(Value::is_str),
        (Kind::ContextList, Value::Array(list)) => list.iter().all(|context| {
            let classes = context.as_array();
            classes.is_some_and(|c| c.iter().all(|v| is_whole(v, u64::from(u16::MAX))))
        }),
        (Kind::FreeTable, value) => value.is_table(),
        (Kind::FreeList, Value::Array(list)) => list.iter().all(Value::is_table),
        (Kind::Choice(names), Value::String(text)) => names.contains(&text.as_str()),
        (Kind::Table(keys), Value::Table(table)) => return check_table(path, table, keys, known),
        (Kind::Tagged(tagged), Value::Table(table)) => {
            // An unknown rule would otherwise be reported as an unknown `beta1`.
            if let Some(tag) = table.get(tagged.tag) {
                let kind = Kind::Choice(tagged.names);
                check_value(&join(path, tagged.tag), tag, kind, known)?;
            }
            return check_table(path, table, tagged.keys(table), known);
        }
        (Kind::Entries(keys), Value::Array(list)) => {
            for (index, entry) in list.iter().enumerate() {
                let path = join(path, &method_address(index, entry));
                match entry {
                    Value::Table(table) => check_table(&path, table, keys, known)?,
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
        let name = path.rsplit('.').next().unwrap_or(path);
        Err(wrong_type(path, value, &expected(name, kind)))
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

/// What the value of the key `name`, of this kind, looks like.
pub(super) fn expected(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Flag => "true or false".into(),
        Kind::Whole => "a whole number, not negative".into(),
        Kind::Number => "a number".into(),
        Kind::WholeList => "a list of whole numbers, none negative, such as [1, 2]".into(),
        Kind::WholeOrList => "a whole number, or a list of them, such as [1, 2]".into(),
        Kind::NumberList => "a list of numbers, such as [0.5, 0.25]".into(),
        Kind::TextList => "a list of texts, such as [\"stem\", \"head\"]".into(),
        Kind::ContextList => "a list of lists of whole numbers, such as [[0, 1], [2, 3]]".into(),
        Kind::Choice(names) => format!("\"{}\"", names.join("\" or \"")),
        Kind::Table(keys) => {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            format!("a table of {}", names.join(", "))
        }
        Kind::Entries(keys) => {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            format!("a list of tables [[{name}]] of {}", names.join(", "))
        }
        Kind::FreeTable => "a table, such as { kind = \"cosine\", end = 0.0 }".into(),
        Kind::FreeList => "a list of tables, such as [{ kind = \"l2\", strength = 0.001 }]".into(),
        Kind::Tagged(tagged) => {
            let Tagged { tag, names, .. } = tagged;
            format!("a table such as {{ {tag} = \"{}\" … }}", names[0])
        }
    }
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
        match key.kind {
            Kind::Table(inner) => collect(&path, inner, value.and_then(Value::as_table), found),
            Kind::Entries(keys) => {
                let entries = value.and_then(Value::as_array).map_or(&[][..], |v| v);
                for (index, entry) in entries.iter().enumerate() {
                    let path = join(&path, &method_address(index, entry));
                    collect(&path, keys, entry.as_table(), found);
                }
            }
            Kind::Tagged(tagged) => {
                let inner = value.and_then(Value::as_table);
                let keys = inner.map_or(tagged.variants[0], |table| tagged.keys(table));
                collect(&path, keys, inner, found);
            }
            _ => found.push(path),
        }
    }
}
