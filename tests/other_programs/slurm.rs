//! A sweep as a Slurm job array gives the same bytes as a local one: on a real Slurm of one node, which
//! `slurm.sh` starts and stops.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_neurogain");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/other_programs/slurm.sh");
const SWEEP: &str = r#"
base = "split-digits"
methods = ["ngm-sgd", "sgd"]
seeds = [1, 2]

[grid]
"gain.eta" = [0.1, 0.2]
"stream.iterations" = [3]
"network.hidden" = [[8], [16]]
"#;

fn neurogain(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.expect("the program starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    output
}

/// The tables of a sweep that ran as a job array are those of local workers, and no task prints anything.
pub fn a_job_array_gives_the_same_bytes_as_workers_here() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let folder = folder.path();
    fs::write(folder.join("eta.toml"), SWEEP).expect("written");
    let arguments = ["sweep", "eta.toml", "--slurm", "--out", "cluster"];
    neurogain(folder, &arguments);
    assert!(!folder.join("cluster/cells/001").exists());

    let slurm = Command::new(SCRIPT)
        .args([PROGRAM, "cluster"])
        .current_dir(folder)
        .output()
        .expect("bash starts");
    let said = String::from_utf8_lossy(&slurm.stderr);
    let read = |path: &str| fs::read(folder.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(slurm.status.success(), "{said}");
    for number in 1..=4 {
        let log = read(&format!("cluster/logs/{number:03}.log"));
        assert_eq!(String::from_utf8_lossy(&log), "", "task {number}");
    }
    neurogain(folder, &["sweep", "--collect", "cluster"]);
    neurogain(folder, &["sweep", "eta.toml", "--out", "here", "--quiet"]);
    for file in ["sweep.toml", "sweep.csv", "sweep.json"] {
        let (cluster, here) = (format!("cluster/{file}"), format!("here/{file}"));
        assert!(read(&cluster) == read(&here), "{file} differs");
    }
}
