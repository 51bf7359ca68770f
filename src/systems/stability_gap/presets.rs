//! The benchmarks that ship inside: TOML files of `data/presets`, compiled in.

use super::Settings;
use crate::error::Result;
use crate::run::settings::unknown;

/// In the order in which lists show them: the one that needs no data first.
pub(super) const PRESETS: &[(&str, &str)] = &[
    (
        "split-digits",
        include_str!("../../../data/presets/split-digits.toml"),
    ),
    (
        "rotated-digits",
        include_str!("../../../data/presets/rotated-digits.toml"),
    ),
    (
        "permuted-digits",
        include_str!("../../../data/presets/permuted-digits.toml"),
    ),
    (
        "split-mnist",
        include_str!("../../../data/presets/split-mnist.toml"),
    ),
    (
        "rotated-mnist",
        include_str!("../../../data/presets/rotated-mnist.toml"),
    ),
    (
        "permuted-mnist",
        include_str!("../../../data/presets/permuted-mnist.toml"),
    ),
    (
        "split-fashion-mnist",
        include_str!("../../../data/presets/split-fashion-mnist.toml"),
    ),
    (
        "rotated-fashion-mnist",
        include_str!("../../../data/presets/rotated-fashion-mnist.toml"),
    ),
    (
        "permuted-fashion-mnist",
        include_str!("../../../data/presets/permuted-fashion-mnist.toml"),
    ),
    (
        "split-cifar10",
        include_str!("../../../data/presets/split-cifar10.toml"),
    ),
    (
        "domain-cifar100",
        include_str!("../../../data/presets/domain-cifar100.toml"),
    ),
    (
        "split-mini-imagenet",
        include_str!("../../../data/presets/split-mini-imagenet.toml"),
    ),
];

/// The names of the presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The TOML of a preset, comments and all.
///
/// # Errors
/// [`crate::Error::Unknown`] with the nearest name.
pub fn text(name: &str) -> Result<&'static str> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known: Vec<String> = names().map(str::to_string).collect();
        unknown("benchmark", name, &known)
    })
}

/// A preset's settings.
///
/// # Errors
/// [`crate::Error::Unknown`] with the nearest name.
pub fn settings(name: &str) -> Result<Settings> {
    Settings::from_toml(text(name)?, name)
}
