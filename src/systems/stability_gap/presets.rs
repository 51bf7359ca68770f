//! The built-in TOML files of `data/presets`, `data/variants` and `data/sweeps`.

use crate::run::settings::Shipped;

/// Benchmarks in the order of lists; the first needs no data files.
pub(super) const PRESETS: Shipped = &[
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

/// Lists of methods for any benchmark.
pub(super) const VARIANTS: Shipped = &[
    (
        "ablation",
        include_str!("../../../data/variants/ablation.toml"),
    ),
    ("reset", include_str!("../../../data/variants/reset.toml")),
    (
        "composition",
        include_str!("../../../data/variants/composition.toml"),
    ),
    (
        "boundary",
        include_str!("../../../data/variants/boundary.toml"),
    ),
    (
        "learners",
        include_str!("../../../data/variants/learners.toml"),
    ),
];

/// Sweeps.
pub(super) const SWEEPS: Shipped = &[
    (
        "lr-sweep",
        include_str!("../../../data/sweeps/lr-sweep.toml"),
    ),
    ("replay", include_str!("../../../data/sweeps/replay.toml")),
    (
        "gain-complexity",
        include_str!("../../../data/sweeps/gain-complexity.toml"),
    ),
    (
        "longer-contexts",
        include_str!("../../../data/sweeps/longer-contexts.toml"),
    ),
    (
        "gain-layers",
        include_str!("../../../data/sweeps/gain-layers.toml"),
    ),
];
