//! What runs, lists and reports print, and which files they leave.

use std::fs;
use std::path::Path;

use neurogain::run::continual::NetworkSettings;
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::plasticity::PlasticitySettings;
use neurogain::systems::stability_gap::Settings;
use serde_json::Value;

use super::*;

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
    let NetworkSettings::Mlp { hidden, .. } = &settings.network else {
        panic!("{:?}", settings.network);
    };
    assert_eq!(hidden, &[8]);
    for method in ["ngm-sgd", "adam"] {
        for seed in [1, 2] {
            let path = directory.join(format!("runs/{method}-{seed}.csv"));
            assert_eq!(csv_lines(&path), 1 + 2 * 3, "{}", path.display());
        }
    }
    let records = fs::read_dir(directory.join("runs")).expect("records");
    assert_eq!(records.count(), 4 * 2);
}

#[test]
fn event_files_are_there_if_asked_for() {
    let folder = folder();
    tiny(&folder, &["--out", "without", "--quiet"]);
    assert!(!folder.path().join("without/tensorboard").exists());
    tiny(&folder, &["--out", "with", "--quiet", "--tensorboard"]);
    // Also those of runs that had ended.
    succeeds(&folder, &["run", "--resume", "without", "--tensorboard"]);
    for run in ["ngm-sgd-1", "ngm-sgd-2", "adam-1", "adam-2"] {
        let events = |directory: &str| {
            let folder = folder.path().join(directory).join("tensorboard").join(run);
            fs::read(folder.join("events.out.tfevents.0.neurogain")).expect(run)
        };
        assert!(events("with") == events("without"), "{run}");
    }
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
    let mine = Settings::preset_text("split-digits")
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
    let printed = succeeds(&folder, &["report", "a", "b", "--out", "both.html"]);
    assert!(printed.contains("minus eta = 0.4"), "{printed}");
    assert!(folder.path().join("both.html").is_file());
    let complaint = fails(&folder, &["report", "a", "b", "--out", "both.html"], 1);
    assert!(complaint.contains("exists already"), "{complaint}");
    let complaint = fails(&folder, &["report", "nowhere"], 1);
    assert!(complaint.contains("nowhere"), "{complaint}");
    fails(&folder, &["report"], 2);
    for number in 1..=2 {
        let page = format!("runs/comparison-00{number}.html");
        let printed = succeeds(&folder, &["report", "a", "b"]);
        assert!(printed.contains(&page), "{printed}");
        assert!(folder.path().join(page).is_file());
    }
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
    let all = Settings::presets().iter().map(|(name, _)| *name).chain(
        ComodulationSettings::presets()
            .iter()
            .map(|(name, _)| *name),
    );
    let all = all.chain(PlasticitySettings::presets().iter().map(|(name, _)| *name));
    assert_eq!(benchmarks.len(), all.count());
    // Those that can be run come first.
    assert_eq!(benchmarks[0]["name"], "permuted-digits");
    assert_eq!(benchmarks[0]["data"]["ready"], true);
    let mnist = benchmarks.iter().find(|b| b["name"] == "split-mnist");
    let mnist = mnist.expect("a preset");
    assert_eq!(mnist["data"]["ready"], false);
    let looked = mnist["data"]["looked_in"].to_string();
    assert!(looked.contains("elsewhere"), "{looked}");
    assert_eq!(mnist["methods"].as_array().map(Vec::len), Some(4));
}

#[test]
fn show_prints_a_preset_that_runs_as_a_file() {
    let folder = folder();
    for name in Settings::presets().iter().map(|(name, _)| *name) {
        let printed = succeeds(&folder, &["list", "--show", name]);
        let read = neurogain::systems::stability_gap::Settings::from_toml(&printed, name);
        assert_eq!(read, Settings::preset(name), "{name}");
    }
    // Lists of methods and sweeps are shown too.
    for (name, part) in [("ablation", "[[methods]]"), ("replay", "[grid]")] {
        let printed = succeeds(&folder, &["list", "--show", name]);
        assert!(printed.contains(part), "{name}: {printed}");
    }
}

#[test]
fn help_and_version_are_results() {
    let folder = folder();
    let help = succeeds(&folder, &["run", "--help"]);
    // Independent of the line breaks.
    let words: Vec<&str> = help.split_whitespace().collect();
    assert!(words.join(" ").contains("42..46 is five seeds"), "{help}");
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

/// If every run has ended, only the report is written; the data may be elsewhere.
#[test]
fn a_run_that_has_ended_is_resumed_without_its_data() {
    let folder = folder();
    let data = folder.path().join("data");
    super::data::write_pets(&folder, &data, 2);
    let run = ["run", "pets.toml", "--data", "data", "--out", "here"];
    let seeds = ["--seeds", "1", "--methods", "sgd"];
    let first = succeeds(&folder, &[&run[..], &seeds].concat());
    fs::remove_dir_all(&data).expect("removed");
    let page = folder.path().join("here/report.html");
    let before = fs::read(&page).expect("a page");
    fs::remove_file(&page).expect("removed");
    let again = ended(&mut program(&folder, &["run", "--resume", "here"]), 0);
    let [printed, told] = again;
    let said = "complete: nothing was left to do in here: the run has already ended; the report was written again\n";
    assert_eq!(told, said);
    let without_speed = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("speed"));
        lines.map(String::from).collect()
    };
    assert_eq!(without_speed(&printed), without_speed(&first));
    assert!(fs::read(&page).expect("a page") == before);
    assert!(!folder.path().join("here/checkpoints").exists());
}
