//! The program: what it prints, which files it leaves, its exit codes, and its errors for bad input.
#![cfg(feature = "cli")]

mod data;
mod device;
mod figures;
mod help;
#[cfg(unix)]
mod interrupt;
mod refusals;
mod results;
mod sweep;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::program::{ended, folder, output, program};
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Standard output of a program that must succeed.
#[track_caller]
fn succeeds(folder: &TempDir, arguments: &[&str]) -> String {
    let [printed, _] = ended(&mut program(folder, arguments), 0);
    printed
}

/// Standard error of a program that must end with `code`, print no result and leave no `runs`.
#[track_caller]
fn fails(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let [printed, complaint] = ended(&mut program(folder, arguments), code);
    assert_eq!(printed, "", "{arguments:?}");
    let named = complaint.starts_with("error: ");
    assert!(named, "{arguments:?}: {complaint}");
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
