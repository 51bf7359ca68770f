//! Repeated SIGKILL at random moments, and Ctrl-C: the final files are those of an undisturbed
//! run.

use std::time::{Duration, Instant};

use super::*;
use crate::program::kills::{interrupt, kill};

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

/// The arguments that start a run in `name`.
fn begin<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [ARGUMENTS, more, &["--out", name]].concat()
}

#[test]
fn fifty_kills_at_random_moments_change_no_byte() {
    let folder = folder();
    let begun = Instant::now();
    ends(
        &folder,
        &begin("undisturbed", &["--checkpoint-every", "0"]),
        0,
    );
    // A kill comes after up to a third of the time of a whole run.
    let longest = begun.elapsed() / 3;
    let undisturbed = contents(&folder.path().join("undisturbed"));
    let start = |name: &str, begun: bool| {
        let more = ["--checkpoint-every", "4"];
        let arguments = match begun {
            true => [
                &["run", "--resume", name, "--quiet", "--threads", "2"],
                &more[..],
            ]
            .concat(),
            false => begin(name, &more),
        };
        program(&folder, &arguments)
    };
    kill(50, &folder, &undisturbed, longest, start);
}

/// The same command continues a sweep; every cell has its results and its report in the end.
#[test]
fn kills_of_a_sweep_change_no_byte() {
    let folder = folder();
    let sweep = "base = \"split-digits\"\nmethods = [\"ngm-sgd\", \"sgd\"]\nseeds = [1, 2]\n\n[grid]\n\
         \"gain.eta\" = [0.1, 0.2]\n\"stream.iterations\" = [10]\n\"network.hidden\" = [[8], [16]]\n";
    fs::write(folder.path().join("eta.toml"), sweep).expect("written");
    const SWEEP: [&str; 6] = ["sweep", "eta.toml", "--quiet", "--workers", "2", "--out"];
    let begun = Instant::now();
    ends(&folder, &[&SWEEP[..], &["undisturbed"]].concat(), 0);
    let longest = begun.elapsed() / 2;
    let undisturbed = contents(&folder.path().join("undisturbed"));
    kill(30, &folder, &undisturbed, longest, |name, _| {
        program(&folder, &[&SWEEP[..], &[name]].concat())
    });
}

#[test]
fn what_ctrl_c_stops_goes_on_to_the_same_bytes() {
    let folder = folder();
    // No checkpoints except that of the interruption.
    let more = [
        "--checkpoint-every",
        "0",
        "--set",
        "stream.iterations=200",
        "--variants",
        "ablation",
    ];
    ends(&folder, &begin("undisturbed", &more), 0);
    let dir = folder.path().join("interrupted");
    let resume = ["run", "--resume", "interrupted", "--quiet"];
    let mut arguments = begin("interrupted", &more);
    // An interruption before the first iteration leaves nothing to continue.
    for milliseconds in [5, 10, 20, 40, 80, 160, 320] {
        let after = Duration::from_millis(milliseconds);
        interrupt(program(&folder, &arguments), &dir, after);
        if !contents(&dir.join("checkpoints")).is_empty() {
            break;
        }
        arguments = resume.to_vec();
    }
    assert!(!contents(&dir.join("checkpoints")).is_empty());
    ends(&folder, &resume, 0);
    let undisturbed = contents(&folder.path().join("undisturbed"));
    assert_same(&undisturbed, &dir, "interrupted by Ctrl-C");
}
