//! Weights with torchvision's names: a safetensors file becomes the backbone that PyTorch would compute with it.
//! Missing or wrong tensors give an error that names the tensor and the file.
#![cfg(feature = "cli")]

mod reference;

use std::fs;
use std::path::Path;

use crate::program::{ended, folder, program};
use neurogain::Cpu;
use neurogain::models::{
    BackboneConfig, Comodulated, ComodulatedBackbone, ComodulatedConfig, CouplingGranularity,
    ModulatedLayers, Stem,
};
use neurogain::run::read_weights;
use neurogain::shape::Shape;
use neurogain::tensor::Tensor;
use reference::{Maps, Random, drawn, file, reference};
use safetensors::tensor::Dtype;
use tempfile::TempDir;

/// An encoder and a decoder that pass every channel on: the decoder's activity is each channel's mean.
fn hand_on(network: &mut Comodulated, backend: &Cpu) {
    for parameter in network.parameters() {
        let shape = parameter.value.shape();
        let (rows, columns) = (shape.rows(), shape.columns());
        let mut numbers = vec![0.0; rows * columns];
        let place = match parameter.name.as_str() {
            // The centre of nine pixels; inputs are innermost.
            "encoder1" | "encoder2" => 4 * rows,
            "decoder" => 0,
            _ => continue,
        };
        for row in 0..rows {
            numbers[row * columns + place + row] = 1.0;
        }
        parameter.value = Tensor::from_rows(backend, shape, &numbers).expect("of its shape");
    }
}

fn computes_what_pytorch_does(
    side: usize,
    channels: usize,
    width: usize,
    stages: usize,
    stem: Stem,
) {
    let what = format!("{side} × {side} × {channels}, width {width}, {stages} stages, {stem:?}");
    let size = if stem == Stem::Large { 7 } else { 3 };
    let weights = drawn(channels, width, stages, size);
    let folder = folder();
    let path = folder.path().join("resnet.safetensors");
    let more = [
        ("fc.weight", Dtype::F32, vec![10, 4]),
        ("fc.bias", Dtype::F32, vec![10]),
        ("bn1.num_batches_tracked", Dtype::I64, vec![]),
    ];
    fs::write(&path, file(&weights, &more)).expect("written");
    let tensors = read_weights(&path).expect("it is whole");
    let names: Vec<&str> = weights.keys().map(String::as_str).collect();
    let found: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(found, names);

    let backend = Cpu::new().expect("a backend");
    let outputs = width << (stages - 1);
    let shape = ComodulatedConfig {
        backbone: ComodulatedBackbone::Residual(BackboneConfig {
            side,
            channels,
            width,
            stages,
            stem,
        }),
        encoder: [outputs; 2],
        modulated: ModulatedLayers::Both,
        couplings: CouplingGranularity::Channel,
        places: false,
        decoder: outputs,
        residual: false,
    };
    let mut network = Comodulated::new(&backend, &shape, 1).expect("a network");
    network
        .load_backbone(&backend, &tensors)
        .expect("all are there");
    hand_on(&mut network, &backend);
    let mut random = Random(9);
    let image = Maps {
        channels,
        side,
        values: random
            .numbers(channels * side * side)
            .iter()
            .map(|n| f64::from(*n))
            .collect(),
    };
    // Pixel after pixel, with the channels of each adjacent.
    let mut rows = Vec::new();
    for pixel in 0..side * side {
        rows.extend((0..channels).map(|c| image.values[c * side * side + pixel] as f32));
    }
    let images = Shape::images(1, side, side, channels);
    let x = Tensor::from_rows(&backend, images, &rows).expect("an image");
    network.encode(&backend, &x, false).expect("it fits");
    let ones = vec![1.0; network.couplings()];
    let activity = network.decode(&backend, &ones).expect("it fits");
    let found = activity.to_rows(&backend).expect("numbers");
    let expected = reference(&weights, &image, stages, stem);
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().copied().fold(0.0, f64::max);
    assert!(largest > 0.1, "{what}: nothing to compare");
    for (channel, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        // A wrong order would change numbers by their own size.
        assert!(
            difference < 1e-4 * largest,
            "{what}, channel {channel}: {found}, not {expected}"
        );
    }
}

#[test]
fn the_small_stem_computes_what_pytorch_does() {
    computes_what_pytorch_does(6, 3, 2, 1, Stem::Small);
    computes_what_pytorch_does(8, 2, 3, 2, Stem::Small);
    // Kernels of one pixel and one input have as many numbers as a normalisation.
    computes_what_pytorch_does(8, 1, 1, 3, Stem::Small);
}

#[test]
fn the_large_stem_computes_what_pytorch_does() {
    computes_what_pytorch_does(20, 3, 3, 1, Stem::Large);
    computes_what_pytorch_does(32, 3, 2, 4, Stem::Large);
}

