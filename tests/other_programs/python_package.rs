//! The Python package in `python/` reads our files: its own tests, on runs of this program.

use std::process::Command;

/// Runs these files of `python/tests`.
fn pytest(files: &[&str]) {
    let mut command = Command::new("python3");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    command.args(
        files
            .iter()
            .map(|name| format!("python/tests/test_{name}.py")),
    );
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NEUROGAIN", env!("CARGO_BIN_EXE_neurogain"))
        .env("PYTHONPATH", "python")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    // The tools are there, so that nothing may be skipped.
    assert!(!printed.contains("skipped"), "{printed}");
}

pub fn tables_and_arrays() {
    pytest(&["arrays", "errors", "package", "tables"]);
}

pub fn networks_in_pytorch() {
    pytest(&["networks"]);
}

pub fn the_notebook() {
    pytest(&["notebook"]);
}
