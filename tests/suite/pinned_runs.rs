//! A run's bits are a function of its settings and seed alone: pinned here, equal on every instruction
//! set and for any number of threads. A change that alters them must be announced to users.

use std::sync::atomic::AtomicBool;

use neurogain::Cpu;
use neurogain::backend::cpu::InstructionSet;
use neurogain::data::digits;
use neurogain::systems::stability_gap::{Experiment, Settings};

/// All four methods, one seed, five contexts of three iterations.
const SPLIT_DIGITS: &str = "a434500c6c124b3f8eca64f718083c977748743edcb72ceb1ea33bca9aeb33ba";

/// The same with a slim ResNet-18 of width 2 and gains in its head and second stage.
const SPLIT_DIGITS_RESNET: &str =
    "430bd1e98fb9dd5f6ed15222e9a67e350749c10bbf1ce0d67d06bfe99683aee9";

/// Split-Digits as above, with a replay memory of 50 samples.
const REPLAY: [(&str, &str); 2] = [
    (
        "stream.replay.kind=reservoir",
        "045069eddcfea8c84e2e198dd74771361626e622ab51ae3e2db4cbac99a6badc",
    ),
    (
        "stream.replay.kind=balanced",
        "3223d9c73c0c636e93d1f40ee3ba6b12ec3323f86787095b9017dc30960e1852",
    ),
];

const MLP: &[&str] = &["stream.iterations=3"];
const RESNET: &[&str] = &[
    "stream.iterations=2",
    "evaluation.every=2",
    "training.batch=20",
    "training.crop_padding=1",
    "training.horizontal_flip=true",
    "network.kind=slim-resnet18",
    "network.width=2",
    "network.head_standard_deviation=0.05",
    "network.modulated=[\"head\", \"stage2\"]",
];

fn hash(overrides: &[&str], set: InstructionSet, threads: usize) -> String {
    let settings = Settings::preset("split-digits")
        .and_then(|settings| settings.with_overrides(overrides))
        .and_then(|settings| settings.with_seeds(&[42]))
        .unwrap();
    let samples = digits::load();
    let backend = Cpu::with(set, 1).unwrap();
    let experiment = Experiment::new(&settings, &samples, &backend).unwrap();
    let stop = AtomicBool::new(false);
    let outcome = experiment.run(threads, &stop).unwrap();
    assert_eq!(outcome.runs.len(), 4);
    outcome.hash().unwrap()
}

#[test]
fn split_digits_keeps_its_bits_on_every_instruction_set() {
    for set in InstructionSet::available() {
        assert_eq!(hash(MLP, set, 1), SPLIT_DIGITS, "{}", set.name());
        let resnet = hash(RESNET, set, 1);
        assert_eq!(resnet, SPLIT_DIGITS_RESNET, "{}", set.name());
    }
}

#[test]
fn the_number_of_runs_side_by_side_does_not_matter() {
    let set = InstructionSet::detect().unwrap();
    for threads in [2, 7] {
        assert_eq!(hash(MLP, set, threads), SPLIT_DIGITS, "{threads} threads");
        let resnet = hash(RESNET, set, threads);
        assert_eq!(resnet, SPLIT_DIGITS_RESNET, "{threads} threads");
    }
}

#[test]
fn replay_keeps_its_bits() {
    let set = InstructionSet::detect().unwrap();
    for (kind, pinned) in REPLAY {
        let replay = [
            "stream.iterations=3",
            "stream.training=joint",
            kind,
            "stream.replay.size=50",
        ];
        assert_eq!(hash(&replay, set, 1), pinned, "{kind}");
    }
}
