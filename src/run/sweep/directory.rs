//! The directory of a sweep: a run directory for each cell, and what is gathered from them.
//!
//! | file | holds |
//! | --- | --- |
//! | `sweep.toml` | the resolved sweep: the base's settings and the grid |
//! | `cells/NNN/` | the run directory of cell NNN, a [`RunDirectory`] |
//! | `sweep.csv` | a row a cell and method: the grid's values, measures, seeds, hash |
//! | `sweep.json` | the same, with the whole summary of each cell |
//! | `sweep.svg` | measures against the setting, for sweeps through one or two settings of numbers |

use std::fs;
use std::path::{Path, PathBuf};

use super::{Cell, Sweep, SweepSource, chart, table};
use crate::error::{Error, Result};
use crate::run::files::{damaged, write};
use crate::run::settings::Document;
use crate::run::{RunDirectory, Summary, System, all_ended};

/// What [`collect_sweep`] has gathered.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// The measures of every cell and method as aligned text.
    pub table: String,
    /// The figure, if this is a sweep that can be drawn.
    pub figure: Option<PathBuf>,
    /// A line for each run that is not complete, and for each cell that is missing or cannot be read.
    pub incomplete: Vec<String>,
}

/// Makes the directory `dir` of `sweep`, with the directories above it; one that already holds an equal
/// sweep is left as it is, so that the sweep goes on there.
///
/// # Errors
/// [`Error::File`] where `dir` cannot be made, holds another sweep, or holds something else.
pub fn begin_sweep<D: Document + PartialEq>(dir: &Path, sweep: &Sweep<D>) -> Result<()> {
    let file = dir.join("sweep.toml");
    if file.exists() {
        if open_sweep::<D>(dir)? != *sweep {
            let reason = "it holds another sweep; name a directory that does not exist";
            return Err(Error::file(dir, "create", reason));
        }
        return Ok(());
    }
    let text = sweep.to_toml()?;
    let begun = || -> Result<bool> {
        let mut entries = fs::read_dir(dir).map_err(|e| Error::file(dir, "read", e))?;
        Ok(entries.next().is_some())
    };
    if dir.exists() && begun()? {
        let reason = "it exists already and holds no sweep; name a directory that does not";
        return Err(Error::file(dir, "create", reason));
    }
    let cells = dir.join("cells");
    fs::create_dir_all(&cells).map_err(|e| Error::file(&cells, "create", e))?;
    write(&file, text.as_bytes())
}

/// The run directory of `cell` in the sweep directory `dir`.
pub fn cell_directory<D>(dir: &Path, cell: &Cell<D>) -> PathBuf {
    dir.join("cells").join(format!("{:03}", cell.number))
}

/// The sweep of the directory `dir`.
///
/// # Errors
/// [`Error::Format`] where its `sweep.toml` is damaged, [`Error::File`] where it cannot be read.
fn open_sweep<D: Document>(dir: &Path) -> Result<Sweep<D>> {
    let source = SweepSource::from_file(&dir.join("sweep.toml"));
    source
        .and_then(|source| Sweep::read(&source))
        .map_err(damaged)
}

/// Whether nothing is left to do for `cell`: all its jobs are complete or have diverged, as they would
/// again, and its summary is written.
pub fn cell_has_ended<S: System>(dir: &Path, cell: &Cell<S::Settings>) -> bool {
    let finished = cell_directory(dir, cell).join("summary.json").exists();
    finished && read::<S>(dir, cell).is_ok_and(|outcomes| all_ended(&outcomes))
}

/// Gathers the cells of the sweep in `dir` into `sweep.csv` and `sweep.json`. Cells that are missing,
/// unfinished or unreadable have rows there too, without measures.
///
/// # Errors
/// [`Error::Format`] where the directory's `sweep.toml` is damaged, [`Error::File`] where it cannot be read or
/// the files cannot be written.
pub fn collect_sweep<S: System>(dir: &Path) -> Result<Collected> {
    let sweep = open_sweep::<S::Settings>(dir)?;
    let cells = sweep.cells().iter();
    let gathered = cells.map(|cell| Gathered::new::<S>(dir, cell));
    let gathered = gathered.collect::<Result<Vec<_>>>()?;
    let measures = S::measures();
    write(
        &dir.join("sweep.csv"),
        table::as_csv(&sweep, &measures, &gathered)?.as_bytes(),
    )?;
    let json = format!("{:#}\n", table::as_json(&sweep, &gathered));
    write(&dir.join("sweep.json"), json.as_bytes())?;
    let figure = match chart::chart::<S>(&sweep, &measures, &gathered) {
        Some(chart) => {
            let path = dir.join("sweep.svg");
            write(&path, chart.draw()?.svg.as_bytes())?;
            Some(path)
        }
        None => None,
    };
    let named = gathered.iter().flat_map(|gathered| {
        let cell = gathered.cell;
        let name = format!("cell {} ({})", cell.number, sweep.label(cell));
        let error = gathered.error.as_ref();
        let error = error.map_or(String::new(), |error| format!(": {error}"));
        let problems = gathered.problems.iter();
        problems.map(move |problem| format!("{name}: {problem}{error}"))
    });
    Ok(Collected {
        table: table::as_table::<S>(&sweep, &measures, &gathered),
        figure,
        incomplete: named.collect(),
    })
}

/// One cell, and what it comes to.
pub(super) struct Gathered<'a, D> {
    pub(super) cell: &'a Cell<D>,
    /// Without measures where the cell is missing or cannot be read.
    pub(super) summary: Summary,
    /// Whether there is anything.
    pub(super) is_there: bool,
    /// What is missing.
    pub(super) problems: Vec<String>,
    /// Why the cell cannot be read; it names a path, which no file is to hold.
    error: Option<Error>,
}

impl<'a, D: Document> Gathered<'a, D> {
    fn new<S: System<Settings = D>>(dir: &Path, cell: &'a Cell<D>) -> Result<Self> {
        let found = read::<S>(dir, cell).and_then(|outcomes| S::summary(&cell.settings, &outcomes));
        let nothing = || S::summary(&cell.settings, &vec![None; S::jobs(&cell.settings).len()]);
        let (summary, problem, error) = match found {
            Ok(summary) => (summary, None, None),
            Err(_) if !cell_directory(dir, cell).exists() => (nothing()?, Some("not begun"), None),
            Err(error) => (nothing()?, Some("unreadable"), Some(error)),
        };
        Ok(Gathered {
            cell,
            is_there: problem.is_none(),
            problems: match problem {
                Some(problem) => vec![problem.into()],
                None => summary.incomplete.clone(),
            },
            summary,
            error,
        })
    }
}

/// The outcomes of `cell`, which are those of its settings.
fn read<S: System>(dir: &Path, cell: &Cell<S::Settings>) -> Result<Vec<Option<S::Outcome>>> {
    let dir = cell_directory(dir, cell);
    let directory = RunDirectory::<S>::open(&dir)?;
    if *directory.settings() != cell.settings {
        let config = dir.join("config.toml");
        return Err(Error::format(&config, "not the settings of this cell"));
    }
    directory.load()
}
