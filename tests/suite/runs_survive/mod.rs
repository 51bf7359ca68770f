//! A run that is stopped, killed or out of disk space continues to the same bytes; two never write to the same
//! directory; damaged files are reported and not used.
#![cfg(feature = "cli")]

mod any_iteration;
mod damage;
#[cfg(unix)]
mod disk;
mod ended;
#[cfg(unix)]
mod kills;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::program::{assert_same, contents, ended, folder, output, program};
use neurogain::Cpu;
use neurogain::data::digits;
use neurogain::run::{self, Options, Outcome, Progress, RunDirectory, Store, System};
use neurogain::run::{FilesOrigin, data_digest};
use neurogain::state::Checkpoint;
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Experiment, Run, Settings};
use tempfile::TempDir;

/// Standard error of a program that must end with `code`.
#[track_caller]
fn ends(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let [_, complaint] = ended(&mut program(folder, arguments), code);
    complaint
}

/// The digits in two contexts of six iterations, all four methods.
fn small() -> Settings {
    let changes = [
        "stream.iterations=6",
        "stream.contexts=[[0,1],[0,1,2,3]]",
        "network.hidden=[8]",
        "training.batch=16",
        "training.seeds=[1]",
    ];
    let settings = Settings::preset("split-digits").expect("the preset");
    settings.with_overrides(&changes).expect("settings")
}

/// Runs `settings` in the new directory `dir` until `iterations` are done, with a checkpoint every two.
fn run_until(dir: &Path, settings: &Settings, iterations: usize) {
    let directory = RunDirectory::<StabilityGap>::create(dir, settings).expect("made");
    let (samples, backend) = (digits::load(), Cpu::new().expect("a backend"));
    let digest = data_digest(&samples);
    directory
        .check_data(&digest, &FilesOrigin::Unknown.into())
        .expect("written");
    let experiment = Experiment::new(settings, &samples, &backend).expect("settings");
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let count = |progress: Progress| {
        if !progress.ended && done.fetch_add(1, Ordering::Relaxed) + 1 == iterations {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = Options {
        threads: 1,
        stop: &stop,
        checkpoint_every: 2,
        on_progress: &count,
    };
    run::run(
        std::slice::from_ref(&experiment),
        directory.jobs(),
        &directory,
        &options,
    )
    .expect("it runs");
}

/// The run directory `dir`.
fn open(dir: &Path) -> RunDirectory<StabilityGap> {
    RunDirectory::open(dir).expect("a run directory")
}

/// The runs in `dir`, for a report.
fn load(dir: &Path) -> Vec<Run> {
    let runs = open(dir).load().expect("readable");
    runs.into_iter().flatten().collect()
}
