//! Runs the CUDA kernels on the CPU, for tests of `backend::cuda` without a GPU.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use neurogain::backend::Cuda;

/// Reports that a test is skipped because a tool is missing; fails if `NEUROGAIN_REQUIRE_TOOLS` is set.
pub fn skipped(test: &str, missing: &str) {
    let required = std::env::var_os("NEUROGAIN_REQUIRE_TOOLS").is_some();
    assert!(!required, "{test} needs {missing}");
    eprintln!("SKIPPED: {test} needs {missing}");
}

/// Builds a folder's `host.cpp` as a shared library of this name; `None` without g++.
pub fn library_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.so"));
    build(&folder.join("host.cpp"), &target).then_some(target)
}

/// Builds a shared library; false without g++.
pub fn build(source: &Path, target: &Path) -> bool {
    let mut compiler = Command::new("g++");
    compiler.args([
        "-O2",
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unknown-pragmas",
    ]);
    compiler.args(["-ffp-contract=off", "-U_FORTIFY_SOURCE"]);
    compiler.args(["-fsanitize=bounds", "-fsanitize-undefined-trap-on-error"]);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        compiler.arg("-mfma");
    }
    compiler
        .args(["-shared", "-fPIC"])
        .arg(source)
        .arg("-o")
        .arg(target);
    let Ok(output) = compiler.output() else {
        skipped("running the kernels on the processor", "g++");
        return false;
    };
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "g++ refuses the kernels: {problems}"
    );
    true
}

/// The folder of the kernels.
pub fn kernels() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/kernels"))
}

/// The devices to test: a GPU if there is one, and the CPU emulation with large tiles and
/// ascending threads, with small tiles and descending threads, and both with shuffled threads. Without g++
/// there is no emulation. With `NEUROGAIN_TEST_ON=card`, the GPU alone.
pub fn devices(name: &str) -> Vec<Cuda> {
    let card = Cuda::new(0);
    let only_card = std::env::var("NEUROGAIN_TEST_ON").is_ok_and(|on| on == "card");
    if only_card {
        assert!(card.is_ok(), "{name} on the card: {:?}", card.err());
    }
    let mut devices: Vec<Cuda> = card.into_iter().collect();
    for card in &devices {
        eprintln!("{name} on {}", card.name());
    }
    if only_card {
        return devices;
    }
    if let Some(library) = library_of(kernels(), name) {
        devices.extend((0..4).map(|order| load(&library, order)));
    }
    devices
}

/// The device of a library that [`library_of`] has built.
#[allow(unsafe_code)]
pub fn load(library: &Path, order: u32) -> Cuda {
    // SAFETY: it is built from this version's kernels, at most with one line taken out.
    unsafe { Cuda::emulated(library, order) }.expect("the library loads")
}
