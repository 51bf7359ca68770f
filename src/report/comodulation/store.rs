//! The run directory of a comodulation experiment: what is written when, and how it is read back.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::experiment::comodulation::{Cell, ComodulationSettings, Pretrained, Store};
use crate::report::state::{self, PRETRAINING, digest, pretrained_to_bytes};
use crate::report::{directory, files};
use crate::state::Checkpoint;

/// The accuracies on the primary tasks, among the numbers of a checkpoint.
const ACCURACIES: &str = "accuracies";

/// A run directory.
///
/// | file | holds |
/// | --- | --- |
/// | `config.toml` | the resolved settings |
/// | `data.sha256` | a digest of the samples |
/// | `pretrained/EPOCHS-SEED.safetensors` | a network that arms start from, with its optimiser's state |
/// | `checkpoints/SEED.safetensors` | the network behind the last epoch, until the last arm has ended |
/// | `cells/ARM-EPOCHS-SEED.json` | an arm: every batch's loss, every task's measures, gains, couplings |
///
/// and what follows from these: `summary.json`, `measures.csv`, `classes.csv`, `figures/`, `report.html`.
#[derive(Debug)]
pub struct ComodulationDirectory {
    dir: PathBuf,
    settings: String,
    /// Epochs behind which arms start, ascending.
    epochs: Vec<usize>,
    notes: Mutex<Vec<String>>,
}

/// A cell as its file has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the settings' TOML.
    settings: String,
    /// SHA-256 of the cell's JSON.
    sha256: String,
    cell: Box<serde_json::value::RawValue>,
}

impl ComodulationDirectory {
    /// Makes the directory `dir`, with those above it, and writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::File`] where `dir` exists or cannot be made, [`Error::Setting`] for settings that
    /// [`ComodulationSettings::validate`] refuses.
    pub fn create(dir: &Path, settings: &ComodulationSettings) -> Result<Self> {
        let config = settings.to_toml()?;
        directory::begin(dir, &config, &["pretrained", "cells", "figures"])?;
        Self::open(dir, settings)
    }

    /// A directory that was made before, with these settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that [`ComodulationSettings::validate`] refuses.
    pub fn open(dir: &Path, settings: &ComodulationSettings) -> Result<Self> {
        Ok(ComodulationDirectory {
            dir: dir.into(),
            settings: digest(settings.to_toml()?.as_bytes()),
            epochs: settings.pretraining.epochs.clone(),
            notes: Mutex::new(Vec::new()),
        })
    }

    /// What was damaged, and was done again, since the last call.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// Every cell that has ended, in the order of the settings.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read.
    pub fn cells(&self, settings: &ComodulationSettings) -> Result<Vec<Cell>> {
        let mut cells = Vec::new();
        for arm in &settings.arms {
            for &epochs in &settings.pretraining.epochs {
                for &seed in &settings.training.seeds {
                    cells.extend(self.cell(&arm.name, seed, epochs)?);
                }
            }
        }
        Ok(cells)
    }

    /// The accuracy on each primary task of the networks that arms start from: seed, epochs, accuracies.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read.
    pub fn primary(&self, settings: &ComodulationSettings) -> Result<Vec<(u64, usize, Vec<f64>)>> {
        let mut found = Vec::new();
        for &epochs in &settings.pretraining.epochs {
            for &seed in &settings.training.seeds {
                if let Some(network) = self.network(seed, epochs)? {
                    found.push((seed, epochs, network.accuracies));
                }
            }
        }
        Ok(found)
    }

    fn network_file(&self, seed: u64, epochs: usize) -> PathBuf {
        let name = format!("{epochs}-{seed}.safetensors");
        self.dir.join("pretrained").join(name)
    }

    fn checkpoint(&self, seed: u64) -> PathBuf {
        let name = format!("{seed}.safetensors");
        self.dir.join("checkpoints").join(name)
    }

    fn cell_file(&self, arm: &str, seed: u64, epochs: usize) -> PathBuf {
        let name = format!("{arm}-{epochs}-{seed}.json");
        self.dir.join("cells").join(name)
    }

    fn note(&self, error: Error) {
        let mut notes = self.notes.lock().unwrap_or_else(|e| e.into_inner());
        notes.push(error.to_string());
    }

    /// The network that arms start from behind so many epochs; none, with a note, if it is damaged.
    fn network(&self, seed: u64, epochs: usize) -> Result<Option<Pretrained>> {
        let path = self.network_file(seed, epochs);
        let Some(found) = self.read(&path, seed)? else {
            return Ok(None);
        };
        if found.epochs != epochs {
            let problem = format!("is damaged: it is behind {} epochs", found.epochs);
            self.note(Error::format(&path, problem));
            return Ok(None);
        }
        Ok(Some(found))
    }

