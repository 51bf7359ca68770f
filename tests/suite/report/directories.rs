//! Written files read back, and broken files give an error that says where.

use std::fs;
use std::path::Path;

use neurogain::Error;
use neurogain::learn::{Evaluation, History, Record};
use neurogain::run::{RunDirectory, Status};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Results, Run, Settings};
use proptest::prelude::*;
use tempfile::TempDir;

use super::synthetic::{self, load, outcomes};

/// Writes the records of `results` into a new directory `run` of `folder`, as an experiment does.
fn write_all(folder: &TempDir, results: &Results) -> std::path::PathBuf {
    let dir = folder.path().join("deep").join("run");
    synthetic::write(&dir, results);
    dir
}

fn create(dir: &Path, settings: &Settings) -> neurogain::Result<RunDirectory<StabilityGap>> {
    RunDirectory::create(dir, settings)
}

fn open(dir: &Path) -> RunDirectory<StabilityGap> {
    RunDirectory::open(dir).unwrap()
}

/// Writes the report of `results`.
fn finish(dir: &Path, results: &Results) -> neurogain::Result<()> {
    let directory = open(dir);
    directory.report(&outcomes(&directory, results)).map(|_| ())
}

/// Every file below `dir` with its bytes, in order.
fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes_of(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_directory_reads_back_as_it_was_written() {
    let folder = TempDir::new().unwrap();
    let mut results = synthetic::results(&synthetic::small());
    results.runs[1].status = Status::Interrupted;
    results.runs[1].history.records.truncate(3);
    results.runs[2].status = Status::Diverged {
        iteration: 6,
        quantity: String::from("train loss"),
        value: String::from("NaN"),
    };
    results.runs[2].history.records.truncate(5);
    let dir = write_all(&folder, &results);
    let before_finish = load(&dir).unwrap();
    assert_eq!(before_finish.runs[1], results.runs[1]);
    assert_eq!(before_finish.runs[2].status, Status::Interrupted);
    finish(&dir, &results).unwrap();
    assert_eq!(load(&dir).unwrap(), results);
}

#[test]
fn building_again_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let results = synthetic::results(&synthetic::small());
    let dir = write_all(&folder, &results);
    finish(&dir, &results).unwrap();
    let first = bytes_of(&dir);
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    for file in [
        "config.toml",
        "runs/adam-43.csv",
        "summary.json",
        "figures/gain.svg",
        "report.html",
    ] {
        assert!(names.iter().any(|name| name.ends_with(file)), "{names:?}");
    }
    assert!(
        !names.iter().any(|name| name.contains("partial")),
        "{names:?}"
    );
    open(&dir).rebuild().unwrap();
    assert_eq!(bytes_of(&dir), first);
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |v| v.is_finite()),
        0.0..1.0,
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 3.0),
    ]
}

