//! The built-in TOML files of `data/plasticity`.

use crate::run::settings::Shipped;

/// Benchmarks in the order of lists; the first needs no data files.
pub(super) const PRESETS: Shipped = &[
    (
        "random-label-digits",
        include_str!("../../../data/plasticity/random-label-digits.toml"),
    ),
    (
        "random-label-mnist",
        include_str!("../../../data/plasticity/random-label-mnist.toml"),
    ),
];

/// Lists of methods.
pub(super) const VARIANTS: Shipped = &[];

/// Sweeps.
pub(super) const SWEEPS: Shipped = &[];
