//! A run can be followed while it runs: its page says how far the jobs are and reloads itself, its event files grow, and
//! nothing of that is left in the files of the end.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::slice;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use neurogain::run::{self, FilesOrigin, Lock, Options, Progress, RunDirectory, System};
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::plasticity::PlasticitySettings;
use neurogain::systems::stability_gap::Settings;
use neurogain::systems::{Comodulation, Plasticity, StabilityGap};
use neurogain::{Cpu, Error};

use crate::program::{assert_same, contents, folder};

/// Two contexts of five iterations, one seed.
fn stability_gap(methods: &[&str]) -> Settings {
    let changes = [
        "training.seeds=[1]",
        "stream.iterations=5",
        "stream.contexts=[[0,1],[0,1,2,3]]",
        "network.hidden=[8]",
    ];
    let preset = Settings::preset("split-digits").and_then(|of| of.with_methods(methods));
    preset
        .and_then(|of| of.with_overrides(&changes))
        .expect("settings")
}

fn comodulation() -> ComodulationSettings {
    let changes = [
        "network.width=2",
        "network.stages=1",
        "network.encoder=8",
        "network.decoder=8",
        "network.controller=4",
        "modulator.num_draws=4",
        "training.batch=16",
        "training.seeds=[1]",
        "pretraining.epochs=[1]",
        "adaptation.iterations=2",
        "evaluation.limit=40",
    ];
    let preset = ComodulationSettings::preset("comodulation-digits");
    let preset = preset.and_then(|of| of.with_methods(&["attention"]));
    preset
        .and_then(|of| of.with_overrides(&changes))
        .expect("settings")
}

fn plasticity() -> PlasticitySettings {
    let changes = [
        "training.seeds=[1]",
        "data.samples=64",
        "stream.tasks=3",
        "stream.epochs=[2]",
        "network.hidden=[12]",
        "evaluation.ticks=4",
        "evaluation.transfer=false",
    ];
    let preset = PlasticitySettings::preset("random-label-digits");
    let preset = preset.and_then(|of| of.with_methods(&["sgd"]));
    preset
        .and_then(|of| of.with_overrides(&changes))
        .expect("settings")
}

/// Runs all jobs in the new directory `dir`, with a checkpoint every `every` steps; `see` is called after every step.
fn run<S: System>(
    dir: &Path,
    settings: S::Settings,
    every: usize,
    see: &(dyn Fn(Progress) + Sync),
) -> Result<(), Error> {
    let data = S::load(&settings, Path::new(""))?;
    let settings = S::resolved(settings, &data)?;
    let directory = RunDirectory::<S>::create(dir, &settings)?.with_tensorboard(true);
    directory.check_data(&S::digest(&data), &FilesOrigin::Unknown.into())?;
    let cpu = Cpu::new()?;
    let experiment = S::experiment(&settings, &data, &cpu)?;
    let options = Options {
        threads: 1,
        stop: &AtomicBool::new(false),
        checkpoint_every: every,
        on_progress: see,
    };
    let lock = Lock::take(dir)?;
    run::fill::<S, Cpu>(&directory, lock, slice::from_ref(&experiment), &options).map(drop)
}

/// Every page that `dir` has while its jobs run.
fn pages<S: System>(dir: &Path, settings: &S::Settings, every: usize) -> Vec<String> {
    let seen = Mutex::new(Vec::new());
    let see = |_| {
        if let Ok(page) = fs::read_to_string(dir.join("report.html")) {
            assert!(!dir.join("summary.json").exists(), "it has not ended");
            let mut seen = seen.lock().expect("no panic");
            if seen.last() != Some(&page) {
                seen.push(page);
            }
        }
    };
    run::<S>(dir, settings.clone(), every, &see).expect("it runs");
    seen.into_inner().expect("no panic")
}

const RELOADS: &str = "location.reload()";

fn is_followed<S: System>(settings: &S::Settings, shown: &[&str]) {
    let folder = folder();
    let [followed, undisturbed] = ["followed", "undisturbed"].map(|name| folder.path().join(name));
    let seen = pages::<S>(&followed, settings, 2);
    let page = seen.first().expect("a page at the first checkpoint");
    assert!(page.contains(RELOADS) && page.contains("Partial: 0 of"));
    for part in shown {
        assert!(page.contains(part), "no {part} in {page}");
    }
    // No checkpoint, no page before the report.
    let seen = pages::<S>(&undisturbed, settings, 0);
    assert_eq!(seen, [""; 0]);
    let ended = contents(&followed);
    let page = String::from_utf8_lossy(&ended[Path::new("report.html")]);
    assert!(!page.contains(RELOADS) && !page.contains("Partial"));
    assert_same(&ended, &undisturbed, "undisturbed");
}