/// By hand: the first stem kernel reads the pixel above, of the second channel; the second that on the left,
/// of the third.
#[test]
fn a_kernel_s_first_index_after_the_output_is_the_input_then_row_then_column() {
    let mut weights = drawn(3, 2, 1, 3);
    for (name, (_, numbers)) in &mut weights {
        let value = match name.rsplit_once('.') {
            Some((_, "running_var")) => 1.0 - 1e-5,
            Some((layer, "weight")) if layer.contains("bn") => 1.0,
            _ => 0.0,
        };
        numbers.fill(value);
    }
    let kernel = &mut weights.get_mut("conv1.weight").expect("the stem").1;
    kernel[9 + 1] = 1.0;
    kernel[27 + 18 + 3] = 1.0;
    let mut image = Maps::new(3, 4, |_, _, _| 0.0);
    // Row 1, column 2 of the second channel; row 2, column 3 of the third, which has no right neighbour.
    image.values[16 + 4 + 2] = 8.0;
    image.values[2 * 16 + 2 * 4 + 3] = 100.0;
    image.values[2 * 16 + 2 * 4] = 24.0;
    let told = reference(&weights, &image, 1, Stem::Small);
    assert!((told[0] - 0.5).abs() < 1e-6 && (told[1] - 1.5).abs() < 1e-6);
    let backend = Cpu::new().expect("a backend");
    let shape = ComodulatedConfig {
        backbone: ComodulatedBackbone::Residual(BackboneConfig {
            side: 4,
            channels: 3,
            width: 2,
            stages: 1,
            stem: Stem::Small,
        }),
        encoder: [2; 2],
        modulated: ModulatedLayers::Both,
        couplings: CouplingGranularity::Channel,
        places: false,
        decoder: 2,
        residual: false,
    };
    let folder = folder();
    let path = folder.path().join("w.safetensors");
    fs::write(&path, file(&weights, &[])).expect("written");
    let mut network = Comodulated::new(&backend, &shape, 1).expect("a network");
    let tensors = read_weights(&path).expect("whole");
    network
        .load_backbone(&backend, &tensors)
        .expect("all are there");
    hand_on(&mut network, &backend);
    let mut rows = vec![0.0; 48];
    rows[(4 + 2) * 3 + 1] = 8.0;
    rows[(2 * 4 + 3) * 3 + 2] = 100.0;
    rows[(2 * 4) * 3 + 2] = 24.0;
    let x = Tensor::from_rows(&backend, Shape::images(1, 4, 4, 3), &rows).expect("an image");
    network.encode(&backend, &x, false).expect("it fits");
    let activity = network.decode(&backend, &[1.0; 4]).expect("it fits");
    let found = activity.to_rows(&backend).expect("numbers");
    assert!(
        (found[0] - 0.5).abs() < 1e-4 && (found[1] - 1.5).abs() < 1e-4,
        "{found:?}"
    );
}

const SMALL: &[&str] = &[
    "network.width=2",
    "network.stages=2",
    "network.encoder=4",
    "network.decoder=4",
    "modulator.num_draws=2",
    "training.batch=16",
    "training.seeds=[1]",
    "pretraining.epochs=[0]",
    "adaptation.iterations=1",
    "evaluation.limit=30",
    "network.weights=w.safetensors",
];

/// Standard error of a small run whose weights file is `bytes`.
fn run(folder: &TempDir, bytes: &[u8], out: &str, code: i32) -> String {
    fs::write(folder.path().join("w.safetensors"), bytes).expect("written");
    let mut arguments = vec!["run", "comodulation-digits", "--quiet", "--out", out];
    for change in SMALL {
        arguments.extend(["--set", change]);
    }
    let [_, complaint] = ended(&mut program(folder, &arguments), code);
    complaint
}

