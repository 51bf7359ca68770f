//! `--device`: the CPU, a GPU, or automatic.

use super::*;

const SHORT: [&str; 9] = [
    "run",
    "--set",
    "stream.iterations=2",
    "--seeds",
    "1",
    "--methods",
    "ngm-sgd",
    "--json",
    "--device",
];

fn with(device: &str) -> Vec<&str> {
    SHORT.iter().copied().chain([device]).collect()
}

#[test]
fn an_unknown_device_is_a_usage_error() {
    let complaint = fails(&folder(), &with("gpu"), 2);
    let expected = "--device = gpu: expected cpu, cuda, cuda:NUMBER or auto";
    assert!(complaint.contains(expected), "{complaint}");
}

#[test]
fn a_card_that_is_not_there_is_an_error_that_says_what_to_do() {
    let complaint = fails(&folder(), &with("cuda:4096"), 1);
    assert!(complaint.contains("--device cpu"), "{complaint}");
}

/// Every command that takes a device refuses an unknown one, and a missing GPU, before it does anything.
#[test]
fn every_command_looks_for_the_device_first() {
    let folder = folder();
    for command in [
        &["sweep", "lr-sweep", "--out", "made"][..],
        &["figure", "two-timescale", "--out", "made"],
        &["figure", "ablation", "--out", "made"],
        &["figure", "replay", "--out", "made"],
        &["bench", "ReLU"],
        &["run", "comodulation-digits", "--out", "made"],
    ] {
        for (device, code, part) in [
            ("gpu", 2, "--device = gpu"),
            ("cuda:", 2, "--device = cuda:"),
            ("cuda:+0", 2, "--device = cuda:+0"),
            ("cuda:4096", 1, "--device cpu"),
        ] {
            let arguments = [command, &["--device", device]].concat();
            let complaint = fails(&folder, &arguments, code);
            assert!(complaint.contains(part), "{arguments:?}: {complaint}");
            assert!(!folder.path().join("made").exists(), "{arguments:?}");
        }
    }
}

#[test]
fn what_there_is_gives_the_same_hash() {
    let folder = folder();
    let hash = |device: &str| {
        let said = succeeds(&folder, &with(device));
        let hash = said.split("\"hash\"").nth(1).expect("a hash");
        hash.chars().take(70).collect::<String>()
    };
    assert_eq!(hash("auto"), hash("cpu"));
}
