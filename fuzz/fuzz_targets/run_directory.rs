//! A run directory of which one file has other contents: the first byte chooses the file.
//!
//! Nothing panics; and results that were altered are never reported under their old hash.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use libfuzzer_sys::fuzz_target;
use neurogain::Cpu;
use neurogain::data::digits;
use neurogain::run::{self, FilesOrigin, Options, RunDirectory, data_digest};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Experiment, Settings};

const FILES: [&str; 7] = [
    "config.toml",
    "data.sha256",
    "summary.json",
    "runs/sgd-1.csv",
    "runs/sgd-1.json",
    "weights/sgd-1.safetensors",
    "checkpoints/sgd-1.safetensors",
];

/// Runs a small experiment in the folder, once, and returns the contents of its files.
fn original(folder: &Path) -> &'static [Option<Vec<u8>>] {
    static ORIGINAL: OnceLock<Vec<Option<Vec<u8>>>> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let changes = [
            "stream.iterations=2",
            "stream.contexts=[[0,1]]",
            "network.hidden=[2]",
            "training.batch=4",
            "evaluation.limit=4",
        ];
        let settings = Settings::preset("split-digits")
            .and_then(|settings| settings.with_overrides(&changes))
            .and_then(|settings| settings.with_seeds(&[1]))
            .and_then(|settings| settings.with_methods(&["sgd"]))
            .expect("settings");
        let directory = RunDirectory::<StabilityGap>::create(folder, &settings).expect("created");
        let (samples, cpu) = (digits::load(), Cpu::new().expect("a backend"));
        directory
            .check_data(&data_digest(&samples), &FilesOrigin::Published.into())
            .expect("written");
        let experiment = Experiment::new(&settings, &samples, &cpu).expect("settings");
        let stop = AtomicBool::new(false);
        let options = Options {
            threads: 1,
            stop: &stop,
            checkpoint_every: 1,
            on_progress: &|_| {},
        };
        let outcomes = run::run(&[experiment], directory.jobs(), &directory, &options);
        directory.report(&outcomes.expect("it runs")).expect("reported");
        FILES.map(|file| fs::read(folder.join(file)).ok()).into()
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else {
        return;
    };
    let folder = neurogain_fuzz::folder().join("run");
    let original = original(&folder);
    let place = usize::from(first) % FILES.len();
    let name = Path::new("run").join(FILES[place]);
    let path = neurogain_fuzz::file(&name.to_string_lossy(), bytes);
    let loaded = RunDirectory::<StabilityGap>::open(&folder).and_then(|directory| directory.load());
    let is_same = original[place].as_deref() == Some(bytes);
    assert!(loaded.is_ok() || !is_same, "{loaded:?}");
    if FILES[place].ends_with(".csv") && !is_same {
        assert!(loaded.is_err(), "altered records were read");
    }
    match &original[place] {
        Some(bytes) => fs::write(&path, bytes),
        None => fs::remove_file(&path),
    }
    .expect("restored");
});
