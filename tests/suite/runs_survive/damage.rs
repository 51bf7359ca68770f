//! Damaged checkpoints and results: reported, and recomputed.

use neurogain::Error;
use neurogain::run::Lock;

use super::*;

/// Stopped after the seventh iteration of the first method: checkpoints of iterations 7 and 6.
const DONE: usize = 7;
const RUN: &str = "ngm-sgd-1";
const LAST: &str = "checkpoints/ngm-sgd-1.safetensors";
const PREVIOUS: &str = "checkpoints/ngm-sgd-1-previous.safetensors";

/// A directory with both checkpoints, and their bytes.
fn stopped(folder: &TempDir) -> (PathBuf, [Vec<u8>; 2]) {
    let dir = folder.path().join("stopped");
    run_until(&dir, &small(), DONE);
    let read = |file| fs::read(dir.join(file)).expect("a checkpoint");
    let both = [read(LAST), read(PREVIOUS)];
    (dir, both)
}

/// A directory `stopped` whose runs have been resumed to their end.
fn whole() -> (TempDir, PathBuf) {
    let folder = folder();
    let dir = folder.path().join("stopped");
    run_until(&dir, &small(), DONE);
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    (folder, dir)
}

/// The iterations that `resume` finds done, and its notes, with the two checkpoints replaced by these.
fn found(dir: &Path, last: &[u8], previous: &[u8]) -> (Option<usize>, String) {
    fs::write(dir.join(LAST), last).expect("written");
    fs::write(dir.join(PREVIOUS), previous).expect("written");
    let directory = open(dir);
    assert_eq!(directory.ended(RUN), Ok(None));
    let stopped = directory.stopped(RUN).expect("damage is no error");
    let done = stopped.map(|(run, _)| run.history.records.len());
    (done, directory.take_notes().join("\n"))
}

#[test]
fn any_changed_byte_or_cut_is_noticed_and_the_checkpoint_before_is_used() {
    let folder = folder();
    let (dir, [last, previous]) = stopped(&folder);
    assert_eq!(found(&dir, &last, &previous), (Some(7), String::new()));
    // Every byte of the header, every seventh byte of the tensors.
    for at in (0..last.len()).filter(|at| *at < 1500 || at % 7 == 0) {
        let mut changed = last.clone();
        changed[at] ^= 1 << (at % 8);
        let (done, notes) = found(&dir, &changed, &previous);
        assert_eq!(done, Some(6), "byte {at}: {notes}");
        assert!(notes.contains(LAST), "byte {at}: {notes}");
        assert!(notes.contains("after step 6"), "byte {at}: {notes}");
    }
    for length in (0..last.len()).step_by(37) {
        let (done, notes) = found(&dir, &last[..length], &previous);
        assert_eq!(done, Some(6), "{length} bytes: {notes}");
        assert!(notes.contains("damaged"), "{length} bytes: {notes}");
    }
    let longer = [&last[..], b"\0"].concat();
    assert_eq!(found(&dir, &longer, &previous).0, Some(6));
}

