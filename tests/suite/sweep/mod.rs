//! Sweeps: the cells of a grid, errors in sweep files, and gathered results.
#![cfg(feature = "report")]

use crate::synthetic;
use std::fs;
use std::path::{Path, PathBuf};

use neurogain::Error;
use neurogain::run::settings::{Document, DocumentKind};
use neurogain::run::{
    self, Collected, Status, SweepSource, begin_sweep, cell_directory, cell_has_ended,
};
use neurogain::systems::StabilityGap;
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::plasticity::PlasticitySettings;
use neurogain::systems::stability_gap::{Results, Settings};
use tempfile::TempDir;

mod figure;

const SWEEP: &str = r#"
base = "split-digits"
methods = ["sgd", "ngm-sgd"]
seeds = [7, 8]

[grid]
gain.eta = [0.1, 0.2]
"stream.iterations" = [4]
"network.hidden" = [[8], [16, 16], []]
"#;

type Sweep = run::Sweep<Settings>;

fn from_file(path: &Path) -> Result<Sweep, Error> {
    Sweep::read(&SweepSource::from_file(path)?)
}

fn find(name: &str, base: Option<&str>) -> Result<Sweep, Error> {
    Sweep::read(&SweepSource::find(name.as_ref(), base)?)
}

fn collect_sweep(dir: &Path) -> Result<Collected, Error> {
    run::collect_sweep::<StabilityGap>(dir)
}

fn parse(text: &str) -> Result<Sweep, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("grid.toml");
    fs::write(&path, text).unwrap();
    from_file(&path)
}

fn sweep() -> Sweep {
    parse(SWEEP).unwrap()
}

#[test]
fn the_cells_are_the_product_of_the_lists_in_order() {
    let sweep = sweep();
    let cells = sweep.cells();
    let labels: Vec<String> = cells.iter().map(|cell| sweep.label(cell)).collect();
    assert_eq!(cells.len(), 6);
    assert_eq!(
        labels[0],
        "gain.eta = 0.1, stream.iterations = 4, network.hidden = [8]"
    );
    assert_eq!(
        labels[4],
        "gain.eta = 0.2, stream.iterations = 4, network.hidden = [16, 16]"
    );
    let expected = Settings::preset("split-digits")
        .unwrap()
        .with_methods(&["sgd", "ngm-sgd"])
        .unwrap()
        .with_seeds(&[7, 8])
        .unwrap()
        .with_overrides(&[
            "gain.eta=0.2",
            "stream.iterations=4",
            "network.hidden=[16,16]",
        ])
        .unwrap();
    assert_eq!(cells[4].settings, expected);
    assert_eq!(cells[4].number, 5);
}

#[test]
fn a_sweep_written_out_reads_back_as_it_was() {
    let sweep = sweep();
    let text = sweep.to_toml().unwrap();
    assert_eq!(parse(&text).unwrap(), sweep, "{text}");
    assert_eq!(parse(&text).unwrap().to_toml().unwrap(), text);
}

#[test]
fn a_base_is_a_file_beside_the_sweep_too() {
    let folder = TempDir::new().unwrap();
    let own = Settings::preset_text("split-digits").unwrap();
    fs::write(folder.path().join("own.toml"), own).unwrap();
    let path = folder.path().join("grid.toml");
    let text = SWEEP.replace("\"split-digits\"", "\"own.toml\"");
    fs::write(&path, &text).unwrap();
    assert_eq!(from_file(&path).unwrap(), sweep());
    fs::write(
        folder.path().join("own.toml"),
        own.replace("eta = 0.4", "eta = -1"),
    )
    .unwrap();
    let message = from_file(&path).unwrap_err().to_string();
    assert!(message.contains("own.toml: line "), "{message}");
}

#[test]
fn methods_may_come_from_a_list_of_variants() {
    let sweep = parse(&SWEEP.replace(
        "methods = [\"sgd\"",
        "variants = \"composition\"\nmethods = [\"ngm-adam\"",
    ));
    let sweep = sweep.unwrap();
    let names: Vec<&str> = sweep
        .base()
        .methods
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    assert_eq!(names, ["ngm-adam", "ngm-sgd"]);
}

