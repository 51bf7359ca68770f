//! Changes to single settings by dotted path: `gain.eta=0.2`, `methods.adam.optimizer.beta1=0.8`.

use toml::{Table, Value};

use super::check::{expected, paths, variant, wrong_type};
use super::nearest::unknown;
use super::{Key, Kind, find_key};
use crate::error::{Error, Result};

/// Applies each `key=value` in turn to the table of a document.
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
        // Collected first, because the change below borrows the table mutably.
        let known = paths(&table, keys);
        let (path, value) = (path.trim(), value.trim());
        Assignment { path, value, known }.set(path, &mut table, keys)?;
    }
    Ok(table)
}

/// One `path=value`, while it is applied.
struct Assignment<'a> {
    path: &'a str,
    value: &'a str,
    known: Vec<String>,
}

impl Assignment<'_> {
    /// Sets `rest` of the path inside `table`, which has `keys`.
    fn set(&self, rest: &str, table: &mut Table, keys: &'static [Key]) -> Result<()> {
        let (name, rest) = match rest.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        let key = find_key(keys, name).ok_or_else(|| self.unknown())?;
        // Created if it is optional, or was removed by a change of rule.
        let empty = match key.kind {
            Kind::Table(_) | Kind::Tagged(..) | Kind::Free => Value::Table(Table::new()),
            _ => Value::Boolean(false),
        };
        let value = table.entry(key.name).or_insert(empty);
        match (key.kind, rest, value) {
            (_, None, value) => {
                *value = self.parse(key.kind)?;
                Ok(())
            }
            (Kind::Table(keys), Some(rest), Value::Table(inner)) => self.set(rest, inner, keys),
            (Kind::List(Kind::Table(keys)), Some(rest), Value::Array(entries)) => {
                let (name, rest) = rest.split_once('.').ok_or_else(|| self.unknown())?;
                let named =
                    |entry: &&mut Value| entry.get("name").and_then(Value::as_str) == Some(name);
                match entries.iter_mut().find(named) {
                    Some(Value::Table(table)) => self.set(rest, table, keys),
                    _ => Err(self.unknown()),
                }
            }
            (Kind::Free, Some(rest), Value::Table(inner)) => {
                inner.insert(rest.to_string(), self.parse(key.kind)?);
                Ok(())
            }
            (Kind::Tagged(tag, _), Some(rest), Value::Table(inner)) if rest == tag => {
                let value = self.parse(Kind::Text)?;
                *inner = Table::from_iter([(rest.to_string(), value)]);
                Ok(())
            }
            (Kind::Tagged(tag, variants), Some(rest), Value::Table(inner)) => {
                let keys = variant(tag, variants, inner).keys;
                self.set(rest, inner, keys)
            }
            _ => Err(self.unknown()),
        }
    }

    fn parse(&self, kind: Kind) -> Result<Value> {
        match (kind, self.value.parse::<Value>()) {
            (Kind::Text | Kind::Choice(_), Ok(Value::String(text))) => Ok(Value::String(text)),
            (Kind::Text | Kind::Choice(_), _) => Ok(Value::String(self.value.to_string())),
            (_, Ok(value)) => Ok(value),
            (kind, Err(_)) => {
                let name = self.path.rsplit('.').next().unwrap_or(self.path);
                Err(wrong_type(self.path, self.value, &expected(name, kind)))
            }
        }
    }

    fn unknown(&self) -> Error {
        unknown("setting", self.path, &self.known)
    }
}
