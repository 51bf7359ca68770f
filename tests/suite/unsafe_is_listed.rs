//! `UNSAFE.md` lists exactly the source files that contain unsafe code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every Rust source file under a directory.
fn sources(directory: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.to_str().expect("a UTF-8 path").to_string());
        }
    }
}

/// Whether a source uses the keyword `unsafe` outside comments and string literals.
fn is_unsafe(source: &str) -> bool {
    source.lines().any(|line| {
        let code = line.split("//").next().unwrap_or_default();
        // Text between quotation marks is every second piece.
        let outside: String = code.split('"').step_by(2).collect();
        outside
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .any(|word| word == "unsafe")
    })
}

#[test]
fn every_file_with_unsafe_code_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in [
        "src",
        "tests",
        "benches",
        "examples",
        "fuzz/src",
        "fuzz/fuzz_targets",
    ] {
        sources(&root.join(directory), &mut files);
    }
    assert!(files.len() > 20, "the sources were not found");
    let found: BTreeSet<String> = files
        .iter()
        .filter(|file| is_unsafe(&fs::read_to_string(file).expect("a source file")))
        .map(|file| {
            let path = Path::new(file).strip_prefix(root).expect("a path inside");
            path.to_str().expect("a UTF-8 path").replace('\\', "/")
        })
        .collect();
    let is_published = root.join("Cargo.toml.orig").exists();
    let table = fs::read_to_string(root.join("UNSAFE.md")).expect("UNSAFE.md");
    let listed: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        // cargo leaves packages inside this one, such as tests/no_std, out of the published package.
        .filter(|file| !is_published || root.join(file).exists())
        .map(String::from)
        .collect();
    assert_eq!(found, listed, "found on the left, listed on the right");
}

#[test]
fn the_scan_sees_code_and_not_words() {
    assert!(is_unsafe("let x = unsafe { f() };"));
    assert!(is_unsafe("unsafe impl Send for X {}"));
    assert!(!is_unsafe("// unsafe"));
    assert!(!is_unsafe("#![deny(unsafe_code)]"));
    assert!(!is_unsafe(&format!("let x = {0}unsafe{0};", '"')));
}
