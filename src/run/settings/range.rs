//! The valid values of a setting.

use std::collections::BTreeSet;

use toml::Value;

use crate::error::{Error, Result};

/// TOML integers are signed with 64 bits; a larger number cannot be written.
const LARGEST_WHOLE: u64 = i64::MAX as u64;

/// The valid values; for a list of numbers or texts, those of each entry.
#[derive(Clone, Copy)]
pub enum Range {
    /// All values of its type.
    Any,
    /// Finite numbers.
    Finite,
    /// Finite numbers above 0.
    Positive,
    /// Finite numbers, 0 or above.
    NotNegative,
    /// Numbers in [0, 1).
    Fraction,
    /// Numbers in [0, 1].
    Share,
    /// Whole numbers from 1.
    AtLeastOne,
    /// Whole numbers from the first to the second, both included, and their unit.
    Between(u64, u64, &'static str),
    /// Names that are valid in file names.
    Name,
    /// One line of text.
    Line,
    /// A list of at least one entry; the text is a noun for an entry.
    NotEmpty(&'static str),
    /// A list of at least one entry without repetitions; the text is a noun for an entry.
    Distinct(&'static str),
}

impl Range {
    /// The valid values in words, if they are more restricted than the type.
    pub(crate) fn words(self) -> Option<String> {
        Some(match self {
            Range::Any => return None,
            Range::Finite => "a finite number".into(),
            Range::Positive => "a finite number above 0".into(),
            Range::NotNegative => "a finite number, 0 or above".into(),
            Range::Fraction => "a number in [0, 1): 0 or above, below 1".into(),
            Range::Share => "a number in [0, 1]".into(),
            Range::AtLeastOne => "a whole number from 1 to 2⁶³ − 1".into(),
            Range::Between(from, to, unit) => format!("{from} to {to} {unit}"),
            Range::Name => "letters, digits, - and _, starting with a letter or digit, at most 64 characters; it is used in file names".into(),
            Range::Line => "one line of text".into(),
            Range::NotEmpty(entry) => format!("at least one {entry}"),
            Range::Distinct(entry) => format!("at least one {entry}, each {entry} once"),
        })
    }

    /// Checks `value`, whose type is correct.
    pub(crate) fn check(self, path: &str, value: &Value) -> Result<()> {
        match (self, value) {
            (Range::Any, _) => Ok(()),
            (Range::NotEmpty(entry) | Range::Distinct(entry), Value::Array(list)) => {
                let expected = format!("at least one {entry}");
                require(!list.is_empty(), path, "[]", expected)?;
                let mut seen = BTreeSet::new();
                let again = list.iter().find(|value| !seen.insert(value.to_string()));
                match (self, again) {
                    (Range::Distinct(_), Some(again)) => {
                        Err(Error::setting(path, again, format!("each {entry} once")))
                    }
                    _ => Ok(()),
                }
            }
            (range, Value::Array(list)) => {
                list.iter().try_for_each(|value| range.check(path, value))
            }
            (range, value) => {
                let shown = match value {
                    Value::String(text) => format!("{text:?}"),
                    Value::Float(number) => (*number as f32).to_string(),
                    other => other.to_string(),
                };
                let expected = range.words().unwrap_or_default();
                require(range.contains(value), path, shown, expected)
            }
        }
    }

    fn contains(self, value: &Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        let whole = value.as_integer().and_then(|v| u64::try_from(v).ok());
        // Converted as the setting is: a number beyond f32's range becomes infinite.
        let number = value.as_float().or(value.as_integer().map(|v| v as f64));
        let number = number.map_or(f32::NAN, |v| v as f32);
        match self {
            Range::Any | Range::NotEmpty(_) | Range::Distinct(_) => true,
            Range::Finite => number.is_finite(),
            Range::Positive => number.is_finite() && number > 0.0,
            Range::NotNegative => number.is_finite() && number >= 0.0,
            Range::Fraction => (0.0..1.0).contains(&number),
            Range::Share => (0.0..=1.0).contains(&number),
            Range::AtLeastOne => whole.is_some_and(|v| (1..=LARGEST_WHOLE).contains(&v)),
            Range::Between(from, to, _) => whole.is_some_and(|v| (from..=to).contains(&v)),
            Range::Line => !text.trim().is_empty() && !text.contains(char::is_control),
            Range::Name => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                text.len() <= 64
                    && text.chars().all(plain)
                    && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            }
        }
    }
}

/// [`Error::Setting`] unless `fits`.
pub(crate) fn require(
    fits: bool,
    name: &str,
    value: impl ToString,
    expected: impl ToString,
) -> Result<()> {
    match fits {
        true => Ok(()),
        false => Err(Error::setting(name, value, expected)),
    }
}
