//! SIGKILL at random moments, again and again, and Ctrl-C: the files in the end are those of a run that nobody
//! disturbed.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

const ARGUMENTS: &[&str] = &[
    "run",
    "split-digits",
    "--seeds",
    "1..2",
    "--set",
    "stream.iterations=30",
    "--set",
    "network.hidden=[32]",
    "--threads",
    "2",
    "--quiet",
];

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

fn spawn(folder: &TempDir, arguments: &[&str]) -> Child {
    let mut command = program(folder, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// Begins a run in `name`, or goes on with it where it has begun.
fn go_on(folder: &TempDir, name: &str) -> Child {
    let dir = folder.path().join(name);
    if dir.join("config.toml").exists() {
        let more = ["--quiet", "--threads", "2", "--checkpoint-every", "4"];
        return spawn(folder, &[&["run", "--resume", name], &more[..]].concat());
    }
    // Killed before anything was there to go on with.
    if dir.exists() {
        fs::remove_dir_all(&dir).expect("removed");
    }
    let more = ["--checkpoint-every", "4", "--out", name];
    spawn(folder, &[ARGUMENTS, &more].concat())
}

#[test]
fn fifty_kills_at_random_moments_change_no_byte() {
    let seed = match std::env::var("NEUROGAIN_TEST_SEED") {
        Ok(seed) => seed.parse().expect("NEUROGAIN_TEST_SEED is a number"),
        Err(_) => 1,
    };
    let mut random = Random(seed);
    let folder = folder();
    let begun = Instant::now();
    let more = ["--checkpoint-every", "0", "--out", "undisturbed"];
    ends(&folder, &[ARGUMENTS, &more].concat(), 0);
    // Lives are up to a third of what a whole run takes.
    let longest = begun.elapsed().as_micros() as u64 / 3;
    let undisturbed = folder.path().join("undisturbed");
    let (mut kills, mut runs) = (0, 0);
    while kills < 50 {
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
            assert!(moments.len() < 500, "no progress: {}", how(&moments));
        }
        kills += moments.len();
        let dir = folder.path().join(&name);
        assert_same(&undisturbed, &dir, &how(&moments));
    }
    println!("{kills} kills in {runs} runs");
}

#[test]
fn what_ctrl_c_stops_goes_on_to_the_same_bytes() {
    let folder = folder();
    // No checkpoints but the one that the interruption leaves.
    let more = [
        "--checkpoint-every",
        "0",
        "--set",
        "stream.iterations=200",
        "--variants",
        "ablation",
    ];
    let begin = |name| [ARGUMENTS, &more, &["--out", name]].concat();
    ends(&folder, &begin("undisturbed"), 0);
    let dir = folder.path().join("interrupted");
    let mut arguments = begin("interrupted");
    // An interruption before the first iteration leaves nothing to go on from.
    for milliseconds in [5, 10, 20, 40, 80, 160, 320] {
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
        assert!(complaint.contains("--resume interrupted"), "{complaint}");
        if contents(&dir.join("checkpoints")).len() >= 2 {
            break;
        }
        fs::remove_file(lock).expect("removed");
        arguments = vec!["run", "--resume", "interrupted", "--quiet"];
    }
    assert!(contents(&dir.join("checkpoints")).len() >= 2);
    ends(&folder, &["run", "--resume", "interrupted", "--quiet"], 0);
    let undisturbed = folder.path().join("undisturbed");
    assert_same(&undisturbed, &dir, "interrupted by Ctrl-C");
}
