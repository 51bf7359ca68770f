//! A full or read-only disk, or too little memory: an error that says what to do, and nothing is lost.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::*;
use crate::program::Files;

/// The files of a whole run, the directory of that run, and that of a run stopped after seven iterations.
fn both(folder: &TempDir) -> (Files, [PathBuf; 2]) {
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    run_until(&whole, &small(), 4 * 12);
    ends(folder, &["run", "--resume", "whole", "--quiet"], 0);
    run_until(&stopped, &small(), 7);
    (contents(&whole), [whole, stopped])
}

fn says(complaint: &str, parts: &[&str]) {
    for part in parts {
        assert!(complaint.contains(part), "no {part:?} in: {complaint}");
    }
}

#[test]
fn a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let folder = folder();
    let (undisturbed, [_, stopped]) = both(&folder);
    let resume = ["run", "--resume", "stopped", "--quiet"];
    fs::create_dir(stopped.join("weights")).expect("made");
    for file in [
        "checkpoints/ngm-sgd-1.safetensors",
        "weights/msgd-1.safetensors",
        "runs/adam-1.csv",
    ] {
        // Writes to this name meet a full disk.
        let partial = stopped.join(format!("{file}.partial"));
        symlink("/dev/full", &partial).expect("linked");
        let arguments = [&resume[..], &["--checkpoint-every", "2", "--threads", "1"]].concat();
        let complaint = ends(&folder, &arguments, 1);
        let advice = "free some space, then continue: neurogain run --resume stopped";
        says(&complaint, &[file, "No space left", advice]);
    }
    ends(&folder, &resume, 0);
    assert_same(&undisturbed, &stopped, "the disk was full three times");
}

#[test]
fn a_report_on_a_full_disk_leaves_whole_files_and_says_what_writes_the_rest() {
    let folder = folder();
    let (before, [whole, _]) = both(&folder);
    for file in ["summary.json", "figures/gain.svg", "report.html"] {
        let partial = whole.join(format!("{file}.partial"));
        symlink("/dev/full", &partial).expect("linked");
        let complaint = ends(&folder, &["report", "whole"], 1);
        let advice = "free some space, then write the rest: neurogain report whole";
        says(&complaint, &[file, "No space left", advice]);
        assert!(contents(&whole) == before, "{file}");
    }
    ends(&folder, &["report", "whole"], 0);
    assert!(contents(&whole) == before);
}

/// Runs the program under a shell limit; returns its error message.
fn under(folder: &TempDir, limit: &str, arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_neurogain");
    let output = Command::new("sh")
        .args(["-c", &format!("{limit}; exec {program} {arguments}")])
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    complaint
}

#[test]
fn a_limit_on_files_loses_nothing() {
    let folder = folder();
    let (undisturbed, [_, stopped]) = both(&folder);
    // Blocks of 512 bytes, or of 1024 in some shells: smaller than a state.
    let complaint = under(&folder, "ulimit -f 2", "run --resume stopped --quiet");
    says(&complaint, &["File too large", "--resume stopped"]);
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    assert_same(&undisturbed, &stopped, "files were limited");
}

/// A limit that the network's weights alone would exceed.
#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_memory_is_seen_before_anything_is_begun() {
    let folder = folder();
    let arguments = "run --set 'network.hidden=[6000,6000]' --out big --quiet";
    let complaint = under(&folder, "ulimit -v 500000", arguments);
    says(
        &complaint,
        &[
            "network.hidden = [6000, 6000]",
            "MiB are free",
            "lower these",
        ],
    );
    assert!(!folder.path().join("big").exists());
}

#[test]
fn a_directory_that_may_not_be_written_is_named_and_goes_on_when_it_may() {
    let folder = folder();
    let (undisturbed, [_, stopped]) = both(&folder);
    let runs = stopped.join("runs");
    let allow = |mode| fs::set_permissions(&runs, fs::Permissions::from_mode(mode));
    allow(0o555).expect("changed");
    if fs::write(runs.join("probe"), "").is_ok() {
        fs::remove_file(runs.join("probe")).expect("removed");
        allow(0o755).expect("changed");
        println!("skipped: this user may write everywhere");
        return;
    }
    let complaint = ends(&folder, &["run", "--resume", "stopped", "--quiet"], 1);
    says(&complaint, &["runs/", "make it writable, then"]);
    allow(0o755).expect("changed");
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    assert_same(&undisturbed, &stopped, "it could not be written");
}
