//! The program: what it prints, what it leaves, its exit codes, and what it says of bad input.
#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use neurogain::experiment::{Settings, presets};
use serde_json::Value;
use tempfile::TempDir;

/// An empty directory to run the program in.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neurogain"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("NEUROGAIN_DATA")
        .stdin(Stdio::null());
    command
}

fn output(folder: &TempDir, arguments: &[&str]) -> Output {
    let output = program(folder, arguments).output();
    output.expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Standard output of a program that must succeed.
fn succeeds(folder: &TempDir, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {complaint}");
    text(&output.stdout)
}

/// Standard error of a program that must end with `code`, print no result and leave no `runs`.
fn fails(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = output(folder, arguments);
    let complaint = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {complaint}"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(
        complaint.starts_with("error: "),
        "{arguments:?}: {complaint}"
    );
    assert!(
        !complaint.contains("panicked"),
        "{arguments:?}: {complaint}"
    );
    assert!(!folder.path().join("runs").exists(), "{arguments:?}");
    complaint
}

/// A run of a few moments: two methods, two seeds, two contexts of three iterations.
const TINY: &[&str] = &[
    "run",
    "split-digits",
    "--methods",
    "ngm-sgd,adam",
    "--seeds",
    "1..2",
    "--set",
    "stream.iterations=3",
    "--set",
    "stream.contexts=[[0,1],[0,1,2,3]]",
    "--set",
    "network.hidden=[8]",
];

fn tiny(folder: &TempDir, more: &[&str]) -> String {
    succeeds(folder, &[TINY, more].concat())
}

fn csv_lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).expect("a record");
    text.lines().count()
}

#[test]
fn a_run_prints_a_table_and_leaves_everything_in_its_directory() {
    let folder = folder();
    let printed = tiny(&folder, &[]);
    for part in ["NGM-SGD", "Adam", "hash", "images/s", "avg-SG"] {
        assert!(printed.contains(part), "no {part} in:\n{printed}");
    }
    assert!(!printed.contains("Momentum"), "{printed}");
    let directory = folder.path().join("runs/split-digits-001");
    let page = Path::new("runs")
        .join("split-digits-001")
        .join("report.html");
    assert!(printed.contains(&page.display().to_string()), "{printed}");
    assert!(folder.path().join(page).is_file());
    assert!(directory.join("summary.json").is_file());
    let settings = Settings::from_file(&directory.join("config.toml")).expect("its settings");
    assert_eq!(settings.training.seeds, [1, 2]);
    assert_eq!(settings.network.hidden, [8]);
    for method in ["ngm-sgd", "adam"] {
        for seed in [1, 2] {
            let path = directory.join(format!("runs/{method}-{seed}.csv"));
            assert_eq!(csv_lines(&path), 1 + 2 * 3, "{}", path.display());
        }
    }
    let records = fs::read_dir(directory.join("runs")).expect("records");
    assert_eq!(records.count(), 4);
}

#[test]
fn directories_are_numbered_on() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("runs/split-digits-009")).expect("made");
    fs::create_dir_all(folder.path().join("runs/split-digits-x")).expect("made");
    tiny(&folder, &["--quiet"]);
    tiny(&folder, &["--quiet"]);
    for number in ["010", "011"] {
        let page = format!("runs/split-digits-{number}/report.html");
        assert!(folder.path().join(&page).is_file(), "{page}");
    }
}

