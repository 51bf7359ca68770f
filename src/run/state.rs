//! Jobs' states as safetensors files, each with a digest of all its bytes.
//!
//! The tensors of a [`Checkpoint`] are f32 and keep their names. The learner's names have the prefix `learner.`; its
//! numbers are f64, its counts u64. A checkpoint also holds the records so far, as `records.csv`. The metadata is a
//! single entry, `neurogain`, of JSON: the safetensors library writes several entries in any order, and equal states
//! must give equal files.

use std::collections::HashMap;
use std::path::Path;

use byteorder::{ByteOrder, LittleEndian};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::weights::check_header;
use super::{Status, files};
use crate::error::{Error, Result};
use crate::state::Checkpoint;
use crate::tensor::NamedTensor;

const ENTRY: &str = "neurogain";
const LEARNER: &str = "learner.";
const RECORDS: &str = "records.csv";
/// Placeholder for the digest while the digest is computed.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The metadata of a state's file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// SHA-256 of the file in which the first occurrence of this text is replaced by zeros.
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
    /// The metadata of a state of the job `job`; `settings` is the digest of the settings.
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

    /// Whether this version of neurogain wrote it.
    pub(super) fn is_this_version(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }

    /// Whether it was written with the settings of this digest.
    pub(super) fn has_settings(&self, digest: &str) -> bool {
        self.settings == digest
    }

    /// Fails unless the state at `path` belongs to the job `job` and to the settings of this digest.
    pub(super) fn belongs(&self, path: &Path, settings: &str, job: &str) -> Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let problem = if !self.is_this_version() {
            format!(
                "neurogain {} wrote it, but this is {version}: continue with that version, or begin a new run",
                self.version
            )
        } else if !self.has_settings(settings) {
            "it was written with settings other than those in config.toml: restore that file, or begin a new run"
                .into()
        } else if self.job != job {
            format!("it belongs to {}: the file was renamed", self.job)
        } else {
            return Ok(());
        };
        Err(Error::format(path, problem))
    }
}

/// The contents of a file.
#[derive(Debug)]
pub(super) struct State {
    pub(super) head: Head,
    pub(super) checkpoint: Checkpoint,
    /// `None` for a job that has ended: its records are in a separate file.
    pub(super) records: Option<Vec<u8>>,
}

/// A finished hash in hexadecimal.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    let digits = hash.finalize();
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// Encodes a state as a file; `learner` says whether the learner's state is included.
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

/// Reads the file at `path`; `None` if it does not exist.
///
/// # Errors
/// [`Error::Format`] if it is damaged, [`Error::File`] if it cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<State>> {
    let Some(mut bytes) = files::read(path)? else {
        return Ok(None);
    };
    let damaged = |what: &str| Error::format(path, format!("is damaged: {what}"));
    let refused = |e| damaged(&format!("it is not a safetensors file ({e})"));
    check_header(&bytes).map_err(|problem| damaged(&problem))?;
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
        let what = format!("its SHA-256 is {found}, but {written} is recorded");
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
                let what = format!("{name} has type {kind} and shape {shape:?}");
                return Err(damaged(&what));
            }
        }
    }
    Ok(Some(state))
}

/// The first occurrence of `text` in `bytes`.
fn find<'a>(bytes: &'a mut [u8], text: &[u8]) -> Option<&'a mut [u8]> {
    let at = bytes.windows(text.len().max(1)).position(|w| w == text)?;
    bytes.get_mut(at..at + text.len())
}
