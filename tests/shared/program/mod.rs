//! Starts the program for tests, and reads the files it leaves.
#![allow(dead_code)]

#[cfg(unix)]
pub mod kills;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
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

/// The program with the default instruction set: for tests that do not depend on it and take
/// minutes on portable code.
pub fn quick(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = program(folder, arguments);
    command.env_remove("NEUROGAIN_SIMD");
    command
}

pub fn output(folder: &TempDir, arguments: &[&str]) -> Output {
    let output = program(folder, arguments).output();
    output.expect("the program starts")
}

/// Standard output and standard error of a program that must end with `code`, and without a panic.
#[track_caller]
pub fn ended(command: &mut Command, code: i32) -> [String; 2] {
    let output = command.output().expect("the program starts");
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    let [printed, complaint] = &texts;
    let found = output.status.code();
    assert_eq!(found, Some(code), "{command:?}: {printed}{complaint}");
    assert!(!complaint.contains("panicked"), "{command:?}: {complaint}");
    texts
}

/// The bytes of files by their path.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The bytes of every file below `directory`, by its path there.
pub fn contents(directory: &Path) -> Files {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("below").to_path_buf();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// Fails unless a directory has the files of an undisturbed run or sweep and no checkpoint; `how` describes the
/// disturbance. Temporary files `NAME.PID.partial` of killed processes are ignored.
#[track_caller]
pub fn assert_same(undisturbed: &Files, directory: &Path, how: &str) {
    let mut found = contents(directory);
    let of_a_process = |part: &OsStr| {
        let part = part.to_string_lossy();
        let id = part
            .strip_suffix(".partial")
            .and_then(|part| part.rsplit('.').next());
        id.is_some_and(|id| id.parse::<u32>().is_ok())
    };
    found.retain(|path, _| !path.iter().any(of_a_process));
    let only_in = |files: &Files, others: &Files| {
        let names = files.keys().filter(|name| !others.contains_key(*name));
        names.cloned().collect::<Vec<_>>()
    };
    let missing = only_in(undisturbed, &found);
    let further = only_in(&found, undisturbed);
    assert!(
        missing.is_empty() && further.is_empty(),
        "missing {missing:?}, further {further:?}: {how}"
    );
    let differs = undisturbed
        .iter()
        .filter(|(name, bytes)| found[*name] != **bytes);
    let differs: Vec<&PathBuf> = differs.map(|(name, _)| name).collect();
    assert!(differs.is_empty(), "{differs:?} differ: {how}");
    assert!(!directory.join("checkpoints").exists(), "{how}");
}
