//! The core stays small enough to audit: it has at most 20 dependencies.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that a build with these features links, without this one.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges=normal",
            "--prefix=none",
            "--no-default-features",
        ])
        .args(
            features
                .iter()
                .map(|feature| format!("--features={feature}")),
        )
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("names are text");
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "neurogain")
        .map(str::to_string)
        .collect()
}

#[test]
fn the_core_links_at_most_20_crates() {
    for features in [&[][..], &["std"], &["parallel"]] {
        let found = crates(features);
        assert!(found.len() >= 5, "cargo tree named only {found:?}");
        assert!(
            found.len() <= 20,
            "{features:?}: {} crates, {found:?}",
            found.len()
        );
    }
}

/// Without default features nothing needs the standard library's threads, files or a C compiler.
#[test]
fn the_bare_core_links_what_the_design_names() {
    let expected = [
        "bytemuck",
        "byteorder",
        "libm",
        "num-traits",
        "rand",
        "rand_core",
        "rand_distr",
        "safe_arch",
        "wide",
    ];
    assert_eq!(crates(&[]), expected.map(str::to_string).into());
}