#[test]
fn whatever_is_wrong_is_told_with_its_line_before_anything_runs() {
    let many = format!("[{}]", vec!["1"; 101].join(", "));
    let counted = |n: usize| {
        let list: Vec<String> = (1..=n).map(|value| value.to_string()).collect();
        format!("[{}]", list.join(", "))
    };
    let product = format!(
        "\"training.batch\" = {}\n\"network.hidden\" = [[1], [2]]",
        counted(501)
    );
    let eta = "gain.eta = [0.1, 0.2]";
    for (from, to, line, parts) in [
        (
            "base =",
            "bas =",
            2,
            &["key of a sweep `bas`", "`base`"][..],
        ),
        ("methods", "variants = \"reste\"\nmethods", 3, &["`reset`"]),
        (
            "methods",
            "variants = 3\nmethods",
            3,
            &["variants = 3", "list of methods"],
        ),
        ("split-digits", "split-digit", 2, &["`split-digits`"]),
        ("\"split-digits\"", "3", 2, &["base = 3", "benchmark"]),
        ("\"ngm-sgd\"", "\"ngm\"", 3, &["method `ngm`", "`ngm-sgd`"]),
        ("\"ngm-sgd\"", "1", 3, &["methods = ", "list of names"]),
        ("[7, 8]", "[7, 7]", 4, &["training.seeds = 7", "once"]),
        ("[7, 8]", "\"7..8\"", 4, &["list of whole numbers"]),
        (eta, "gain.etta = [0.1]", 7, &["`gain.etta`", "`gain.eta`"]),
        (
            eta,
            "gain.eta = []",
            7,
            &["gain.eta = []", "a list of values"],
        ),
        (
            eta,
            "gain.eta = 0.1",
            7,
            &["gain.eta = 0.1", "a list of values"],
        ),
        (
            eta,
            "gain.eta = [0.1, \"x\"]",
            7,
            &["gain.eta = \"x\"", "number", "cell 4"],
        ),
        (
            eta,
            "gain.eta = [0.1, -1]",
            7,
            &["gain.eta = -1", "cell 4: gain.eta=-1"],
        ),
        (eta, "gain.eta = [0.1, 0.1]", 7, &["gain.eta = 0.1", "once"]),
        // The same after reading it.
        (
            eta,
            "gain.eta = [1, 2, 1.0]",
            7,
            &["gain.eta = 1.0", "once"],
        ),
        (
            "= [4]",
            "= [4]\nevaluation.every = [3]",
            9,
            &["evaluation.every = 3"],
        ),
        (
            "\"stream.iterations\"",
            "\"gain.eta\"",
            7,
            &["gain.eta = [4]", "one list"],
        ),
        (
            eta,
            &format!("training.batch = {many}"),
            7,
            &["training.batch = 1", "once"],
        ),
        (
            eta,
            &product,
            6,
            &["501 × 2 × 1", "= 1002 cells", "at most 1000"],
        ),
    ] {
        // The lists of the product replace the others.
        let text = match to == product {
            true => SWEEP.replace("\"network.hidden\" = [[8], [16, 16], []]\n", ""),
            false => SWEEP.to_string(),
        };
        assert!(text.contains(from), "{from}");
        let error = parse(&text.replacen(from, to, 1)).unwrap_err();
        let message = error.to_string();
        let place = format!("grid.toml: line {line}: ");
        assert!(message.contains(&place), "{to}: no {place} in {message}");
        for part in parts {
            assert!(message.contains(part), "{to}: no {part} in {message}");
        }
    }
    let without = |part: &str| parse(&SWEEP.replacen(part, "", 1)).unwrap_err().to_string();
    assert!(without("base = \"split-digits\"").contains("base = (missing)"));
    let grid = SWEEP.split_once("[grid]").unwrap().0;
    for text in [grid.to_string(), format!("{grid}[grid]\n")] {
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains("a table of settings"), "{message}");
    }
    assert!(parse("base = ").unwrap_err().to_string().contains("line 1"));
}

