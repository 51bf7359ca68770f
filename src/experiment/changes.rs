//! How settings differ from the preset of their name.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::comodulation::{self, ComodulationSettings};
use super::keys::{join, method_address};
use super::{Settings, presets};
use crate::error::Result;

/// One setting that differs; a value is empty where the setting is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its dotted path, as `--set` takes it.
    pub key: String,
    /// The preset's value.
    pub preset: String,
    /// The value here.
    pub value: String,
}

impl Settings {
    /// What differs from the preset of the same name, but for title and description; `None` where there
    /// is no such preset.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where the settings cannot be TOML.
    pub fn changes(&self) -> Result<Option<Vec<Change>>> {
        if !presets::names().any(|name| name == self.name) {
            return Ok(None);
        }
        let preset = presets::settings(&self.name)?;
        let changes = between(&self.to_toml()?, &preset.to_toml()?).into_iter();
        // A method that was left out is no change of a setting.
        let here = |name: &str| self.methods.iter().any(|method| method.name == name);
        let told = |change: &Change| match change.key.split('.').collect::<Vec<_>>()[..] {
            ["methods", name, ..] => here(name),
            _ => true,
        };
        Ok(Some(changes.filter(told).collect()))
    }
}

impl ComodulationSettings {
    /// What differs from the preset of the same name, as [`Settings::changes`].
    ///
    /// # Errors
    /// Those of [`Settings::changes`].
    pub fn changes(&self) -> Result<Option<Vec<Change>>> {
        let Some(text) = comodulation::presets::text(&self.name) else {
            return Ok(None);
        };
        let preset = Self::from_toml(text, &self.name)?.to_toml()?;
        let changes = between(&self.to_toml()?, &preset).into_iter();
        // An arm that was left out is not a change of a setting.
        let here = |name: &str| self.arms.iter().any(|arm| arm.name == name);
        let told = |change: &Change| match change.key.split('.').collect::<Vec<_>>()[..] {
            ["arms", name, ..] => here(name),
            _ => true,
        };
        Ok(Some(changes.filter(told).collect()))
    }
}

/// What differs between two texts of settings, but for title and description.
fn between(own: &str, preset: &str) -> Vec<Change> {
    let parse = |text: &str| {
        let mut found = Vec::new();
        let table: Table = text.parse().unwrap_or_default();
        flatten("", &Value::Table(table), &mut found);
        found
    };
    let (own, preset) = (parse(own), parse(preset));
    let keys: BTreeSet<&String> = own.iter().chain(&preset).map(|(key, _)| key).collect();
    let value = |list: &[(String, String)], key: &String| {
        let found = list.iter().find(|(known, _)| known == key);
        found.map_or(String::new(), |(_, value)| value.clone())
    };
    let changes = keys.into_iter().map(|key| Change {
        key: key.clone(),
        preset: value(&preset, key),
        value: value(&own, key),
    });
    let told = |change: &Change| !["title", "description"].contains(&change.key.as_str());
    let differs = |change: &Change| change.preset != change.value;
    changes.filter(differs).filter(told).collect()
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(&join(path, name), value, found);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (index, entry) in list.iter().enumerate() {
                flatten(&join(path, &method_address(index, entry)), entry, found);
            }
        }
        other => found.push((path.into(), other.to_string())),
    }
}
