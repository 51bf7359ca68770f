//! Sweeps: cells in parallel, resumed, one at a time, and as Slurm scripts.

use neurogain::run::RunDirectory;
use neurogain::systems::StabilityGap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::*;

const ETA: &str = r#"
base = "split-digits"
methods = ["ngm-sgd", "sgd"]
seeds = [1]

[grid]
"gain.eta" = [0.1, 0.2]
"training.batch" = [8, 16]
"stream.iterations" = [2]
"network.hidden" = [[8]]
"#;

fn with_sweep(text: &str) -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("eta.toml"), text).expect("written");
    folder
}

fn read(folder: &TempDir, path: &str) -> Vec<u8> {
    fs::read(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_sweep_prints_a_table_and_leaves_a_run_directory_a_cell() {
    let folder = with_sweep(ETA);
    let printed = succeeds(&folder, &["sweep", "eta.toml"]);
    for part in [
        "gain.eta",
        "training.batch",
        "NGM-SGD",
        "avg-SG",
        "sweep.csv",
    ] {
        assert!(printed.contains(part), "no {part} in:\n{printed}");
    }
    assert_eq!(
        csv_lines(&folder.path().join("runs/eta/sweep.csv")),
        1 + 4 * 2
    );
    for number in 1..=4 {
        let cell = format!("runs/eta/cells/{number:03}");
        let directory = RunDirectory::<StabilityGap>::open(&folder.path().join(&cell));
        let directory = directory.expect("a run directory");
        let runs = directory.load().expect("readable");
        assert_eq!(runs.iter().flatten().count(), 2);
        let batch = [8, 16][(number - 1) % 2];
        assert_eq!(directory.settings().training.batch, batch);
        assert!(folder.path().join(cell).join("report.html").is_file());
    }
}

#[test]
fn workers_cells_and_runs_of_their_own_give_the_same_bytes() {
    let folder = with_sweep(ETA);
    let sweep = |more: &[&str]| succeeds(&folder, &[&["sweep", "eta.toml"], more].concat());
    sweep(&["--out", "one", "--threads", "1", "--quiet"]);
    sweep(&["--out", "three", "--workers", "3", "--threads", "4"]);
    for number in ["2", "4", "3", "1"] {
        let printed = sweep(&["--out", "cells", "--cell", number, "--quiet"]);
        assert_eq!(printed, "");
    }
    succeeds(&folder, &["sweep", "--collect", "cells"]);
    for file in ["sweep.csv", "sweep.json", "cells/003/runs/ngm-sgd-1.csv"] {
        let one = read(&folder, &format!("one/{file}"));
        assert!(read(&folder, &format!("three/{file}")) == one, "{file}");
        assert!(read(&folder, &format!("cells/{file}")) == one, "{file}");
    }
    let arguments = [
        "run",
        "split-digits",
        "--methods",
        "ngm-sgd,sgd",
        "--seeds",
        "1",
        "--out",
        "alone",
        "--quiet",
        "--set",
        "gain.eta=0.2",
        "--set",
        "training.batch=8",
        "--set",
        "stream.iterations=2",
        "--set",
        "network.hidden=[8]",
    ];
    succeeds(&folder, &arguments);
    for file in ["config.toml", "summary.json", "report.html"] {
        let cell = read(&folder, &format!("one/cells/003/{file}"));
        assert!(read(&folder, &format!("alone/{file}")) == cell, "{file}");
    }
}

/// Records alone do not end a cell: if its report cannot be written, the sweep fails although it has all measures.
#[test]
fn a_cell_that_fails_is_the_sweep_s_failure() {
    let folder = with_sweep(ETA);
    let arguments = ["sweep", "eta.toml", "--out", "swept", "--quiet"];
    succeeds(&folder, &arguments);
    let cell = folder.path().join("swept/cells/002");
    fs::remove_file(cell.join("summary.json")).expect("removed");
    // Its lock cannot be taken.
    fs::write(cell.join("checkpoints"), "").expect("written");
    let [_, complaint] = ended(&mut program(&folder, &arguments), 1);
    assert!(complaint.contains("cell 2"), "{complaint}");
    fs::remove_file(cell.join("checkpoints")).expect("removed");
    succeeds(&folder, &arguments);
    assert!(cell.join("summary.json").exists());
}

/// Each cell is run by one process, whichever comes first; none is refused or run twice.
#[test]
fn processes_share_a_sweep() {
    for round in 0..4 {
        let folder = with_sweep(ETA);
        let start = |more: &[&str]| {
            let arguments = [&["sweep", "eta.toml", "--quiet"], more].concat();
            let mut command = crate::program::program(&folder, &arguments);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("the program starts")
        };
        // A cell each, in a new directory.
        let cells = ["1", "2", "3", "4"].map(|cell| start(&["--out", "cells", "--cell", cell]));
        for process in cells {
            let output = process.wait_with_output().expect("it ends");
            assert!(
                output.status.success(),
                "round {round}: {}",
                text(&output.stderr)
            );
        }
        // All cells, at the same time.
        for process in [(); 3].map(|()| start(&["--out", "all", "--threads", "1"])) {
            let output = process.wait_with_output().expect("it ends");
            let complaint = text(&output.stderr);
            let shared = ["another process runs", "another process is running"];
            let shared = shared.iter().any(|part| complaint.contains(part));
            let fits = match output.status.code() {
                Some(0) => complaint.is_empty(),
                code => code == Some(1) && shared && complaint.lines().count() == 1,
            };
            assert!(fits, "round {round}: {complaint}");
        }
        for directory in ["cells", "all"] {
            succeeds(&folder, &["sweep", "--collect", directory]);
        }
        for file in ["sweep.csv", "sweep.json", "cells/004/report.html"] {
            let alone = read(&folder, &format!("cells/{file}"));
            assert!(read(&folder, &format!("all/{file}")) == alone, "{file}");
        }
    }
}

#[test]
fn given_again_a_sweep_keeps_the_cells_that_have_ended() {
    let folder = with_sweep(ETA);
    succeeds(&folder, &["sweep", "eta.toml", "--out", "here"]);
    let before = read(&folder, "here/sweep.csv");
    // A marker in each cell, which is lost if the cell is started again.
    let mark = |number: usize| -> PathBuf {
        let name = format!("here/cells/{number:03}/mark");
        folder.path().join(name)
    };
    for number in 1..=4 {
        fs::write(mark(number), "").expect("written");
    }
    let place = |path: &str| folder.path().join("here/cells").join(path);
    fs::remove_file(place("002/summary.json")).expect("removed");
    fs::remove_dir_all(place("003")).expect("removed");
    let config = read(&folder, "here/cells/004/config.toml");
    fs::copy(place("001/config.toml"), place("004/config.toml")).expect("copied");
    let output = output(&folder, &["sweep", "--collect", "here"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("cell 3 (gain.eta = 0.2"), "{complaint}");
    assert!(complaint.contains("not begun"), "{complaint}");

    // A cell with other settings is named and left unchanged; the others are run.
    let refused = crate::program::output(&folder, &["sweep", "eta.toml", "--out", "here"]);
    let complaint = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{complaint}");
    for part in ["cell 4", "004/config.toml", "not those of this cell"] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    fs::write(place("004/config.toml"), config).expect("written");
    succeeds(&folder, &["sweep", "eta.toml", "--out", "here"]);
    let kept: Vec<bool> = (1..=4).map(|number| mark(number).exists()).collect();
    assert_eq!(kept, [true, true, false, true]);
    assert!(place("002/summary.json").is_file());
    assert!(read(&folder, "here/sweep.csv") == before);
}

/// It would diverge again: the sweep is complete, and says so.
#[test]
fn a_cell_that_diverges_is_a_result() {
    let text = ETA.replace(
        "[0.1, 0.2]",
        "[0.1]\n\"training.learning_rate\" = [0.01, 1e30]",
    );
    let folder = with_sweep(&text);
    for attempt in 1..=2 {
        let output = output(&folder, &["sweep", "eta.toml", "--quiet"]);
        let complaint = self::text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{attempt}: {complaint}");
        assert!(complaint.contains("note: cell 3 ("), "{complaint}");
        assert!(complaint.contains("diverged"), "{complaint}");
        assert!(
            complaint.contains("complete: every cell has ended"),
            "{complaint}"
        );
        assert!(!complaint.contains("error"), "{complaint}");
        assert!(!complaint.contains("cell 1 ("), "{complaint}");
        assert!(self::text(&output.stdout).contains("sweep.csv"));
    }
}

#[test]
fn slurm_scripts_are_written_and_nothing_is_run() {
    let folder = with_sweep(ETA);
    let printed = succeeds(&folder, &["sweep", "eta.toml", "--slurm", "--out", "here"]);
    assert!(printed.contains("submit.sh (4 tasks)"), "{printed}");
    let job = text(&read(&folder, "here/job.sh"));
    for part in [
        "#SBATCH --array=1-4\n",
        "neurogain-split-digits\n",
        "--cell",
    ] {
        assert!(job.contains(part), "no {part} in {job}");
    }
    assert!(!job.contains('@'), "{job}");
    assert!(
        job.contains("--device cpu") && !job.contains("gres"),
        "{job}"
    );
    for (device, card) in [("cuda", true), ("cuda:1", true), ("auto", false)] {
        let arguments = ["sweep", "eta.toml", "--slurm", "--out", device];
        succeeds(&folder, &[&arguments[..], &["--device", device]].concat());
        let job = text(&read(&folder, &format!("{device}/job.sh")));
        assert!(job.contains(&format!("--device {device} ")), "{job}");
        assert_eq!(job.contains("#SBATCH --gres=gpu:1\n"), card, "{job}");
        assert!(!job.contains('@'), "{job}");
    }
    let cells = fs::read_dir(folder.path().join("here/cells")).expect("read");
    assert_eq!(cells.count(), 0);
    // The command of a Slurm task.
    let arguments = ["sweep", "here/sweep.toml", "--out", "here", "--cell", "4"];
    succeeds(&folder, &arguments);
    assert!(folder.path().join("here/cells/004/report.html").is_file());
}

#[test]
fn bad_sweeps_are_refused_before_anything_is_made() {
    let folder = with_sweep(&ETA.replace("[0.1, 0.2]", "[0.1, -2]"));
    let complaint = fails(&folder, &["sweep", "eta.toml"], 2);
    let start = "error: eta.toml: line 7: gain.eta = -2";
    assert!(complaint.starts_with(start), "{complaint}");
    let folder = with_sweep(&ETA.replace("gain.eta", "gain.etta"));
    let complaint = fails(&folder, &["sweep", "eta.toml"], 2);
    assert!(
        complaint.contains("did you mean `gain.eta`?"),
        "{complaint}"
    );
    let folder = with_sweep(&ETA.replace("[8, 16]", "[8, 1000000000000]"));
    let complaint = fails(&folder, &["sweep", "eta.toml"], 1);
    assert!(
        complaint.contains("training.batch = 1000000000000"),
        "{complaint}"
    );
    let folder = with_sweep(ETA);
    for (arguments, code, part) in [
        (&["sweep", "none.toml"][..], 1, "none.toml"),
        (&["sweep", "eta.toml", "--cell", "5"], 2, "from 1 to 4"),
        (&["sweep", "eta.toml", "--cell", "0"], 2, "from 1 to 4"),
        (&["sweep", "--collect", "nowhere"], 1, "nowhere"),
        (&["sweep"], 2, "FILE.toml"),
        (&["sweep", "eta.toml", "--collect", "here"], 2, "--collect"),
        (
            &["sweep", "eta.toml", "--slurm", "--workers", "2"],
            2,
            "--slurm",
        ),
        (&["sweep", "eta.toml", "--workers", "0"], 2, "--workers"),
    ] {
        let complaint = fails(&folder, arguments, code);
        assert!(complaint.contains(part), "{arguments:?}: {complaint}");
    }
    succeeds(&folder, &["sweep", "eta.toml", "--slurm", "--out", "here"]);
    let other = ETA.replace("[0.1, 0.2]", "[0.3]");
    fs::write(folder.path().join("eta.toml"), other).expect("written");
    let refused = crate::program::output(&folder, &["sweep", "eta.toml", "--out", "here"]);
    let complaint = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("another sweep"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_interrupted_goes_on_to_the_same_bytes() {
    let folder = with_sweep(&ETA.replace(
        "\"stream.iterations\" = [2]",
        "\"stream.iterations\" = [400]",
    ));
    let arguments = ["sweep", "eta.toml", "--out", "here", "--workers", "2"];
    let child = program(&folder, &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let config = folder.path().join("here/cells/002/config.toml");
    interrupt::wait_for(|| config.is_file());
    interrupt::interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    // A fast machine may be done before the interruption comes.
    let code = output.status.code().expect("no signal ended it");
    assert!([0, 130].contains(&code), "{code}: {}", text(&output.stderr));
    if code == 130 {
        let complaint = text(&output.stderr);
        assert!(complaint.contains("not finished: "), "{complaint}");
        assert!(!folder.path().join("here/sweep.csv").exists());
    }
    succeeds(&folder, &arguments);
    succeeds(&folder, &["sweep", "eta.toml", "--out", "whole", "--quiet"]);
    for file in ["sweep.csv", "sweep.json", "cells/002/runs/sgd-1.csv"] {
        let here = read(&folder, &format!("here/{file}"));
        assert!(read(&folder, &format!("whole/{file}")) == here, "{file}");
    }
}

/// Epochs become iterations when the data are known, for each cell of a sweep as for a run.
#[test]
fn a_sweep_may_give_epochs() {
    let folder = with_sweep(
        "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [1]\n\
         set = [\"network.hidden=[8]\", \"stream.contexts=[[0, 1]]\"]\n\
         [grid]\nstream.epochs = [[1], [2]]\n",
    );
    let sweep = ["sweep", "eta.toml", "--out", "swept", "--quiet"];
    let first = succeeds(&folder, &sweep);
    let csv = read(&folder, "swept/sweep.csv");
    assert_eq!(String::from_utf8_lossy(&csv).matches("complete").count(), 2);
    let lines = |cell: &str| {
        let records = read(&folder, &format!("swept/cells/{cell}/runs/sgd-1.csv"));
        records.iter().filter(|&&byte| byte == b'\n').count() - 1
    };
    assert_eq!(lines("002"), 2 * lines("001"));
    // Again: nothing is left to do.
    let before = read(&folder, "swept/cells/001/config.toml");
    assert_eq!(succeeds(&folder, &sweep), first);
    assert_eq!(read(&folder, "swept/cells/001/config.toml"), before);
    let config = folder.path().join("swept/cells/001/config.toml");
    let other = String::from_utf8_lossy(&before).replace("batch = 64", "batch = 65");
    std::fs::write(config, other).expect("written");
    let [_, complaint] = crate::program::ended(
        &mut crate::program::quick(&folder, &["sweep", "--collect", "swept"]),
        1,
    );
    assert!(
        complaint.contains("001/config.toml: it was altered"),
        "{complaint}"
    );
}