#[test]
fn the_checkpoint_before_takes_the_place_of_a_damaged_one() {
    let folder = folder();
    let (dir, [last, previous]) = stopped(&folder);
    found(&dir, &last[1..], &previous);
    assert_eq!(fs::read(dir.join(LAST)).expect("it is there"), previous);
    assert!(!dir.join(PREVIOUS).exists());
    // The state after a kill between the two renamings.
    fs::remove_file(dir.join(LAST)).expect("removed");
    fs::write(dir.join(PREVIOUS), &previous).expect("written");
    let directory = open(&dir);
    let (run, _) = directory.stopped(RUN).expect("read").expect("one is there");
    assert_eq!(run.history.records.len(), 6);
    let notes = directory.take_notes();
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn without_a_good_checkpoint_the_run_begins_again() {
    let folder = folder();
    let (dir, [last, previous]) = stopped(&folder);
    let (done, notes) = found(&dir, &last[..99], &previous[..99]);
    assert_eq!(done, None);
    assert!(notes.contains(LAST) && notes.contains(PREVIOUS), "{notes}");
    assert!(
        notes.contains("ngm-sgd-1: starts again from the beginning"),
        "{notes}"
    );
}

#[test]
fn other_settings_are_an_error_that_changes_nothing() {
    let folder = folder();
    let (dir, [last, _]) = stopped(&folder);
    let config = dir.join("config.toml");
    let text = fs::read_to_string(&config).expect("settings");
    let other = small().with_overrides(&["gain.eta=0.3"]).expect("settings");
    fs::write(&config, other.to_toml().expect("TOML")).expect("written");
    let error = open(&dir).stopped(RUN).expect_err("not its settings");
    fs::write(&config, text).expect("written");
    assert!(matches!(error, Error::Format { .. }), "{error}");
    let message = error.to_string();
    for part in [LAST, "config.toml", "new run"] {
        assert!(message.contains(part), "{message}");
    }
    let renamed = dir.join("checkpoints/adam-1.safetensors");
    fs::rename(dir.join(LAST), &renamed).expect("renamed");
    let message = open(&dir).stopped("adam-1").expect_err("not its name");
    assert!(message.to_string().contains("to ngm-sgd-1"), "{message}");
    assert_eq!(fs::read(renamed).expect("it is there"), last);
}

/// Four IDX files of 40 images each, whose pixels are all `pixel`.
fn idx(dir: &Path, pixel: u8) {
    fs::create_dir_all(dir).expect("made");
    let images = [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2].into_iter();
    let images: Vec<u8> = images.chain([pixel; 40 * 4]).collect();
    let labels = [0, 0, 8, 1, 0, 0, 0, 40].into_iter();
    let labels: Vec<u8> = labels.chain((0..40).map(|i| i % 4)).collect();
    for half in ["train", "t10k"] {
        fs::write(dir.join(format!("{half}-images-idx3-ubyte")), &images).expect("written");
        fs::write(dir.join(format!("{half}-labels-idx1-ubyte")), &labels).expect("written");
    }
}

/// A run does not continue with other samples than it was started with, and nothing is changed.
#[test]
fn other_data_are_an_error_that_changes_nothing() {
    let folder = folder();
    idx(&folder.path().join("old"), 9);
    idx(&folder.path().join("new"), 10);
    let short = "stream.contexts=[[0,1],[0,1,2,3]]";
    let mut begin = vec![
        "run",
        "split-mnist",
        "--data",
        "old",
        "--out",
        "begun",
        "--quiet",
    ];
    begin.extend([
        "--set",
        short,
        "--set",
        "stream.iterations=2",
        "--seeds",
        "1",
    ]);
    ends(&folder, &begin, 0);
    let before = contents(&folder.path().join("begun"));
    let go_on = |data: &str, code: i32| {
        let arguments = ["run", "--resume", "begun", "--data", data, "--quiet"];
        ends(&folder, &arguments, code)
    };
    let complaint = go_on("new", 1);
    for part in ["data.sha256", "other data", "--data"] {
        assert!(complaint.contains(part), "{complaint}");
    }
    go_on("old", 0);
    let mut after = contents(&folder.path().join("begun"));
    after.retain(|name, _| !name.starts_with("checkpoints"));
    assert!(after == before, "files differ");
}

#[test]
fn damaged_results_are_made_again_to_the_same_bytes() {
    let folder = folder();
    let dir = folder.path().join("stopped");
    let total = 4 * 12;
    run_until(&dir, &small(), total);
    let arguments = ["run", "--resume", "stopped", "--quiet"];
    assert_eq!(ends(&folder, &arguments, 0), "");
    let undisturbed = contents(&dir);
    for (file, note) in [
        ("weights/adam-1.safetensors", "is damaged"),
        ("runs/sgd-1.csv", "is damaged"),
    ] {
        let path = dir.join(file);
        let mut bytes = fs::read(&path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("written");
        let complaint = ends(&folder, &arguments, 0);
        assert!(complaint.contains(file), "{complaint}");
        assert!(complaint.contains(note), "{complaint}");
        assert!(contents(&dir) == undisturbed, "{file}");
        fs::remove_file(&path).expect("removed");
        ends(&folder, &arguments, 0);
        assert!(contents(&dir) == undisturbed, "{file}");
    }
}

/// A report of altered records or settings would have the hash of others.
#[test]
fn a_report_of_altered_files_is_refused() {
    let (folder, dir) = whole();
    let before = contents(&dir);
    for (file, from, to) in [
        ("runs/sgd-1.csv", "\n2,1,", "\n2,1,0"),
        (
            "config.toml",
            "learning_rate = 0.01",
            "learning_rate = 0.02",
        ),
        ("config.toml", "eta = 0.4", "eta = 0.5"),
    ] {
        let path = dir.join(file);
        let text = fs::read_to_string(&path).expect("a file");
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text, "{file}");
        fs::write(&path, altered).expect("written");
        let complaint = ends(&folder, &["report", "stopped"], 1);
        for part in [file, "altered"] {
            assert!(complaint.contains(part), "{complaint}");
        }
        fs::write(&path, text).expect("written");
    }
    ends(&folder, &["report", "stopped"], 0);
    assert!(contents(&dir) == before);
}

/// The digests are in the weights: without them, or beside a checkpoint that is not a run's, nothing confirms the records,
/// and no hash is shown. A summary with another hash changes nothing.
#[test]
fn results_that_nothing_confirms_have_no_hash() {
    let (folder, dir) = whole();
    let hash = || {
        ends(&folder, &["report", "stopped"], 0);
        let text = fs::read_to_string(dir.join("summary.json")).expect("a summary");
        let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        summary["hash"].as_str().map(String::from)
    };
    let confirmed = hash();
    assert!(confirmed.is_some());
    let summary = fs::read_to_string(dir.join("summary.json")).expect("a summary");
    let other = summary.replace(confirmed.as_deref().unwrap_or_default(), &"0".repeat(64));
    fs::write(dir.join("summary.json"), other).expect("written");
    assert_eq!(hash(), confirmed);

    let weights = dir.join("weights/sgd-1.safetensors");
    let whole = fs::read(&weights).expect("a file");
    for cut in [0, 100, whole.len() - 1] {
        fs::write(&weights, &whole[..cut]).expect("written");
        assert_eq!(hash(), None, "{cut} bytes of the weights");
    }
    fs::write(&weights, &whole).expect("written");
    assert_eq!(hash(), confirmed);
    fs::remove_dir_all(dir.join("weights")).expect("removed");
    assert_eq!(hash(), None);
}

/// Nothing is written through a folder that is a link.
#[cfg(unix)]
#[test]
fn a_folder_that_is_a_link_is_refused() {
    let (folder, dir) = whole();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("accuracy.svg"), "mine").expect("written");
    fs::remove_dir_all(dir.join("figures")).expect("removed");
    std::os::unix::fs::symlink(&outside, dir.join("figures")).expect("a link");
    for arguments in [&["report", "stopped"][..], &["run", "--resume", "stopped"]] {
        let complaint = ends(&folder, arguments, 1);
        for part in ["figures", "is a link"] {
            assert!(complaint.contains(part), "{complaint}");
        }
    }
    let kept = fs::read_to_string(outside.join("accuracy.svg"));
    assert_eq!(kept.expect("a file"), "mine");
}

