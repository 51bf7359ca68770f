//! The comodulation experiments on data in their published formats, on small files that the test writes; and
//! the errors for data that are missing or cannot teach a task.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;

use crate::program::{ended, folder, program};
use image::{ImageFormat, Rgb, RgbImage};
use neurogain::data::{celeba, cifar};
use serde_json::Value;
use tempfile::TempDir;

const SMALL: &[&str] = &[
    "network.width=2",
    "network.stages=2",
    "network.encoder=4",
    "network.decoder=8",
    "network.controller=4",
    "modulator.num_draws=2",
    "training.batch=8",
    "training.seeds=[1]",
    "pretraining.epochs=[1]",
    "adaptation.iterations=1",
];

/// Standard output and standard error of `neurogain run NAME` on small settings and the data of `data`.
#[track_caller]
fn runs(folder: &TempDir, name: &str, more: &[&str], code: i32) -> [String; 2] {
    let mut arguments = vec!["run", name, "--quiet", "--data", "data", "--out", name];
    for change in SMALL {
        arguments.extend(["--set", change]);
    }
    arguments.extend(more);
    ended(&mut program(folder, &arguments), code)
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join("data").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

/// A row of CIFAR: labels, then the three planes, in a colour that identifies the class.
fn row(labels: &[u8], colour: u8) -> Vec<u8> {
    let pixels = (0..3 * 1024).map(|at| colour.wrapping_add((at % 61) as u8));
    labels.iter().copied().chain(pixels).collect()
}

fn write_cifar_10(folder: &TempDir, classes: &[u8]) {
    let rows: Vec<u8> = classes
        .iter()
        .flat_map(|&class| row(&[class], class * 25))
        .collect();
    for name in cifar::FILES_10 {
        write(folder, name, &rows);
    }
}

fn write_cifar_100(folder: &TempDir) {
    let rows: Vec<u8> = (0..100u8)
        .flat_map(|class| {
            let of = |classes: &[u8; 5]| classes.contains(&class);
            let superclass = cifar::SUPERCLASSES.iter().position(of).expect("one");
            row(&[superclass as u8, class], class * 2)
        })
        .collect();
    for name in cifar::FILES_100 {
        write(folder, name, &rows);
    }
}

/// Twelve aligned images, four in each part. Attribute n of image i is bit n mod 2 of i, so each part
/// has images with it and without it, before `change`.
fn write_celeba(folder: &TempDir, change: &dyn Fn(&str, bool) -> bool) {
    let mut attributes = format!("12\n{} \n", celeba::ATTRIBUTES.join(" "));
    let mut parts = String::new();
    for number in 0..12 {
        let name = format!("{:06}.jpg", number + 1);
        attributes.push_str(&name);
        for (place, attribute) in celeba::ATTRIBUTES.iter().enumerate() {
            let has = change(attribute, (number >> (place % 2)) % 2 == 1);
            attributes.push_str(if has { "  1" } else { " -1" });
        }
        attributes.push('\n');
        parts.push_str(&format!("{name} {}\n", number / 4));
        let grey = RgbImage::from_pixel(178, 218, Rgb([20 * number as u8; 3]));
        let images = folder.path().join("data").join(celeba::IMAGES);
        fs::create_dir_all(&images).expect("made");
        let saved = grey.save_with_format(images.join(&name), ImageFormat::Jpeg);
        saved.expect("written");
    }
    write(folder, celeba::FILES[0], attributes.as_bytes());
    write(folder, celeba::FILES[1], parts.as_bytes());
}

/// The measures of each task in a run's file.
#[track_caller]
fn measured(directory: &Path, run: &str, tasks: usize) -> Vec<Value> {
    let path = directory.join(format!("runs/{run}.json"));
    let text = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let run: Value = serde_json::from_slice(&text).expect("JSON");
    let found = run["tasks"].as_array().expect("a list").clone();
    assert_eq!(found.len(), tasks, "{}", path.display());
    found
}

/// The files of a run of these six methods: a cell for each, with this many tasks and samples.
#[track_caller]
fn assert_ran(folder: &TempDir, name: &str, tasks: usize, samples: usize, classes: usize) {
    let directory = folder.path().join(name);
    for method in [
        "hard-sharing",
        "attention",
        "comodulation",
        "shuffled",
        "mean-activity",
        "fine-tuning",
    ] {
        for task in measured(&directory, &format!("{method}-1-1"), tasks) {
            assert_eq!(task["samples"], samples, "{name}, {method}");
            assert_eq!(task["classes"].as_array().map(Vec::len), Some(classes));
        }
    }
    for file in [
        "summary.json",
        "measures.csv",
        "report.html",
        "figures/reliability.svg",
    ] {
        assert!(directory.join(file).exists(), "{name}: {file}");
    }
    let summary = fs::read(directory.join("summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert!(summary["hash"].is_string(), "{name}");
}

#[test]
fn cifar_10_runs() {
    let folder = folder();
    write_cifar_10(&folder, &(0..10).collect::<Vec<u8>>());
    runs(&folder, "comodulation-cifar10", &[], 0);
    assert_ran(&folder, "comodulation-cifar10", 1, 10, 10);
}

#[test]
fn cifar_100_runs_at_once_and_in_contexts() {
    let folder = folder();
    write_cifar_100(&folder);
    runs(&folder, "comodulation-cifar100", &[], 0);
    assert_ran(&folder, "comodulation-cifar100", 1, 100, 100);
    let residual = ["--set", "network.residual=true"];
    runs(&folder, "comodulation-cifar100-superclasses", &residual, 0);
    assert_ran(&folder, "comodulation-cifar100-superclasses", 20, 5, 5);
}

/// A context has the images of its labels only, and the softmax of all classes.
#[test]
fn contexts_of_cifar_run() {
    let folder = folder();
    write_cifar_10(&folder, &(0..10).collect::<Vec<u8>>());
    write_cifar_100(&folder);
    for (name, contexts, own, classes) in [
        ("comodulation-cifar10-contexts", 5, 2, 10),
        ("comodulation-cifar100-contexts", 20, 5, 100),
    ] {
        let few = [
            "adaptation.samples=[4]",
            "readouts.iterations=1",
            "network.residual=true",
        ];
        let few = few.map(|change| ["--set", change]).concat();
        runs(&folder, name, &few, 0);
        for method in [
            "hard-sharing",
            "attention",
            "comodulation",
            "shuffled",
            "mean-activity",
        ] {
            let directory = folder.path().join(name);
            let tasks = measured(&directory, &format!("{method}-1-4-1"), contexts);
            let mut all = Vec::new();
            for task in tasks {
                assert_eq!(task["samples"], own, "{name}, {method}");
                assert_eq!(task["classes"].as_array().map(Vec::len), Some(classes));
                let occurring = task["occurring"].as_array().expect("a list");
                assert_eq!(occurring.len(), own);
                all.extend(occurring.iter().filter_map(Value::as_u64));
            }
            all.sort_unstable();
            assert!(all.into_iter().eq(0..classes as u64), "{name}, {method}");
        }
    }
}

#[test]
fn celeba_runs() {
    let folder = folder();
    write_celeba(&folder, &|_, has| has);
    runs(
        &folder,
        "comodulation-celeba",
        &["--set", "data.side=16"],
        0,
    );
    assert_ran(&folder, "comodulation-celeba", 40, 4, 2);
    // Images of the same sizes with other attributes are other data.
    write_celeba(&folder, &|name, has| has ^ (name == "Bald"));
    let arguments = [
        "run",
        "--resume",
        "comodulation-celeba",
        "--data",
        "data",
        "--quiet",
    ];
    let [_, complaint] = ended(&mut program(&folder, &arguments), 1);
    assert!(complaint.contains("other data"), "{complaint}");
}

#[test]
fn missing_files_are_named_with_where_they_come_from() {
    let folder = folder();
    for (name, parts) in [
        (
            "comodulation-cifar10",
            &["cifar-10-binary.tar.gz", "--data"][..],
        ),
        (
            "comodulation-cifar100",
            &["cifar-100-binary.tar.gz", "--data"],
        ),
        (
            "comodulation-cifar100-superclasses",
            &["cifar-100-binary.tar.gz", "--data"],
        ),
        (
            "comodulation-mnist",
            &["ossci-datasets.s3.amazonaws.com/mnist", "--data"],
        ),
        (
            "comodulation-celeba",
            &["list_attr_celeba.txt", "mmlab.ie.cuhk.edu.hk"],
        ),
    ] {
        let [_, complaint] = runs(&folder, name, &[], 1);
        for part in parts {
            assert!(complaint.contains(part), "{name}: {complaint}");
        }
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_task_without_samples_of_two_classes_is_named() {
    let folder = folder();
    // Only vehicles: no other class to distinguish.
    write_cifar_10(&folder, &[0, 1, 8, 9]);
    let [_, complaint] = runs(&folder, "comodulation-cifar10", &[], 2);
    for part in [
        "primary.animal-or-vehicle",
        "samples of only 1 of its classes",
        "at least two",
    ] {
        assert!(complaint.contains(part), "{complaint}");
    }
    let only_birds = ["--set", "primary.animal-or-vehicle.classes=[[0],[1]]"];
    let other = ["--set", "tasks.class.classes=[[2],[3]]"];
    let [_, complaint] = runs(
        &folder,
        "comodulation-cifar10",
        &[only_birds, other].concat(),
        2,
    );
    for part in ["tasks.class", "samples of only 0 of its classes"] {
        assert!(complaint.contains(part), "{complaint}");
    }
    write_celeba(&folder, &|name, has| has && name != "Eyeglasses");
    let more = ["--set", "data.side=16"];
    let [_, complaint] = runs(&folder, "comodulation-celeba", &more, 2);
    for part in ["primary.Eyeglasses", "samples of only 1 of its classes"] {
        assert!(complaint.contains(part), "{complaint}");
    }
    assert!(!Path::new(&folder.path().join("comodulation-celeba")).exists());
}
