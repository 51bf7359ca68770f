//! A plasticity experiment that is killed in the middle of a task, of the stream or of a copy that learns it again,
//! continues to the same bytes.
#![cfg(all(feature = "cli", unix))]

use std::time::Instant;

use crate::program::kills::kill;
use crate::program::{contents, ended, folder, quick};

/// The learners with the most state: each job of three tasks, in the stream, from a fresh network, from the final state.
const ARGUMENTS: &[&str] = &[
    "run",
    "short-digits",
    "--variants",
    "learners",
    "--methods",
    "adam,online-ewc,redo,cbp,neumosync,maml",
    "--seeds",
    "1",
    "--quiet",
    "--set",
    "stream.tasks=3",
    "--set",
    "stream.epochs=[1]",
    "--set",
    "data.samples=320",
    "--set",
    "network.hidden=[16]",
    "--set",
    "evaluation.limit=40",
];

#[test]
fn kills_at_random_moments_change_no_byte() {
    let folder = folder();
    let begun = Instant::now();
    let whole = [ARGUMENTS, &["--out", "undisturbed"]].concat();
    let [_, complaint] = ended(&mut quick(&folder, &whole), 0);
    assert_eq!(complaint, "");
    // A kill comes after up to half the time of a whole run.
    let longest = begun.elapsed() / 2;
    let undisturbed = contents(&folder.path().join("undisturbed"));
    let start = |name: &str, begun: bool| match begun {
        true => {
            // Checkpoints within tasks; results do not depend on their number.
            let resume = ["run", "--resume", name, "--quiet"];
            quick(
                &folder,
                &[&resume[..], &["--checkpoint-every", "3"]].concat(),
            )
        }
        false => quick(&folder, &[ARGUMENTS, &["--out", name]].concat()),
    };
    kill(20, &folder, &undisturbed, longest, start);
}
