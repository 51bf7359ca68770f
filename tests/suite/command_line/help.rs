//! The help, completions and manual pages, and what the README says of the first command.

use std::fs;

use serde_json::Value;

use super::{fails, folder, output, succeeds, text};

#[test]
fn every_main_command_has_examples() {
    let folder = folder();
    for command in [
        "",
        "run",
        "sweep",
        "list",
        "report",
        "figure",
        "completions",
        "man",
    ] {
        let help = succeeds(
            &folder,
            &["help", command][..1 + usize::from(!command.is_empty())],
        );
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        let shown = examples.lines().take_while(|line| !line.is_empty());
        let shown: Vec<&str> = shown
            .filter(|line| line.starts_with("  neurogain"))
            .collect();
        assert!((2..=3).contains(&shown.len()), "{command}: {help}");
    }
    let help = succeeds(&folder, &["--help"]);
    assert!(help.contains("cargo install --path ."), "{help}");
}

#[test]
fn completions_are_printed_for_each_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish"] {
        let script = succeeds(&folder, &["completions", shell]);
        for part in ["neurogain", "sweep", "checkpoint-every"] {
            assert!(script.contains(part), "{shell}: no {part}");
        }
    }
    let output = output(&folder, &["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("possible values: bash"), "{complaint}");
}

#[test]
fn manual_pages_are_printed_and_written() {
    let folder = folder();
    let page = succeeds(&folder, &["man"]);
    assert!(
        page.contains(".TH neurogain 1") && page.contains("neurogain\\-run(1)"),
        "{page}"
    );
    succeeds(&folder, &["man", "--out", "man1"]);
    let pages = folder.path().join("man1");
    assert!(fs::read_to_string(pages.join("neurogain.1")).unwrap() == page);
    let run = fs::read_to_string(pages.join("neurogain-run.1")).unwrap();
    assert!(run.contains("checkpoint\\-every"), "{run}");
    fs::write(folder.path().join("file"), "").unwrap();
    let complaint = fails(&folder, &["man", "--out", "file"], 1);
    assert!(complaint.contains("file: cannot create"), "{complaint}");
}

/// The version and the hash that the README names are those of the program.
#[test]
fn the_first_command_gives_the_hash_in_the_readme() {
    // The bits are equal on every set (tests/suite/pinned_runs.rs), and portable code is slow.
    if std::env::var("NEUROGAIN_SIMD").as_deref() == Ok("portable") {
        eprintln!("left to the faster instruction sets");
        return;
    }
    let readme = include_str!("../../../README.md");
    let (_, after) = readme.split_once("With version ").expect("a version");
    let (version, after) = after.split_once("\nthe hash is `").expect("a hash");
    let (hash, _) = after.split_once('`').expect("its end");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let folder = folder();
    let printed = succeeds(&folder, &["run", "split-digits", "--json", "--quiet"]);
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["hash"], hash);
}
