#!/usr/bin/env bash
# Runs the training of examples/microcontroller on another machine, and checks that it prints the same there as here and
# the pinned hash. Installs nothing. Exit codes: 0 for the same bits; 1 for other bits or a failure; 2 for a wrong
# argument; 3 if something is missing, which is then named with the command that installs it.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$PWD/target/other_machines
example=examples/microcontroller

missing() {
    echo "missing: $1; to install it, run: $2" >&2
    exit 3
}

need_program() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || missing "$1" "apt-get install $2"
}

need_target() { # TARGET
    [ -d "$(rustc --print target-libdir --target "$1")" ] || missing "the Rust target $1" "rustup target add $1"
}

build() { # TARGET
    cargo build --locked --quiet --release --manifest-path "$example/Cargo.toml" --target "$1"
}

# The program itself fails if its hash is not the pinned one.
host() {
    cargo run --locked --quiet --release --manifest-path "$example/Cargo.toml"
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
        -semihosting -kernel "$CARGO_TARGET_DIR/$target/release/microcontroller"
}

wasm() {
    local target=wasm32-unknown-unknown
    need_target $target
    need_program node nodejs
    cargo build --locked --quiet --release --manifest-path tests/wasm/Cargo.toml --target $target
    node tests/wasm/run.mjs "$CARGO_TARGET_DIR/$target/release/neurogain_wasm.wasm" "$(<$example/hash.txt)"
}

# Targets with musl contain the C library, so that no other linker is needed than Rust's.
build_static() { # TARGET
    RUSTFLAGS="-C linker=rust-lld -C link-self-contained=yes -C target-feature=+crt-static" build "$1"
}

i686() {
    local target=i686-unknown-linux-musl
    need_target $target
    build_static $target
    same_as_host "$CARGO_TARGET_DIR/$target/release/microcontroller"
}

big_endian() {
    local target=powerpc64-unknown-linux-musl
    need_target $target
    need_program qemu-ppc64 qemu-user
    build_static $target
    same_as_host qemu-ppc64 "$CARGO_TARGET_DIR/$target/release/microcontroller"
}

case ${1-} in
host) host ;;
microcontroller) microcontroller ;;
wasm) wasm ;;
i686) i686 ;;
big_endian) big_endian ;;
*)
    echo "usage: tests/other_machines.sh host|microcontroller|wasm|i686|big_endian" >&2
    exit 2
    ;;
esac
