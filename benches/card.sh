#!/usr/bin/env bash
# Everything that is tested and measured on an NVIDIA GPU, in at most ten minutes after the build:
#
#     benches/card.sh [--out DIRECTORY] [--data DIRECTORY OF MNIST AND CIFAR-10] [PART ...]
#
# The parts, in this order; without any, all of them:
#
#     tests     the tests of the CUDA kernels, on the GPU alone
#     hashes    the hashes of small experiments there and on the CPU
#     kernels   every kernel as a fraction of the GPU's peak speed
#     steps     training steps and evaluations, likewise
#     runs      20 runs of Split-MNIST (of the digits without --data), one, four and sixteen at a time
#     cifar     two contexts of Split-CIFAR-10, two methods, evaluated after every step; needs --data
#     pytorch   PyTorch, eager, compiled and as one graph, beside it, if it is installed
#
# Each part writes PART.txt in the output directory as soon as it has ended, so that a part that fails or takes too
# long loses nothing else, and a second run needs only that part. Exits with 1 if a test fails, no test ran on the
# GPU, or hashes differ. DEVICE=cpu tests the script itself without a GPU. NEUROGAIN_PROGRAM and NEUROGAIN_CUDA_TESTS name a program
# and a test binary built elsewhere; otherwise they are built here.
set -uo pipefail
cd "$(dirname "$0")/.."
device=${DEVICE:-cuda} out=card data= parts=()
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=$2 && shift 2 ;;
    --data) data=$2 && shift 2 ;;
    *) parts+=("$1") && shift ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(tests hashes kernels steps runs cifar pytorch)
program=${NEUROGAIN_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --quiet --release --features cuda || exit
    program=target/release/neurogain
fi
built=${NEUROGAIN_CUDA_TESTS:-}
if [ -z "$built" ]; then
    built=$(cargo test --features cuda --test cuda --no-run --message-format short 2>&1 |
        sed -n 's/.*(\(.*deps\/cuda-[0-9a-f]*\))$/\1/p')
fi
# NVRTC where PyTorch or the toolkit put it, if the system does not find it by itself.
if [ -z "${NEUROGAIN_NVRTC:-}" ] && ! ldconfig -p | grep -q "libnvrtc.so.1"; then
    found=$(find / -name "libnvrtc.so.1[23]" -not -path "/proc/*" 2>/dev/null | sort -V | tail -n 1)
    [ -z "$found" ] || export NEUROGAIN_NVRTC=$found
fi
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tests() {
    local text=$work/tests status=0
    NEUROGAIN_TEST_ON=card timeout 150 "$built" --nocapture \
        kernels_same_bits:: training_same_bits:: graphs:: >"$text" 2>&1 || status=1
    [ $status = 0 ] && echo "they pass" || cat "$text"
    grep " on CUDA" "$text" | sed 's/.* on //' | sort | uniq -c || { echo "none ran on a card" && status=1; }
    return $status
}

# Runs one experiment on the CPU and on the device, and compares the hashes: NAME ARGUMENTS OF neurogain run.
same_hash() {
    local name=$1 on turn=0
    shift
    for on in cpu "$device"; do
        turn=$((turn + 1))
        timeout 60 "$program" run "$@" --device "$on" --out "$work/$name-$turn" --quiet \
            >"$work/said" 2>"$work/errors" || { echo "$name on $on did not end" && cat "$work/errors"; }
        grep -E "^(hash|speed)" "$work/said" | tee "$work/$name-$turn.said" | sed "s/^/$name, $on: /"
    done
    [ -s "$work/$name-1.said" ] &&
        [ "$(grep ^hash "$work/$name-1.said")" = "$(grep ^hash "$work/$name-2.said")" ] ||
        { echo "$name: they differ" && return 1; }
}

hashes() {
    local status=0
    same_hash split-digits split-digits --methods ngm-sgd,adam --seeds 1,2 || status=1
    same_hash comodulation-digits comodulation-digits --methods hard-sharing,comodulation --seeds 1 || status=1
    same_hash random-label-digits random-label-digits --seeds 1 --set stream.tasks=2 || status=1
    [ -z "$data" ] || same_hash split-cifar10 split-cifar10 --methods ngm-sgd,msgd --seeds 42 --data "$data" \
        --set stream.contexts=[[0,1],[0,1,2,3]] --set stream.iterations=4 || status=1
    return $status
}

kernels() { timeout 150 "$program" bench --device "$device"; }
steps() { timeout 60 "$program" bench step --device "$device" && timeout 60 "$program" bench evaluation --device "$device"; }

runs() {
    local threads benchmark=split-digits
    [ -z "$data" ] || benchmark=split-mnist
    for threads in 1 4 16; do
        timeout 60 "$program" run $benchmark --data "${data:-data}" --device "$device" --threads $threads \
            --out "$work/runs-$threads" --quiet >"$work/said" 2>"$work/errors" || cat "$work/errors"
        grep -E "^(hash|speed)" "$work/said" | sed "s/^/$threads at a time: /"
    done
}

cifar() {
    [ -n "$data" ] || { echo "name the directory of its files: --data DIRECTORY" && return 0; }
    local start=$SECONDS
    timeout 200 "$program" run split-cifar10 --methods ngm-sgd,msgd --seeds 42 --device "$device" --data "$data" \
        --set stream.contexts=[[0,1],[0,1,2,3]] --out "$work/cifar" || echo "did not end"
    echo "$((SECONDS - start)) seconds"
}

pytorch() {
    python3 -c "import torch" 2>/dev/null || { echo "not installed" && return 0; }
    timeout 200 python3 benches/pytorch.py --device "$device" --rounds 3 --program "$program" || echo "did not end"
}

nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem --format=csv,noheader 2>/dev/null || echo "no card"
"$program" --version
failed=0
for part in "${parts[@]}"; do
    echo && echo "## $part"
    start=$SECONDS
    "$part" >"$out/$part.txt" 2>&1 || failed=1
    cat "$out/$part.txt"
    echo "($((SECONDS - start)) s)"
done
exit $failed
