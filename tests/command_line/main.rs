//! The program: what it prints, what it leaves, its exit codes, and what it says of bad input.
#![cfg(feature = "cli")]

mod data;
mod figures;
#[cfg(unix)]
mod interrupt;
mod refusals;
mod results;
mod sweep;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// An empty directory to run the program in.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neurogain"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("NEUROGAIN_DATA")
        .stdin(Stdio::null());
    command
}

fn output(folder: &TempDir, arguments: &[&str]) -> Output {
    let output = program(folder, arguments).output();
    output.expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Standard output of a program that must succeed.
fn succeeds(folder: &TempDir, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {complaint}");
    text(&output.stdout)
}

/// Standard error of a program that must end with `code`, print no result and leave no `runs`.
fn fails(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = output(folder, arguments);
    let complaint = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {complaint}"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(
        complaint.starts_with("error: "),
        "{arguments:?}: {complaint}"
    );
    assert!(
        !complaint.contains("panicked"),
        "{arguments:?}: {complaint}"
    );
    assert!(!folder.path().join("runs").exists(), "{arguments:?}");
    complaint
}

/// A run of a few moments: two methods, two seeds, two contexts of three iterations.
const TINY: &[&str] = &[
    "run",
    "split-digits",
    "--methods",
    "ngm-sgd,adam",
    "--seeds",
    "1..2",
    "--set",
    "stream.iterations=3",
    "--set",
    "stream.contexts=[[0,1],[0,1,2,3]]",
    "--set",
    "network.hidden=[8]",
];

fn tiny(folder: &TempDir, more: &[&str]) -> String {
    succeeds(folder, &[TINY, more].concat())
}

fn csv_lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).expect("a record");
    text.lines().count()
}