/// Reading names takes many times their size in memory, so their length is bounded.
#[test]
fn a_header_beyond_the_bound_is_refused() {
    let folder = folder();
    let length = (16_usize << 20) + 1;
    let mut bytes = (length as u64).to_le_bytes().to_vec();
    bytes.extend(b"{}");
    bytes.resize(8 + length + 4, b' ');
    let complaint = run(&folder, &bytes, "refused", 1);
    for part in [
        "w.safetensors",
        "a header of 16777217 bytes",
        "at most 16777216",
    ] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

/// A relative path is found in the data directory from anywhere, so that the run can be resumed there.
#[test]
fn a_relative_path_may_start_at_the_data_directory() {
    let folder = folder();
    let bytes = file(&drawn(1, 2, 2, 3), &[]);
    run(&folder, &bytes, "run", 0);
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("created");
    fs::rename(
        folder.path().join("w.safetensors"),
        data.join("w.safetensors"),
    )
    .expect("moved");
    let elsewhere = self::folder();
    let run = folder.path().join("run").display().to_string();
    let data = data.display().to_string();
    let resumed = ["run", "--resume", &run, "--data", &data, "--quiet"];
    ended(&mut program(&elsewhere, &resumed), 0);
    let lost = ["run", "--resume", &run, "--data", "nowhere", "--quiet"];
    let [_, complaint] = ended(&mut program(&elsewhere, &lost), 1);
    for part in ["w.safetensors", "nor is there nowhere/w.safetensors"] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn what_is_missing_or_otherwise_is_named_with_its_file() {
    let folder = folder();
    let weights = drawn(1, 2, 2, 3);
    let without = |name: &str| {
        let mut weights = weights.clone();
        weights.remove(name).unwrap_or_else(|| panic!("no {name}"));
        weights
    };
    let refused = |bytes: &[u8], parts: &[&str]| {
        let complaint = run(&folder, bytes, "refused", 1);
        for part in parts.iter().chain(&["w.safetensors"]) {
            assert!(complaint.contains(part), "{part}: {complaint}");
        }
        assert!(!folder.path().join("refused").exists());
    };
    for name in [
        "conv1.weight",
        "bn1.running_mean",
        "bn1.running_var",
        "layer1.1.conv2.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.bias",
        "layer2.1.bn2.running_var",
    ] {
        refused(
            &file(&without(name), &[]),
            &[name, "no tensor of that name"],
        );
        let kind = (name, Dtype::F32, vec![3, 5]);
        let misshapen = file(&without(name), &[kind]);
        let shape = &weights[name].0;
        let expected = format!("of shape {shape:?}");
        refused(&misshapen, &[name, "[3, 5]", &expected]);
    }
    for kind in [Dtype::F16, Dtype::BF16, Dtype::F64] {
        let half = ("conv1.weight", kind, vec![2, 1, 3, 3]);
        let name = kind.to_string();
        refused(
            &file(&without("conv1.weight"), &[half]),
            &["conv1.weight", &name, "F32"],
        );
    }
    // Deeper networks, and prefixes of other programs.
    for name in ["layer1.2.conv1.weight", "layer2.3.bn1.bias", "conv2.weight"] {
        let extra = (name, Dtype::F32, vec![2]);
        refused(&file(&weights, &[extra]), &[name, "a ResNet-18"]);
    }
    for prefix in ["module.", "backbone."] {
        let named =
            |(name, tensor): (String, (Vec<usize>, Vec<f32>))| (format!("{prefix}{name}"), tensor);
        let prefixed = weights.clone().into_iter().map(named).collect();
        refused(
            &file(&prefixed, &[]),
            &[&format!("remove the prefix {prefix}")],
        );
    }
    let mut negative = weights.clone();
    negative.get_mut("bn1.running_var").expect("variances").1[1] = -0.5;
    refused(&file(&negative, &[]), &["bn1.running_var", "-0.5"]);
    for name in ["layer2.1.conv2.weight", "bn1.running_var"] {
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut weights = weights.clone();
            let tensor = weights.entry(name.to_string());
            let (_, numbers) = tensor.or_insert((vec![2], vec![0.5; 2]));
            *numbers.last_mut().expect("a number") = number;
            let holds = format!("{name} holds {number}; expected finite numbers");
            refused(&file(&weights, &[]), &[&holds]);
        }
    }
    let whole = file(&weights, &[]);
    refused(b"", &["not a safetensors file"]);
    refused(
        b"PK\x03\x04 a zip of PyTorch's",
        &["not a safetensors file", "PyTorch"],
    );
    refused(
        b"version https://git-lfs.github.com/spec/v1",
        &["git lfs pull"],
    );
    refused(&whole[..whole.len() - 1], &["not a safetensors file"]);
    // A large stem's kernel does not fit the small stem.
    refused(
        &file(&drawn(1, 2, 2, 7), &[]),
        &["conv1.weight", "[2, 1, 7, 7]", "[2, 1, 3, 3]"],
    );
    let missing = read_weights(Path::new("nowhere.safetensors")).expect_err("it is not there");
    assert!(
        missing.to_string().contains("nowhere.safetensors"),
        "{missing}"
    );
}

/// The file is part of the data that a run was started with.
#[test]
fn a_run_starts_from_the_file_and_goes_on_with_no_other() {
    let folder = folder();
    let mut weights = drawn(1, 2, 2, 3);
    let extra = [
        ("fc.weight", Dtype::F32, vec![1000, 2]),
        ("fc.bias", Dtype::F16, vec![1000]),
        ("layer2.0.bn1.num_batches_tracked", Dtype::I64, vec![]),
        // This network has two stages.
        ("layer3.0.conv1.weight", Dtype::F32, vec![8, 4, 3, 3]),
    ];
    assert_eq!(run(&folder, &file(&weights, &extra), "one", 0), "");
    let hash = |name: &str| {
        let text = fs::read(folder.path().join(name).join("summary.json")).expect("a summary");
        let summary: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        summary["hash"].as_str().expect("a hash").to_string()
    };
    assert_eq!(run(&folder, &file(&weights, &extra), "again", 0), "");
    assert_eq!(hash("one"), hash("again"));
    weights
        .get_mut("layer2.1.conv2.weight")
        .expect("a kernel")
        .1[0] += 0.5;
    assert_eq!(run(&folder, &file(&weights, &extra), "other", 0), "");
    assert_ne!(hash("one"), hash("other"));
    let resume = ["run", "--resume", "one", "--quiet"];
    let [_, complaint] = ended(&mut program(&folder, &resume), 1);
    assert!(complaint.contains("other data"), "{complaint}");
}
