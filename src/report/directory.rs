//! A run directory: what is written when, and how it is read back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::figure;
use super::npz;
use super::page::{self, Experiment};
use super::state;
use super::summary;
use super::tensorboard;
use super::{files, records};
use crate::error::{Error, Result};
use crate::experiment::{Results, Run, Settings, Status, validate};

/// Makes the run directory `dir`, with the directories above it, and writes `config.toml`.
///
/// # Errors
/// [`Error::File`] where `dir` exists or cannot be made; [`Error::Setting`] where [`Settings::validate`]
/// refuses a value: a method's name that cannot be part of a file name, a seed above 2⁶³ − 1.
pub fn create(dir: &Path, settings: &Settings) -> Result<()> {
    begin(dir, &settings.to_toml()?, &["runs", "figures"])
}

/// Makes the directory `dir` with a configuration and folders.
pub(super) fn begin(dir: &Path, config: &str, folders: &[&str]) -> Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(|e| Error::file(parent, "create", e))?;
    }
    fs::create_dir(dir).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            let goes_on = match dir.join("config.toml").exists() {
                true => format!(
                    "; `neurogain run --resume {}` goes on with its runs",
                    dir.display()
                ),
                false => String::new(),
            };
            let reason = "it exists already; name a directory that does not with --out";
            Error::file(dir, "create", format!("{reason}{goes_on}"))
        }
        _ => Error::file(dir, "create", e),
    })?;
    let filled = fill(dir, config, folders);
    if filled.is_err() {
        // The directory is ours and holds nothing yet; the first failure is the one to report.
        let _ = fs::remove_dir_all(dir);
    }
    filled
}

/// What a run directory holds from the start.
fn fill(dir: &Path, config: &str, folders: &[&str]) -> Result<()> {
    for folder in folders {
        let folder = dir.join(folder);
        fs::create_dir(&folder).map_err(|e| Error::file(&folder, "create", e))?;
    }
    files::write(&dir.join("config.toml"), config.as_bytes())
}

/// The settings that the run directory `dir` was begun with.
///
/// # Errors
/// [`Error::File`] where its `config.toml` cannot be read, [`Error::Format`] where it is damaged.
pub fn settings(dir: &Path) -> Result<Settings> {
    Settings::from_file(&dir.join("config.toml")).map_err(files::damaged)
}

/// Makes sure that the run directory `dir` was begun with the data of this digest
/// ([`crate::experiment::data_digest`]), or writes down in `data.sha256` that it is begun with them.
///
/// # Errors
/// [`Error::Format`] where it was begun with other data, [`Error::File`] where the file cannot be read or
/// written.
pub fn check_data(dir: &Path, digest: &str) -> Result<()> {
    let path = dir.join("data.sha256");
    if !path.exists() {
        return files::write(&path, format!("{digest}\n").as_bytes());
    }
    let begun = read_text(&path)?;
    match begun.trim_end() == digest {
        true => Ok(()),
        false => Err(Error::format(
            &path,
            format!(
                "the runs here were begun with other data, of SHA-256 {}, than the samples found now, of {digest}; name the directory of the old with --data, or begin a new run",
                begun.trim_end()
            ),
        )),
    }
}

/// Writes `run` to `runs/METHOD-SEED.csv` of `dir`, whole or not at all. If it has ended its checkpoints are
/// of no more use, and removed.
///
/// # Errors
/// [`Error::Unknown`] for a method and [`Error::Setting`] for a seed that `settings` does not have,
/// [`Error::Shape`] for records that do not fit the history's layers, [`Error::File`] where it cannot be
/// written.
pub fn write_run(dir: &Path, settings: &Settings, run: &Run) -> Result<()> {
    place(settings, run)?;
    let path = dir.join(run_file("runs", &run.method, run.seed, ".csv")?);
    files::write(&path, &records::to_csv(&run.history)?)
        .map_err(|error| state::goes_on_after(error, dir))?;
    if run.status != Status::Interrupted {
        for checkpoint in state::checkpoints(dir, &run.method, run.seed)? {
            files::remove(&checkpoint)?;
        }
    }
    Ok(())
}

/// Writes `run` as an event file of TensorBoard, `tensorboard/METHOD-SEED/events.out.tfevents.0.neurogain`
/// of `dir`: its losses, accuracies, entropy, gains and mean weights, the iteration being the step, and the
/// time in seconds too.
///
/// # Errors
/// Those of [`write_run`].
pub fn write_events(dir: &Path, settings: &Settings, run: &Run) -> Result<()> {
    place(settings, run)?;
    let folder = dir.join(run_file("tensorboard", &run.method, run.seed, "")?);
    fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, "create", e))?;
    let path = folder.join("events.out.tfevents.0.neurogain");
    files::write(&path, &tensorboard::to_events(&run.history)?)
}

