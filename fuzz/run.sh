#!/usr/bin/env bash
# Fuzzes every parser for SECONDS each, or only the targets named: fuzz/run.sh SECONDS [TARGET ...]
#
# Needs the nightly toolchain (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz). An input that
# fails is kept in fuzz/artifacts/TARGET; to repeat it: cargo +nightly fuzz run TARGET FILE.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET ...]}
shift
for tool in "cargo +nightly --version" "cargo fuzz --version"; do
    $tool >/dev/null 2>&1 || {
        echo "missing: $tool; rustup toolchain install nightly; cargo install cargo-fuzz"
        exit 3
    }
done
if [ "$#" -eq 0 ]; then
    set -- $(cargo fuzz list)
fi
for target in "$@"; do
    echo "== $target, $seconds s"
    # Inputs that were found last time, those of this folder, and for settings the shipped documents.
    corpora=("fuzz/corpus/$target" "fuzz/seeds/$target")
    case $target in
    settings) corpora+=(data/*/presets) ;;
    sweep) corpora+=(data/*/sweeps) ;;
    esac
    mkdir -p "fuzz/corpus/$target"
    cargo +nightly fuzz run "$target" "${corpora[@]}" -- -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20
done