#[test]
fn the_number_of_threads_changes_no_number() {
    let folder = folder();
    let mut hashes = Vec::new();
    for threads in ["1", "3"] {
        let more = ["--threads", threads, "--out", threads, "--json", "--quiet"];
        let printed: Value = serde_json::from_str(&tiny(&folder, &more)).expect("JSON");
        hashes.push(printed["hash"].as_str().expect("a hash").to_string());
    }
    assert!(!hashes[0].is_empty());
    assert_eq!(hashes[0], hashes[1]);
    for record in ["ngm-sgd-1.csv", "adam-2.csv"] {
        let read = |run: &str| fs::read(folder.path().join(run).join("runs").join(record));
        assert_eq!(read("1").expect(record), read("3").expect(record));
    }
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let folder = folder();
    let printed: Value = serde_json::from_str(&tiny(&folder, &["--json", "--out", "here"]))
        .expect("standard output is one JSON value");
    assert_eq!(printed["directory"], "here");
    assert!(printed["images_per_second"].as_f64().expect("a number") > 0.0);
    let runs = printed["summary"]["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 4);
    assert!(runs.iter().all(|run| run["status"] == "complete"));
    let page = printed["report"].as_str().expect("a path");
    assert!(folder.path().join(page).is_file());
}

#[test]
fn quiet_says_nothing_but_the_results() {
    let folder = folder();
    let arguments = [TINY, &["--quiet"]].concat();
    let output = output(&folder, &arguments);
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(!output.stdout.is_empty());
}

#[test]
fn a_file_of_ones_own_runs() {
    let folder = folder();
    let mine = presets::text("split-digits")
        .expect("the preset")
        .replace("name = \"split-digits\"", "name = \"mine\"")
        .replace("iterations = 200", "iterations = 2");
    fs::write(folder.path().join("mine.toml"), mine).expect("written");
    succeeds(&folder, &["run", "mine.toml", "--seeds", "7", "--quiet"]);
    let record = folder.path().join("runs/mine-001/runs/sgd-7.csv");
    assert_eq!(csv_lines(&record), 1 + 5 * 2);
}

#[test]
fn a_report_is_built_again_and_runs_are_compared() {
    let folder = folder();
    tiny(&folder, &["--out", "a", "--quiet"]);
    tiny(&folder, &["--out", "b", "--quiet", "--set", "gain.eta=0"]);
    let page = folder.path().join("a/report.html");
    let before = fs::read(&page).expect("a page");
    fs::remove_file(&page).expect("removed");
    let printed = succeeds(&folder, &["report", "a"]);
    assert!(printed.contains("NGM-SGD") && printed.contains("report.html"));
    assert_eq!(fs::read(&page).expect("the page again"), before);
    succeeds(&folder, &["report", "a", "b", "--out", "both.html"]);
    assert!(folder.path().join("both.html").is_file());
    let complaint = fails(&folder, &["report", "a", "b"], 2);
    assert!(complaint.contains("--out"), "{complaint}");
    let complaint = fails(&folder, &["report", "nowhere"], 1);
    assert!(complaint.contains("nowhere"), "{complaint}");
    fails(&folder, &["report"], 2);
}

#[test]
fn list_shows_benchmarks_methods_and_data() {
    let folder = folder();
    let printed = succeeds(&folder, &["list"]);
    for part in [
        "split-digits",
        "split-mnist",
        "ngm-sgd",
        "train-images-idx3-ubyte",
    ] {
        assert!(printed.contains(part), "no {part} in:\n{printed}");
    }
    let printed = succeeds(&folder, &["list", "--data", "elsewhere", "--json"]);
    let listed: Value = serde_json::from_str(&printed).expect("JSON");
    let benchmarks = listed["benchmarks"].as_array().expect("a list");
    assert_eq!(benchmarks.len(), presets::names().count());
    assert_eq!(benchmarks[0]["name"], "split-digits");
    assert_eq!(benchmarks[0]["data"]["ready"], true);
    assert_eq!(benchmarks[1]["data"]["ready"], false);
    let looked = benchmarks[1]["data"]["looked_in"].to_string();
    assert!(looked.contains("elsewhere"), "{looked}");
    assert_eq!(benchmarks[1]["methods"].as_array().map(Vec::len), Some(4));
}

#[test]
fn show_prints_a_preset_that_runs_as_a_file() {
    let folder = folder();
    for name in presets::names() {
        let printed = succeeds(&folder, &["list", "--show", name]);
        assert_eq!(printed, presets::text(name).expect(name));
    }
}

#[test]
fn unknown_names_get_the_nearest_known_one() {
    let folder = folder();
    for (arguments, nearest) in [
        (&["run", "split-mnits"][..], "`split-mnist`"),
        (&["list", "--show", "split-digit"], "`split-digits`"),
        (&["run", "--methods", "sgd,adm"], "`adam`"),
        (&["run", "--set", "gain.etta=1"], "`gain.eta`"),
        (&["run", "--set", "bacth=1"], "training.batch"),
    ] {
        let complaint = fails(&folder, arguments, 2);
        assert!(complaint.contains(nearest), "{arguments:?}: {complaint}");
    }
}

#[test]
fn bad_values_are_usage_errors_that_name_them() {
    let folder = folder();
    for (assignment, value) in [
        ("training.learning_rate=-0.01", "-0.01"),
        ("gain.gamma=1.5", "1.5"),
        ("gain.gamma=-0.1", "-0.1"),
        ("gain.eta=-1", "-1"),
        ("gain.g0=0", "0"),
        ("training.batch=0", "0"),
        ("training.batch=many", "many"),
        ("stream.iterations=0", "0"),
        ("stream.contexts=[[0,10]]", "[0, 10]"),
        ("network.hidden=[0]", "0"),
        ("training.seeds=[1,1]", "1"),
        ("methods.adam.optimiser.beta1=1", "1"),
    ] {
        let (key, _) = assignment.split_once('=').expect("an assignment");
        let complaint = fails(&folder, &["run", "--set", assignment], 2);
        let start = format!("error: {key} = {value}");
        assert!(complaint.starts_with(&start), "{complaint}");
    }
    for arguments in [
        &["run", "--seeds", "46..42"][..],
        &["run", "--seeds", "x"],
        &["run", "--set", "gain.eta"],
        &["run", "--threads", "0"],
        &["run", "--threads", "x"],
        &["run", "--methods", ""],
        &["run", "--methods", "sgd,sgd"],
        &["run", "--no-such-flag"],
        &["no-such-command"],
        &["list", "--show", "split-digits", "--json"],
    ] {
        fails(&folder, arguments, 2);
    }
}

#[test]
fn a_batch_larger_than_memory_is_refused() {
    let folder = folder();
    let batch = "training.batch=1000000000000";
    let complaint = fails(&folder, &["run", "--set", batch], 1);
    assert!(
        complaint.contains("training.batch = 1000000000000"),
        "{complaint}"
    );
}

#[test]
fn an_error_in_ones_own_file_names_file_line_and_key() {
    let folder = folder();
    let wrong = presets::text("split-digits")
        .expect("the preset")
        .replace("eta = 0.4", "eta = -0.4");
    let line = 1 + wrong
        .lines()
        .position(|line| line == "eta = -0.4")
        .expect("the preset sets eta");
    fs::write(folder.path().join("mine.toml"), wrong).expect("written");
    let complaint = fails(&folder, &["run", "mine.toml"], 1);
    let start = format!("error: mine.toml: line {line}: gain.eta = -0.4");
    assert!(complaint.starts_with(&start), "{complaint}");
    let complaint = fails(&folder, &["run", "missing.toml"], 1);
    assert!(complaint.contains("missing.toml"), "{complaint}");
}

#[test]
fn missing_data_says_what_is_missing_where_and_how_to_get_it() {
    let folder = folder();
    let complaint = fails(&folder, &["run", "split-mnist", "--data", "nowhere"], 1);
    for part in ["nowhere", "train-images-idx3-ubyte", "--data", "https://"] {
        assert!(complaint.contains(part), "no {part} in {complaint}");
    }
    let mut command = program(&folder, &["run", "split-mnist"]);
    let output = command.env("NEUROGAIN_DATA", "variable").output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("variable"));
}