#[test]
fn the_page_of_every_system_says_how_far_it_is() {
    is_followed::<StabilityGap>(
        &stability_gap(&["ngm-sgd", "sgd"]),
        &[
            "0 of 2 jobs have ended",
            "2 of 20 iterations",
            ">ngm-sgd-1</th><td>2</td><td>10</td>",
            "training loss (nats)",
            "No method has results yet",
        ],
    );
    is_followed::<Comodulation>(
        &comodulation(),
        &[">pretraining-1-1</th><td>2</td>", "accuracy (%)"],
    );
    is_followed::<Plasticity>(
        &plasticity(),
        &["0 of 1 job has ended", ">sgd-1</th><td>", "accuracy (%)"],
    );
}

/// A job that fails leaves a page that says so and waits for nothing.
#[test]
fn the_page_of_a_run_that_failed_does_not_reload() {
    let folder = folder();
    let dir = folder.path().join("run");
    // The weights of a job that ends cannot be written.
    let see = |_| drop(fs::write(dir.join("weights"), "no folder"));
    let failed = run::<StabilityGap>(&dir, stability_gap(&["sgd"]), 2, &see);
    assert!(matches!(failed, Err(Error::File { .. })), "{failed:?}");
    let page = fs::read_to_string(dir.join("report.html")).expect("a page");
    assert!(page.contains("Partial: 0 of 1 job has ended"), "{page}");
    assert!(page.contains("ended with an error") && !page.contains(RELOADS));
    assert!(!dir.join("summary.json").exists());
}

/// Programs that follow an event file keep it open, so it must grow in place.
#[test]
fn event_files_grow_in_place() {
    let folder = folder();
    let dir = folder.path().join("run");
    let file = dir.join("tensorboard/sgd-1/events.out.tfevents.0.neurogain");
    let seen = Mutex::new(Vec::<Vec<u8>>::new());
    let opened = Mutex::new(None);
    let see = |_| {
        if let Ok(events) = fs::read(&file) {
            let mut opened = opened.lock().expect("no panic");
            opened.get_or_insert_with(|| fs::File::open(&file).expect("opened"));
            seen.lock().expect("no panic").push(events);
        }
    };
    run::<StabilityGap>(&dir, stability_gap(&["sgd"]), 2, &see).expect("it runs");
    let mut seen = seen.into_inner().expect("no panic");
    seen.dedup();
    let end = fs::read(&file).expect("events");
    // Checkpoints after 2, 4, 6 and 8 of 10 iterations, and the end.
    assert_eq!(seen.len(), 5);
    assert!(seen.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
    assert!(seen.iter().all(|events| end.starts_with(events)));
    let opened = opened.into_inner().expect("no panic").expect("a file");
    let length = opened.metadata().expect("metadata").len();
    assert_eq!(length, end.len() as u64, "another file has its name");
}

/// Events that another process wrote in part, or that are damaged, are completed to the same bytes.
#[test]
fn event_files_are_the_same_whatever_was_there() {
    let folder = folder();
    let [whole, cut] = ["whole", "cut"].map(|name| folder.path().join(name));
    run::<StabilityGap>(&whole, stability_gap(&["sgd"]), 0, &|_| ()).expect("it runs");
    let name = "tensorboard/sgd-1/events.out.tfevents.0.neurogain";
    let right = fs::read(whole.join(name)).expect("events");
    for there in [&right[..37], &[&right[..], b"more"].concat(), b"others"] {
        let see = |progress: Progress| {
            if progress.ended {
                return;
            }
            fs::create_dir_all(cut.join("tensorboard/sgd-1")).expect("made");
            fs::write(cut.join(name), there).expect("written");
        };
        run::<StabilityGap>(&cut, stability_gap(&["sgd"]), 0, &see).expect("it runs");
        assert!(fs::read(cut.join(name)).expect("events") == right);
        fs::remove_dir_all(&cut).expect("removed");
    }
}
