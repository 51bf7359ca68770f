//! The CUDA kernels on the processor: what the tests of `backend::cuda` share where there is no card.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use neurogain::backend::Cuda;

/// Whether a tool that a test needs may be missing: not where `NEUROGAIN_REQUIRE_TOOLS` is set.
pub fn skipped(test: &str, missing: &str) {
    let required = std::env::var_os("NEUROGAIN_REQUIRE_TOOLS").is_some();
    assert!(!required, "{test} needs {missing}");
    eprintln!("SKIPPED: {test} needs {missing}");
}

/// Builds a folder's `host.cpp` as a shared library of this name; `None` where there is no g++.
pub fn library_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.so"));
    build(&folder.join("host.cpp"), &target).then_some(target)
}

/// Builds a shared library; false where there is no g++.
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

/// What the kernels run on: a card, if there is one, and the processor in its place, with large tiles and
/// threads ascending, with small tiles and threads descending, and both with threads shuffled. The
/// processor is missing where there is no g++.
pub fn devices(name: &str) -> Vec<Cuda> {
    let mut devices: Vec<Cuda> = Cuda::new(0).into_iter().collect();
    for card in &devices {
        eprintln!("{name} on {}", card.name());
    }
    if let Some(library) = library_of(kernels(), name) {
        let load = |order| Cuda::emulated(&library, order).expect("the library loads");
        devices.extend((0..4).map(load));
    }
    devices
}