/// Writes what follows from `results`, whose runs [`write_run`] has written: the runs as NumPy arrays,
/// `summary.json`, the figures and `report.html`. Each is whole or as it was before.
///
/// # Errors
/// Those of [`write_run`], and of [`crate::metrics::stability_gap`] for a complete run whose history is not
/// one.
pub fn finish(dir: &Path, results: &Results) -> Result<()> {
    let mut results = results.clone();
    sort(&mut results)?;
    let write = |path: &Path, bytes: &[u8]| {
        let next = format!(
            ", then `neurogain report {}` writes the rest",
            dir.display()
        );
        files::write(path, bytes).map_err(|error| error.advised(&next))
    };
    for run in &results.runs {
        let path = dir.join(run_file("runs", &run.method, run.seed, ".npz")?);
        write(&path, &npz::to_npz(&run.history)?)?;
    }
    let summary = summary::summarise_results(&results)?;
    write(&dir.join("summary.json"), summary.to_json()?.as_bytes())?;
    for kind in figure::Figure::ALL {
        let curves = figure::curves(&results, kind.quantity());
        let axis = figure::axis_for(kind, &curves);
        let id = format!("neurogain-{}", kind.name());
        if let Some(svg) = figure::draw(kind, &id, &results.settings, &curves, &axis)? {
            let path = dir.join("figures").join(format!("{}.svg", kind.name()));
            write(&path, svg.as_bytes())?;
        }
    }
    let page = page::page(&[Experiment::new(String::new(), &results)?])?;
    write(&dir.join("report.html"), page.as_bytes())
}

