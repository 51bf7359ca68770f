//! The built-in TOML files of `data/plasticity`.

use crate::run::settings::Shipped;

/// Benchmarks in the order of lists; the first needs no data files.
pub(super) const PRESETS: Shipped = &[
    (
        "random-label-digits",
        include_str!("../../../data/plasticity/random-label-digits.toml"),
    ),
    (
        "permuted-digits-plasticity",
        include_str!("../../../data/plasticity/permuted-digits-plasticity.toml"),
    ),
    (
        "shuffle-digits",
        include_str!("../../../data/plasticity/shuffle-digits.toml"),
    ),
    (
        "recurring-random-label-digits",
        include_str!("../../../data/plasticity/recurring-random-label-digits.toml"),
    ),
    (
        "random-label-mnist",
        include_str!("../../../data/plasticity/random-label-mnist.toml"),
    ),
    (
        "permuted-mnist-plasticity",
        include_str!("../../../data/plasticity/permuted-mnist-plasticity.toml"),
    ),
    (
        "shuffle-mnist",
        include_str!("../../../data/plasticity/shuffle-mnist.toml"),
    ),
    (
        "recurring-random-label-mnist",
        include_str!("../../../data/plasticity/recurring-random-label-mnist.toml"),
    ),
    (
        "random-label-cifar10",
        include_str!("../../../data/plasticity/random-label-cifar10.toml"),
    ),
    (
        "shuffle-cifar10",
        include_str!("../../../data/plasticity/shuffle-cifar10.toml"),
    ),
    (
        "class-split-cifar100",
        include_str!("../../../data/plasticity/class-split-cifar100.toml"),
    ),
];

/// Lists of methods.
pub(super) const VARIANTS: Shipped = &[];

/// Sweeps.
pub(super) const SWEEPS: Shipped = &[];