/// Files that links in the directory name are not written.
#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let dir = folder.path().join("stopped");
    run_until(&dir, &small(), DONE);
    let own = folder.path().join("own");
    fs::write(&own, "mine").expect("written");
    for link in ["report.html.partial", "summary.json.partial", "report.html"] {
        symlink(&own, dir.join(link)).expect("a link");
    }
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
    assert_eq!(fs::read_to_string(&own).expect("a file"), "mine");
    fs::create_dir_all(dir.join("checkpoints")).expect("made");
    symlink(&own, dir.join("checkpoints/lock")).expect("a link");
    let complaint = ends(&folder, &["report", "stopped"], 1);
    assert!(complaint.contains("checkpoints/lock"), "{complaint}");
    assert_eq!(fs::read_to_string(&own).expect("a file"), "mine");
}

#[test]
fn a_complete_directory_says_so_and_stays_as_it_is() {
    let (folder, dir) = whole();
    let before = contents(&dir);
    let complaint = ends(&folder, &["run", "--resume", "stopped"], 0);
    assert!(
        complaint.contains("in stopped: all 4 runs have already ended"),
        "{complaint}"
    );
    assert!(contents(&dir) == before);
}

#[test]
fn a_directory_is_one_process_s_at_a_time() {
    let folder = folder();
    let (dir, both) = stopped(&folder);
    let lock = Lock::take(&dir).expect("nobody has it");
    let complaint = ends(&folder, &["run", "--resume", "stopped"], 1);
    assert!(complaint.contains("another process"), "{complaint}");
    assert_eq!(fs::read(dir.join(LAST)).expect("it is there"), both[0]);
    drop(lock);
    ends(&folder, &["run", "--resume", "stopped", "--quiet"], 0);
}

