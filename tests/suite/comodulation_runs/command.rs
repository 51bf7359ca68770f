//! `neurogain run`, `report`, `list` and `sweep` with a comodulation experiment.

use std::fs;

use neurogain::systems::comodulation::summarize_comodulation;

use super::*;

fn names(directory: &Path) -> Vec<String> {
    let names = contents(directory).into_keys();
    names.map(|name| name.display().to_string()).collect()
}

#[test]
fn the_hash_is_the_library_s_on_every_instruction_set_and_for_any_threads() {
    let folder = folder();
    let settings = tiny(&[]).with_seeds(&[1]).expect("a seed");
    let wanted = summarize_comodulation(&settings, &on_one_thread(&settings), &[]).hash;
    let mut first: Option<Files> = None;
    for set in InstructionSet::available() {
        let fastest = set == fastest();
        let counts = if fastest {
            &["1", "2", "3"][..]
        } else {
            &["2"]
        };
        for &threads in counts {
            let name = format!("{}-{threads}", set.name());
            let more = [
                "--json",
                "--seeds",
                "1",
                "--threads",
                threads,
                "--out",
                &name,
            ];
            let output = program(&folder, &arguments(&more))
                .env("NEUROGAIN_SIMD", set.name())
                .output()
                .expect("the program starts");
            let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(printed["hash"].as_str(), wanted.as_deref(), "{name}");
            let files = contents(&folder.path().join(&name));
            let first = first.get_or_insert_with(|| files.clone());
            for (path, bytes) in &files {
                assert!(
                    first[path] == *bytes,
                    "{} of {name} differs",
                    path.display()
                );
            }
            assert_eq!(first.len(), files.len(), "{name}");
        }
    }
}

#[test]
fn the_directory_holds_every_file_and_a_report_writes_the_same_bytes_again() {
    let folder = folder();
    let more = [
        "--seeds",
        "1",
        "--set",
        "pretraining.epochs=[1,2]",
        "--out",
        "run",
    ];
    let more = [&more[..], &["--methods", "attention,comodulation"]].concat();
    let [printed, complaint] = ends(&folder, &arguments(&more), 0);
    assert_eq!(complaint, "");
    for part in [
        "Attention",
        "Comodulation",
        "comodulation − attention",
        "hash  ",
        "run/report.html",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let directory = folder.path().join("run");
    let mut expected = vec![
        "classes.csv",
        "config.toml",
        "data.sha256",
        "measures.csv",
        "report.html",
        "summary.json",
    ];
    expected.extend([
        "figures/gains.csv",
        "figures/gains.svg",
        "figures/pretraining-activity.csv",
        "figures/pretraining-decisions.csv",
        "figures/pretraining-activity.svg",
        "figures/pretraining-decisions.svg",
        "figures/reliability.csv",
        "figures/reliability.svg",
        "figures/tasks-activity.csv",
        "figures/tasks-decisions.csv",
        "figures/tasks-activity.svg",
        "figures/tasks-decisions.svg",
    ]);
    let mut expected: Vec<String> = expected.into_iter().map(String::from).collect();
    for job in ["attention", "comodulation", "pretraining", "readouts"] {
        for epochs in [1, 2] {
            let endings =
                ["csv", "json", "npz"].map(|ending| format!("runs/{job}-{epochs}-1.{ending}"));
            expected.extend(endings);
            expected.push(format!("weights/{job}-{epochs}-1.safetensors"));
        }
    }
    expected.sort_unstable();
    assert_eq!(names(&directory), expected);
    let before = contents(&directory);
    for again in ["summary.json", "measures.csv", "report.html"] {
        fs::remove_file(directory.join(again)).expect("removed");
    }
    fs::remove_dir_all(directory.join("figures")).expect("removed");
    let [reported, _] = ends(&folder, &["report", "run"], 0);
    assert!(contents(&directory) == before, "other bytes");
    let table = printed.split("hash").next().expect("a table").trim_end();
    assert!(reported.starts_with(table), "{reported}");
    // The page is self-contained, and shows every figure.
    let page = fs::read_to_string(directory.join("report.html")).expect("a page");
    assert_eq!(page.matches("<svg").count(), 6);
    let own = page
        .replace("http://www.w3.org/2000/svg", "")
        .replace("<a href=\"https://", "")
        .replace("/*! https://github.com/leeoniya/uPlot", "");
    for part in ["http://", "https://", "src="] {
        assert!(!own.contains(part), "{part}");
    }
    // An existing directory is not overwritten, and a complete one stays unchanged.
    let [_, refused] = ends(&folder, &arguments(&more), 1);
    assert!(refused.contains("run"), "{refused}");
    ends(&folder, &["run", "--resume", "run", "--quiet"], 0);
    assert!(contents(&directory) == before, "other bytes after resuming");
}

#[test]
fn json_holds_directory_report_hash_and_summary() {
    let folder = folder();
    let more = [
        "--methods",
        "shuffled,attention",
        "--seeds",
        "7",
        "--eval-limit",
        "24",
        "--json",
    ];
    let [printed, _] = ends(&folder, &arguments(&more), 0);
    let found: Value = serde_json::from_str(&printed).expect("JSON");
    let keys: Vec<&String> = found.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "directory",
            "report",
            "hash",
            "images_per_second",
            "summary"
        ]
    );
    let directory = found["directory"].as_str().expect("text");
    assert_eq!(
        Path::new(directory),
        Path::new("runs/comodulation-digits-001")
    );
    let directory = folder.path().join(directory);
    assert_eq!(found["summary"], json(&directory.join("summary.json")));
    assert_eq!(found["hash"], found["summary"]["hash"]);
    let methods = found["summary"]["methods"].as_array().expect("a list");
    let named: Vec<(&str, &Value)> = methods
        .iter()
        .map(|method| (method["method"].as_str().expect("text"), &method["seeds"]))
        .collect();
    let seven = serde_json::json!([7]);
    assert_eq!(named, [("shuffled", &seven), ("attention", &seven)]);
    // Without comodulation, differences are relative to the first method.
    let differences = &found["summary"]["differences"];
    assert_eq!(differences[0]["method"], "shuffled");
    assert_eq!(differences[0]["other"], "attention");
    assert_eq!(differences.as_array().map(Vec::len), Some(1));
    let cell = &json(&directory.join("runs/attention-1-7.json"));
    for task in cell["tasks"].as_array().expect("a list") {
        assert_eq!(task["samples"], 24);
    }
    let config = fs::read_to_string(directory.join("config.toml")).expect("settings");
    assert!(config.contains("limit = 24"), "{config}");
}

