//! Changes to single settings by dotted path: `gain.eta=0.2`, `methods.adam.optimiser.beta1=0.8`.

use toml::{Table, Value};

use super::keys::{self, Key, Kind, join};
use super::nearest::unknown;
use super::{Settings, text};
use crate::error::{Error, Result};

impl Settings {
    /// These settings with each `key=value` applied in turn, checked at the end.
    ///
    /// Values are TOML, except that text needs no quotes. Methods are addressed by name. A new
    /// `rule` of an optimiser, or `kind` of network, drops the constants of the old: give the new one's
    /// after it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key that is none, [`Error::Setting`] for a value of the wrong type or
    /// outside its range.
    pub fn with_overrides<S: AsRef<str>>(&self, overrides: &[S]) -> Result<Self> {
        text::changed(self, overrides)
    }

    /// These settings with only the named methods, in the order named.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is none of them, [`Error::Setting`] for none or one twice.
    pub fn with_methods<S: AsRef<str>>(&self, names: &[S]) -> Result<Self> {
        let mut methods = Vec::with_capacity(names.len());
        for name in names {
            let found = self.methods.iter().find(|m| m.name == name.as_ref());
            methods.push(found.cloned().ok_or_else(|| {
                let known: Vec<String> = self.methods.iter().map(|m| m.name.clone()).collect();
                unknown("method", name.as_ref(), &known)
            })?);
        }
        let chosen = Settings {
            methods,
            ..self.clone()
        };
        chosen.validate()?;
        Ok(chosen)
    }

    /// These settings with other seeds.
    ///
    /// # Errors
    /// [`Error::Setting`] for none or one twice.
    pub fn with_seeds(&self, seeds: &[u64]) -> Result<Self> {
        let mut chosen = self.clone();
        chosen.training.seeds = seeds.to_vec();
        chosen.validate()?;
        Ok(chosen)
    }
}

/// The table of a document with each `key=value` applied in turn.
pub(super) fn apply<S: AsRef<str>>(
    mut table: Table,
    keys: &'static [Key],
    overrides: &[S],
) -> Result<Table> {
    for assignment in overrides {
        let assignment = assignment.as_ref();
        let Some((path, value)) = assignment.split_once('=') else {
            let expected = "key=value, such as gain.eta=0.2";
            return Err(Error::setting("override", assignment, expected));
        };
        // Taken before the change, because the walk below borrows the table for it.
        let known = keys::paths(&table, keys);
        let (path, value) = (path.trim(), value.trim());
        Assignment { path, value, known }.set("", path, &mut table, keys)?;
    }
    Ok(table)
}

/// One `path=value` on its way into the tree of settings.
struct Assignment<'a> {
    path: &'a str,
    value: &'a str,
    known: Vec<String>,
}

impl Assignment<'_> {
    /// Sets `rest` of the path inside `table`, which stands at `prefix` and has `keys`.
    fn set(&self, prefix: &str, rest: &str, table: &mut Table, keys: &[Key]) -> Result<()> {
        let (name, rest) = match rest.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        let key = keys.iter().find(|key| key.name == name);
        let (Some(key), Some(value)) = (key, slot(table, name, key)) else {
            return Err(self.unknown());
        };
        let path = join(prefix, name);
        match (key.kind, rest, value) {
            (_, None, value) => {
                *value = self.parse(key.kind)?;
                Ok(())
            }
            (Kind::Table(keys), Some(rest), Value::Table(inner)) => {
                self.set(&path, rest, inner, keys)
            }
            (Kind::Entries(keys), Some(rest), Value::Array(entries)) => {
                self.set_entry(&path, rest, entries, keys)
            }
            (Kind::Tagged(tagged), Some(rest), Value::Table(inner)) if rest == tagged.tag => {
                let tag = self.parse(Kind::Text)?;
                *inner = Table::from_iter([(rest.to_string(), tag)]);
                Ok(())
            }
            (Kind::FreeTable, Some(rest), Value::Table(inner)) => {
                inner.insert(rest.to_string(), self.parse(key.kind)?);
                Ok(())
            }
            (Kind::Tagged(tagged), Some(rest), Value::Table(inner)) => {
                let keys = tagged.keys(inner);
                self.set(&path, rest, inner, keys)
            }
            _ => Err(self.unknown()),
        }
    }

    fn set_entry(
        &self,
        prefix: &str,
        rest: &str,
        entries: &mut [Value],
        keys: &[Key],
    ) -> Result<()> {
        let (name, rest) = rest.split_once('.').ok_or_else(|| self.unknown())?;
        let entry = entries
            .iter_mut()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
        match entry {
            Some(Value::Table(table)) => self.set(&join(prefix, name), rest, table, keys),
            _ => Err(self.unknown()),
        }
    }

    fn parse(&self, kind: Kind) -> Result<Value> {
        let parsed = self.value.parse::<Value>();
        match (kind, parsed) {
            (Kind::Text | Kind::Choice(_), Ok(Value::String(text))) => Ok(Value::String(text)),
            (Kind::Text | Kind::Choice(_), _) => Ok(Value::String(self.value.to_string())),
            (_, Ok(value)) => Ok(value),
            (_, Err(_)) => Err(keys::wrong_type(
                self.path,
                self.value,
                &keys::expected(self.path.rsplit('.').next().unwrap_or(self.path), kind),
            )),
        }
    }

    fn unknown(&self) -> Error {
        unknown("setting", self.path, &self.known)
    }
}

/// The place of a known key's value, made if it is optional or a change of rule has left it empty.
fn slot<'a>(table: &'a mut Table, name: &str, key: Option<&Key>) -> Option<&'a mut Value> {
    let empty = match key?.kind {
        Kind::Table(_) | Kind::Tagged(_) | Kind::FreeTable => Value::Table(Table::new()),
        _ => Value::Boolean(false),
    };
    Some(table.entry(name).or_insert(empty))
}
