//! `neurogain run --device cuda` through the driver's interface, with a driver that runs kernels on the CPU:
//! the same hash, a disk cache of kernels, and errors that say what to do.
#![cfg(all(feature = "cli", target_os = "linux"))]

use crate::emulated;
use crate::program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use neurogain::backend::cuda::compile;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A driver, and a folder for the cache; `None` without g++ or NVRTC.
struct Card {
    library: PathBuf,
    folder: TempDir,
}

impl Card {
    fn new(name: &str) -> Option<Self> {
        if let Err(error) = compile(9, 0) {
            emulated::skipped("the driver's interface", &error.to_string());
            return None;
        }
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&library).expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/driver.cpp");
        let folder = program::folder();
        emulated::build(&source, &library.join("libcuda.so")).then_some(Card { library, folder })
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A short run on a device with the fault `wrong`.
    fn run(&self, device: &str, wrong: &str, variables: &[(&str, &str)]) -> Output {
        let mut arguments = vec!["run", "--set", "stream.iterations=2"];
        arguments.extend(["--set", "network.hidden=[30]", "--seeds", "1,2"]);
        arguments.extend(["--methods", "ngm-sgd,adam", "--json"]);
        self.program(&arguments, device, wrong, variables)
    }

    fn program(
        &self,
        arguments: &[&str],
        device: &str,
        wrong: &str,
        variables: &[(&str, &str)],
    ) -> Output {
        let mut program = program::program(&self.folder, arguments);
        program.args(["--device", device]);
        program.env("LD_LIBRARY_PATH", &self.library);
        program.env("NEUROGAIN_CACHE", self.cache());
        program.env("NEUROGAIN_TEST_DRIVER", wrong);
        program.envs(variables.iter().copied());
        program.output().expect("the program starts")
    }

    fn hash(&self, device: &str) -> String {
        hash(&self.run(device, "", &[]))
    }
}

fn hash(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let said = String::from_utf8_lossy(&output.stdout);
    let hash = said.split("\"hash\"").nth(1).expect("a hash");
    hash.chars().take(70).collect()
}