/// A non-finite number ends the cell, is reported with its place, and is read back as it was written.
#[test]
fn a_diverged_adaptation_is_told() {
    let folder = folder();
    let methods = [
        "--methods",
        "hard-sharing,attention,fine-tuning",
        "--seeds",
        "1",
    ];
    let more = ["--set", "adaptation.learning_rates=[1e30]", "--out", "run"];
    let [printed, complaint] = ends(&folder, &arguments(&[&methods[..], &more].concat()), 1);
    assert!(
        printed.contains("not counted: Attention, 1 epoch, seed 1: diverged: training loss is"),
        "{printed}"
    );
    let told = "error: attention-1-1: training diverged: training loss is ";
    assert!(complaint.contains(told), "{complaint}");
    let directory = folder.path().join("run");
    let before = contents(&directory);
    let cell = &json(&directory.join("runs/attention-1-1.json"));
    assert_eq!(cell["tasks"], serde_json::json!([]));
    let records = fs::read_to_string(directory.join("runs/attention-1-1.csv")).expect("records");
    let last = records.lines().last().expect("a line").split(',').nth(2);
    let last: f64 = last.expect("a loss").parse().expect("a number");
    assert!(!last.is_finite(), "{last}");
    let [reported, _] = ends(&folder, &["report", "run"], 0);
    assert!(
        reported.contains("seed 1: diverged: training loss is"),
        "{reported}"
    );
    let [_, again] = ends(&folder, &["run", "--resume", "run", "--quiet"], 1);
    assert!(
        again.contains(told) && !again.contains("damaged"),
        "{again}"
    );
    assert!(contents(&directory) == before, "other bytes");
}

#[test]
fn a_diverged_pretraining_is_told() {
    let folder = folder();
    let more = ["--set", "pretraining.learning_rate=1e30", "--out", "run"];
    let [_, complaint] = ends(&folder, &arguments(&more), 1);
    assert!(complaint.contains("diverged"), "{complaint}");
    assert!(
        complaint.contains("pretraining-1-1: training diverged"),
        "{complaint}"
    );
    let [reported, _] = ends(&folder, &["report", "run"], 0);
    let told = "pretraining, 1 epoch, seeds 1 to 2: diverged: training loss is";
    assert!(reported.contains(told), "{reported}");
    assert!(
        reported.contains("Attention, 1 epoch, seeds 1 to 2: not begun"),
        "{reported}"
    );
}