    /// The network in a file; none, with a note, if it is damaged.
    fn read(&self, path: &Path, seed: u64) -> Result<Option<Pretrained>> {
        let state = match state::read(path) {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(None),
            Err(error @ Error::Format { .. }) => {
                self.note(error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        state::belongs(path, &state.head, &self.settings, (PRETRAINING, seed))?;
        let mut checkpoint = state.checkpoint;
        let mut numbers = checkpoint.numbers.iter();
        let place = numbers.position(|(name, _)| name == ACCURACIES);
        let accuracies = place.map(|place| checkpoint.numbers.remove(place).1);
        Ok(Some(Pretrained {
            seed,
            epochs: state.head.iterations,
            accuracies: accuracies.unwrap_or_default(),
            state: checkpoint,
        }))
    }
}

impl Store for ComodulationDirectory {
    /// The checkpoint, or the last network that arms start from; where one of these is missing or damaged, the
    /// one before it, so that it is trained again.
    fn last_pretrained(&self, seed: u64) -> Result<Option<Pretrained>> {
        let last = self.read(&self.checkpoint(seed), seed)?;
        let mut whole: Option<Pretrained> = None;
        for &epochs in &self.epochs {
            match self.network(seed, epochs)? {
                Some(network) => whole = Some(network),
                None => {
                    let lacks = |last: &Pretrained| last.epochs >= epochs;
                    return Ok(match last {
                        Some(last) if !lacks(&last) => Some(last),
                        _ => whole,
                    });
                }
            }
        }
        Ok(whole)
    }

    fn pretrained(&self, seed: u64, epochs: usize) -> Result<Checkpoint> {
        let found = self.network(seed, epochs)?;
        found.map(|found| found.state).ok_or_else(|| {
            let path = self.network_file(seed, epochs);
            let dir = self.dir.display();
            let remedy = format!("`neurogain run --resume {dir}` trains that network again");
            Error::format(&path, format!("is damaged or missing; {remedy}"))
        })
    }

    fn keep_pretrained(&self, pretrained: &Pretrained, arms_start: bool) -> Result<()> {
        let Pretrained { seed, epochs, .. } = *pretrained;
        let mut state = pretrained.state.clone();
        let accuracies = (ACCURACIES.into(), pretrained.accuracies.clone());
        state.numbers.push(accuracies);
        let bytes = pretrained_to_bytes(&self.settings, (seed, epochs), &state)?;
        let written = match arms_start {
            true => files::write(&self.network_file(seed, epochs), &bytes),
            false => Ok(()),
        };
        written
            .and_then(|()| files::write(&self.checkpoint(seed), &bytes))
            .map_err(|error| state::goes_on_after(error, &self.dir))
    }

    fn cell(&self, arm: &str, seed: u64, epochs: usize) -> Result<Option<Cell>> {
        let path = self.cell_file(arm, seed, epochs);
        let Some(bytes) = files::read(&path)? else {
            return Ok(None);
        };
        let damaged = |what: &str| Error::format(&path, format!("is damaged: {what}"));
        let read = || -> Result<Cell> {
            let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
            if digest(kept.cell.get().as_bytes()) != kept.sha256 {
                return Err(damaged("its SHA-256 is another"));
            }
            if kept.settings != self.settings {
                return Err(damaged("it is of other settings than config.toml"));
            }
            let cell: Cell =
                serde_json::from_str(kept.cell.get()).map_err(|e| damaged(&e.to_string()))?;
            match (cell.arm.as_str(), cell.seed, cell.epochs) == (arm, seed, epochs) {
                true => Ok(cell),
                false => Err(damaged("it is of another arm, seed or number of epochs")),
            }
        };
        match read() {
            Ok(cell) => Ok(Some(cell)),
            Err(error) => {
                self.note(error);
                Ok(None)
            }
        }
    }

    fn keep_cell(&self, cell: &Cell) -> Result<()> {
        let failed = |e: serde_json::Error| Error::shape("save", "a cell as JSON", e);
        let text = serde_json::to_string(cell).map_err(failed)?;
        let kept = Kept {
            settings: self.settings.clone(),
            sha256: digest(text.as_bytes()),
            cell: serde_json::value::RawValue::from_string(text).map_err(failed)?,
        };
        let text = serde_json::to_string(&kept).map_err(failed)?;
        let path = self.cell_file(&cell.arm, cell.seed, cell.epochs);
        files::write(&path, text.as_bytes()).map_err(|error| state::goes_on_after(error, &self.dir))
    }
}
