//! Runs' states as files of the safetensors format, each with a digest of all its bytes.
//!
//! The tensors are a [`Checkpoint`]'s by their names, f32. The learner's names begin with `learner.`; its numbers
//! are f64, its counts u64; where the run goes on, `history.csv` beside them is its record so far. The metadata are one entry, `neurogain`, of
//! JSON: the format's own library writes several in any order, and equal runs are to be equal files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use byteorder::{ByteOrder, LittleEndian};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::directory::{place, run_file};
use super::{files, records};
use crate::error::{Error, Result};
use crate::experiment::{Run, Settings, Status, hexadecimal};
use crate::state::Checkpoint;
use crate::tensor::NamedTensor;

const ENTRY: &str = "neurogain";
const LEARNER: &str = "learner.";
const HISTORY: &str = "history.csv";
/// What stands in the place of the method's name where a network learns primary tasks.
pub(super) const PRETRAINING: &str = "pretraining";
/// What stands for the digest while it is taken.
const BLANK: [u8; 64] = [b'0'; 64];

/// What a state says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// SHA-256 of the file with zeros for this text, which is the first of its kind in it.
    sha256: String,
    /// The version of neurogain that wrote it.
    version: String,
    /// SHA-256 of the settings' TOML.
    settings: String,
    method: String,
    seed: u64,
    #[serde(flatten)]
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) hash: Option<String>,
    /// SHA-256 of the run's CSV.
    pub(super) records: String,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) head: Head,
    pub(super) checkpoint: Checkpoint,
    /// None in a run that has ended: its record has a file of its own.
    pub(super) history: Option<Vec<u8>>,
}

/// Where the weights of a run that has ended are.
pub(super) fn weights(dir: &Path, method: &str, seed: u64) -> Result<PathBuf> {
    Ok(dir.join(run_file("weights", method, seed, ".safetensors")?))
}

/// Where the last checkpoint of a run is, and the one before it.
pub(super) fn checkpoints(dir: &Path, method: &str, seed: u64) -> Result<[PathBuf; 2]> {
    let file = |ending| Ok(dir.join(run_file("checkpoints", method, seed, ending)?));
    Ok([file(".safetensors")?, file("-previous.safetensors")?])
}

/// Keeps a run and its state in `dir`. Where it has ended, that is `weights/METHOD-SEED.safetensors`, for
/// [`write_run`](super::write_run) to follow; otherwise `checkpoints/METHOD-SEED.safetensors`, which
/// [`resume`](super::resume) goes on from, the one before it being kept as `METHOD-SEED-previous`.
///
/// # Errors
/// Those of [`write_run`](super::write_run).
pub fn save(dir: &Path, settings: &Settings, run: &Run, checkpoint: &Checkpoint) -> Result<()> {
    place(settings, run)?;
    let history = records::to_csv(&run.history)?;
    let head = Head {
        sha256: String::from_utf8_lossy(&BLANK).into_owned(),
        version: env!("CARGO_PKG_VERSION").into(),
        settings: settings_digest(settings)?,
        method: run.method.clone(),
        seed: run.seed,
        status: run.status.clone(),
        iterations: run.history.records.len(),
        hash: run.hash.clone(),
        records: digest(&history),
    };
    let goes_on = run.status == Status::Interrupted;
    let history = goes_on.then_some(history);
    let bytes = to_bytes(&head, checkpoint, goes_on, history.as_deref())?;
    let written = if goes_on {
        let [path, previous] = checkpoints(dir, &run.method, run.seed)?;
        make_folder(&path).and_then(|()| files::write_keeping(&path, &previous, &bytes))
    } else {
        let path = weights(dir, &run.method, run.seed)?;
        make_folder(&path).and_then(|()| files::write(&path, &bytes))
    };
    written.map_err(|error| goes_on_after(error, dir))
}

/// What to do once a write of a running experiment is mended.
pub(super) fn goes_on_after(error: Error, dir: &Path) -> Error {
    let dir = dir.display();
    let next = format!(", then `neurogain run --resume {dir}` goes on from what is written");
    error.advised(&next)
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", format!("{e}; mend that")))
}

