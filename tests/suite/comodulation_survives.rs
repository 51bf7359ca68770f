//! A comodulation experiment that is killed, stopped or damaged continues to the same bytes; files of other runs
//! are refused.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::kills::{interrupt, kill};
use crate::program::{Files, assert_same, contents, ended, folder, quick};
use neurogain::run::Lock;
use tempfile::TempDir;

/// Three methods of two tasks, one seed, after one and two epochs.
const ARGUMENTS: &[&str] = &[
    "run",
    "comodulation-digits",
    "--seeds",
    "1..2",
    "--methods",
    "attention,comodulation,fine-tuning",
    "--threads",
    "2",
    "--quiet",
    "--set",
    "network.width=4",
    "--set",
    "network.stages=1",
    "--set",
    "network.encoder=8",
    "--set",
    "network.decoder=8",
    "--set",
    "modulator.num_draws=4",
    "--set",
    "pretraining.epochs=[1,2]",
    "--set",
    "adaptation.iterations=4",
    "--set",
    "evaluation.limit=40",
    "--set",
    "tasks=[{name=\"even\",classes=[[1,3,5,7,9],[0,2,4,6,8]]},{name=\"prime\",classes=[[0,1],[2,3]]}]",
];

/// Two methods from few labelled scenes, with validation and two learning rates.
const FEW: &[&str] = &[
    "run",
    "comodulation-places",
    "--seeds",
    "1..2",
    "--methods",
    "attention,comodulation",
    "--threads",
    "2",
    "--quiet",
    "--set",
    "scenes.primary=64",
    "--set",
    "scenes.task=40",
    "--set",
    "scenes.test=30",
    "--set",
    "network.width=6",
    "--set",
    "network.encoder=4",
    "--set",
    "modulator.num_draws=4",
    "--set",
    "pretraining.epochs=[1,2]",
    "--set",
    "adaptation.samples=[8,20]",
    "--set",
    "adaptation.iterations=12",
    "--set",
    "adaptation.validate_every=2",
    "--set",
    "adaptation.learning_rates=[0.03,0.1]",
];

/// Standard error of the program, which must end with `code`.
#[track_caller]
fn ends(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let [_, complaint] = ended(&mut quick(folder, arguments), code);
    complaint
}

/// A whole run in `name`, and its files.
fn whole(folder: &TempDir, name: &str) -> Files {
    let complaint = ends(folder, &[ARGUMENTS, &["--out", name]].concat(), 0);
    assert_eq!(complaint, "");
    contents(&folder.path().join(name))
}

/// With checkpoints inside pretrainings and methods; results do not depend on their number.
fn resume(name: &str) -> [&str; 8] {
    let every = ["--checkpoint-every", "3"];
    [
        "run",
        "--resume",
        name,
        "--quiet",
        "--threads",
        "2",
        every[0],
        every[1],
    ]
}

#[test]
fn kills_at_random_moments_change_no_byte() {
    kills(ARGUMENTS, 20);
}

/// The best states in validation are part of checkpoints.
#[test]
fn kills_at_random_moments_lose_no_best_state() {
    kills(FEW, 12);
}

fn kills(arguments: &[&str], count: usize) {
    let folder = folder();
    let begun = Instant::now();
    let complaint = ends(&folder, &[arguments, &["--out", "undisturbed"]].concat(), 0);
    assert_eq!(complaint, "");
    let undisturbed = contents(&folder.path().join("undisturbed"));
    // A kill comes after up to half the time of a whole run; an epoch, the unit that is repeated, takes less.
    let longest = begun.elapsed() / 2;
    let start = |name: &str, begun: bool| match begun {
        true => quick(&folder, &resume(name)),
        false => quick(&folder, &[arguments, &["--out", name]].concat()),
    };
    kill(count, &folder, &undisturbed, longest, start);
}

#[test]
fn what_ctrl_c_stops_goes_on_to_the_same_bytes() {
    let folder = folder();
    let longer = ["--set", "adaptation.iterations=150", "--out"];
    let begin = |name| [ARGUMENTS, &longer, &[name]].concat();
    ends(&folder, &begin("undisturbed"), 0);
    let undisturbed = contents(&folder.path().join("undisturbed"));
    let dir = folder.path().join("interrupted");
    let mut arguments = begin("interrupted");
    for milliseconds in [0, 60] {
        let after = Duration::from_millis(milliseconds);
        interrupt(quick(&folder, &arguments), &dir, after);
        assert!(dir.join("summary.json").exists());
        arguments = resume("interrupted").to_vec();
    }
    assert_eq!(ends(&folder, &arguments, 0), "");
    assert_same(&undisturbed, &dir, "interrupted by Ctrl-C");
}