fn any_run() -> impl Strategy<Value = Run> {
    let name = "[ -~é\n]{1,8}";
    (prop::collection::vec(name, 0..4), 0usize..=8).prop_flat_map(|(layers, count)| {
        let numbers = prop::collection::vec(any_number(), 5 + 2 * layers.len());
        prop::collection::vec(numbers, count).prop_map(move |rows| {
            let record = |(index, row): (usize, Vec<f64>)| Record {
                iteration: index + 1,
                context: index / 4 + 1,
                train: Evaluation {
                    loss: row[0],
                    accuracy: row[1],
                },
                test: Some(Evaluation {
                    loss: row[2],
                    accuracy: row[3],
                }),
                entropy: row[4],
                gain: row[5..5 + layers.len()].to_vec(),
                mean_absolute_weight: row[5 + layers.len()..].to_vec(),
                later_tasks: Vec::new(),
            };
            Run {
                hash: None,
                method: String::from("adam"),
                seed: 43,
                status: if count == 8 {
                    Status::Complete
                } else {
                    Status::Interrupted
                },
                history: History {
                    layers: layers.clone(),
                    records: rows.into_iter().enumerate().map(record).collect(),
                },
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_number_and_name_reads_back_exactly(run in any_run()) {
        let folder = TempDir::new().unwrap();
        let results = Results { settings: synthetic::small(), runs: vec![run] };
        let read = load(&write_all(&folder, &results)).unwrap();
        // Equal text in the debug form means equal bits: -0.0 differs from 0.0 there.
        prop_assert_eq!(format!("{read:?}"), format!("{results:?}"));
    }
}

#[test]
fn a_directory_that_exists_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let settings = synthetic::small();
    let error = create(folder.path(), &settings).unwrap_err();
    assert!(
        matches!(
            error,
            Error::File {
                action: "create",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(bytes_of(folder.path()), []);
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let below_a_file = create(&file.join("run"), &settings).unwrap_err();
    assert!(below_a_file.to_string().contains("file"), "{below_a_file}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn names_that_would_leave_the_directory_are_refused() {
    let folder = TempDir::new().unwrap();
    for name in ["../up", "", "a/b", "-a", "x.y"] {
        let mut settings = synthetic::small();
        settings.methods[0].name = String::from(name);
        let error = create(&folder.path().join("run"), &settings).unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains(name),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A file may have any name that the settings allow.
#[test]
fn names_with_capitals_are_read_back() {
    let folder = TempDir::new().unwrap();
    let mut results = synthetic::results(&synthetic::small());
    results.settings.methods[0].name = String::from("NGM_SGD-2");
    let old = results.runs[0].method.clone();
    for run in results.runs.iter_mut().filter(|run| run.method == old) {
        run.method = String::from("NGM_SGD-2");
    }
    let dir = write_all(&folder, &results);
    finish(&dir, &results).unwrap();
    assert_eq!(load(&dir).unwrap(), results);
}

#[test]
fn runs_that_do_not_fit_are_refused() {
    let folder = TempDir::new().unwrap();
    let results = synthetic::results(&synthetic::small());
    let dir = write_all(&folder, &results);
    let refused = |change: &dyn Fn(&mut Run)| {
        let mut run = results.runs[0].clone();
        change(&mut run);
        open(&dir).write_records(&run).unwrap_err().to_string()
    };
    assert!(refused(&|run| run.method = String::from("rmsprop")).contains("rmsprop"));
    assert!(refused(&|run| run.seed = 7).contains("ngm-sgd-7"));
    let uneven = refused(&|run| run.history.records[2].gain.truncate(1));
    assert!(
        uneven.contains("1 gains and 3 mean weights at iteration 3"),
        "{uneven}"
    );
    let directory = open(&dir);
    let mut swapped = outcomes(&directory, &results);
    swapped.swap(0, 1);
    let error = directory.report(&swapped).unwrap_err().to_string();
    assert!(error.contains("order of the plan"), "{error}");
}

/// The error of `load` after `from` is replaced by `to` in the named file of a valid directory.
fn broken(file: &str, from: &str, to: &str) -> String {
    let folder = TempDir::new().unwrap();
    let results = synthetic::results(&synthetic::small());
    let dir = write_all(&folder, &results);
    finish(&dir, &results).unwrap();
    let path = dir.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let error = load(&dir).unwrap_err();
    assert!(!error.is_usage(), "{error}");
    let message = error.to_string();
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name), "{message}");
    message
}

#[test]
fn every_broken_file_is_an_error_with_file_line_and_value() {
    let says = |message: String, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message}");
        }
    };
    let csv = "runs/sgd-42.csv";
    says(
        broken(csv, ",entropy", ""),
        &["line 1", "`gain_hidden1`, not `entropy`"],
    );
    says(
        broken(csv, ",mean_absolute_weight_output", ""),
        &["line 1", "weight_output` is missing"],
    );
    says(
        broken(csv, "weight_output", "weight_output,x"),
        &["line 1", "unknown column `x`"],
    );
    says(
        broken(csv, "\n2,1,", "\n2,1,x"),
        &["line 3", "train_loss is `x", "expected a number"],
    );
    says(
        broken(csv, "\n2,1,", "\n3,1,"),
        &["line 3", "iteration is `3`, expected 2"],
    );
    says(
        broken(csv, "\n5,2,", "\n5,1,"),
        &["line 6", "context is `1`, expected 2"],
    );
    says(
        broken(csv, "\n2,1,", "\n2,1,0.5,"),
        &["line 3", "14 columns, expected 13"],
    );
    says(
        broken(csv, "\n2,1,", "\n2,1,NaN\n"),
        &["line 3", "3 columns, expected 13"],
    );
    let config = "config.toml";
    says(
        broken(config, "iterations = 4", "iterations = \"four\""),
        &["line ", "four"],
    );
    says(
        broken(config, "iterations = 4", "iteration = 4"),
        &["line ", "iteration"],
    );
    says(broken(config, "eta = 0.4", ""), &["eta"]);
    let summary = "summary.json";
    says(
        broken(summary, "\"id\": \"", "\"id\": 1, \"of\": \""),
        &["line ", "1"],
    );
    says(
        broken(
            summary,
            "\"id\": \"ngm-sgd-42\",\n      \"status\": \"complete\"",
            "\"id\": \"ngm-sgd-42\",\n      \"status\": \"done\"",
        ),
        &["done", "line "],
    );
    says(broken(summary, "\"jobs\"", "\"job\""), &["jobs", "line "]);
    says(broken(summary, "{", "{{"), &["line 1"]);
}

#[test]
fn runs_that_are_missing_truncated_or_unknown_are_errors() {
    let folder = TempDir::new().unwrap();
    let results = synthetic::results(&synthetic::small());
    let dir = write_all(&folder, &results);
    finish(&dir, &results).unwrap();
    let path = dir.join("runs").join("msgd-43.csv");
    let text = fs::read_to_string(&path).unwrap();
    let message_for = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        load(&dir).unwrap_err().to_string()
    };
    let cut = message_for(&text.as_bytes()[..text.len() - 3]);
    assert!(
        cut.contains("msgd-43.csv") && cut.contains("line 9: truncated"),
        "{cut}"
    );
    let short: String = text
        .lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect();
    let short = message_for(short.as_bytes());
    assert!(short.contains("truncated: 5 of 8 iterations"), "{short}");
    let last = text.lines().last().unwrap();
    let long = message_for(format!("{text}9,3{}\n", &last[3..]).as_bytes());
    assert!(
        long.contains("line 10") && long.contains("no more than 8"),
        "{long}"
    );
    let infinite = message_for(text.replacen("\n2,1,0.", "\n2,1,1e999", 1).as_bytes());
    assert!(infinite.contains("line 3: train_loss is inf"), "{infinite}");
    assert!(message_for(b"").contains("truncated"));
    assert!(message_for(b"\xff\xfe\n").contains("line 1"));
    fs::remove_file(&path).unwrap();
    let missing = load(&dir).unwrap_err().to_string();
    assert!(missing.contains("lists msgd-43"), "{missing}");
    fs::write(&path, &text).unwrap();
    for (name, part) in [
        ("msgd-9.csv", "no run `msgd-9`"),
        ("x-1.csv", "no run `x-1`"),
        ("note.csv", "no run `note`"),
    ] {
        let extra = dir.join("runs").join(name);
        fs::write(&extra, &text).unwrap();
        let message = load(&dir).unwrap_err().to_string();
        assert!(
            message.contains(name) && message.contains(part),
            "{message}"
        );
        fs::remove_file(extra).unwrap();
    }
    fs::remove_dir_all(dir.join("runs")).unwrap();
    assert!(load(&dir).unwrap_err().to_string().contains("cannot read"));
    assert!(load(&folder.path().join("none")).is_err());
}

#[test]
fn a_stopped_experiment_is_read_by_what_its_records_show() {
    let folder = TempDir::new().unwrap();
    let mut results = synthetic::results(&synthetic::small());
    results.runs.truncate(3);
    results.runs[1].history.records.truncate(5);
    results.runs[2].history.records[6].test = Some(Evaluation {
        loss: f64::NAN,
        accuracy: 0.5,
    });
    let dir = write_all(&folder, &results);
    let read = load(&dir).unwrap();
    assert_eq!(read.runs[0].status, Status::Complete);
    assert_eq!(read.runs[1].status, Status::Interrupted);
    let diverged = Status::Diverged {
        iteration: 7,
        quantity: String::from("test_loss"),
        value: String::from("NaN"),
    };
    assert_eq!(read.runs[2].status, diverged);
}
