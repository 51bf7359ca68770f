//! Everything that ships inside as TOML, by name.

use super::nearest::unknown;
use super::{comodulation, presets, sweep, variants};
use crate::error::Result;

/// The TOML of the benchmark, list of methods or sweep that ships inside as `name`, comments and all.
///
/// # Errors
/// [`crate::Error::Unknown`] with the nearest name.
pub fn shipped(name: &str) -> Result<&'static str> {
    let all = || {
        [
            presets::PRESETS,
            comodulation::presets::PRESETS,
            variants::VARIANTS,
            sweep::SHIPPED,
        ]
        .into_iter()
    };
    let found = all().flatten().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known: Vec<String> = all().flatten().map(|(name, _)| name.to_string()).collect();
        unknown("benchmark, list of methods or sweep", name, &known)
    })
}
