//! Node runs the script of the page, which enlarges figures, on pages of every system (`tests/enlarge.mjs`).

use std::fs;
use std::process::Command;

use crate::figures::{COMODULATION, GAP, PLASTICITY};
use crate::program::{ended, folder, quick};

/// A sweep with a logarithmic horizontal axis; at its last value, training diverges.
const SWEEP: &str = "
base = \"gap.toml\"
methods = [\"sgd\", \"ngm-sgd\", \"adam\"]
[grid]
training.learning_rate = [0.01, 0.1, 1e30]
";

/// Commands that make pages, and their exit codes: 1 if training diverges.
const COMMANDS: [(&str, i32); 6] = [
    ("run gap.toml --quiet --out gap", 0),
    ("run diverged.toml --quiet --out diverged", 1),
    ("run comodulation.toml --quiet --out comodulation", 0),
    ("run plasticity.toml --quiet --out plasticity", 0),
    ("sweep sweep.toml --quiet --out sweep", 0),
    ("report gap diverged --out compared.html", 0),
];

/// Every figure is drawn from the page's JSON in light and in dark, and answers the pointer.
pub fn every_figure() {
    let folder = folder();
    let diverged = format!("{GAP}learning_rate = 1e12\n");
    for (name, text) in [
        ("gap.toml", GAP),
        ("diverged.toml", &diverged),
        ("comodulation.toml", COMODULATION),
        ("plasticity.toml", PLASTICITY),
        ("sweep.toml", SWEEP),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    for (command, code) in COMMANDS {
        let arguments: Vec<&str> = command.split(' ').collect();
        ended(&mut quick(&folder, &arguments), code);
    }
    let pages = [
        "gap/report.html",
        "diverged/report.html",
        "comodulation/report.html",
        "plasticity/report.html",
        "sweep/sweep.html",
        "compared.html",
    ];
    let mut node = Command::new("node");
    node.arg("tests/enlarge.mjs")
        .args(pages.map(|page| folder.path().join(page)))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let [printed, _] = ended(&mut node, 0);
    assert!(printed.contains("figures are enlarged"), "{printed}");
}
