//! The reference of all keys, and presets annotated with the documentation of each key.

use std::fmt::Write;
use std::path::Path;

use toml::{Table, Value};

use super::check::{expected, join, variant};
use super::{DocumentKind, Key, Kind, Layers, Source, Variant};
use crate::error::Result;

/// The introduction of the reference.
const HEAD: &str = include_str!("reference.md");

/// The reference: type, range, default and documentation of every key of every system, as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_string();
    for system in DocumentKind::all() {
        let _ = write!(page, "\n## {}\n", system.name);
        if let Some(kind) = system.kind() {
            let _ = write!(page, "\nSuch documents contain `kind = \"{kind}\"`.\n");
        }
        section(&mut page, "", &[], system.keys);
    }
    page
}

fn section(page: &mut String, path: &str, tags: &[String], keys: &[Key]) {
    page.push('\n');
    for tag in tags {
        page.push_str(tag);
    }
    let nested =
        |key: &&Key| key.kind.has_section() || matches!(key.kind, Kind::List(Kind::Tagged(..)));
    for key in keys.iter().filter(|key| !nested(key)) {
        page.push_str(&bullet(key));
    }
    for key in keys.iter().filter(nested) {
        let path = join(path, key.name);
        let text = format!("\n### `{path}`\n\n{}{}\n", prose(key.docs), presence(key));
        page.push_str(&text);
        match key.kind {
            Kind::Table(keys) => section(page, &path, &[], keys),
            Kind::List(Kind::Table(keys)) => {
                let text = format!(
                    "\nA list of tables: one section `[[{path}]]` per entry. `--set` addresses an entry as `{path}.NAME`.\n"
                );
                page.push_str(&text);
                section(page, &format!("{path}.NAME"), &[], keys);
            }
            Kind::Tagged(tag, variants) | Kind::List(&Kind::Tagged(tag, variants)) => {
                for variant in variants.iter() {
                    let text = format!(
                        "- `{tag} = \"{}\"`: {}\n",
                        variant.name,
                        prose(variant.docs)
                    );
                    section(page, &path, &[text], variant.keys);
                }
            }
            _ => {}
        }
    }
}

fn bullet(key: &Key) -> String {
    let mut text = format!(
        "- `{}`: {} _{}{}_\n",
        key.name,
        prose(key.docs),
        values(key),
        presence(key)
    );
    for Variant { name, docs, .. } in choices(key.kind) {
        let _ = writeln!(text, "  - `\"{name}\"`: {}", prose(docs));
    }
    text
}

fn choices(kind: Kind) -> &'static [Variant] {
    match kind {
        Kind::Choice(variants) => variants,
        _ => &[],
    }
}

/// The valid values of a key, in words.
fn values(key: &Key) -> String {
    let kind = match key.kind {
        Kind::Choice(_) => "one of these names".into(),
        Kind::Whole(_) => "a whole number, 0 or above".into(),
        kind => expected(key.name, kind),
    };
    let text = match (key.range.words(), key.kind) {
        (None, _) => kind,
        (Some(range), Kind::List(_)) => format!("{kind}: {range}"),
        (Some(range), _) => range,
    };
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn presence(key: &Key) -> String {
    match (key.optional, key.default) {
        (true, _) | (_, Some("{}")) => " Optional.".into(),
        (false, Some(default)) => format!(" Default: `{default}`."),
        (false, None) => String::new(),
    }
}

/// Joins the lines of a documentation.
pub(super) fn prose(docs: &[&str]) -> String {
    let lines: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// All settings of a preset, with the documentation and default of each key.
///
/// # Errors
/// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
pub fn annotated(name: &str) -> Result<String> {
    let layers = Layers::read(Source::find(name, Path::new(""))?)?;
    let kind = layers.kind().and_then(Value::as_str);
    let all = DocumentKind::all();
    let system = all
        .iter()
        .find(|system| system.kind() == kind)
        .unwrap_or(&all[0]);
    let table: Table = (system.resolved)(&layers)?.parse().unwrap_or_default();
    let mut text = format!(
        "# Every setting of {name}. A file of your own needs only what differs, after the line\n\
         # base = \"{name}\"\n"
    );
    write_table(&mut text, "", &table, system.keys, true);
    Ok(text)
}

fn write_table(text: &mut String, path: &str, table: &Table, keys: &[Key], with_docs: bool) {
    for key in keys {
        let value = table.get(key.name).filter(|_| !key.kind.has_section());
        if let Some(value) = value {
            comment(text, key, with_docs);
            let _ = writeln!(text, "{} = {value}", key.name);
        } else if !table.contains_key(key.name) && with_docs {
            comment(text, key, true);
            let _ = writeln!(text, "# {} is not set.", key.name);
        }
    }
    for key in keys {
        let path = join(path, key.name);
        match (key.kind, table.get(key.name)) {
            (Kind::Table(keys), Some(Value::Table(inner))) => {
                comment(text, key, with_docs);
                let _ = writeln!(text, "[{path}]");
                write_table(text, &path, inner, keys, with_docs);
            }
            (Kind::Tagged(tag, variants), Some(Value::Table(inner))) => {
                let chosen = variant(tag, variants, inner);
                comment(text, key, with_docs);
                let _ = writeln!(text, "[{path}]");
                for Variant { name, docs, .. } in variants.iter().filter(|_| with_docs) {
                    let _ = writeln!(text, "# \"{name}\": {}", prose(docs));
                }
                let _ = writeln!(text, "{tag} = \"{}\"", chosen.name);
                write_table(text, &path, inner, chosen.keys, with_docs);
            }
            (Kind::List(Kind::Table(keys)), Some(Value::Array(list))) => {
                for (index, entry) in list.iter().enumerate() {
                    // Only the first entry is annotated.
                    let with_docs = with_docs && index == 0;
                    comment(text, key, with_docs);
                    let _ = writeln!(text, "[[{path}]]");
                    if let Value::Table(inner) = entry {
                        write_table(text, &path, inner, keys, with_docs);
                    }
                }
            }
            _ => {}
        }
    }
}

fn comment(text: &mut String, key: &Key, with_docs: bool) {
    let nested = key.kind.has_section();
    if with_docs || nested {
        text.push('\n');
    }
    if !with_docs {
        return;
    }
    for line in key.docs {
        let _ = writeln!(text, "#{line}");
    }
    for Variant { name, docs, .. } in choices(key.kind) {
        let _ = writeln!(text, "# \"{name}\": {}", prose(docs));
    }
    if !nested {
        let _ = writeln!(text, "# {}{}", values(key), presence(key));
    }
}