#[test]
fn flags_that_it_has_not_are_refused() {
    let folder = folder();
    for (flag, part) in [
        (["--variants", "ablation"], "known: all-weights"),
        (
            ["--eval-every", "2"],
            "--eval-every = 2: expected no value: a comodulation experiment",
        ),
        (
            ["--eval-tasks", "all"],
            "--eval-tasks = all: expected no value: a comodulation experiment",
        ),
    ] {
        let [_, complaint] = ends(&folder, &arguments(&flag), 2);
        assert!(complaint.contains(part), "{complaint}");
    }
    for (more, part) in [
        (["--methods", "atention"], "did you mean `attention`"),
        (["--seeds", "3..1"], "3..1"),
        (
            ["--set", "modulator.num_draws=1"],
            "modulator.num_draws = 1",
        ),
        (
            ["--set", "modulator.num_darws=1"],
            "did you mean `modulator.num_draws`",
        ),
    ] {
        let [_, complaint] = ends(&folder, &arguments(&more), 2);
        assert!(complaint.contains(part), "{complaint}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn sizes_beyond_the_memory_are_refused_before_anything_is_begun() {
    let folder = folder();
    for change in [
        "training.batch=1000000000000",
        "training.batch=9223372036854775807",
        "network.width=1000000000",
        "network.width=9223372036854775807",
        "network.encoder=1000000000",
        "network.decoder=9223372036854775807",
        "network.controller=9223372036854775807",
        "adaptation.iterations=1000000000000",
        "adaptation.iterations=9223372036854775807",
        "pretraining.epochs=[9223372036854775807]",
    ] {
        let [_, complaint] = ends(&folder, &arguments(&["--set", change]), 1);
        let (_, value) = change.split_once('=').expect("an assignment");
        let value = value.trim_matches(['[', ']']);
        assert!(complaint.contains("memory"), "{change}: {complaint}");
        assert!(complaint.contains(value), "{change}: {complaint}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_task_that_the_samples_cannot_teach_is_named() {
    let folder = folder();
    // Eleven is not a digit, and one test sample has one class.
    for (more, part) in [
        (["--eval-limit", "1"], "primary.digit"),
        (
            ["--set", "tasks.even.classes=[[11],[1]]"],
            "tasks.even.classes",
        ),
    ] {
        let [_, complaint] = ends(&folder, &arguments(&more), 2);
        assert!(complaint.contains(part), "{complaint}");
    }
    let [_, complaint] = ends(&folder, &arguments(&["--eval-limit", "1"]), 2);
    assert!(
        complaint.contains("at least two of its classes"),
        "{complaint}"
    );
}

#[test]
fn it_is_listed_found_and_kept_apart_from_streams() {
    let folder = folder();
    let [listed, _] = ends(&folder, &["list"], 0);
    let [as_json, _] = ends(&folder, &["list", "--json"], 0);
    let as_json: Value = serde_json::from_str(&as_json).expect("JSON");
    let benchmarks = as_json["benchmarks"].as_array().expect("a list");
    for name in ComodulationSettings::presets()
        .iter()
        .map(|(name, _)| *name)
    {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
        let found = benchmarks.iter().find(|found| found["name"] == name);
        let found = found.unwrap_or_else(|| panic!("{name} is not in the JSON"));
        let preset = ComodulationSettings::preset(name).expect(name);
        assert_eq!(
            found["methods"].as_array().map(Vec::len),
            Some(preset.methods.len()),
            "{name}"
        );
        let [shown, _] = ends(&folder, &["list", "--show", name], 0);
        let shown = ComodulationSettings::from_toml(&shown, name).expect(name);
        assert_eq!(shown, preset, "{name}");
    }
    let refused = |arguments: &[&str], code: i32, parts: &[&str]| {
        let [_, complaint] = ends(&folder, arguments, code);
        for part in parts {
            assert!(complaint.contains(part), "{arguments:?}: {complaint}");
        }
    };
    let nearest = "did you mean `comodulation-digits`?";
    refused(&["run", "comodulation-digit"], 2, &[nearest]);
    refused(&["run", "Comodulation-Digits"], 2, &[nearest]);
    refused(
        &["run", "splt-digits"],
        2,
        &["did you mean `split-digits`?"],
    );
    refused(
        &["run", "nothing-like-it"],
        2,
        &["comodulation-celeba", "split-digits"],
    );
    // A sweep over a setting that these experiments do not have.
    let unknown = "lr-sweep: line 4: unknown setting `evaluation.tasks`";
    let base = ["sweep", "lr-sweep", "--base"];
    refused(
        &[base[0], base[1], base[2], "comodulation-digits"],
        2,
        &[unknown],
    );
    let more = ["--seeds", "1", "--methods", "attention", "--out", "a"];
    ends(&folder, &arguments(&more), 0);
    let config = "a/config.toml";
    refused(&[base[0], base[1], base[2], config], 2, &[unknown]);
    refused(
        &["report", "a", "nowhere"],
        1,
        &["nowhere: cannot open as a run"],
    );
    // A kind that no system has.
    let text = fs::read_to_string(folder.path().join(config)).expect("it is there");
    let other = text.replacen("\"comodulation\"", "\"comodulate\"", 1);
    fs::write(folder.path().join("other.toml"), other).expect("written");
    let said = "unknown kind `comodulate`; did you mean `comodulation`?";
    refused(&["run", "other.toml"], 2, &[said]);
    // A settings file with the same settings runs like the preset.
    let before = contents(&folder.path().join("a"));
    ends(&folder, &["run", config, "--out", "b", "--quiet"], 0);
    assert!(contents(&folder.path().join("b")) == before, "other bytes");
}
