//! Made-up results with the structure of real ones, and the files that hold them.
#![allow(dead_code)]

pub mod arrays;

use std::path::{Path, PathBuf};

use neurogain::learn::{Evaluation, History, Record};
use neurogain::run::{Outcome, RunDirectory, Status};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::Settings;
use neurogain::systems::stability_gap::{Results, Run};
use tempfile::TempDir;

/// Writes the records of `results` into the new directory `dir`.
pub fn write(dir: &Path, results: &Results) -> RunDirectory<StabilityGap> {
    let directory = RunDirectory::create(dir, &results.settings).unwrap();
    for run in &results.runs {
        directory.write_records(run).unwrap();
    }
    directory
}

/// Writes the records and the report of `results` into the new directory `dir`.
pub fn write_all(dir: &Path, results: &Results) {
    let directory = write(dir, results);
    let digest = "0".repeat(64);
    let published = neurogain::run::FilesOrigin::Published.into();
    directory.check_data(&digest, &published).unwrap();
    directory.report(&outcomes(&directory, results)).unwrap();
}

/// The runs of `results` in the order of the plan.
pub fn outcomes(directory: &RunDirectory<StabilityGap>, results: &Results) -> Vec<Option<Run>> {
    let run = |id: &str| results.runs.iter().find(|run| run.id() == id).cloned();
    directory.jobs().iter().map(|job| run(&job.id)).collect()
}

/// Reads a directory back.
pub fn load(dir: &Path) -> neurogain::Result<Results> {
    let directory = RunDirectory::<StabilityGap>::open(dir)?;
    Ok(Results {
        settings: directory.settings().clone(),
        runs: directory.load()?.into_iter().flatten().collect(),
    })
}

pub fn split_mnist() -> Settings {
    neurogain::systems::stability_gap::Settings::preset("split-mnist").unwrap()
}

/// Shape of a method's made-up curve: depth of the gap (as a fraction), iterations to recover, level.
struct Shape {
    depth: f64,
    recovery: f64,
    level: f64,
}

fn shape(method: &str) -> Shape {
    let (depth, recovery, level) = match method {
        "ngm-sgd" => (0.030, 12.0, 0.992),
        "msgd" => (0.95, 9.0, 0.993),
        "adam" => (0.40, 14.0, 0.988),
        _ => (0.011, 25.0, 0.984),
    };
    Shape {
        depth,
        recovery,
        level,
    }
}

/// Numbers in [0, 1) that look random and never change.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub fn history(settings: &Settings, method: &str, seed: u64) -> History {
    let shape = shape(method);
    let modulated = settings
        .methods
        .iter()
        .any(|m| m.name == method && m.gain_modulated);
    let mut noise = Noise(seed.wrapping_mul(7919) + method.len() as u64);
    let mut gain = 1.0;
    let mut records = Vec::new();
    for context in 1..=settings.stream.contexts.len() {
        let depth = shape.depth * (0.8 + 0.4 * noise.next()) / (context as f64 - 0.6).sqrt();
        for within in 0..settings.stream.iterations {
            let since = within as f64;
            let dip = (since / 2.0).min(1.0) * (-since / shape.recovery).exp();
            let lost = match context {
                1 => 0.5 * (-since / shape.recovery).exp(),
                _ => depth.min(1.0) * dip,
            };
            let accuracy = (shape.level * (1.0 - lost) - 0.003 * noise.next()).clamp(0.0, 1.0);
            let classes = 2.0 * context as f64;
            let entropy = classes.ln() * (0.08 + 0.6 * (-since / 15.0).exp());
            if modulated {
                gain = 0.9 * gain + 0.1 + 0.4 * entropy * 0.5;
            }
            records.push(Record {
                iteration: records.len() + 1,
                context,
                train: Evaluation {
                    loss: 0.1 + 2.0 * lost,
                    accuracy: 0.95 - 0.5 * lost,
                },
                test: Some(Evaluation {
                    loss: 0.02 + 3.0 * lost + 0.01 * noise.next(),
                    accuracy,
                }),
                entropy,
                gain: vec![gain; 3],
                mean_absolute_weight: vec![0.01 + 0.001 * noise.next(); 3],
                later_tasks: Vec::new(),
            });
        }
    }
    History {
        layers: ["hidden1", "hidden2", "output"].map(String::from).to_vec(),
        records,
    }
}

/// All methods and seeds of `settings`, complete.
pub fn results(settings: &Settings) -> Results {
    let mut runs = Vec::new();
    for method in &settings.methods {
        for &seed in &settings.training.seeds {
            runs.push(Run {
                hash: None,
                method: method.name.clone(),
                seed,
                status: Status::Complete,
                history: history(settings, &method.name, seed),
            });
        }
    }
    Results {
        settings: settings.clone(),
        runs,
    }
}

/// A run that was stopped after three iterations, the second not evaluated, the third evaluated on two tasks with
/// non-finite numbers; two layers.
pub fn odd_run() -> Run {
    let mut history = history(&small(), "ngm-sgd", 42);
    history.layers = ["première", "output"].map(String::from).to_vec();
    history.records.truncate(3);
    for (at, record) in history.records.iter_mut().enumerate() {
        record.gain = vec![1.0 + at as f64 / 3.0, 1.0];
        record.mean_absolute_weight = vec![0.1, -0.0];
    }
    history.records[1].test = None;
    history.records[1].entropy = 0.0;
    history.records[2].train.loss = f64::NAN;
    history.records[2].later_tasks = vec![Evaluation {
        loss: 1.0 / 7.0,
        accuracy: 0.75,
    }];
    Run {
        hash: None,
        method: String::from("ngm-sgd"),
        seed: 42,
        status: Status::Interrupted,
        history,
    }
}

/// A small version of the experiment: two contexts of four iterations, two seeds.
pub fn small() -> Settings {
    let mut settings = split_mnist();
    settings.stream.contexts.truncate(2);
    settings.stream.iterations = 4;
    settings.training.seeds = vec![42, 43];
    settings
}

/// The records of all runs.
pub fn records(results: &mut Results) -> impl Iterator<Item = &mut Record> {
    let runs = results.runs.iter_mut();
    runs.flat_map(|run| &mut run.history.records)
}

/// The `.npz` file of [`odd_run`] in a finished run directory, `run` of `folder`.
pub fn odd_arrays(folder: &TempDir) -> PathBuf {
    let dir = folder.path().join("run");
    let results = Results {
        settings: small(),
        runs: vec![odd_run()],
    };
    write_all(&dir, &results);
    dir.join("runs/ngm-sgd-42.npz")
}

/// The TensorBoard events of [`odd_run`] in a new run directory, `run` of `folder`.
pub fn odd_events(folder: &TempDir) -> PathBuf {
    let dir = folder.path().join("run");
    let directory = RunDirectory::<StabilityGap>::create(&dir, &small()).unwrap();
    let directory = directory.with_tensorboard(true);
    directory.write_records(&odd_run()).unwrap();
    dir.join("tensorboard/ngm-sgd-42/events.out.tfevents.0.neurogain")
}
