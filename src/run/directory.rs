//! The run directory: the store on disk.
//!
//! Everything in it but `config.toml`, `runs/*.csv`, `runs/*.json` and `weights` follows from these:
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved settings |
//! | `data.sha256` | a digest of the data, which a run that is resumed must find again |
//! | `runs/JOB.csv` | the records of a job, one row a step |
//! | `runs/JOB.json` | its details, if it has any |
//! | `runs/JOB.npz` | the records as NumPy arrays |
//! | `weights/JOB.safetensors` | the final state, and the job's hash |
//! | `checkpoints/JOB.safetensors` | the state that a job carries on from; removed once all jobs have ended |
//! | `tensorboard/JOB/` | the records as an event file, if asked for |
//! | `figures/*`, `report.html` | the report, and what else a system reports |
//! | `summary.json` | measures and status; written last |
//!
//! No file holds a date, a duration or a path: the same settings give the same bytes.

mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::settings::{Layers, Source, to_toml};
use super::state;
use super::{Job, Lock, Outcome, Report, Saved, Status, System, all_ended, files, npz};
use crate::error::{Error, Result};

/// A run directory with its settings.
#[derive(Debug)]
pub struct RunDirectory<S: System> {
    path: PathBuf,
    settings: S::Settings,
    settings_digest: String,
    jobs: Vec<Job>,
    tensorboard: bool,
    notes: Mutex<Vec<String>>,
}

impl<S: System> RunDirectory<S> {
    /// Makes the directory `path`, with the directories above it, and writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::File`] where `path` exists or cannot be made, [`Error::Encoding`] for settings that TOML cannot hold.
    pub fn create(path: &Path, settings: &S::Settings) -> Result<Self> {
        let config = to_toml(settings)?;
        let exists = || {
            let resume = match path.join("config.toml").exists() {
                true => format!(
                    "; to continue its runs: neurogain run --resume {}",
                    path.display()
                ),
                false => String::new(),
            };
            let reason = "it exists already; name a directory that does not with --out";
            Error::file(path, "create", format!("{reason}{resume}"))
        };
        if path.exists() {
            return Err(exists());
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            fs::create_dir_all(parent).map_err(|e| Error::file(parent, "create", e))?;
        }
        // Made under another name, so that a directory is never seen without its configuration.
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(partial);
        fs::create_dir(&partial).map_err(|e| Error::file(path, "create", e))?;
        let made = fs::create_dir(partial.join("runs"))
            .and_then(|()| fs::create_dir(partial.join("figures")))
            .map_err(|e| Error::file(path, "create", e))
            .and_then(|()| files::write(&partial.join("config.toml"), config.as_bytes()))
            .and_then(|()| {
                let renamed = fs::rename(&partial, path);
                renamed.map_err(|e| match path.exists() {
                    true => exists(),
                    false => Error::file(path, "create", e),
                })
            });
        if let Err(error) = made {
            // This process made it just now; the first failure is the one to report.
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
        Self::with_settings(path, settings.clone())
    }

    /// Opens a directory that was made before.
    ///
    /// # Errors
    /// [`Error::File`] where its `config.toml` cannot be read, [`Error::Format`] where it is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let settings = Source::file(&path.join("config.toml"))
            .and_then(|source| Layers::read(source)?.settings::<S::Settings>())
            .map_err(files::damaged)?;
        Self::with_settings(path, settings)
    }

    fn with_settings(path: &Path, settings: S::Settings) -> Result<Self> {
        Ok(RunDirectory {
            path: path.into(),
            settings_digest: state::digest(to_toml(&settings)?.as_bytes()),
            jobs: S::jobs(&settings),
            settings,
            tensorboard: false,
            notes: Mutex::new(Vec::new()),
        })
    }

