//! The run directory: the store on disk. One directory holds one experiment.
//!
//! `config.toml`, `runs/*.csv`, `runs/*.json` and `weights` are the results; all other files are computed from them.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved settings |
//! | `data.sha256` | a digest of the data, on which alone a run is resumed; their origin and the names of their classes |
//! | `runs/JOB.csv` | the records of a job, one row per step |
//! | `runs/JOB.json` | its details, if it has any |
//! | `runs/JOB.npz` | the records as NumPy arrays |
//! | `weights/JOB.safetensors` | the final state, and the job's hash |
//! | `checkpoints/JOB.safetensors` | the state that a job continues from; removed once all jobs have ended |
//! | `checkpoints/data` | the directory of the data files; removed with the checkpoints |
//! | `tensorboard/JOB/` | the records as a TensorBoard event file, with `--tensorboard` |
//! | `figures/*`, `report.html` | the report, and further files of the system; while jobs run, `report.html` says how far they are |
//! | `summary.json` | measures and status; written last |
//!
//! Once all jobs have ended, no file holds a date, a duration or a path: the same settings give the same bytes.

mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::settings::{Document, Layers, Source, signed, to_toml};
use super::state;
use super::{
    DataOrigin, DataSource, Job, Lock, Outcome, Report, Saved, Status, System, all_ended,
    check_run_directory, files, npz,
};
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
    /// Creates the directory `path`, with its parents, and writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::File`] if `path` exists or cannot be created, [`Error::Encoding`] for settings that TOML cannot
    /// represent.
    pub fn create(path: &Path, settings: &S::Settings) -> Result<Self> {
        let config = signed(&to_toml(settings)?);
        let exists = || {
            let resume = match path.join("config.toml").exists() {
                true => format!(
                    "; to continue its runs: neurogain run --resume {}",
                    path.display()
                ),
                false => String::new(),
            };
            let reason = "it exists already; name a new directory with --out";
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
        // Created under a temporary name and then renamed, so that a directory never lacks its configuration.
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
            // This process created it just now; the first failure is the one to report.
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
        Self::with_settings(path, settings.clone())
    }

    /// Opens an existing run directory.
    ///
    /// # Errors
    /// [`Error::File`] if it is not a run directory or its `config.toml` cannot be read, [`Error::Format`] if it is damaged, or if a folder in it is a
    /// link: files would be written outside.
    pub fn open(path: &Path) -> Result<Self> {
        for folder in ["runs", "figures", "weights", "checkpoints", "tensorboard"] {
            let folder = path.join(folder);
            if folder.is_symlink() {
                let problem = "is a link; a run directory must have its own folders";
                return Err(Error::format(&folder, problem));
            }
        }
        check_run_directory(path)?;
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

    /// Sets whether TensorBoard event files are written too.
    pub fn with_tensorboard(mut self, tensorboard: bool) -> Self {
        self.tensorboard = tensorboard;
        self
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings that it was created with.
    pub fn settings(&self) -> &S::Settings {
        &self.settings
    }

    /// The plan: the jobs of these settings.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Takes the notes on damaged files; their contents are computed again.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks that the directory was begun with the data of this digest. In a new directory, writes the digest to
    /// `data.sha256`, with lines on whether the files are the published ones and on the names of the classes.
    ///
    /// # Errors
    /// [`Error::Format`] if it was begun with other data, [`Error::File`] if the file cannot be read or written.
    pub fn check_data(&self, digest: &str, origin: &DataOrigin) -> Result<()> {
        let path = self.path.join("data.sha256");
        let Some(begun) = read_text(&path)? else {
            let text = format!("{digest}\n{}", origin.lines());
            return files::write(&path, text.as_bytes());
        };
        let begun = begun.lines().next().unwrap_or_default();
        if begun.trim_end().is_empty() {
            let problem = "is empty; expected the SHA-256 of the data; restore it, or remove it if the data are still the same";
            return Err(Error::format(&path, problem));
        }
        match begun.trim_end() == digest {
            true => Ok(()),
            false => Err(Error::format(
                &path,
                format!(
                    "the runs here were begun with other data: SHA-256 {}, the samples found now have {digest}; name the directory of the old data with --data, or begin a new run",
                    begun.trim_end()
                ),
            )),
        }
    }

    /// Remembers the directory of the data files until all jobs have ended, so that a run can be resumed without naming
    /// it again. The built-in digits have none, and a directory whose name is not UTF-8 is not remembered.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn remember_data(&self, directory: &Path) -> Result<()> {
        if self.settings.common().data.source == DataSource::Digits {
            return Ok(());
        }
        let absolute = directory.canonicalize();
        let absolute = absolute.map_err(|e| Error::file(directory, "find", e))?;
        let Some(text) = absolute.to_str() else {
            return Ok(());
        };
        let path = self.path.join("checkpoints").join("data");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", e))?;
        }
        files::write(&path, text.as_bytes())
    }

    /// The directory of the data files that [`remember_data`](Self::remember_data) was called with last.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read.
    pub fn remembered_data(&self) -> Result<Option<PathBuf>> {
        let text = read_text(&self.path.join("checkpoints").join("data"))?;
        Ok(text.filter(|text| !text.is_empty()).map(PathBuf::from))
    }

    /// Where the data that it was begun with are from.
    ///
    /// # Errors
    /// [`Error::File`] if `data.sha256` cannot be read.
    pub fn data_origin(&self) -> Result<DataOrigin> {
        let text = read_text(&self.path.join("data.sha256"))?.unwrap_or_default();
        Ok(DataOrigin::from_lines(text.lines().skip(1)))
    }

    /// Reads the outcomes of the jobs for a report, in the order of the plan; `None` for a job that has not begun.
    ///
    /// A job's status is taken from `summary.json`. If that file is missing (the experiment was stopped before its
    /// report) or does not list the job, it is taken from the job's final state; without that, from the records.
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
            // Such as the files that macOS writes beside others.
            let is_hidden = stem.is_some_and(|stem| stem.starts_with('.'));
            if is_csv && !is_hidden && !self.jobs.iter().any(|job| stem == Some(&job.id)) {
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
        // If the state cannot be read, the records are used.
        let weights = self.weights(&job.id);
        let state = state::read(&weights).ok().flatten().map(|state| state.head);
        if let Some(head) = &state
            && !self.checkpoints(&job.id)[0].exists()
        {
            self.check_unaltered(head, &weights, &path, &records)?;
        }
        let state = state.filter(|head| head.records == state::digest(&records));
        let state = state.as_ref();
        let status = listed.map(|listed| &listed.status);
        // Only what the state's digests confirm has a hash.
        let hash = state.and_then(|head| head.hash.as_deref());
        let saved = Saved {
            path: &path,
            records: &records,
            details: details.as_deref(),
            status: status.or(state.map(|head| &head.status)),
            hash,
        };
        S::read(&self.settings, job, saved).map(Some)
    }

    /// Fails if the records of a job that has ended, or the settings, are not those of which `head` has the digests: its
    /// hash would not be theirs. A stopped job has old records beside its checkpoint.
    fn check_unaltered(
        &self,
        head: &state::Head,
        weights: &Path,
        path: &Path,
        records: &[u8],
    ) -> Result<()> {
        if head.is_this_version() && !head.has_settings(&self.settings_digest) {
            let config = self.path.join("config.toml");
            let problem = format!(
                "it was altered: {} was written with other settings; restore it, or begin a new run",
                weights.display()
            );
            return Err(Error::format(&config, problem));
        }
        if head.records != state::digest(records) {
            let problem = format!(
                "it was altered: {} has another SHA-256 of it; restore it, or compute it again: neurogain run --resume {}",
                weights.display(),
                self.path.display()
            );
            return Err(Error::format(path, problem));
        }
        Ok(())
    }

    /// The jobs that `summary.json` lists; empty if there is no summary yet.
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

    /// Writes the files that are computed from the outcomes: the records as NumPy arrays, the system's report, and
    /// `summary.json` last. Each file is replaced atomically.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written, and the errors of the report.
    pub fn report(&self, outcomes: &[Option<S::Outcome>]) -> Result<Report> {
        let place = |(at, outcome): (usize, &Option<S::Outcome>)| match outcome {
            Some(outcome) if self.jobs.get(at).is_none_or(|job| job.id != outcome.id()) => {
                let problem = "expected outcomes in the order of the plan";
                Err(Error::job(outcome.id(), problem))
            }
            _ => Ok(()),
        };
        outcomes.iter().enumerate().try_for_each(place)?;
        let origin = self.data_origin()?;
        let mut report = S::report(&self.settings, outcomes, &origin)?;
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
            if !origin.classes.is_empty() {
                summary.insert("classes".into(), origin.classes.into());
            }
            // The names of all measures, which a run without a complete job has too.
            let measures = S::measures();
            let names: Vec<&str> = measures.iter().map(|measure| measure.name).collect();
            summary.insert("measures".into(), names.into());
            summary.insert("jobs".into(), jobs);
        }
        let summary = format!("{:#}\n", report.summary.json);
        write(self.path.join("summary.json"), summary.as_bytes())?;
        Ok(report)
    }

    /// Writes the report again from configuration, records and details, with the same bytes as before. The directory is
    /// locked meanwhile.
    ///
    /// # Errors
    /// Those of [`Lock::take`], [`load`](Self::load) and [`report`](Self::report).
    pub fn rebuild(&self) -> Result<Report> {
        let lock = Lock::take(&self.path)?;
        let outcomes = self.load()?;
        let report = self.report(&outcomes);
        if all_ended(&self.jobs, &outcomes) {
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

/// A job's entry in `summary.json`.
#[derive(Serialize, Deserialize)]
struct Listed {
    id: String,
    #[serde(flatten)]
    status: Status,
    hash: Option<String>,
}

/// A file's text; `None` if it does not exist.
fn read_text(path: &Path) -> Result<Option<String>> {
    match files::read(path)? {
        None => Ok(None),
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::format(path, "not UTF-8 text")),
        },
    }
}