/// A sweep's directory with made-up runs in every cell.
fn directory(folder: &TempDir) -> (Sweep, PathBuf) {
    let (sweep, dir) = (sweep(), folder.path().join("deep/sweep"));
    begin_sweep(&dir, &sweep).unwrap();
    for cell in sweep.cells() {
        write_cell(
            &cell_directory(&dir, cell),
            &synthetic::results(&cell.settings),
        );
    }
    (sweep, dir)
}

fn write_cell(dir: &Path, results: &Results) {
    synthetic::write_all(dir, results);
}

#[test]
fn every_cell_and_method_has_a_row() {
    let folder = TempDir::new().unwrap();
    let (sweep, dir) = directory(&folder);
    let collected = collect_sweep(&dir).unwrap();
    assert_eq!(collected.incomplete, [""; 0]);
    let mut rows = csv::Reader::from_path(dir.join("sweep.csv")).unwrap();
    let header = rows.headers().unwrap().clone();
    let expected = "cell gain.eta stream.iterations network.hidden method status seeds diverged \
        average_accuracy_mean average_accuracy_standard_deviation";
    let first: Vec<&str> = header.iter().take(10).collect();
    assert_eq!(first.join(" "), expected);
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6 * 2);
    let start: Vec<&str> = rows[9].iter().take(8).collect();
    let expected = ["5", "0.2", "4", "[16, 16]", "ngm-sgd", "complete", "2", "0"];
    assert_eq!(start, expected);

    // The numbers are those of the cell's own summary.
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("sweep.json")).unwrap()).unwrap();
    let summary = cell_directory(&dir, &sweep.cells()[4]).join("summary.json");
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    assert_eq!(json["cells"][4]["summary"]["methods"], summary["methods"]);
    assert_eq!(json["cells"][4]["settings"]["gain.eta"], 0.2);
    let gap = &summary["methods"][1]["measures"]["average_gap"];
    let column = |name: &str| header.iter().position(|known| known == name).unwrap();
    for (name, value) in [
        ("average_gap_mean", &gap["mean"]),
        ("average_gap_standard_deviation", &gap["standard_deviation"]),
    ] {
        let told: f64 = rows[9][column(name)].parse().unwrap();
        assert_eq!(Some(told), value.as_f64(), "{name}");
    }
    assert_eq!(collected.table.lines().count(), 1 + 6 * 2);
    assert!(collected.table.contains("[16, 16]"), "{}", collected.table);
}

