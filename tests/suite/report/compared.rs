//! Comparisons of runs: paired by method and seed, named by the settings that differ, with overlaid curves.

use std::fs;
use std::path::{Path, PathBuf};

use neurogain::run::{Status, begin_sweep, cell_directory, compare};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Results, Settings};
use tempfile::TempDir;

use super::synthetic::{self, write_all};

/// Small results in which every accuracy of a seed is this, by seed.
fn constant(settings: &Settings, accuracy: impl Fn(u64) -> f64) -> Results {
    let mut results = synthetic::results(settings);
    for run in &mut results.runs {
        for record in &mut run.history.records {
            record.test.as_mut().expect("it was evaluated").accuracy = accuracy(run.seed);
        }
    }
    results
}

/// Writes the runs, compares them, and returns the table and the page.
fn compared(all: &[(&str, Results)]) -> (String, String) {
    let folder = TempDir::new().unwrap();
    let write = |(name, results): &(&str, Results)| -> PathBuf {
        let directory = folder.path().join(name);
        write_all(&directory, results);
        directory
    };
    let directories: Vec<PathBuf> = all.iter().map(write).collect();
    let out = folder.path().join("page.html");
    let table = compare::<StabilityGap>(&directories, &out).unwrap().table();
    (table, fs::read_to_string(out).unwrap())
}

fn small(seeds: &[u64], changes: &[&str]) -> Settings {
    let small = synthetic::small().with_seeds(seeds).unwrap();
    small.with_overrides(changes).unwrap()
}

#[test]
fn each_run_minus_the_first_over_the_seeds_of_both() {
    // Seeds 2, 3 and 4 are in both: 0.75 − 0.5 of seed 2, 0.5 − 0.5 of the others. Of 27 equally likely resamples one has
    // seed 2 three times, which is more than 2.5 %.
    let one = constant(&small(&[1, 2, 3, 4], &["gain.eta=0.1"]), |_| 0.5);
    let two = constant(&small(&[2, 3, 4, 5], &["gain.eta=0.2"]), |seed| {
        if seed == 2 { 0.75 } else { 0.5 }
    });
    let (table, page) = compared(&[("a", one), ("b", two)]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("eta = 0.1: ") && lines[1].starts_with("eta = 0.2: "));
    let row = lines
        .iter()
        .find(|line| line.starts_with("SGD "))
        .expect("SGD");
    assert!(row.contains("+8.33 [+0.00, +25.00]"), "{row}");
    assert!(row.ends_with("  3"), "{row}");
    for part in [
        "id=\"table-between-results\"",
        "<td>+8.33 [+0.00, +25.00]</td>",
        "each run minus <strong>eta = 0.1</strong>",
        "<code>gain.eta</code>",
    ] {
        assert!(page.contains(part), "no {part}");
    }
}

/// Where the runs have other samples, a seed pairs nothing; the table and the page say so.
#[test]
fn other_samples_are_named() {
    let said = "The runs differ in stream.contexts: the same seed draws other samples";
    let of = |changes: &[&str]| constant(&small(&[1, 2, 3], changes), |_| 0.5);
    let (table, page) = compared(&[("a", of(&[])), ("b", of(&["stream.contexts=[[0],[0,1]]"]))]);
    assert!(table.contains(said) && page.contains(said), "{table}");
    let (table, page) = compared(&[("a", of(&[])), ("b", of(&["gain.eta=0.1"]))]);
    assert!(!table.contains("other samples") && !page.contains("other samples"));
}

#[test]
fn curves_of_a_method_are_overlaid() {
    let results = |eta: &str| {
        let settings = small(&[1], &[&format!("gain.eta={eta}")]);
        constant(&settings, |_| 0.5)
    };
    let (_, page) = compared(&[("a", results("0.1")), ("b", results("0.2"))]);
    let methods = synthetic::small().methods;
    for (number, method) in (1..).zip(&methods) {
        let id = format!("<svg id=\"neurogain-accuracy-{number}\"");
        let (_, figure) = page.split_once(&id).unwrap_or_else(|| panic!("no {id}"));
        let (figure, _) = figure.split_once("</svg>").expect("its end");
        assert!(figure.contains(&format!("first task: {}<", method.label)));
        assert!(figure.contains(">eta = 0.1<") && figure.contains(">eta = 0.2<"));
    }
}

#[test]
fn without_a_common_seed_there_is_no_difference() {
    let one = constant(&small(&[1], &[]), |_| 0.5);
    let two = constant(&small(&[2], &[]), |_| 0.5);
    let (table, page) = compared(&[("a", one), ("b", two)]);
    assert!(table.contains("No differences"), "{table}");
    assert!(page.contains("No differences") && !page.contains("table-between-results"));
}

#[test]
fn equal_settings_are_named_after_their_directories() {
    let results = constant(&small(&[1, 2], &[]), |_| 0.5);
    let (table, page) = compared(&[("a", results.clone()), ("b", results)]);
    let row = table
        .lines()
        .find(|line| line.starts_with("SGD "))
        .expect("SGD");
    assert!(row.contains("/b ") && row.contains("+0.00"), "{row}");
    assert!(page.contains("Their settings are equal"));
}

