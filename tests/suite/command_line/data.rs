//! `neurogain data`.

use std::iter;

use serde_json::Value;

use super::*;

const DIMENSIONS: [u8; 16] = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2];
const LABELS: [u8; 9] = [0, 0, 8, 1, 0, 0, 0, 1, 7];

/// MNIST's four files in `folder`, of one sample of 1 × 2 pixels each.
fn write_mnist(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for half in ["train", "t10k"] {
        let images = [&DIMENSIONS[..], &[5, 6]].concat();
        fs::write(folder.join(format!("{half}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{half}-labels-idx1-ubyte")), LABELS).unwrap();
    }
}

/// A collection of one grey image of 4 × 4 pixels per class and half.
pub fn write_collection(folder: &Path, classes: [&str; 2]) {
    for half in ["train", "test"] {
        for class in classes {
            let class = folder.join(half).join(class);
            fs::create_dir_all(&class).unwrap();
            let grey = image::GrayImage::from_pixel(4, 4, image::Luma([9]));
            grey.save(class.join("1.png")).unwrap();
        }
    }
}

#[test]
fn verify_says_what_is_there_and_that_it_is_not_the_published() {
    let folder = folder();
    write_mnist(&folder.path().join("data/mnist"));
    write_mnist(&folder.path().join("data/fashion-mnist"));
    let text = succeeds(&folder, &["data", "verify"]);
    assert_eq!(
        text.matches("1 training, 1 test; images of 1 × 2 × 1, 10 classes")
            .count(),
        2
    );
    assert_eq!(text.matches("not a published file").count(), 8);
    assert!(
        text.contains("cifar-100-binary: no such directory"),
        "{text}"
    );

    let text = succeeds(&folder, &["data", "verify", "data", "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["name"])
        .collect();
    assert_eq!(
        names,
        [
            "mnist",
            "fashion-mnist",
            "cifar10",
            "cifar100",
            "celeba",
            "mini-imagenet",
            "tiny-imagenet"
        ]
    );
    let mnist = &json["data"][0]["contents"];
    assert_eq!(
        (&mnist["width"], &mnist["training"]),
        (&2.into(), &1.into())
    );
    assert_eq!(mnist["files"][1]["published"], false);
    assert_eq!(json["data"][2]["contents"], Value::Null);
}

#[test]
fn verify_fails_where_nothing_is_or_something_is_broken() {
    let folder = folder();
    let run = |arguments: &[&str]| {
        let output = output(&folder, arguments);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, report, complaint) = run(&["data", "verify"]);
    assert_eq!(code, Some(1));
    assert!(report.contains("not in"), "{report}");
    assert!(complaint.contains("no complete data set"), "{complaint}");

    let data = folder.path().join("data");
    write_mnist(&data);
    fs::write(data.join("t10k-labels-idx1-ubyte"), [0, 0, 8, 1]).unwrap();
    let (code, report, complaint) = run(&["data", "verify"]);
    assert_eq!(code, Some(1));
    assert!(report.contains("broken"), "{report}");
    assert!(complaint.contains("t10k-labels-idx1-ubyte"), "{complaint}");
}

#[test]
fn pack_makes_a_file_that_the_library_reads() {
    let folder = folder();
    write_collection(&folder.path().join("images"), ["cat", "dog"]);
    let arguments = ["data", "pack", "images", "file", "--side", "2"];
    let said = succeeds(&folder, &arguments);
    let wanted = "file: 2 training and 2 test images of 2 × 2 × 3, 2 classes: 0 cat, 1 dog\n";
    assert_eq!(said, wanted);
    let read = neurogain::data::pack::read(&folder.path().join("file")).unwrap();
    assert_eq!(read.names, ["cat", "dog"]);
    let names = neurogain::data::pack::read_names(&folder.path().join("file"));
    assert_eq!(names.unwrap(), read.names);
    assert_eq!(read.samples.test.pixels(), [9; 24]);

    let complaint = fails(&folder, &arguments, 1);
    assert!(complaint.contains("already exists"), "{complaint}");
    fails(&folder, &["data", "pack", "nowhere", "other"], 1);
    fails(
        &folder,
        &["data", "pack", "images", "other", "--side", "0"],
        2,
    );
}

/// Settings name classes by index. Which is which is said where the collection is packed and verified, and in the run
/// directory, the summary and the page, also when they are written again without the images.
#[test]
fn a_collection_s_class_names_are_in_every_output() {
    let folder = folder();
    write_collection(&folder.path().join("data/pets"), ["cat", "dog <&>"]);
    let verified = succeeds(&folder, &["data", "verify"]);
    for part in [
        "pets\n  samples  2 training, 2 test; images of any size, 2 classes",
        "classes    0 cat, 1 dog <&>",
    ] {
        assert!(verified.contains(part), "{verified}");
    }
    let settings = "base = \"split-digits\"\nname = \"pets\"\n[data]\nsource = \"images\"\nname = \"pets\"\nside = 2\n\
         maximum = 255.0\nmean = [0.5, 0.5, 0.5]\nstandard_deviation = [0.5, 0.5, 0.5]\n[stream]\niterations = 2\n\
         contexts = [[0], [0, 1]]\n[training]\nbatch = 1\n";
    fs::write(folder.path().join("pets.toml"), settings).unwrap();
    let run = [
        "run",
        "pets.toml",
        "--seeds",
        "1",
        "--methods",
        "sgd",
        "--quiet",
        "--out",
        "run",
    ];
    succeeds(&folder, &run);
    let check = || {
        let read = |name: &str| fs::read_to_string(folder.path().join("run").join(name)).unwrap();
        assert!(read("data.sha256").ends_with("class: \"cat\"\nclass: \"dog <&>\"\n"));
        let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
        assert_eq!(summary["classes"], serde_json::json!(["cat", "dog <&>"]));
        assert!(read("report.html").contains("0 cat, 1 dog &lt;&amp;&gt;"));
    };
    check();
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    succeeds(&folder, &["report", "run"]);
    check();
}

/// Own collections are listed beside the benchmarks, and Tiny ImageNet is found as it is published.
#[test]
fn list_names_the_collections_that_are_there() {
    let folder = folder();
    let data = folder.path().join("data");
    write_collection(&data.join("pets"), ["cat", "dog"]);
    let published = data.join("tiny-imagenet-200");
    for class in ["n01", "n02"] {
        let images = published.join("train").join(class).join("images");
        fs::create_dir_all(&images).unwrap();
    }
    fs::create_dir_all(published.join("val")).unwrap();
    fs::write(published.join("val/val_annotations.txt"), "").unwrap();
    let listed = succeeds(&folder, &["list"]);
    assert!(
        listed.contains("`data.name`: pets, tiny-imagenet\n"),
        "{listed}"
    );
    let json: Value = serde_json::from_str(&succeeds(&folder, &["list", "--json"])).unwrap();
    assert_eq!(
        json["collections"],
        serde_json::json!(["pets", "tiny-imagenet"])
    );
    let benchmarks = json["benchmarks"].as_array().unwrap().iter();
    let tiny = benchmarks
        .clone()
        .find(|of| of["name"] == "class-split-tiny-imagenet");
    assert_eq!(tiny.unwrap()["data"]["ready"], true);
    let empty = succeeds(&folder, &["list", "--data", "nowhere"]);
    assert!(!empty.contains("Collections"), "{empty}");
}

/// A run says in `data.sha256` whether its files are the published ones, and a report without them has no verdict.
#[test]
fn a_run_keeps_whether_its_data_are_the_published() {
    let folder = folder();
    succeeds(
        &folder,
        &[
            "run",
            "split-digits",
            "--seeds",
            "1",
            "--methods",
            "sgd",
            "--eval-every",
            "50",
            "--quiet",
            "--out",
            "digits",
        ],
    );
    let text = |run: &str| fs::read_to_string(folder.path().join(run).join("data.sha256")).unwrap();
    let built_in = text("digits");
    let lines: Vec<&str> = built_in.lines().collect();
    let digits = (0..10).map(|digit| format!("class: \"{digit}\""));
    let expected: Vec<String> = iter::once("published files".into()).chain(digits).collect();
    assert_eq!(
        (lines[0].len(), &lines[1..]),
        (
            64,
            &expected.iter().map(String::as_str).collect::<Vec<_>>()[..]
        )
    );
    // MNIST's names with other contents.
    let images = folder.path().join("data/mnist");
    fs::create_dir_all(&images).unwrap();
    for half in ["train", "t10k"] {
        let pixels = [
            &[0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 2][..],
            &[7; 20],
        ]
        .concat();
        let labels = [
            &[0, 0, 8, 1, 0, 0, 0, 10][..],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ]
        .concat();
        fs::write(images.join(format!("{half}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(images.join(format!("{half}-labels-idx1-ubyte")), labels).unwrap();
    }
    let small = [
        "run",
        "split-mnist",
        "--data",
        "data",
        "--seeds",
        "1",
        "--methods",
        "sgd",
        "--quiet",
        "--out",
        "other",
    ];
    let few = ["--set", "stream.iterations=2", "--set", "training.batch=2"];
    succeeds(&folder, &[&small[..], &few].concat());
    let other = text("other");
    assert!(
        other
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("not the published file: "),
        "{other}"
    );
    succeeds(&folder, &["report", "other"]);
    assert_eq!(text("other"), other);
}

/// Writes a collection `pets` in `data`, and the settings `pets.toml` of a run on it.
pub(super) fn write_pets(folder: &TempDir, data: &Path, iterations: usize) {
    write_collection(&data.join("pets"), ["cat", "dog"]);
    let settings = format!(
        "base = \"split-digits\"\nname = \"pets\"\n[data]\nsource = \"images\"\nname = \"pets\"\nside = 2\n\
         maximum = 255.0\nmean = [0.5, 0.5, 0.5]\nstandard_deviation = [0.5, 0.5, 0.5]\n[stream]\n\
         iterations = {iterations}\ncontexts = [[0], [0, 1]]\n[training]\nbatch = 1\n"
    );
    fs::write(folder.path().join("pets.toml"), settings).expect("written");
}
