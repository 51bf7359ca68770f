//! A comodulation experiment, through the library and the program: the same cells for any number of
//! threads and on every instruction set, and tables, differences and files that agree with the cells.
#![cfg(feature = "cli")]

mod command;
mod few_samples;
mod library;
mod several;
mod tables;
mod verdicts;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::program::{Files, contents, ended, folder, program, quick};
use neurogain::Cpu;
use neurogain::backend::cpu::InstructionSet;
use neurogain::systems::comodulation::{
    AdaptationRun, ComodulationExperiment, ComodulationSettings, TaskData,
};
use serde_json::Value;
use tempfile::TempDir;

/// The digits on a network that trains in an instant.
const TINY: &[&str] = &[
    "network.width=2",
    "network.stages=1",
    "network.encoder=8",
    "network.decoder=8",
    "network.controller=4",
    "modulator.num_draws=4",
    "training.batch=16",
    "training.seeds=[1,2]",
    "pretraining.epochs=[1]",
    "adaptation.iterations=2",
    "evaluation.limit=40",
];

fn tiny(changes: &[&str]) -> ComodulationSettings {
    let text = ComodulationSettings::preset_text("comodulation-digits").expect("a preset");
    let settings = ComodulationSettings::from_toml(text, "digits").expect("the preset is valid");
    let settings = settings.with_overrides(TINY).expect("valid");
    settings.with_overrides(changes).expect("valid")
}

/// The cells of `settings`, `side_by_side` at a time.
fn cells(
    settings: &ComodulationSettings,
    backend: &Cpu,
    side_by_side: usize,
) -> Vec<AdaptationRun> {
    let material = TaskData::load(settings, Path::new("")).expect("the digits ship inside");
    let experiment = ComodulationExperiment::new(settings, &material, backend).expect("it fits");
    let cells = experiment.run(side_by_side, &AtomicBool::new(false));
    cells.expect("it runs")
}

/// For any forced instruction set: the bits are equal, as the tests here check.
fn fastest() -> InstructionSet {
    InstructionSet::available().last().expect("portable code")
}

fn on_one_thread(settings: &ComodulationSettings) -> Vec<AdaptationRun> {
    let backend = Cpu::with(fastest(), 1).expect("a backend");
    cells(settings, &backend, 1)
}

/// `neurogain run comodulation-digits` with [`TINY`] and these.
fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["run", "comodulation-digits", "--quiet"];
    for change in TINY {
        all.extend(["--set", change]);
    }
    all.extend(more);
    all
}

/// Standard output and standard error of the program, which must end with `code`. The bits are equal on
/// every instruction set, as the tests here check.
#[track_caller]
fn ends(folder: &TempDir, arguments: &[&str], code: i32) -> [String; 2] {
    ended(&mut quick(folder, arguments), code)
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
