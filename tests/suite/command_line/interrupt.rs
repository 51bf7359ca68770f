//! Ctrl-C: the run ends at once, and the results so far are readable.

use neurogain::run::RunDirectory;
use neurogain::systems::StabilityGap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use neurogain::systems::stability_gap::Settings;
use serde_json::Value;

use super::*;

/// A run of minutes, started: its directory exists, and a moment has passed.
fn long_run(folder: &TempDir, more: &[&str]) -> Child {
    begun(folder, &[LONG, more].concat())
}

const LONG: &[&str] = &[
    "run",
    "--methods",
    "ngm-sgd,sgd",
    "--seeds",
    "1..3",
    "--threads",
    "2",
    "--set",
    "stream.iterations=100000",
    "--out",
    "here",
];

/// The program with these arguments, started in the directory `here`.
fn begun(folder: &TempDir, arguments: &[&str]) -> Child {
    let child = program(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    wait_for(|| Settings::from_file(&folder.path().join("here/config.toml")).is_ok());
    sleep(Duration::from_millis(300));
    child
}

pub fn wait_for(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "too slow");
        sleep(Duration::from_millis(10));
    }
}

pub fn interrupt(child: &Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn no_arguments_run_the_digits_as_they_ship() {
    let folder = folder();
    let child = program(&folder, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let config = folder.path().join("runs/split-digits-001/config.toml");
    wait_for(|| Settings::from_file(&config).is_ok());
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    // A fast machine may be done before the interruption comes.
    let code = output.status.code().expect("no signal ended it");
    assert!([0, 130].contains(&code), "{code}: {}", text(&output.stderr));
    let preset = Settings::preset("split-digits").expect("the preset");
    assert_eq!(Settings::from_file(&config), Ok(preset));
    assert!(text(&output.stdout).contains("split-digits-001"));
}

#[test]
fn leaves_what_was_done_readable() {
    let folder = folder();
    let child = long_run(&folder, &["--json"]);
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{complaint}");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let runs = printed["summary"]["runs"].as_array().expect("runs");
    assert!(!runs.is_empty() && runs.len() <= 2);
    assert!(runs.iter().all(|run| run["status"] == "interrupted"));

    let directory = RunDirectory::<StabilityGap>::open(&folder.path().join("here"));
    let read = directory
        .expect("a run directory")
        .load()
        .expect("readable");
    let read: Vec<_> = read.into_iter().flatten().collect();
    assert_eq!(read.len(), runs.len());
    for run in &read {
        assert!(!run.history.records.is_empty(), "seed {}", run.seed);
    }
    // The report of a stopped run waits for nothing.
    let page = fs::read_to_string(folder.path().join("here/report.html")).expect("a page");
    assert!(!page.contains("http-equiv") && page.contains("interrupted after"));
    let reported = succeeds(&folder, &["report", "here"]);
    let hint = "to continue, run: neurogain run --resume here";
    assert!(reported.contains(hint), "{reported}");
    let left: Vec<PathBuf> = fs::read_dir(folder.path())
        .expect("read")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(left, [folder.path().join("here")]);
}

/// The directory of the data is remembered, so that the hint does not repeat it; another one can be named.
#[test]
fn a_resumed_run_finds_its_data_again() {
    let folder = folder();
    let data = folder.path().join("else where");
    super::data::write_pets(&folder, &data, 100000);
    let stopped = |arguments: &[&str]| {
        let child = begun(&folder, arguments);
        interrupt(&child);
        let output = child.wait_with_output().expect("it ends");
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{complaint}");
        complaint
    };
    let run = [
        "run",
        "pets.toml",
        "--data",
        "else where",
        "--out",
        "here",
        "--seeds",
        "1",
    ];
    let complaint = stopped(&run);
    let hint = "to continue, run: neurogain run --resume here\n";
    assert!(complaint.ends_with(hint), "{complaint}");
    let remembered = folder.path().join("here/checkpoints/data");
    let text = fs::read_to_string(&remembered).expect("a file");
    assert_eq!(Path::new(&text), data.canonicalize().expect("a path"));
    stopped(&["run", "--resume", "here"]);

    fs::rename(&data, folder.path().join("moved")).expect("renamed");
    let output = output(&folder, &["run", "--resume", "here"]);
    let complaint = super::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    for part in ["else where", "it has gone", "--data DIR"] {
        assert!(complaint.contains(part), "no {part} in {complaint}");
    }
    stopped(&["run", "--resume", "here", "--data", "moved"]);
    stopped(&["run", "--resume", "here"]);
}
