//! The comodulation experiments that ship inside: TOML files of `data/comodulation`, compiled in.

use super::ComodulationSettings;
use crate::error::Result;

/// In the order in which lists show them: the one that needs no data first.
pub(super) const PRESETS: &[(&str, &str)] = &[
    (
        "comodulation-digits",
        include_str!("../../../data/comodulation/comodulation-digits.toml"),
    ),
    (
        "comodulation-mnist",
        include_str!("../../../data/comodulation/comodulation-mnist.toml"),
    ),
    (
        "comodulation-cifar10",
        include_str!("../../../data/comodulation/comodulation-cifar10.toml"),
    ),
    (
        "comodulation-cifar100",
        include_str!("../../../data/comodulation/comodulation-cifar100.toml"),
    ),
    (
        "comodulation-cifar100-superclasses",
        include_str!("../../../data/comodulation/comodulation-cifar100-superclasses.toml"),
    ),
    (
        "comodulation-celeba",
        include_str!("../../../data/comodulation/comodulation-celeba.toml"),
    ),
];

/// The names of the presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The TOML of a preset, comments and all.
pub fn text(name: &str) -> Option<&'static str> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// Every preset's settings.
///
/// # Errors
/// [`crate::Error::Format`] for one that is not what it should be.
pub fn all() -> Result<Vec<ComodulationSettings>> {
    let settings = PRESETS.iter();
    settings
        .map(|(name, text)| ComodulationSettings::from_toml(text, name))
        .collect()
}
