//! The built-in TOML files of `data/comodulation`.

use crate::run::settings::Shipped;

/// Benchmarks in the order of lists; the first needs no data files.
pub(super) const PRESETS: Shipped = &[
    (
        "comodulation-digits",
        include_str!("../../../data/comodulation/comodulation-digits.toml"),
    ),
    (
        "comodulation-places",
        include_str!("../../../data/comodulation/comodulation-places.toml"),
    ),
    (
        "comodulation-mnist",
        include_str!("../../../data/comodulation/comodulation-mnist.toml"),
    ),
    (
        "comodulation-places-mnist",
        include_str!("../../../data/comodulation/comodulation-places-mnist.toml"),
    ),
    (
        "comodulation-cifar10",
        include_str!("../../../data/comodulation/comodulation-cifar10.toml"),
    ),
    (
        "comodulation-cifar10-contexts",
        include_str!("../../../data/comodulation/comodulation-cifar10-contexts.toml"),
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
        "comodulation-cifar100-contexts",
        include_str!("../../../data/comodulation/comodulation-cifar100-contexts.toml"),
    ),
    (
        "comodulation-celeba",
        include_str!("../../../data/comodulation/comodulation-celeba.toml"),
    ),
];

/// Lists of methods for any of the benchmarks.
pub(super) const VARIANTS: Shipped = &[
    (
        "all-weights",
        include_str!("../../../data/variants/all-weights.toml"),
    ),
    (
        "modulator",
        include_str!("../../../data/variants/modulator.toml"),
    ),
];

/// Sweeps.
pub(super) const SWEEPS: Shipped = &[(
    "modulator-strength",
    include_str!("../../../data/sweeps/modulator-strength.toml"),
)];