/// Reads back what [`create`] and [`write_run`] wrote.
///
/// A run's status is the one in `summary.json`. Where that file is missing (the experiment was stopped
/// before [`finish`]) or does not know the run, it is the one that [`save`](super::save) has written with
/// its weights; without these, a run with a number that is not finite has diverged there, and one with fewer
/// iterations than the settings ask for was interrupted.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, and [`Error::Format`] with file, line and value for one
/// that is not what [`create`], [`write_run`] and [`finish`] write.
pub fn load(dir: &Path) -> Result<Results> {
    let settings = settings(dir)?;
    let statuses = read_statuses(dir)?;
    let folder = dir.join("runs");
    let entries = fs::read_dir(&folder).map_err(|e| Error::file(&folder, "read", e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::file(&folder, "read", e))?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut runs = Vec::new();
    for path in paths {
        runs.push(load_run(dir, &path, &settings, &statuses)?);
    }
    for listed in &statuses {
        let known = |run: &Run| run.method == listed.method && run.seed == listed.seed;
        if !runs.iter().any(known) {
            return Err(Error::format(
                &dir.join("summary.json"),
                format!(
                    "it lists {} with seed {}, whose file in runs/ is missing",
                    listed.method, listed.seed
                ),
            ));
        }
    }
    let mut results = Results { settings, runs };
    sort(&mut results)?;
    Ok(results)
}

/// Writes summary, figures and report of `dir` again, from its configuration and records: the same bytes
/// as the first time.
///
/// # Errors
/// Those of [`load`] and [`finish`].
pub fn rebuild(dir: &Path) -> Result<Results> {
    let results = load(dir)?;
    finish(dir, &results)?;
    Ok(results)
}

/// Writes to the new file `out` one page on the experiments in `dirs`: the same tables with a column for the
/// directory, and the figures side by side on the same axes.
///
/// # Errors
/// [`Error::Setting`] where `dirs` is empty, [`Error::File`] where `out` exists or cannot be written, and
/// those of [`load`] and [`finish`].
pub fn build(dirs: &[PathBuf], out: &Path) -> Result<()> {
    if dirs.is_empty() {
        return Err(Error::setting("directories", "none", "at least one"));
    }
    if out.exists() {
        return Err(Error::file(
            out,
            "create",
            "it exists already; name a file that does not",
        ));
    }
    let mut results = Vec::with_capacity(dirs.len());
    for dir in dirs {
        results.push(load(dir)?);
    }
    let mut experiments = Vec::with_capacity(dirs.len());
    for (dir, results) in dirs.iter().zip(&results) {
        experiments.push(Experiment::new(dir.display().to_string(), results)?);
    }
    files::write(out, page::page(&experiments)?.as_bytes())
}

/// What `summary.json`, or else a file of weights, says of a run's end.
#[derive(Clone, Deserialize)]
struct ListedRun {
    method: String,
    seed: u64,
    #[serde(flatten)]
    status: Status,
    hash: Option<String>,
}

/// None where there is no summary yet.
fn read_statuses(dir: &Path) -> Result<Vec<ListedRun>> {
    #[derive(Deserialize)]
    struct Listed {
        runs: Vec<ListedRun>,
    }
    let path = dir.join("summary.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let listed: Listed =
        serde_json::from_str(&read_text(&path)?).map_err(|e| Error::format(&path, e))?;
    Ok(listed.runs)
}

/// What the weights of a run say of its end, if they were written with the record `text`.
fn status_beside_weights(dir: &Path, method: &str, seed: u64, text: &[u8]) -> Option<ListedRun> {
    let path = state::weights(dir, method, seed).ok()?;
    // Whatever cannot be read is taken from the record.
    let head = state::read(&path).ok()??.head;
    (head.records == state::digest(text)).then(|| ListedRun {
        method: method.into(),
        seed,
        status: head.status,
        hash: head.hash,
    })
}

fn load_run(dir: &Path, path: &Path, settings: &Settings, statuses: &[ListedRun]) -> Result<Run> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let named = stem.and_then(|stem| stem.rsplit_once('-'));
    let parsed = named.and_then(|(method, seed)| Some((method, seed.parse::<u64>().ok()?)));
    let Some((method, seed)) = parsed else {
        return Err(Error::format(path, "its name is not METHOD-SEED.csv"));
    };
    let text = fs::read(path).map_err(|e| Error::file(path, "read", e))?;
    let history = records::from_csv(path, &text, &settings.stream)?;
    let total = records::total_iterations(&settings.stream);
    let whole = history.records.len() == total;
    let broken = records::not_finite(&history);
    let listed = statuses
        .iter()
        .find(|listed| listed.method == method && listed.seed == seed)
        .cloned()
        .or_else(|| status_beside_weights(dir, method, seed, &text));
    let status = match (listed.as_ref().map(|listed| &listed.status), broken) {
        (Some(Status::Complete), _) if !whole => {
            return Err(Error::format(
                path,
                format!(
                    "truncated: {} of {total} iterations, though summary.json calls the run complete",
                    history.records.len()
                ),
            ));
        }
        (Some(Status::Complete), Some(broken)) => {
            return Err(Error::format(
                path,
                format!(
                    "line {}: {} is {}, though summary.json calls the run complete",
                    broken.iteration + 1,
                    broken.column,
                    broken.value
                ),
            ));
        }
        (Some(status), _) => status.clone(),
        (None, Some(broken)) => Status::Diverged {
            iteration: broken.iteration,
            quantity: broken.column,
            value: broken.value.to_string(),
        },
        (None, None) if whole => Status::Complete,
        (None, None) => Status::Interrupted,
    };
    let run = Run {
        method: String::from(method),
        seed,
        status,
        history,
        hash: listed.and_then(|listed| listed.hash),
    };
    place(settings, &run).map_err(|e| Error::format(path, format!("not in config.toml: {e}")))?;
    Ok(run)
}

/// Where `run` stands in the order of the settings: methods, and seeds within a method.
pub(super) fn place(settings: &Settings, run: &Run) -> Result<(usize, usize)> {
    let names: Vec<&str> = settings.methods.iter().map(|m| m.name.as_str()).collect();
    let method = names.iter().position(|name| *name == run.method);
    let method = method.ok_or_else(|| Error::Unknown {
        kind: "method",
        name: run.method.clone(),
        nearest: None,
        known: names.join(", "),
    })?;
    let seeds = &settings.training.seeds;
    let seed = seeds.iter().position(|seed| *seed == run.seed);
    let seed = seed.ok_or_else(|| {
        let known: Vec<String> = seeds.iter().map(u64::to_string).collect();
        Error::setting("seed", run.seed, format!("one of {}", known.join(", ")))
    })?;
    Ok((method, seed))
}

/// Brings the runs into the order of the settings, whatever order they ended in.
fn sort(results: &mut Results) -> Result<()> {
    let mut placed = Vec::with_capacity(results.runs.len());
    for run in results.runs.drain(..) {
        placed.push((place(&results.settings, &run)?, run));
    }
    placed.sort_by_key(|(place, _)| *place);
    if let Some(pair) = placed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let run = &pair[0].1;
        return Err(Error::setting(
            format!("runs of {} with seed {}", run.method, run.seed),
            "more than one",
            "one",
        ));
    }
    results.runs = placed.into_iter().map(|(_, run)| run).collect();
    Ok(())
}

/// `FOLDER/METHOD-SEED` with an ending, for names that mean the same on every file system.
pub(super) fn run_file(folder: &str, method: &str, seed: u64, ending: &str) -> Result<PathBuf> {
    validate::name("methods.name", method)?;
    Ok(Path::new(folder).join(format!("{method}-{seed}{ending}")))
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Error::format(path, "not UTF-8 text"),
        _ => Error::file(path, "read", e),
    })
}
