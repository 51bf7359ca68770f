//! Everything that ships inside as TOML, by name.

use super::comodulation::ComodulationSettings;
use super::stability_gap::{Settings, VARIANTS};
use crate::error::Result;
use crate::run::SWEEPS;
use crate::run::settings::{DocumentKind, annotated, unknown};

/// The kinds of documents of settings. The documents of the first have no `kind`.
pub(crate) const DOCUMENTS: &[DocumentKind] = &[
    DocumentKind::of::<Settings>(),
    DocumentKind::of::<ComodulationSettings>(),
];

/// What ships inside as `name`: the settings of a benchmark, with the documentation of each, or the TOML of a
/// list of methods or of a sweep.
///
/// # Errors
/// [`crate::Error::Unknown`] with the nearest name.
pub fn shipped(name: &str) -> Result<String> {
    let others = || VARIANTS.iter().chain(SWEEPS);
    if DocumentKind::presets().any(|(known, _)| *known == name) {
        return annotated(name);
    }
    let found = others().find(|(known, _)| *known == name);
    found.map(|(_, text)| text.to_string()).ok_or_else(|| {
        let all = DocumentKind::presets().chain(others());
        let known: Vec<String> = all.map(|(name, _)| name.to_string()).collect();
        unknown("benchmark, list of methods or sweep", name, &known)
    })
}