#[test]
fn cells_that_are_missing_broken_or_unfinished_are_named() {
    let folder = TempDir::new().unwrap();
    let (sweep, dir) = directory(&folder);
    let cells = sweep.cells();
    let ended = || {
        cells
            .iter()
            .map(|cell| cell_has_ended::<StabilityGap>(&dir, cell))
            .collect::<Vec<_>>()
    };
    assert_eq!(ended(), [true; 6]);
    let place = |index: usize| cell_directory(&dir, &cells[index]);
    // Missing, of other settings, without its summary, broken, interrupted, diverged.
    fs::remove_dir_all(place(0)).unwrap();
    fs::copy(place(2).join("config.toml"), place(1).join("config.toml")).unwrap();
    fs::remove_file(place(2).join("summary.json")).unwrap();
    fs::write(place(3).join("runs/sgd-7.csv"), "").unwrap();
    for (index, status) in [
        (4, Status::Interrupted),
        (
            5,
            Status::Diverged {
                iteration: 3,
                quantity: "train loss".into(),
                value: "NaN".into(),
            },
        ),
    ] {
        let mut results = synthetic::results(&cells[index].settings);
        results.runs[1].status = status;
        results.runs[1].history.records.truncate(3);
        fs::remove_dir_all(place(index)).unwrap();
        write_cell(&place(index), &results);
    }
    // A diverged cell would diverge again, so there is nothing to do.
    assert_eq!(ended(), [false, false, false, false, false, true]);
    let collected = collect_sweep(&dir).unwrap();
    let told = collected.incomplete;
    let expected = [
        ("cell 1 (gain.eta = 0.1,", "not begun"),
        (
            "cell 2 ",
            "config.toml: its settings are not those of this cell",
        ),
        ("cell 4 ", "sgd-7.csv: line 1: truncated"),
        (
            "cell 5 ",
            "SGD, seed 8: interrupted after 3 of 20 iterations",
        ),
    ];
    let [diverged] = &collected.diverged[..] else {
        panic!("{:?}", collected.diverged);
    };
    assert!(diverged.starts_with("cell 6 (gain.eta"), "{diverged}");
    let end = ": SGD, seed 8: diverged: train loss is NaN at iteration 3";
    assert!(diverged.ends_with(end), "{diverged}");
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, (start, part)) in told.iter().zip(expected) {
        assert!(line.starts_with(start) && line.contains(part), "{line}");
    }
    let rows = fs::read_to_string(dir.join("sweep.csv")).unwrap();
    let statuses = |status: &str| rows.matches(&format!(",{status},")).count();
    assert_eq!(statuses("missing"), 3 * 2);
    assert_eq!(statuses("incomplete"), 2);
    assert_eq!(statuses("complete"), 4);
    // No file contains its own path.
    for file in ["sweep.toml", "sweep.csv", "sweep.json"] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        assert!(!text.contains(dir.to_str().unwrap()), "{file}");
    }
}

#[test]
fn a_directory_is_gone_on_with_only_by_its_own_sweep() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("sweep");
    begin_sweep(&dir, &sweep()).unwrap();
    begin_sweep(&dir, &sweep()).unwrap();
    let other = parse(&SWEEP.replace("[0.1, 0.2]", "[0.1]")).unwrap();
    let message = begin_sweep(&dir, &other).unwrap_err().to_string();
    assert!(message.contains("another sweep"), "{message}");
    let message = begin_sweep(folder.path(), &other).unwrap_err().to_string();
    assert!(message.contains("holds no sweep"), "{message}");
}

/// The sweep has this many cells, on its own base and on another.
fn cells_of<D: Document + PartialEq>(name: &str, other: &str, cells: usize) {
    for base in [None, Some(other)] {
        let source = SweepSource::find(name.as_ref(), base).unwrap();
        let sweep = run::Sweep::<D>::read(&source).unwrap();
        assert_eq!(sweep.cells().len(), cells, "{name}");
    }
}

/// The shipped sweeps are complete, on their own base and on another.
#[test]
fn every_shipped_sweep_can_be_run_on_any_base() {
    let shipped: Vec<_> = DocumentKind::all()
        .iter()
        .flat_map(|kind| kind.sweeps)
        .collect();
    for (name, text) in shipped {
        assert!(text.starts_with("description = "), "{name}");
        let kind = SweepSource::find(name.as_ref(), None).unwrap().kind();
        match kind.as_deref() {
            Some("comodulation") => {
                cells_of::<ComodulationSettings>(name, "comodulation-mnist", 4);
                continue;
            }
            Some("plasticity") => {
                let cells = if *name == "atlas" { 11 } else { 6 };
                cells_of::<PlasticitySettings>(name, "shuffle-digits", cells);
                continue;
            }
            Some(other) => panic!("{name}: {other}"),
            None => {}
        }
        let own = find(name, None).unwrap();
        let base = match own.base().name.as_str() {
            "split-cifar10" => "domain-cifar100",
            _ => "split-mnist",
        };
        let other = find(name, Some(base)).unwrap();
        assert_eq!(own.cells().len(), other.cells().len(), "{name}");
        assert_eq!(other.base().name, base);
    }
    let error = find("replays", None).unwrap_err();
    assert!(error.to_string().contains("replay"), "{error}");
    let error = find("replay", Some("split-mnits")).unwrap_err();
    assert!(error.to_string().contains("split-mnist"), "{error}");
}
