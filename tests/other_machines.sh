#!/usr/bin/env bash
# Other machines give the bits of this one: small experiments there, most under an emulator.
#
#     tests/other_machines.sh MACHINE ...
#
#     host             the training of examples/microcontroller here: its hash is the pinned one
#     microcontroller  the same on a Cortex-M4F, under QEMU
#     wasm             the same in WebAssembly, under Node.js
#     i686             the same with 32 bits
#     big_endian       the same on 64-bit PowerPC in big-endian order, under QEMU
#     aarch64          64-bit ARM with NEON, under QEMU: the tests of the kernels on small shapes; the hashes of two
#                      experiments with NEON, of the first also with the portable set, and here
#
# Installs nothing. Exit codes: 0 for the same bits; 2 for a wrong argument; 3 if something is missing, which is then
# named with the command that installs it; any other for other bits or a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_PROFILE_DEV_DEBUG=0
example=examples/microcontroller
out=$PWD/target/other_machines

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing() {
    echo "$machine: missing: $1; to install it, run: $2" >&2
    exit 3
}

need_program() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || missing "$1" "apt-get install $2"
}

need_target() { # TARGET
    [ -d "$(rustc --print target-libdir --target "$1")" ] || missing "the Rust target $1" "rustup target add $1"
}

build() { # TARGET
    cargo build --locked --quiet --release --manifest-path "$example/Cargo.toml" --target-dir "$out" --target "$1"
}

# The program itself fails if its hash is not the pinned one.
host() {
    cargo run --locked --quiet --release --manifest-path "$example/Cargo.toml" --target-dir "$out"
}

same_as_host() { # COMMAND...
    local here there
    here=$(host)
    there=$(timeout 300 "$@")
    echo "$there"
    diff <(echo "$here") <(grep -E '^(digits|sha-256) ' <<<"$there")
}

microcontroller() {
    local target=thumbv7em-none-eabihf
    need_target $target
    need_program qemu-system-arm qemu-system-arm
    build $target
    same_as_host qemu-system-arm -machine mps2-an386 -cpu cortex-m4 -display none -monitor none -serial none \
        -semihosting -kernel "$out/$target/release/microcontroller"
}

wasm() {
    local target=wasm32-unknown-unknown
    need_target $target
    need_program node nodejs
    cargo build --locked --quiet --release --manifest-path tests/wasm/Cargo.toml --target-dir "$out" --target $target
    node tests/wasm/run.mjs "$out/$target/release/neurogain_wasm.wasm" "$(<$example/hash.txt)"
}

# Targets with musl contain the C library, so that no other linker is needed than Rust's.
build_static() { # TARGET
    RUSTFLAGS="-C linker=rust-lld -C link-self-contained=yes -C target-feature=+crt-static" build "$1"
}

i686() {
    local target=i686-unknown-linux-musl
    need_target $target
    build_static $target
    same_as_host "$out/$target/release/microcontroller"
}

big_endian() {
    local target=powerpc64-unknown-linux-musl
    need_target $target
    need_program qemu-ppc64 qemu-user
    build_static $target
    same_as_host qemu-ppc64 "$out/$target/release/microcontroller"
}

# Runs an experiment, shortened, and stores its hash in `hash`.
run() { # EXPERIMENT COMMAND...
    local experiment=$1 shortened
    shift
    case $experiment in
    split-digits) shortened=(--set stream.iterations=3) ;;
    comodulation-digits)
        shortened=(--set data.samples=160 --set network.width=4 --set modulator.num_draws=2
            --set 'pretraining.epochs=[1]' --set adaptation.iterations=2 --set training.batch=16
            --set evaluation.limit=16 --methods 'hard-sharing,comodulation')
        ;;
    esac
    "$@" run "$experiment" "${shortened[@]}" --seeds 42 --quiet --out "$(mktemp -u "$work/XXXXXX")" >"$work/printed"
    hash=$(sed -n 's/^hash *//p' "$work/printed")
    [ -n "$hash" ] || { echo "$experiment on $machine printed no hash" && exit 1; }
}

aarch64() {
    local target=aarch64-unknown-linux-gnu emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu) experiment set here
    need_target $target
    need_program qemu-aarch64 qemu-user
    need_program aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="${emulator[*]}"

    # Builds the program too. The tests left out have large shapes.
    PROPTEST_CASES=4 cargo test --locked --target $target --test kernels --test guarded --test kernels_stay_inside \
        -- --skip with_every_number_of_threads --skip layers_of_the_slim_resnet
    cargo build --locked
    for experiment in split-digits comodulation-digits; do
        run "$experiment" target/debug/neurogain
        here=$hash
        for set in neon portable; do
            # Minutes under the emulator.
            [ "$experiment $set" = "comodulation-digits portable" ] && continue
            NEUROGAIN_SIMD=$set run "$experiment" "${emulator[@]}" "target/$target/debug/neurogain"
            echo "$experiment: $here here, $hash on $machine with $set"
            [ "$hash" = "$here" ] || exit 1
        done
    done
}

[ "$#" -gt 0 ] || { sed -n '4,12s/^# *//p' "$0" >&2 && exit 2; }
for machine in "$@"; do
    case $machine in
    host | microcontroller | wasm | i686 | big_endian | aarch64) $machine ;;
    *) echo "unknown machine: $machine" >&2 && exit 2 ;;
    esac
    echo "$machine: the same bits"
done
