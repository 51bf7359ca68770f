//! Bad input: a clear error, the right exit code, nothing half-written.

use std::fs;

use neurogain::systems::stability_gap::Settings;

use super::*;

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

/// Names of settings and files could change the terminal.
#[test]
fn control_characters_are_shown_as_escapes() {
    let folder = folder();
    for arguments in [
        ["run", "\u{1b}[31mred"],
        ["run", "--set=gain.\u{1b}]0;title\u{7}=1"],
        ["report", "\u{9b}2J"],
        ["sweep", "a\rb.toml"],
    ] {
        let output = output(&folder, &arguments);
        assert!(!output.status.success());
        let complaint = text(&output.stderr);
        let hidden = |c: char| c.is_control() && c != '\n';
        assert!(!complaint.contains(hidden), "{complaint:?}");
        assert!(complaint.contains("\\u{"), "{complaint}");
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
        ("methods.adam.optimizer.beta1=1", "1"),
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
    let wrong = Settings::preset_text("split-digits")
        .expect("the preset")
        .replace("eta = 0.4", "eta = -0.4");
    let line = 1 + wrong
        .lines()
        .position(|line| line == "eta = -0.4")
        .expect("the preset sets eta");
    fs::write(folder.path().join("mine.toml"), wrong).expect("written");
    let complaint = fails(&folder, &["run", "mine.toml"], 2);
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
    assert!(!complaint.contains("--resume"), "{complaint}");
    tiny(&folder, &["--out", "run"]);
    let complaint = fails(&folder, &[TINY, &["--out", "run"]].concat(), 1);
    assert!(
        complaint.contains("to continue its runs: neurogain run --resume run"),
        "{complaint}"
    );
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

/// Standard output is not a file, and its failure is not the request's: exit code 1.
#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_is_full_is_named() {
    let folder = folder();
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let mut list = program(&folder, &["list"]);
    let done = list.stdout(full.expect("opened")).output().expect("run");
    let complaint = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{complaint}");
    let named = complaint.starts_with("error: cannot write to standard output: ");
    assert!(named, "{complaint}");
}

/// The error names the whole setting to add, and with it the learners run.
#[test]
fn learners_on_another_network_say_what_to_add() {
    let folder = folder();
    let run = ["run", "split-digits", "--variants", "learners"];
    let complaint = fails(&folder, &run, 2);
    let setting = "network={kind=\"feedforward\",hidden=[200,200]}";
    let advice = format!("add --set '{setting}', or choose other methods with --methods");
    assert!(complaint.contains(&advice), "{complaint}");
    let more = [
        "--set",
        setting,
        "--seeds",
        "1",
        "--set",
        "stream.iterations=1",
        "--methods",
        "layer-norm,neumosync",
    ];
    let printed = succeeds(&folder, &[&run[..], &more].concat());
    assert!(printed.contains("NeuMoSync"), "{printed}");
}
