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
