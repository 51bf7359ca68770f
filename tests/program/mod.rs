//! The program, as the tests start it.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// An empty directory to run the program in.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// The program, to run in `folder`.
pub fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neurogain"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("NEUROGAIN_DATA")
        .stdin(Stdio::null());
    command
}

// Some tests start it with an environment of their own.
#[allow(dead_code)]
pub fn output(folder: &TempDir, arguments: &[&str]) -> Output {
    let output = program(folder, arguments).output();
    output.expect("the program starts")
}
