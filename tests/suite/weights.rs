//! Exported weights: safetensors files with everything that inference needs. `tests/other_programs` reads them with Python.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::Command;

use neurogain::data::digits;
use neurogain::systems::stability_gap::Settings;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A short run in `run` of `folder`; the bytes of its weights.
fn weights(folder: &TempDir, method: &str, changes: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neurogain"));
    command.current_dir(folder.path());
    command.args(["run", "split-digits", "--methods", method, "--seeds", "3"]);
    command.args(["--out", "run", "--quiet"]);
    command.args(["--set", "stream.contexts=[[0,1],[0,1,2,3]]"]);
    for change in changes {
        command.args(["--set", change]);
    }
    let output = command.output().expect("the program starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    fs::read(
        folder
            .path()
            .join(format!("run/weights/{method}-3.safetensors")),
    )
    .expect("weights")
}

fn shapes(tensors: &SafeTensors<'_>) -> Vec<(String, Vec<usize>)> {
    let all = tensors.tensors().into_iter();
    let mut shapes: Vec<_> = all
        .map(|(name, view)| (name, view.shape().to_vec()))
        .collect();
    shapes.sort();
    shapes
}

fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = tensors.tensor(name).expect(name);
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let numbers = view.data().chunks_exact(4).map(number);
    numbers.map(f64::from).collect()
}

/// The fraction of the test digits 0 and 1 that x → g₁W₁ → ReLU → … → logits classifies correctly, in f64.
fn accuracy(tensors: &SafeTensors<'_>, layers: &[&str]) -> f64 {
    let settings = Settings::preset("split-digits").expect("the preset").data;
    let [maximum, mean, deviation] = [
        settings.maximum,
        settings.mean[0],
        settings.standard_deviation[0],
    ]
    .map(f64::from);
    let test = digits::load().test;
    let samples = test.of_classes(&[0, 1]);
    let mut right = 0;
    for &sample in &samples {
        let sample = sample as usize;
        let pixels = &test.pixels()[64 * sample..64 * (sample + 1)];
        let input = |&pixel: &u8| (f64::from(pixel) / maximum - mean) / deviation;
        let mut activations: Vec<f64> = pixels.iter().map(input).collect();
        for (at, layer) in layers.iter().enumerate() {
            let gains = numbers(tensors, &format!("{layer}.gain"));
            let weights = numbers(tensors, layer);
            let rows = weights.chunks_exact(activations.len()).zip(gains);
            let outputs = rows.map(|(row, gain)| {
                let sum: f64 = row.iter().zip(&activations).map(|(w, x)| w * x).sum();
                gain * sum
            });
            let hidden = at + 1 < layers.len();
            activations = outputs
                .map(|y| if hidden { y.max(0.0) } else { y })
                .collect();
        }
        let largest = (0..10).max_by(|&a, &b| activations[a].total_cmp(&activations[b]));
        right += usize::from(largest == Some(usize::from(test.labels()[sample])));
    }
    right as f64 / samples.len() as f64
}

/// The test accuracy of the last line of a run's CSV.
fn last_accuracy(path: &Path) -> f64 {
    let text = fs::read_to_string(path).expect("a record");
    let line = text.lines().last().expect("a line");
    let column = line.split(',').nth(5).expect("test_accuracy");
    column.parse().expect("a number")
}

#[test]
fn a_perceptron_s_weights_and_gains_give_its_last_accuracy() {
    let folder = folder();
    let changes = ["stream.iterations=20", "network.hidden=[16, 12]"];
    let bytes = weights(&folder, "ngm-sgd", &changes);
    let tensors = SafeTensors::deserialize(&bytes).expect("the format");
    let expected = [
        ("hidden1", vec![16, 64]),
        ("hidden1.gain", vec![16]),
        ("hidden2", vec![12, 16]),
        ("hidden2.gain", vec![12]),
        ("output", vec![10, 12]),
        ("output.gain", vec![10]),
    ];
    let expected = expected.map(|(name, shape)| (name.to_string(), shape));
    assert_eq!(shapes(&tensors), expected);
    assert!(numbers(&tensors, "output.gain").iter().all(|&g| g > 1.0));
    let recorded = last_accuracy(&folder.path().join("run/runs/ngm-sgd-3.csv"));
    assert!(recorded > 0.5, "{recorded}");
    assert_eq!(
        accuracy(&tensors, &["hidden1", "hidden2", "output"]),
        recorded
    );
}

#[test]
fn the_metadata_say_which_run_it_was_with_the_hash_of_the_summary() {
    let folder = folder();
    let bytes = weights(&folder, "adam", &["stream.iterations=2"]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("the format");
    let entry = &metadata.metadata().as_ref().expect("metadata")["neurogain"];
    let entry: serde_json::Value = serde_json::from_str(entry).expect("JSON");
    let summary = fs::read(folder.path().join("run/summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(entry["job"], "adam-3");
    for (key, in_summary) in [
        ("status", "status"),
        ("steps", "iterations"),
        ("hash", "hash"),
    ] {
        assert_eq!(entry[key], summary["runs"][0][in_summary], "{key}");
        assert!(!entry[key].is_null(), "{key}");
    }
    let record = fs::read(folder.path().join("run/runs/adam-3.csv")).expect("a record");
    let digest = Sha256::digest(record);
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(entry["records"], digits);
}

#[test]
fn a_residual_network_s_file_holds_kernels_and_running_statistics() {
    let folder = folder();
    let changes = [
        "stream.iterations=1",
        "network.kind=slim-resnet18",
        "network.width=2",
        "network.head_standard_deviation=0.05",
        "network.modulated=[\"head\"]",
    ];
    let bytes = weights(&folder, "ngm-sgd", &changes);
    let tensors = SafeTensors::deserialize(&bytes).expect("the format");
    let shapes = shapes(&tensors);
    let shape = |name: &str| {
        let found = shapes.iter().find(|(found, _)| found == name);
        &found.expect(name).1[..]
    };
    assert_eq!(shape("stem"), [2, 3, 3, 1]);
    assert_eq!(shape("stage2.block1.shortcut"), [4, 1, 1, 2]);
    assert_eq!(shape("stage4.block2.second_norm.gamma"), [16]);
    assert_eq!(shape("stem_norm.running"), [2, 2]);
    assert_eq!(shape("stage2.block1.shortcut_norm.running"), [2, 4]);
    assert_eq!(shape("head"), [10, 16]);
    assert_eq!(shape("head.gain"), [10]);
    let named = |ending: &str| shapes.iter().filter(|(n, _)| n.ends_with(ending)).count();
    // A stem, eight blocks of two convolutions, three shortcuts.
    assert_eq!(named(".running"), 1 + 8 * 2 + 3);
    assert_eq!(named(".gain"), 1);
    assert_eq!(named("moment"), 0);
    // Updated by the batches: the variances are neither 0 nor the initial 1.
    let running = numbers(&tensors, "stem_norm.running");
    assert!(running[2..].iter().all(|&v| v > 0.0 && v != 1.0));
}