#[test]
fn a_sweep_stands_for_its_cells() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("grid.toml");
    fs::write(&file, "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [1]\nset = [\"stream.iterations=4\"]\n[grid]\ngain.eta = [0.1, 0.2]").unwrap();
    let source = neurogain::run::SweepSource::from_file(&file).unwrap();
    let sweep = neurogain::run::Sweep::<Settings>::read(&source).unwrap();
    let dir = folder.path().join("sweep");
    begin_sweep(&dir, &sweep).unwrap();
    let out = folder.path().join("page.html");
    let of = |dir: &Path| compare::<StabilityGap>(&[dir.into()], &out);
    let message = of(&dir).unwrap_err().to_string();
    assert!(message.contains("no cell has begun"), "{message}");
    for cell in sweep.cells() {
        write_all(
            &cell_directory(&dir, cell),
            &constant(&cell.settings, |_| 0.5),
        );
    }
    let table = of(&dir).unwrap().table();
    assert!(table.contains("minus eta = 0.1"), "{table}");
    let row = table.lines().find(|line| line.starts_with("SGD "));
    let row = row.expect("SGD");
    assert!(row.contains("eta = 0.2 ") && row.contains("+0.00"), "{row}");
}

/// A method that diverged in one of the runs has a row without numbers, and each of its seeds is named.
#[test]
fn what_is_not_complete_is_named() {
    let one = constant(&small(&[1, 2], &["gain.eta=0.1"]), |_| 0.5);
    let mut two = constant(&small(&[1, 2], &["gain.eta=0.2"]), |_| 0.5);
    for run in two.runs.iter_mut().filter(|run| run.method == "sgd") {
        run.history.records.truncate(2);
        run.status = Status::Diverged {
            iteration: 3,
            quantity: "training loss".into(),
            value: "inf".into(),
        };
    }
    let (table, page) = compared(&[("a", one), ("b", two)]);
    let line = "eta = 0.2: SGD, seeds 1 to 2: diverged: training loss is inf at iteration 3";
    assert!(
        table.contains(&format!("\nnot counted: {line}\n")),
        "{table}"
    );
    assert!(page.contains(&format!("<li>{line}</li>")));
    assert_eq!(page.matches("Runs that are not complete").count(), 1);
    let row = table.lines().find(|line| line.starts_with("SGD "));
    let row = row.expect("a row");
    assert!(row.contains('–') && row.ends_with("  0"), "{row}");
}

/// What all runs share is on the page once, what differs in a table with a column for each run.
#[test]
fn settings_that_all_runs_share_are_there_once() {
    let results = |eta: &str, batch: &str| {
        let of = ["training.learning_rate=0.125", eta, batch];
        constant(&small(&[1], &of), |_| 0.5)
    };
    let (_, page) = compared(&[
        ("a", results("gain.eta=0.1", "training.batch=8")),
        ("b", results("gain.eta=0.2", "training.batch=8")),
        ("c", results("gain.eta=0.2", "training.batch=16")),
    ]);
    let (_, notice) = page.split_once("Settings of all runs").expect("a notice");
    let (notice, _) = notice.split_once("</div>").expect("its end");
    let shared = "<code>training.learning_rate</code> = <code>0.125</code>";
    assert!(notice.contains(shared), "{notice}");
    assert!(!notice.contains("gain.eta") && !notice.contains("training.batch"));
    assert_eq!(page.matches("that differ from the benchmark").count(), 1);
    let row = |key: &str, values: [&str; 3]| {
        let cells = values.map(|value| format!("<td class=\"text\"><code>{value}</code></td>"));
        format!(
            "<th scope=\"row\"><code>{key}</code></th>{}</tr>",
            cells.concat()
        )
    };
    for (key, values) in [
        ("gain.eta", ["0.1", "0.2", "0.2"]),
        ("training.batch", ["8", "8", "16"]),
    ] {
        assert!(page.contains(&row(key, values)), "no {key}");
    }
}

/// Also through another path, and as a cell of a sweep.
#[cfg(unix)]
#[test]
fn the_same_directory_twice_is_refused() {
    let folder = TempDir::new().unwrap();
    let own = folder.path().join("a");
    write_all(&own, &constant(&small(&[1], &[]), |_| 0.5));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&own, &link).unwrap();
    let out = folder.path().join("page.html");
    for again in [own.clone(), own.join(""), own.join("../a"), link] {
        let error = compare::<StabilityGap>(&[own.clone(), again.clone()], &out).unwrap_err();
        assert!(error.is_usage() && !out.exists());
        let error = error.to_string();
        let same = format!("the same directory as {}", own.display());
        assert!(error.contains(&same), "{error}");
        assert!(error.contains(&again.display().to_string()), "{error}");
    }
}