/// SHA-256 of what `config.toml` holds.
pub(super) fn settings_digest(settings: &Settings) -> Result<String> {
    Ok(digest(settings.to_toml()?.as_bytes()))
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// The file of a network that arms start from, or that learns on, of a comodulation experiment.
pub(super) fn pretrained_to_bytes(
    settings: &str,
    (seed, epochs): (u64, usize),
    checkpoint: &Checkpoint,
) -> Result<Vec<u8>> {
    let head = Head {
        sha256: String::from_utf8_lossy(&BLANK).into_owned(),
        version: env!("CARGO_PKG_VERSION").into(),
        settings: settings.into(),
        method: PRETRAINING.into(),
        seed,
        status: Status::Complete,
        iterations: epochs,
        hash: None,
        records: String::new(),
    };
    to_bytes(&head, checkpoint, true, None)
}

/// The file of a state, with what the learner remembers, or without.
fn to_bytes(
    head: &Head,
    checkpoint: &Checkpoint,
    learner: bool,
    history: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let mut parts = Vec::new();
    let mut add = |prefix: &str, tensor: &NamedTensor| {
        let mut bytes = vec![0; 4 * tensor.numbers.len()];
        LittleEndian::write_f32_into(&tensor.numbers, &mut bytes);
        let name = format!("{prefix}{}", tensor.name);
        parts.push((name, Dtype::F32, tensor.shape.clone(), bytes));
    };
    for tensor in &checkpoint.network {
        add("", tensor);
    }
    if learner {
        for tensor in &checkpoint.learner {
            add(LEARNER, tensor);
        }
        for (name, numbers) in &checkpoint.numbers {
            let mut bytes = vec![0; 8 * numbers.len()];
            LittleEndian::write_f64_into(numbers, &mut bytes);
            let name = format!("{LEARNER}{name}");
            parts.push((name, Dtype::F64, vec![numbers.len()], bytes));
        }
        for (name, count) in &checkpoint.counts {
            let bytes = count.to_le_bytes().to_vec();
            parts.push((format!("{LEARNER}{name}"), Dtype::U64, Vec::new(), bytes));
        }
    }
    if let Some(history) = history {
        let shape = vec![history.len()];
        parts.push((HISTORY.into(), Dtype::U8, shape, history.to_vec()));
    }
    let failed = |e: &dyn std::fmt::Display| Error::shape("save", "tensors of their shapes", e);
    let mut views = Vec::with_capacity(parts.len());
    for (name, kind, shape, bytes) in &parts {
        let view = TensorView::new(*kind, shape.clone(), bytes).map_err(|e| failed(&e))?;
        views.push((name, view));
    }
    let head = serde_json::to_string(head).map_err(|e| failed(&e))?;
    let entry = HashMap::from([(ENTRY.into(), head)]);
    let mut bytes = serialize(views, Some(entry)).map_err(|e| failed(&e))?;
    let found = digest(&bytes);
    if let Some(place) = find(&mut bytes, &BLANK) {
        place.copy_from_slice(found.as_bytes());
    }
    Ok(bytes)
}

/// What the file at `path` holds; none where it is not there.
///
/// # Errors
/// [`Error::Format`] if it is damaged, [`Error::File`] if it cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<State>> {
    let Some(mut bytes) = files::read(path)? else {
        return Ok(None);
    };
    let damaged = |what: &str| Error::format(path, format!("is damaged: {what}"));
    let refused = |e| damaged(&format!("it is no safetensors file ({e})"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(refused)?;
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let entry = entry.ok_or_else(|| damaged("it has no entry `neurogain` in its metadata"))?;
    let head: Head = serde_json::from_str(entry).map_err(|e| damaged(&e.to_string()))?;
    match find(&mut bytes, head.sha256.as_bytes()) {
        Some(place) if place.len() == BLANK.len() => place.copy_from_slice(&BLANK),
        _ => return Err(damaged("it has no digest")),
    }
    let found = digest(&bytes);
    if found != head.sha256 {
        let written = &head.sha256;
        let what = format!("its SHA-256 is {found}, written is {written}");
        return Err(damaged(&what));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(refused)?;
    let mut state = State {
        head,
        checkpoint: Checkpoint::default(),
        history: None,
    };
    let Checkpoint {
        network,
        learner,
        numbers,
        counts,
    } = &mut state.checkpoint;
    for (name, view) in tensors.tensors() {
        let (list, name) = match name.strip_prefix(LEARNER) {
            Some(name) => (&mut *learner, name.to_string()),
            None => (&mut *network, name),
        };
        match (view.dtype(), view.shape()) {
            (Dtype::U8, _) if name == HISTORY => state.history = Some(view.data().to_vec()),
            (Dtype::F64, [_]) => {
                let mut found = vec![0.0; view.data().len() / 8];
                LittleEndian::read_f64_into(view.data(), &mut found);
                numbers.push((name, found));
            }
            (Dtype::U64, []) => counts.push((name, LittleEndian::read_u64(view.data()))),
            (Dtype::F32, shape) => {
                let mut numbers = vec![0.0; view.data().len() / 4];
                LittleEndian::read_f32_into(view.data(), &mut numbers);
                list.push(NamedTensor {
                    name,
                    shape: shape.to_vec(),
                    numbers,
                });
            }
            (kind, shape) => {
                let what = format!("{name} is of {kind} and shape {shape:?}");
                return Err(damaged(&what));
            }
        }
    }
    Ok(Some(state))
}

/// Fails unless the state at `path` is of this run of the settings of this digest.
pub(super) fn belongs(path: &Path, head: &Head, settings: &str, run: (&str, u64)) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let problem = if head.version != version {
        format!(
            "neurogain {} wrote it, this is {version}: go on with that version, or begin a new run",
            head.version
        )
    } else if head.settings != settings {
        "it is of other settings than config.toml: put that back as it was, or begin a new run"
            .into()
    } else if (head.method.as_str(), head.seed) != run {
        let Head { method, seed, .. } = head;
        format!("it is of {method} with seed {seed}: its name was changed")
    } else {
        return Ok(());
    };
    Err(Error::format(path, problem))
}

/// The first place of `text` in `bytes`.
fn find<'a>(bytes: &'a mut [u8], text: &[u8]) -> Option<&'a mut [u8]> {
    let at = bytes.windows(text.len().max(1)).position(|w| w == text)?;
    bytes.get_mut(at..at + text.len())
}
