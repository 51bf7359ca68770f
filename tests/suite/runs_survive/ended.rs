//! Finished runs stay unchanged, with their hashes, even before a summary exists.

use neurogain::run::Status;

use super::*;

/// The first run ended, the second was stopped: no summary, as after a kill.
#[test]
fn an_ended_run_keeps_its_hash_without_a_summary() {
    let folder = folder();
    let dir = folder.path().join("stopped");
    let settings = small();
    run_until(&dir, &settings, 12 + 3);
    let directory = open(&dir);
    let ended = directory.ended("ngm-sgd-1").expect("whole files");
    let ended = ended.expect("it has ended");
    assert_eq!(
        (ended.method.as_str(), &ended.status),
        ("ngm-sgd", &Status::Complete)
    );
    let (stopped, _) = directory.stopped("msgd-1").expect("whole").expect("begun");
    assert_eq!(stopped.history.records.len(), 3);
    let read = load(&dir);
    assert_eq!((read.len(), &read[0]), (2, &ended));
    assert_eq!(read[1].status, Status::Interrupted);

    // A report in between disturbs no more than a kill.
    directory.rebuild().expect("a report");
    let before = fs::read(dir.join("weights/ngm-sgd-1.safetensors")).expect("weights");
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    let read = load(&dir);
    assert_eq!(read[0], ended);
    assert!(
        read.iter()
            .all(|run| run.status == Status::Complete && run.hash.is_some())
    );
    let after = fs::read(dir.join("weights/ngm-sgd-1.safetensors")).expect("weights");
    assert!(before == after);

    // With nothing left to do there is no speed to report.
    let again = output(&folder, &["run", "--resume", "stopped"]);
    let printed = String::from_utf8(again.stdout).expect("UTF-8");
    assert!(
        printed.contains("report  ") && !printed.contains("speed"),
        "{printed}"
    );

    let whole = folder.path().join("whole");
    run_until(&whole, &settings, 4 * 12);
    open(&whole).rebuild().expect("a report");
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
    let directory = open(&dir);
    let ended = directory.jobs().iter().map(|job| {
        let ended = directory.ended(&job.id).expect("whole files");
        ended.expect("it has ended")
    });
    let ended: Vec<Run> = ended.collect();
    let diverged = |run: &Run| matches!(run.status, Status::Diverged { .. });
    assert!(ended.iter().any(diverged));
    let complaint = ends(&folder, &["run", "--resume", "diverged", "--quiet"], 1);
    assert!(complaint.contains("training diverged"), "{complaint}");
    assert_eq!(load(&dir), ended);
}
