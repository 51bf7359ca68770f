#!/usr/bin/env bash
# Everything that is tested and measured on an NVIDIA GPU, in at most ten minutes after the build. Exits with 1
# if a test fails, no test ran on the GPU, or hashes differ:
#
#     benches/card.sh [DIRECTORY OF THE CIFAR-10 FILES] > card.md
#
# It runs the tests of the CUDA kernels on the GPU; compares the hash of a run there and on the CPU; measures every
# kernel, training step and evaluation as a fraction of the GPU's peak speed, and PyTorch for comparison if it is
# installed; and runs Split-CIFAR-10 if its files are given. DEVICE=cpu tests the script itself without a GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
device=${DEVICE:-cuda}
data=${1:-${NEUROGAIN_DATA:-}}
cargo build --quiet --release --features cuda
tests=(kernels_same_bits:: training_same_bits:: graphs::)
cargo test --quiet --features cuda --test cuda --no-run
program=target/release/neurogain
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "## Where"
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem --format=csv,noheader 2>/dev/null || echo "no card"
"$program" --version

failed=0
echo; echo "## Tests"
if timeout 100 cargo test --quiet --features cuda --test cuda -- --nocapture "${tests[@]}" >"$out/tests" 2>&1; then
    echo "they pass"
else
    failed=1
    cat "$out/tests"
fi
grep " on CUDA" "$out/tests" | sort | uniq -c || { echo "none ran on a card"; failed=1; }

echo; echo "## Hashes of two contexts of the digits, two methods"
for on in cpu "$device"; do
    "$program" run split-digits --methods ngm-sgd,adam --seeds 1,2 --device "$on" --out "$out/digits-$on" --quiet |
        grep -E "^(hash|speed)" | tee "$out/said-$on" | sed "s/^/$on /"
    rm -rf "$out/digits-$on"
done
[ "$(grep ^hash "$out/said-cpu")" = "$(grep ^hash "$out/said-$device")" ] || { echo "they differ"; failed=1; }

echo; echo "## Kernels, training steps and evaluations"
timeout 120 "$program" bench --device "$device" || echo "did not end"

echo; echo "## PyTorch beside it"
if python3 -c "import torch" 2>/dev/null; then
    timeout 170 python3 benches/pytorch.py --device "$device" --rounds 3 || echo "did not end"
else
    echo "not installed"
fi

echo; echo "## Split-CIFAR-10, one run by NGM-SGD"
if [ -n "$data" ]; then
    start=$SECONDS
    timeout 190 "$program" run split-cifar10 --methods ngm-sgd --seeds 42 --device "$device" --data "$data" \
        --out "$out/cifar" || echo "did not end"
    echo "$((SECONDS - start)) seconds"
else
    echo "name the directory of its files"
fi
exit "$failed"