#[test]
fn the_processors_hash_with_kernels_from_the_disk_or_fresh() {
    let Some(card) = Card::new("driver-hash") else {
        return;
    };
    let expected = card.hash("cpu");
    assert!(!card.cache().exists());
    assert_eq!(card.hash("cuda"), expected);
    let kept: Vec<PathBuf> = fs::read_dir(card.cache())
        .expect("a cache")
        .map(|entry| entry.expect("a file").path())
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let code = intact(&kept[0]).expect("kernels and their digest");
    assert_eq!(card.hash("auto"), expected);
    // The hashed results came from graphs, and everything was released. A driver that creates no graph, or stops
    // creating graphs, gives the same results.
    for (wrong, graphs) in [("", 4..40), ("graphs once", 1..2), ("no graphs", 0..1)] {
        let output = card.run("cuda", wrong, &[("NEUROGAIN_TEST_CALLS", "1")]);
        assert_eq!(hash(&output), expected, "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr);
        let suffix = " graphs, left 0 memory, 0 graphs, 0 modules";
        let made = said.lines().find_map(|line| line.strip_suffix(suffix));
        let made: u32 = made.expect(&said).parse().expect("a number");
        assert!(graphs.contains(&made), "{wrong}: {made} graphs");
    }
    // A damaged or truncated cache file is compiled again: the driver would read past its end.
    for damaged in [b"damaged".as_slice(), &code[..code.len() - 1000], &[]] {
        fs::write(&kept[0], damaged).expect("a write");
        assert!(intact(&kept[0]).is_none());
        assert_eq!(card.hash("cuda:0"), expected);
        assert!(intact(&kept[0]).is_some());
    }
}

/// A cache file's bytes if it ends with the SHA-256 digest of the rest. Not compared with an earlier file: NVRTC orders a few
/// instructions differently from time to time (12.9 in one of six compilations of the same source).
fn intact(file: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(file).expect("a cache file");
    let (code, digest) = bytes.split_last_chunk::<32>()?;
    (Sha256::digest(code)[..] == digest[..]).then_some(bytes)
}

/// Sweeps and comodulation experiments: the same files, and the use of the GPU.
#[test]
fn other_experiments_give_the_processors_files() {
    let Some(card) = Card::new("driver-others") else {
        return;
    };
    let grid = "base = \"split-digits\"\nmethods = [\"ngm-sgd\"]\nseeds = [3]\n\n[grid]\n\"stream.iterations\" = [3]\n\"network.hidden\" = [[8]]\ngain.eta = [0.1, 0.3]\n";
    fs::write(card.folder.path().join("grid.toml"), grid).expect("a file");
    let sweep = ["sweep", "grid.toml", "--workers", "2", "--out"];
    let mut comodulation = vec!["run", "comodulation-digits", "--seeds", "1"];
    for change in [
        "network.width=2",
        "network.stages=1",
        "network.encoder=8",
        "network.decoder=8",
        "network.controller=4",
        "modulator.num_draws=2",
        "training.batch=16",
        "pretraining.epochs=[1]",
        "adaptation.iterations=1",
        "evaluation.limit=20",
    ] {
        comodulation.extend(["--set", change]);
    }
    comodulation.push("--out");
    for (name, arguments, files) in [
        ("sweep", &sweep[..], &["sweep.csv", "sweep.json"][..]),
        (
            "comodulation",
            &comodulation,
            &["summary.json", "measures.csv"],
        ),
    ] {
        let run = |device: &str| {
            let out = format!("{name}-{device}");
            let output = card.program(&[arguments, &[&*out]].concat(), device, "", &[]);
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{complaint}");
            let folder = card.folder.path().join(out);
            let read = |file: &&str| fs::read(folder.join(file)).expect("a file");
            (files.iter().map(read).collect::<Vec<_>>(), complaint)
        };
        let (expected, _) = run("cpu");
        let (found, complaint) = run("cuda");
        assert!(found == expected, "{name}: other files");
        if name == "comodulation" {
            assert!(complaint.contains("MB of its memory"), "{complaint}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_card_is_said_with_what_to_do() {
    let Some(card) = Card::new("driver-errors") else {
        return;
    };
    let nowhere = ("NEUROGAIN_NVRTC", "/nowhere/libnvrtc.so");
    for (device, wrong, variables, said) in [
        (
            "cuda",
            "no device",
            &[][..],
            ["no device 0; visible devices: 0", "nvidia-smi"],
        ),
        (
            "cuda:1",
            "",
            &[],
            ["no device 1; visible devices: 1", "CUDA_VISIBLE_DEVICES"],
        ),
        (
            "cuda",
            "old",
            &[],
            ["compute capability 6.1 is too old", "7.0 or later"],
        ),
        (
            "cuda",
            "no pools",
            &[],
            ["no memory pools", "install NVIDIA's driver"],
        ),
        (
            "cuda",
            "little memory",
            &[],
            ["needs", "use a smaller batch"],
        ),
        (
            "cuda",
            "old driver",
            &[],
            ["supports CUDA 11.8", "driver 525 or later"],
        ),
        (
            "cuda",
            "failing",
            &[],
            ["failed in a kernel", "restart this process"],
        ),
        (
            "cuda",
            "",
            &[nowhere],
            ["/nowhere/libnvrtc.so", "nvidia-cuda-nvrtc"],
        ),
    ] {
        let output = card.run(device, wrong, variables);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{wrong}: {complaint}");
        for words in said {
            assert!(complaint.contains(words), "{wrong}: {complaint}");
        }
    }
    let output = card.run("auto", "old", &[]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert!(complaint.contains("using the CPU"), "{complaint}");
}
