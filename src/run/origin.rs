//! Where the samples of a run are from: the published files, or others.

use std::path::Path;

use super::{DataSettings, DataSource};
use crate::data::verify::{KnownSet, other_file};
use crate::error::Result;

/// Whether a run's samples are those of the published files. Only then can its results be compared with published ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataOrigin {
    /// Every file has the published checksum.
    Published,
    /// This file has another checksum.
    Other(String),
    /// Files without published checksums, or a run directory that does not say.
    Unknown,
}

const PUBLISHED: &str = "published files";
const OTHER: &str = "not the published file: ";

impl DataOrigin {
    /// Compares the files in `directory` that `data` names with the published checksums.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) if a file cannot be read.
    pub fn of(data: &DataSettings, directory: &Path) -> Result<Self> {
        let set = match data.source {
            DataSource::Digits => return Ok(DataOrigin::Published),
            DataSource::Mnist => KnownSet::Mnist,
            DataSource::FashionMnist => KnownSet::FashionMnist,
            DataSource::Cifar10 => KnownSet::Cifar10,
            DataSource::Cifar100 => KnownSet::Cifar100,
            DataSource::Images | DataSource::Celeba => return Ok(DataOrigin::Unknown),
        };
        Ok(match other_file(set, directory)? {
            None => DataOrigin::Published,
            Some(path) => DataOrigin::Other(match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => path.display().to_string(),
            }),
        })
    }

    /// Its line in `data.sha256`; empty if it is unknown.
    pub(super) fn line(&self) -> String {
        match self {
            DataOrigin::Published => format!("{PUBLISHED}\n"),
            DataOrigin::Other(file) => format!("{OTHER}{file}\n"),
            DataOrigin::Unknown => String::new(),
        }
    }

    /// Reads [`line`](Self::line).
    pub(super) fn from_line(line: Option<&str>) -> Self {
        match line {
            Some(PUBLISHED) => DataOrigin::Published,
            Some(line) => match line.strip_prefix(OTHER) {
                Some(file) => DataOrigin::Other(file.into()),
                None => DataOrigin::Unknown,
            },
            None => DataOrigin::Unknown,
        }
    }

    /// Why results cannot be compared with published ones, as a sentence; `None` if they can.
    pub fn no_verdict(&self) -> Option<String> {
        match self {
            DataOrigin::Published => None,
            DataOrigin::Other(file) => Some(format!(
                "There is no verdict, because the data are not the published ones: {file} has another checksum."
            )),
            DataOrigin::Unknown => Some(
                "There is no verdict, because it is not known whether the data are the published ones.".into(),
            ),
        }
    }
}
