//! Where the samples of a run are from, and the names of their classes.

use std::path::Path;

use super::{DataSettings, DataSource};
use crate::data::collection;
use crate::data::verify::{KnownSet, other_file};
use crate::error::Result;

/// Where the samples of a run are from. A run directory keeps it in `data.sha256`, after the digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataOrigin {
    /// Whether the files are the published ones.
    pub files: FilesOrigin,
    /// The names of the classes, in the order of their labels; empty if they are unknown.
    pub classes: Vec<String>,
}

/// Whether files are the published ones. Only then can results be compared with published ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesOrigin {
    /// Every file has the published checksum.
    Published,
    /// This file has another checksum.
    Other(String),
    /// Files without published checksums, or a run directory that does not say.
    Unknown,
}

const PUBLISHED: &str = "published files";
const OTHER: &str = "not the published file: ";
const CLASS: &str = "class: ";

impl From<FilesOrigin> for DataOrigin {
    /// Without names of classes.
    fn from(files: FilesOrigin) -> Self {
        DataOrigin {
            files,
            classes: Vec::new(),
        }
    }
}

impl DataOrigin {
    /// Compares the files in `directory` that `data` names with the published checksums, and reads the names of classes.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) if a file cannot be read.
    pub fn of(data: &DataSettings, directory: &Path) -> Result<Self> {
        let classes = match (data.source.class_names(), data.collection()) {
            (Some(names), _) => names,
            (None, Some(name)) => collection::class_names(directory, name)?,
            (None, None) => Vec::new(),
        };
        let files = FilesOrigin::of(data, directory)?;
        Ok(DataOrigin { files, classes })
    }

    /// Its lines in `data.sha256`.
    pub(super) fn lines(&self) -> String {
        let mut lines = match &self.files {
            FilesOrigin::Published => format!("{PUBLISHED}\n"),
            FilesOrigin::Other(file) => format!("{OTHER}{file}\n"),
            FilesOrigin::Unknown => String::new(),
        };
        for class in &self.classes {
            // As JSON, so that a name with a line break stays on its line.
            lines.push_str(&format!(
                "{CLASS}{}\n",
                serde_json::Value::from(class.as_str())
            ));
        }
        lines
    }

    /// Reads [`lines`](Self::lines).
    pub(super) fn from_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut origin = DataOrigin::from(FilesOrigin::Unknown);
        for line in lines {
            if line == PUBLISHED {
                origin.files = FilesOrigin::Published;
            } else if let Some(file) = line.strip_prefix(OTHER) {
                origin.files = FilesOrigin::Other(file.into());
            } else if let Some(class) = line.strip_prefix(CLASS) {
                // What was altered by hand is shown as it is.
                let name = serde_json::from_str(class);
                origin.classes.push(name.unwrap_or_else(|_| class.into()));
            }
        }
        origin
    }

    /// Why results cannot be compared with published ones, as a sentence; `None` if they can.
    pub fn no_verdict(&self) -> Option<String> {
        match &self.files {
            FilesOrigin::Published => None,
            FilesOrigin::Other(file) => Some(format!(
                "There is no verdict, because the data are not the published ones: {file} has another checksum."
            )),
            FilesOrigin::Unknown => Some(
                "There is no verdict, because it is not known whether the data are the published ones.".into(),
            ),
        }
    }
}

impl FilesOrigin {
    fn of(data: &DataSettings, directory: &Path) -> Result<Self> {
        let set = match data.source {
            DataSource::Digits => return Ok(FilesOrigin::Published),
            DataSource::Mnist => KnownSet::Mnist,
            DataSource::FashionMnist => KnownSet::FashionMnist,
            DataSource::Cifar10 => KnownSet::Cifar10,
            DataSource::Cifar100 => KnownSet::Cifar100,
            DataSource::Images | DataSource::TinyImagenet | DataSource::Celeba => {
                return Ok(FilesOrigin::Unknown);
            }
        };
        Ok(match other_file(set, directory)? {
            None => FilesOrigin::Published,
            Some(path) => FilesOrigin::Other(match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => path.display().to_string(),
            }),
        })
    }
}
