//! A comodulation experiment that is killed, stopped or damaged goes on to the same bytes; what is not its own
//! is refused.
#![cfg(all(feature = "cli", unix))]

#[path = "program/mod.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use neurogain::report::Lock;
use program::{folder, program};
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

/// The program with the instruction set that detection chooses: what survives does not depend on it, and
/// portable code takes minutes.
fn quick(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = program(folder, arguments);
    command.env_remove("NEUROGAIN_SIMD");
    command
}

/// Standard error of the program, which must end with `code`.
#[track_caller]
fn ends(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = quick(folder, arguments)
        .output()
        .expect("the program starts");
    let complaint = String::from_utf8(output.stderr).expect("UTF-8");
    let found = output.status.code();
    assert_eq!(found, Some(code), "{arguments:?}: {complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    complaint
}

/// The bytes of every file below `directory`, by its path there.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("below").to_path_buf();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// Fails unless both directories hold the same files; `how` says what was done to the second.
#[track_caller]
fn assert_same(undisturbed: &BTreeMap<PathBuf, Vec<u8>>, other: &Path, how: &str) {
    let found = contents(other);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(undisturbed), names(&found), "{how}");
    for (name, bytes) in undisturbed {
        assert!(found[name] == *bytes, "{} differs: {how}", name.display());
    }
    assert!(!other.join("checkpoints").exists(), "{how}");
}

/// A whole run in `name`, and its files.
fn whole(folder: &TempDir, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let complaint = ends(folder, &[ARGUMENTS, &["--out", name]].concat(), 0);
    assert_eq!(complaint, "");
    contents(&folder.path().join(name))
}

fn resume(name: &str) -> [&str; 6] {
    ["run", "--resume", name, "--quiet", "--threads", "2"]
}

fn spawn(folder: &TempDir, arguments: &[&str]) -> Child {
    let mut command = quick(folder, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// SplitMix64: the moments of a failure can be had again from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

/// Begins a run in `name`, or goes on with it where it has begun.
fn go_on(folder: &TempDir, name: &str) -> Child {
    let dir = folder.path().join(name);
    if dir.join("config.toml").exists() {
        return spawn(folder, &resume(name));
    }
    // Killed before anything was there to go on with.
    if dir.exists() {
        fs::remove_dir_all(&dir).expect("removed");
    }
    spawn(folder, &[ARGUMENTS, &["--out", name]].concat())
}

#[test]
fn kills_at_random_moments_change_no_byte() {
    let seed = match std::env::var("NEUROGAIN_TEST_SEED") {
        Ok(seed) => seed.parse().expect("NEUROGAIN_TEST_SEED is a number"),
        Err(_) => 1,
    };
    let mut random = Random(seed);
    let folder = folder();
    let begun = Instant::now();
    let undisturbed = whole(&folder, "undisturbed");
    // Lives are up to half of what a whole run takes; an epoch, which is done whole or again, takes less.
    let longest = begun.elapsed().as_micros() as u64 / 2;
    let (mut kills, mut runs) = (0, 0);
    while kills < 20 {
        runs += 1;
        let name = format!("killed-{runs}");
        let mut moments = Vec::new();
        let how = |moments: &[u64]| {
            format!("NEUROGAIN_TEST_SEED={seed}, {name} killed after {moments:?} µs")
        };
        loop {
            let mut child = go_on(&folder, &name);
            let moment = random.below(longest);
            sleep(Duration::from_micros(moment));
            child.kill().expect("it can be killed");
            let output = child.wait_with_output().expect("it ends");
            match output.status.code() {
                None => moments.push(moment),
                Some(code) => {
                    let complaint = String::from_utf8_lossy(&output.stderr);
                    assert_eq!(code, 0, "{complaint}{}", how(&moments));
                    assert_eq!(complaint, "", "{}", how(&moments));
                    break;
                }
            }
            assert!(moments.len() < 300, "no progress: {}", how(&moments));
        }
        kills += moments.len();
        assert_same(&undisturbed, &folder.path().join(&name), &how(&moments));
    }
    println!("{kills} kills in {runs} runs");
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
        let child = spawn(&folder, &arguments);
        let begun = Instant::now();
        // Ctrl-C is listened for before the lock is taken.
        let lock = dir.join("checkpoints/lock");
        while !lock.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "too slow");
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(milliseconds));
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{complaint}");
        let advice = "`neurogain run --resume interrupted` goes on";
        assert!(complaint.contains(advice), "{complaint}");
        assert!(dir.join("summary.json").exists());
        fs::remove_file(&lock).expect("removed");
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
    let reported = quick(&folder, &["report", "run"])
        .output()
        .expect("the program starts");
    let printed = String::from_utf8(reported.stdout).expect("UTF-8");
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
