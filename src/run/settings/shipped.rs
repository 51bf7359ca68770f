//! All built-in TOML documents, by name.

use crate::error::Result;
use crate::run::settings::{DocumentKind, annotated, unknown};

/// The built-in document `name`: the annotated settings of a benchmark, or the TOML of a list of methods or of a
/// sweep.
///
/// # Errors
/// [`crate::Error::Unknown`] with the nearest name.
pub fn shipped(name: &str) -> Result<String> {
    let others = || {
        let all = DocumentKind::all().iter();
        all.flat_map(|system| system.variants.iter().chain(system.sweeps))
    };
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
