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
        "short-digits",
        include_str!("../../../data/plasticity/short-digits.toml"),
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
    (
        "shuffle-mini-imagenet",
        include_str!("../../../data/plasticity/shuffle-mini-imagenet.toml"),
    ),
    (
        "class-split-tiny-imagenet",
        include_str!("../../../data/plasticity/class-split-tiny-imagenet.toml"),
    ),
];

/// Lists of methods for any of the benchmarks.
pub(super) const VARIANTS: Shipped = &[
    (
        "learners",
        include_str!("../../../data/variants/learners.toml"),
    ),
    (
        "neumosync-parts",
        include_str!("../../../data/variants/neumosync-parts.toml"),
    ),
    (
        "neumosync-training",
        include_str!("../../../data/variants/neumosync-training.toml"),
    ),
    ("tuned", include_str!("../../../data/variants/tuned.toml")),
];

/// Sweeps.
pub(super) const SWEEPS: Shipped = &[
    ("atlas", include_str!("../../../data/sweeps/atlas.toml")),
    ("tuning", include_str!("../../../data/sweeps/tuning.toml")),
];
