//! The program, killed at random moments and stopped by Ctrl-C.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Files, assert_same};

/// SplitMix64: a failure's moments can be reproduced from its seed.
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

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// Kills runs or sweeps repeatedly, at moments up to `longest`, until `count` kills are done. Every run must finally end
/// without any message and with the files of `undisturbed`.
///
/// `start` returns the program that starts a run or sweep in a directory of this name below `folder`, or continues it
/// if it has been started.
pub fn kill(
    count: usize,
    folder: &TempDir,
    undisturbed: &Files,
    longest: Duration,
    start: impl Fn(&str, bool) -> Command,
) {
    let seed = match std::env::var("NEUROGAIN_TEST_SEED") {
        Ok(seed) => seed.parse().expect("NEUROGAIN_TEST_SEED is a number"),
        Err(_) => 1,
    };
    let mut random = Random(seed);
    let (mut kills, mut runs) = (0, 0);
    while kills < count {
        runs += 1;
        let name = format!("killed-{runs}");
        let directory = folder.path().join(&name);
        let mut moments = Vec::new();
        let how = |moments: &[u64]| {
            format!("NEUROGAIN_TEST_SEED={seed}, {name} killed after {moments:?} µs")
        };
        loop {
            let begun = ["config.toml", "sweep.toml"];
            let begun = begun.iter().any(|file| directory.join(file).exists());
            // Killed before there was anything to continue.
            if !begun && directory.exists() {
                fs::remove_dir_all(&directory).expect("removed");
            }
            let mut child = spawn(start(&name, begun));
            // The time before a kill grows with the number of kills, so that a run also ends on a slow machine.
            let longest = longest.as_micros() as u64 * (1 + moments.len() as u64 / 20);
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
            assert!(moments.len() < 500, "no progress: {}", how(&moments));
        }
        kills += moments.len();
        assert_same(undisturbed, &directory, &how(&moments));
    }
    println!("{kills} kills in {runs} runs");
}

/// Sends Ctrl-C to a run in `directory`, `after` it has taken its lock; it must say how to continue.
pub fn interrupt(command: Command, directory: &Path, after: Duration) {
    let child = spawn(command);
    let begun = Instant::now();
    // The handler of Ctrl-C is installed before the lock is taken.
    let lock = directory.join("checkpoints/lock");
    while !lock.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "too slow");
        sleep(Duration::from_millis(1));
    }
    sleep(after);
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{complaint}");
    let name = directory.file_name().expect("a name").display();
    let advice = format!("to continue, run: neurogain run --resume {name}");
    assert!(complaint.contains(&advice), "{complaint}");
    // The next one is awaited in the same way.
    fs::remove_file(lock).expect("removed");
}
