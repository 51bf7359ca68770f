//! Jobs' states as files of the safetensors format, each with a digest of all its bytes.
//!
//! The tensors are a [`Checkpoint`]'s by their names, f32. The learner's names have the prefix `learner.`; its numbers
//! are f64, its counts u64. A checkpoint also holds the records so far, as `records.csv`. The metadata are one
//! entry, `neurogain`, of JSON: the format's own library writes several in any order, and equal states are to be
//! equal files.

use std::collections::HashMap;
use std::path::Path;

use byteorder::{ByteOrder, LittleEndian};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Status, files};
use crate::error::{Error, Result};
use crate::state::Checkpoint;
use crate::tensor::NamedTensor;

const ENTRY: &str = "neurogain";
const LEARNER: &str = "learner.";
const RECORDS: &str = "records.csv";
/// The digest's text while the digest is taken.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a state's file says about it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// SHA-256 of the file with zeros for this text, which is the first of its kind in it.
    sha256: String,
    /// The version of neurogain that wrote it.
    version: String,
    /// SHA-256 of the settings' TOML.
    settings: String,
    /// The job's name.
    job: String,
    #[serde(flatten)]
    pub(super) status: Status,
    steps: usize,
    pub(super) hash: Option<String>,
    /// SHA-256 of the records' CSV.
    pub(super) records: String,
    /// SHA-256 of the details' JSON.
    pub(super) details: Option<String>,
}

impl Head {
    /// The head of a state of the job `job`, in the settings of this digest.
    pub(super) fn new(
        settings: &str,
        job: String,
        status: &Status,
        steps: usize,
        hash: Option<&str>,
        records: &[u8],
        details: Option<&str>,
    ) -> Self {
        Head {
            sha256: BLANK.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            settings: settings.into(),
            job,
            status: status.clone(),
            steps,
            hash: hash.map(String::from),
            records: digest(records),
            details: details.map(|details| digest(details.as_bytes())),
        }
    }

    /// Fails unless the state at `path` is of the job `job`, in the settings of this digest.
    pub(super) fn belongs(&self, path: &Path, settings: &str, job: &str) -> Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let problem = if self.version != version {
            format!(
                "neurogain {} wrote it, this is {version}: continue with that version, or begin a new run",
                self.version
            )
        } else if self.settings != settings {
            "it is of other settings than config.toml: put that back as it was, or begin a new run"
                .into()
        } else if self.job != job {
            format!("it is of {}: its name was changed", self.job)
        } else {
            return Ok(());
        };
        Err(Error::format(path, problem))
    }
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) head: Head,
    pub(super) checkpoint: Checkpoint,
    /// None in a job that has ended: its records have a file of their own.
    pub(super) records: Option<Vec<u8>>,
}

/// The digits of a finished hash.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    let digits = hash.finalize();
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// The file of a state, with what the learner remembers or without, and with the records or without.
pub(super) fn to_bytes(
    head: &Head,
    checkpoint: &Checkpoint,
    learner: bool,
    records: Option<&[u8]>,
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
    if let Some(records) = records {
        let shape = vec![records.len()];
        parts.push((RECORDS.into(), Dtype::U8, shape, records.to_vec()));
    }
    let failed = |e: &dyn std::fmt::Display| Error::encoding("state", "safetensors", e);
    let mut views = Vec::with_capacity(parts.len());
    for (name, kind, shape, bytes) in &parts {
        let view = TensorView::new(*kind, shape.clone(), bytes).map_err(|e| failed(&e))?;
        views.push((name, view));
    }
    let head = serde_json::to_string(head).map_err(|e| failed(&e))?;
    let entry = HashMap::from([(ENTRY.into(), head)]);
    let mut bytes = serialize(views, Some(entry)).map_err(|e| failed(&e))?;
    let found = digest(&bytes);
    if let Some(place) = find(&mut bytes, BLANK.as_bytes()) {
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
    let refused = |e| damaged(&format!("it is not a safetensors file ({e})"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(refused)?;
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let entry = entry.ok_or_else(|| damaged("it has no entry `neurogain` in its metadata"))?;
    let head: Head = serde_json::from_str(entry).map_err(|e| damaged(&e.to_string()))?;
    match find(&mut bytes, head.sha256.as_bytes()) {
        Some(place) if place.len() == BLANK.len() => place.copy_from_slice(BLANK.as_bytes()),
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
        records: None,
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
            (Dtype::U8, _) if name == RECORDS => state.records = Some(view.data().to_vec()),
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

/// The first place of `text` in `bytes`.
fn find<'a>(bytes: &'a mut [u8], text: &[u8]) -> Option<&'a mut [u8]> {
    let at = bytes.windows(text.len().max(1)).position(|w| w == text)?;
    bytes.get_mut(at..at + text.len())
}