    /// The same, which also writes event files of TensorBoard.
    pub fn with_tensorboard(mut self, tensorboard: bool) -> Self {
        self.tensorboard = tensorboard;
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &S::Settings {
        &self.settings
    }

    /// The plan of these settings.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Takes the notes on files that were damaged: what they held is computed again.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sure that the directory was begun with the data of this digest, or writes down in `data.sha256` that it
    /// is begun with them.
    ///
    /// # Errors
    /// [`Error::Format`] where it was begun with other data, [`Error::File`] where the file cannot be read or
    /// written.
    pub fn check_data(&self, digest: &str) -> Result<()> {
        let path = self.path.join("data.sha256");
        let Some(begun) = read_text(&path)? else {
            return files::write(&path, format!("{digest}\n").as_bytes());
        };
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

    /// Reads back what jobs have left, for a report, in the order of the plan; none for a job that has not begun.
    ///
    /// A job's status is the one in `summary.json`. Where that file is missing (the experiment was stopped before
    /// its report) or does not list the job, it is the one in the job's final state; without that, the records
    /// say it.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, and [`Error::Format`] with file, line and value for one that
    /// is damaged.
    pub fn load(&self) -> Result<Vec<Option<S::Outcome>>> {
        let listed = self.listed()?;
        let folder = self.path.join("runs");
        let entries = fs::read_dir(&folder).map_err(|e| Error::file(&folder, "read", e))?;
        for entry in entries {
            let path = entry.map_err(|e| Error::file(&folder, "read", e))?.path();
            let is_csv = path.extension().is_some_and(|extension| extension == "csv");
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if is_csv && !self.jobs.iter().any(|job| stem == Some(&job.id)) {
                let name = stem.unwrap_or_default();
                return Err(Error::format(
                    &path,
                    format!("config.toml has no run `{name}`"),
                ));
            }
        }
        let outcomes = self.jobs.iter().map(|job| {
            let listed = listed.iter().find(|listed| listed.id == job.id);
            self.load_job(job, listed)
        });
        outcomes.collect()
    }

    fn load_job(&self, job: &Job, listed: Option<&Listed>) -> Result<Option<S::Outcome>> {
        let path = self.run_file(&job.id, "csv");
        let Some(records) = files::read(&path)? else {
            return match listed {
                None => Ok(None),
                Some(_) => Err(Error::format(
                    &self.path.join("summary.json"),
                    format!("it lists {}, whose file in runs/ is missing", job.id),
                )),
            };
        };
        let details = read_text(&self.run_file(&job.id, "json"))?;
        // Whatever cannot be read there is taken from the records.
        let state = state::read(&self.weights(&job.id)).ok().flatten();
        let state = state.filter(|state| state.head.records == state::digest(&records));
        let state = state.as_ref().map(|state| &state.head);
        let status = listed.map(|listed| &listed.status);
        let hash = match listed {
            Some(listed) => listed.hash.as_deref(),
            None => state.and_then(|head| head.hash.as_deref()),
        };
        let saved = Saved {
            path: &path,
            records: &records,
            details: details.as_deref(),
            status: status.or(state.map(|head| &head.status)),
            hash,
        };
        S::read(&self.settings, job, saved).map(Some)
    }

    /// The jobs that `summary.json` lists; none where there is no summary yet.
    fn listed(&self) -> Result<Vec<Listed>> {
        #[derive(Deserialize)]
        struct Jobs {
            jobs: Vec<Listed>,
        }
        let path = self.path.join("summary.json");
        let Some(text) = read_text(&path)? else {
            return Ok(Vec::new());
        };
        let summary: Jobs = serde_json::from_str(&text).map_err(|e| Error::format(&path, e))?;
        Ok(summary.jobs)
    }

    /// Writes what follows from the outcomes: the records as NumPy arrays, the files of the system's report, and
    /// `summary.json` last. Each file is whole or as it was before.
    ///
    /// # Errors
    /// [`Error::File`] where a file cannot be written, and what the report fails with.
    pub fn report(&self, outcomes: &[Option<S::Outcome>]) -> Result<Report> {
        let place = |(at, outcome): (usize, &Option<S::Outcome>)| match outcome {
            Some(outcome) if self.jobs.get(at).is_none_or(|job| job.id != outcome.id()) => {
                let problem = "expected outcomes in the order of the plan";
                Err(Error::job(outcome.id(), problem))
            }
            _ => Ok(()),
        };
        outcomes.iter().enumerate().try_for_each(place)?;
        let mut report = S::report(&self.settings, outcomes)?;
        let write = |path: PathBuf, bytes: &[u8]| {
            let next = format!(
                ", then write the rest: neurogain report {}",
                self.path.display()
            );
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", e))?;
            }
            files::write(&path, bytes).map_err(|error| error.advised(&next))
        };
        for outcome in outcomes.iter().flatten() {
            let npz = npz::to_npz(&outcome.records()?)?;
            write(self.run_file(&outcome.id(), "npz"), &npz)?;
        }
        for (path, bytes) in &report.files {
            write(self.path.join(path), bytes)?;
        }
        let jobs = outcomes.iter().flatten().map(|outcome| Listed {
            id: outcome.id(),
            status: outcome.status().clone(),
            hash: outcome.hash().map(String::from),
        });
        let failed = |e| Error::encoding("summary", "JSON", e);
        let jobs = serde_json::to_value(jobs.collect::<Vec<_>>()).map_err(failed)?;
        if let Some(summary) = report.summary.json.as_object_mut() {
            summary.insert("jobs".into(), jobs);
        }
        let summary = format!("{:#}\n", report.summary.json);
        write(self.path.join("summary.json"), summary.as_bytes())?;
        Ok(report)
    }

    /// Writes the report again, from configuration, records and details: the same bytes as the first time. No other
    /// process can run in the directory, or report on it, at the same time.
    ///
    /// # Errors
    /// Those of [`Lock::take`], [`load`](Self::load) and [`report`](Self::report).
    pub fn rebuild(&self) -> Result<Report> {
        let lock = Lock::take(&self.path)?;
        let outcomes = self.load()?;
        let report = self.report(&outcomes);
        if all_ended(&outcomes) {
            lock.finish()?;
        }
        report
    }

    fn check_id(&self, id: &str) -> Result<()> {
        let known = self.jobs.iter().map(|job| job.id.as_str());
        match known.clone().any(|known| known == id) {
            true => Ok(()),
            false => Err(Error::Unknown {
                kind: "run",
                name: id.into(),
                nearest: None,
                known: known.collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn run_file(&self, id: &str, ending: &str) -> PathBuf {
        self.path.join("runs").join(format!("{id}.{ending}"))
    }

    fn weights(&self, id: &str) -> PathBuf {
        self.path.join("weights").join(format!("{id}.safetensors"))
    }
}

/// What `summary.json` says of a job.
#[derive(Serialize, Deserialize)]
struct Listed {
    id: String,
    #[serde(flatten)]
    status: Status,
    hash: Option<String>,
}

/// A file's text; none where it is not there.
fn read_text(path: &Path) -> Result<Option<String>> {
    match files::read(path)? {
        None => Ok(None),
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::format(path, "not UTF-8 text")),
        },
    }
}