/// Every argument of `run`, except those known to leave the settings unchanged.
#[test]
fn settings_beside_resume_are_refused() {
    let folder = folder();
    let help = output(&folder, &["run", "--help"]).stdout;
    let help = String::from_utf8(help).expect("UTF-8");
    let free = [
        "data",
        "resume",
        "checkpoint-every",
        "device",
        "threads",
        "quiet",
        "json",
        "help",
    ];
    let flags = help.lines().filter_map(|line| {
        let (_, flag) = line.trim_start().split_at_checked(2)?;
        let named = line.trim_start().starts_with("--").then_some(flag)?;
        named.split([' ', '=']).next()
    });
    let settings: Vec<&str> = flags.filter(|flag| !free.contains(flag)).collect();
    for known in ["methods", "seeds", "set", "eval-every", "out"] {
        assert!(settings.contains(&known), "{settings:?}");
    }
    for flag in settings {
        let complaint = ends(
            &folder,
            &["run", "--resume", "x", &format!("--{flag}"), "1"],
            2,
        );
        assert!(complaint.contains("cannot be used with"), "{complaint}");
    }
    ends(&folder, &["run", "split-digits", "--resume", "x"], 2);
}

/// Files of other programs in a directory, an empty digest, and settings in a file of another name.
#[test]
fn what_is_found_in_place_of_a_file_is_named() {
    let (folder, dir) = whole();
    fs::write(dir.join("runs/._sgd-1.csv"), "macOS").expect("written");
    ends(&folder, &["report", "stopped"], 0);
    let config = fs::read_to_string(dir.join("config.toml")).expect("a file");
    for name in ["OK.TOML", "settings.txt"] {
        fs::write(folder.path().join(name), &config).expect("written");
        let out = ["--out", "again", "--set", "stream.iterations=1", "--quiet"];
        ends(&folder, &[&["run", name][..], &out].concat(), 0);
        fs::remove_dir_all(folder.path().join("again")).expect("removed");
    }
    fs::write(dir.join("data.sha256"), "").expect("written");
    fs::remove_file(dir.join("weights/sgd-1.safetensors")).expect("removed");
    let complaint = ends(&folder, &["run", "--resume", "stopped"], 1);
    assert!(complaint.contains("data.sha256: is empty"), "{complaint}");
    fs::create_dir(folder.path().join("swept")).expect("made");
    fs::write(folder.path().join("swept/sweep.toml"), "").expect("written");
    let complaint = ends(&folder, &["report", "swept"], 1);
    assert!(
        complaint.contains("swept/sweep.toml: base = (missing)"),
        "{complaint}"
    );
}

#[test]
fn a_directory_that_is_none_of_a_run_is_named() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("empty")).expect("made");
    fs::create_dir_all(folder.path().join("parent/run-001")).expect("made");
    fs::write(folder.path().join("parent/run-001/config.toml"), "").expect("written");
    fs::write(folder.path().join("file"), "").expect("written");
    let directories = [
        ("nowhere", "there is no such directory"),
        ("empty", "it has no config.toml"),
        ("file", "it is not a directory"),
        ("parent", "such as parent/run-001"),
    ];
    for (directory, problem) in directories {
        for arguments in [
            &["run", "--resume", directory][..],
            &["report", directory],
            &["report", "parent/run-001", directory],
        ] {
            let complaint = ends(&folder, arguments, 1);
            let begins = format!("error: {directory}: cannot open as a run: ");
            assert!(complaint.starts_with(&begins), "{arguments:?}: {complaint}");
            assert!(complaint.contains(problem), "{complaint}");
            assert!(complaint.contains("a run directory holds config.toml"));
            assert!(!complaint.contains("os error"), "{complaint}");
        }
    }
    let complaint = ends(&folder, &["report", "nowhere"], 1);
    assert!(
        complaint.contains("that `neurogain run` has made"),
        "{complaint}"
    );
    assert!(!folder.path().join("nowhere").exists());
    for (directory, problem) in [
        ("nowhere", "there is no such directory"),
        ("empty", "it has no sweep.toml"),
        ("parent/run-001", "it is a run directory"),
    ] {
        let complaint = ends(&folder, &["sweep", "--collect", directory], 1);
        let begins = format!("error: {directory}: cannot open as a sweep: {problem}");
        assert!(complaint.starts_with(&begins), "{complaint}");
    }
    let complaint = ends(&folder, &["sweep", "empty"], 1);
    assert!(
        complaint.contains("name the TOML file of a sweep"),
        "{complaint}"
    );
}