/// Every file needed to continue: truncated, with a flipped bit, empty, missing, or another run's.
#[test]
fn damaged_files_are_noted_and_made_again_to_the_same_bytes() {
    let folder = folder();
    let undisturbed = whole(&folder, "run");
    let dir = folder.path().join("run");
    let again = |file: &str, damage: Option<&[u8]>, other: Option<&str>, how: &str| {
        let path = dir.join(file);
        match damage {
            Some(bytes) => fs::write(&path, bytes).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
        let complaint = ends(&folder, &resume("run"), 0);
        let noted = complaint.contains(file) && complaint.contains("computed again");
        assert_eq!(noted, damage.is_some(), "{file}, {how}: {complaint}");
        if let Some(other) = other {
            assert!(complaint.contains(other), "{file}, {how}: {complaint}");
        }
        assert_same(&undisturbed, &dir, &format!("{file}, {how}"));
    };
    for (file, same_kind) in [
        ("runs/comodulation-2-1.json", "runs/attention-2-1.json"),
        ("runs/comodulation-2-1.csv", "runs/attention-2-1.csv"),
        (
            "weights/attention-1-2.safetensors",
            "weights/attention-2-2.safetensors",
        ),
        (
            "weights/pretraining-1-1.safetensors",
            "weights/pretraining-2-1.safetensors",
        ),
        (
            "weights/pretraining-2-1.safetensors",
            "weights/pretraining-1-1.safetensors",
        ),
    ] {
        let bytes = undisturbed[Path::new(file)].clone();
        for at in [3, bytes.len() - 3] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            again(file, Some(&flipped), None, &format!("bit 2 of byte {at}"));
        }
        again(
            file,
            Some(&bytes[..bytes.len() / 3]),
            Some("damaged"),
            "cut",
        );
        again(file, Some(b""), Some("damaged"), "empty");
        again(file, None, None, "missing");
        let other = undisturbed[Path::new(same_kind)].clone();
        if file.starts_with("runs/") {
            again(file, Some(&other), Some("damaged"), "another's");
            continue;
        }
        // A whole file of another job was put there: the error names it, and nothing is changed.
        fs::write(dir.join(file), &other).expect("written");
        let complaint = ends(&folder, &resume("run"), 1);
        assert!(complaint.contains("the file was renamed"), "{complaint}");
        assert!(
            fs::read(dir.join(file)).expect("it is there") == other,
            "{file}"
        );
        fs::write(dir.join(file), &bytes).expect("written");
    }
}

/// A report computes nothing: a damaged file gives an error that names it.
#[test]
fn a_report_names_what_is_damaged() {
    let folder = folder();
    let undisturbed = whole(&folder, "run");
    let file = folder.path().join("run/runs/attention-1-2.json");
    fs::write(&file, b"{}").expect("written");
    let complaint = ends(&folder, &["report", "run"], 1);
    for part in ["runs/attention-1-2.json", "is damaged"] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    let complaint = ends(&folder, &resume("run"), 0);
    assert!(complaint.contains("computed again"), "{complaint}");
    assert_same(&undisturbed, &folder.path().join("run"), "reported on");
}

#[test]
fn other_settings_data_or_a_second_process_are_refused_and_nothing_is_touched() {
    let folder = folder();
    let undisturbed = whole(&folder, "run");
    let dir = folder.path().join("run");
    let refused = |parts: &[&str]| {
        let before = contents(&dir);
        let complaint = ends(&folder, &resume("run"), 1);
        for part in parts {
            assert!(complaint.contains(part), "{part}: {complaint}");
        }
        let mut after = contents(&dir);
        after.retain(|name, _| !name.starts_with("checkpoints"));
        assert!(after == before, "files differ");
        fs::remove_dir_all(dir.join("checkpoints")).expect("removed");
    };
    let data = dir.join("data.sha256");
    fs::write(&data, format!("{}\n", "0".repeat(64))).expect("written");
    refused(&["data.sha256", "other data"]);
    fs::write(&data, &undisturbed[Path::new("data.sha256")]).expect("written");

    let config = dir.join("config.toml");
    let text = String::from_utf8(undisturbed[Path::new("config.toml")].clone()).expect("UTF-8");
    let other = text.replacen("num_draws = 4", "num_draws = 6", 1);
    assert_ne!(text, other);
    fs::write(&config, other).expect("written");
    refused(&["weights/pretraining-", "config.toml", "new run"]);
    fs::write(&config, text).expect("written");

    let lock = Lock::take(&dir).expect("nobody has it");
    let complaint = ends(&folder, &resume("run"), 1);
    assert!(complaint.contains("another process"), "{complaint}");
    drop(lock);
    ends(&folder, &resume("run"), 0);
    assert_same(&undisturbed, &dir, "refused three times");
    let complaint = ends(
        &folder,
        &["run", "comodulation-digits", "--resume", "run"],
        2,
    );
    assert!(complaint.contains("cannot be used with"), "{complaint}");
}
