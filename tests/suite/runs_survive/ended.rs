//! Runs that have ended stay as they are, with their hashes, though nothing summed them up yet.

use neurogain::experiment::Status;
use neurogain::report::{load, rebuild, resume};

use super::*;

/// The first run ended, the second was stopped: no summary, as after a kill.
#[test]
fn an_ended_run_keeps_its_hash_without_a_summary() {
    let folder = folder();
    let dir = folder.path().join("stopped");
    let settings = small();
    run_until(&dir, &settings, 12 + 3);
    let resumed = resume(&dir, &settings).expect("whole files");
    let [ended] = &resumed.ended[..] else {
        panic!("{} runs have ended", resumed.ended.len());
    };
    assert_eq!(
        (ended.method.as_str(), &ended.status),
        ("ngm-sgd", &Status::Complete)
    );
    assert_eq!(resumed.stopped[0].0.history.records.len(), 3);
    assert_eq!(resumed.runs().count(), 2);
    let read = load(&dir).expect("readable");
    assert_eq!(read.runs[0], *ended);
    assert_eq!(read.runs[1].status, Status::Interrupted);

    // A report in between is no more in the way than a kill is.
    rebuild(&dir).expect("a report");
    let before = fs::read(dir.join("weights/ngm-sgd-1.safetensors")).expect("weights");
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    let read = load(&dir).expect("readable");
    assert_eq!(read.runs[0], *ended);
    assert!(read.runs.iter().all(|run| run.status == Status::Complete));
    assert!(read.hash().is_some());
    let after = fs::read(dir.join("weights/ngm-sgd-1.safetensors")).expect("weights");
    assert!(before == after);

    // With nothing left to do there is no speed to tell.
    let again = output(&folder, &["run", "--resume", "stopped"]);
    let printed = String::from_utf8(again.stdout).expect("UTF-8");
    assert!(
        printed.contains("report  ") && !printed.contains("speed"),
        "{printed}"
    );

    let whole = folder.path().join("whole");
    run_until(&whole, &settings, 4 * 12);
    rebuild(&whole).expect("a report");
    fs::remove_dir_all(whole.join("checkpoints")).ok();
    assert_same(&contents(&whole), &dir, "stopped, reported on and resumed");
}

#[test]
fn a_run_that_diverged_has_ended() {
    let folder = folder();
    let dir = folder.path().join("diverged");
    let settings = small();
    let settings = settings.with_overrides(&["training.learning_rate=1e30"]);
    let settings = settings.expect("settings");
    run_until(&dir, &settings, 4 * 12);
    let resumed = resume(&dir, &settings).expect("whole files");
    let diverged = |run: &&Run| matches!(run.status, Status::Diverged { .. });
    assert!(resumed.ended.iter().filter(diverged).count() >= 1);
    assert_eq!(resumed.runs().count(), 4);
    let complaint = ends(&folder, &["run", "--resume", "diverged", "--quiet"], 1);
    assert!(complaint.contains("training diverged"), "{complaint}");
    assert_eq!(load(&dir).expect("readable").runs, resumed.ended);
}
