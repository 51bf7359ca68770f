//! A learner registered by a separate program has the whole command line: `examples/own_learner.rs` is killed
//! and resumed to the bytes of an undisturbed run, and every error and list contains the registered names.
#![cfg(all(feature = "cli", unix))]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::program::kills::kill;
use crate::program::{contents, ended, folder, program};

/// The example, built in the same way as this test.
fn example() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_neurogain"))
        .parent()
        .expect("a folder");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--example", "own_learner"]);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.expect("cargo starts").success());
    profile.join("examples/own_learner")
}

const ARGUMENTS: &[&str] = &[
    "run",
    "split-digits",
    "--methods",
    "sgd,adam",
    "--seeds",
    "1",
    "--set",
    "methods.sgd.learner=error-driven",
    "--set",
    "methods.sgd.parameters.eta=0.3",
    "--set",
    "stream.iterations=30",
    "--set",
    "network.hidden=[32]",
    "--quiet",
];

fn run(example: &Path, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(example);
    command
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::null());
    command
}

/// The arguments that start a run in `name`.
fn begin(name: &str) -> Vec<&str> {
    [ARGUMENTS, &["--checkpoint-every", "4", "--out", name]].concat()
}

#[test]
fn killed_and_resumed_to_the_same_bytes() {
    let (example, folder) = (example(), folder());
    let begun = Instant::now();
    ended(&mut run(&example, &folder, &begin("undisturbed")), 0);
    let longest = begun.elapsed() / 3;
    let undisturbed = contents(&folder.path().join("undisturbed"));
    let page = String::from_utf8_lossy(&undisturbed[Path::new("report.html")]);
    assert!(page.contains("error-driven"), "the settings are reported");
    kill(8, &folder, &undisturbed, longest, |name, begun| {
        let resume = [
            "run",
            "--resume",
            name,
            "--quiet",
            "--checkpoint-every",
            "4",
        ];
        match begun {
            true => run(&example, &folder, &resume),
            false => run(&example, &folder, &begin(name)),
        }
    });

    // Its gains change: the learner differs from gradient descent with otherwise equal settings.
    let plain = ARGUMENTS
        .iter()
        .filter(|a| !a.contains("error-driven") && !a.contains("eta"));
    let plain: Vec<&str> = plain.copied().filter(|a| *a != "--set").collect();
    let (run_and_methods, values) = plain.split_at(6);
    let mut arguments = run_and_methods.to_vec();
    for value in &values[..2] {
        arguments.extend(["--set", value]);
    }
    arguments.extend(["--quiet", "--out", "plain"]);
    ended(&mut program(&folder, &arguments), 0);
    let plain = contents(&folder.path().join("plain"));
    let records = Path::new("runs/sgd-1.csv");
    assert_ne!(plain[records], undisturbed[records]);
    let adam = Path::new("runs/adam-1.csv");
    assert_eq!(plain[adam], undisturbed[adam]);
}

#[test]
fn a_learner_that_is_not_registered_is_named() {
    let folder = folder();
    let [_, complaint] = ended(&mut program(&folder, ARGUMENTS), 2);
    assert!(complaint.contains("error-driven"), "{complaint}");
    assert!(complaint.contains("gradient-descent"), "{complaint}");
    let [list, _] = ended(&mut program(&folder, &["list"]), 0);
    assert!(list.contains("gradient-descent"), "{list}");
}
