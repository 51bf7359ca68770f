//! A comodulation experiment that is killed, stopped or damaged goes on to the same bytes; what is not its own
//! is refused.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::kills::{interrupt, kill};
use crate::program::{Files, assert_same, contents, ended, folder, quick};
use neurogain::report::Lock;
use tempfile::TempDir;

/// Three arms of two tasks, one seed, behind one and two epochs.
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
    "modulator.count=4",
    "--set",
    "pretraining.epochs=[1,2]",
    "--set",
    "adaptation.iterations=4",
    "--set",
    "evaluation.limit=40",
    "--set",
    "tasks=[{name=\"even\",classes=[[1,3,5,7,9],[0,2,4,6,8]]},{name=\"prime\",classes=[[0,1],[2,3]]}]",
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

fn resume(name: &str) -> [&str; 6] {
    ["run", "--resume", name, "--quiet", "--threads", "2"]
}

#[test]
fn kills_at_random_moments_change_no_byte() {
    let folder = folder();
    let begun = Instant::now();
    let undisturbed = whole(&folder, "undisturbed");
    // Lives are up to half of what a whole run takes; an epoch, which is done whole or again, takes less.
    let longest = begun.elapsed() / 2;
    let start = |name: &str, begun: bool| match begun {
        true => quick(&folder, &resume(name)),
        false => quick(&folder, &[ARGUMENTS, &["--out", name]].concat()),
    };
    kill(20, &folder, &undisturbed, longest, start);
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

/// Every file that a run goes on from, cut, with a flipped bit, empty, missing, or another's.
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
        let noted = complaint.contains(file) && complaint.contains("done again");
        assert_eq!(noted, damage.is_some(), "{file}, {how}: {complaint}");
        if let Some(other) = other {
            assert!(complaint.contains(other), "{file}, {how}: {complaint}");
        }
        assert_same(&undisturbed, &dir, &format!("{file}, {how}"));
    };
    for (file, same_kind) in [
        ("cells/comodulation-2-1.json", "cells/attention-2-1.json"),
        ("pretrained/1-1.safetensors", "pretrained/2-1.safetensors"),
        ("pretrained/2-1.safetensors", "pretrained/1-1.safetensors"),
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
        again(file, Some(&other), Some("damaged"), "another's");
    }
}

/// A report does nothing again: it says what is damaged, and leaves it out.
#[test]
fn a_report_says_what_is_damaged() {
    let folder = folder();
    let undisturbed = whole(&folder, "run");
    let file = folder.path().join("run/cells/attention-1-2.json");
    fs::write(&file, b"{}").expect("written");
    let [printed, _] = ended(&mut quick(&folder, &["report", "run"]), 0);
    for part in [
        "attention, 1 epochs, seed 2: not done",
        "cells/attention-1-2.json: is damaged",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let complaint = ends(&folder, &resume("run"), 0);
    assert!(complaint.contains("done again"), "{complaint}");
    assert_same(&undisturbed, &folder.path().join("run"), "reported on");
}

/// Stopped in the second epoch, with the checkpoint of the first.
#[test]
fn a_damaged_checkpoint_is_noted_and_the_network_before_it_goes_on() {
    let folder = folder();
    let undisturbed = whole(&folder, "run");
    let dir = folder.path().join("run");
    let first = undisturbed[Path::new("pretrained/1-1.safetensors")].clone();
    let second = undisturbed[Path::new("pretrained/2-1.safetensors")].clone();
    let file = dir.join("checkpoints/1.safetensors");
    // What is at hand: the network of the first epoch or none; the checkpoint is of an epoch, or damaged.
    for (number, (network, checkpoint, noted)) in [
        (true, first.clone(), false),
        (true, first[..900].to_vec(), true),
        (false, first.clone(), false),
        (false, second.clone(), false),
        (false, first[..first.len() - 1].to_vec(), true),
        (false, Vec::new(), true),
    ]
    .into_iter()
    .enumerate()
    {
        fs::remove_dir_all(dir.join("cells")).expect("removed");
        fs::create_dir(dir.join("cells")).expect("made");
        fs::remove_file(dir.join("pretrained/2-1.safetensors")).expect("removed");
        if !network {
            fs::remove_file(dir.join("pretrained/1-1.safetensors")).expect("removed");
        }
        fs::create_dir(dir.join("checkpoints")).expect("made");
        fs::write(&file, checkpoint).expect("written");
        let complaint = ends(&folder, &resume("run"), 0);
        let found = complaint.contains("checkpoints/1.safetensors");
        assert_eq!(found, noted, "case {number}: {complaint}");
        assert_same(&undisturbed, &dir, &format!("case {number}"));
    }
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
    let other = text.replacen("count = 4", "count = 6", 1);
    assert_ne!(text, other);
    fs::write(&config, other).expect("written");
    refused(&["pretrained/", "config.toml", "new run"]);
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