#[test]
fn an_output_directory_that_exists_is_left_alone() {
    let folder = folder();
    let precious = folder.path().join("mine/precious.txt");
    fs::create_dir(folder.path().join("mine")).expect("made");
    fs::write(&precious, "kept").expect("written");
    let complaint = fails(&folder, &[TINY, &["--out", "mine"]].concat(), 1);
    assert!(complaint.contains("mine"), "{complaint}");
    assert_eq!(fs::read_to_string(&precious).expect("still there"), "kept");
    assert_eq!(
        fs::read_dir(folder.path().join("mine"))
            .expect("read")
            .count(),
        1
    );
}

#[test]
fn an_output_directory_that_cannot_be_made_is_named() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("written");
    let complaint = fails(&folder, &[TINY, &["--out", "file/run"]].concat(), 1);
    assert!(complaint.contains("file"), "{complaint}");
    // The default parent may be a file too.
    let folder = self::folder();
    fs::write(folder.path().join("runs"), "").expect("written");
    let output = output(&folder, TINY);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("runs"));
}

#[test]
fn training_that_diverges_says_where_and_keeps_what_it_has() {
    let folder = folder();
    let more = [
        "--set",
        "training.learning_rate=1e30",
        "--out",
        "here",
        "--quiet",
    ];
    let output = output(&folder, &[TINY, &more].concat());
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("diverged"), "{complaint}");
    assert!(complaint.contains("at iteration "), "{complaint}");
    assert!(folder.path().join("here/report.html").is_file());
    let record = folder.path().join("here/runs/ngm-sgd-1.csv");
    assert!(csv_lines(&record) >= 1);
}

#[test]
fn help_and_version_are_results() {
    let folder = folder();
    let help = succeeds(&folder, &["run", "--help"]);
    assert!(help.contains("42..46 is five seeds"), "{help}");
    assert!(succeeds(&folder, &["--version"]).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let folder = folder();
    for arguments in [
        &["list"][..],
        &["list", "--show", "split-mnist"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = program(&folder, arguments).stdout(writer).output();
        let output = output.expect("the program starts");
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {complaint}");
        assert_eq!(complaint, "", "{arguments:?}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = program(&folder, &[TINY, &["--out", "here"]].concat())
        .stdout(writer)
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.expect("the program starts").code(), Some(0));
    assert!(folder.path().join("here/report.html").is_file());
}

#[cfg(unix)]
mod interrupt {
    use super::*;
    use std::process::Child;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    /// A run of minutes, begun: its directory is there, and a moment has passed.
    fn long_run(folder: &TempDir, more: &[&str]) -> Child {
        let arguments = [
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
        let child = program(folder, &[&arguments, more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        wait_for(|| Settings::from_file(&folder.path().join("here/config.toml")).is_ok());
        sleep(Duration::from_millis(300));
        child
    }

    fn wait_for(done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(60), "too slow");
            sleep(Duration::from_millis(10));
        }
    }

    fn interrupt(child: &Child) {
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
        let preset = presets::settings("split-digits").expect("the preset");
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

        let results = neurogain::report::load(&folder.path().join("here")).expect("readable");
        assert_eq!(results.runs.len(), runs.len());
        for run in &results.runs {
            assert!(!run.history.records.is_empty(), "seed {}", run.seed);
        }
        succeeds(&folder, &["report", "here"]);
        let left: Vec<PathBuf> = fs::read_dir(folder.path())
            .expect("read")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(left, [folder.path().join("here")]);
    }
}
