//! The directory of a sweep: a run directory for each cell, and the collected results.
//!
//! | file | holds |
//! | --- | --- |
//! | `sweep.toml` | the resolved sweep: the base's settings and the grid |
//! | `cells/NNN/` | the run directory of cell NNN, a [`RunDirectory`] |
//! | `sweep.csv` | a row for each cell and method: the grid's values, numbers of complete and diverged seeds, measures, hash |
//! | `sweep.json` | the same, with the full summary of each cell |
//! | `sweep.svg` | measures against the setting, for sweeps over one or two settings |
//! | `sweep.html` | the page: figure, best cells, methods by cells, differences |
//!
//! A process that is killed can leave `NAME.PID.partial`, which no other process uses or removes.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Cell, Sweep, SweepSource, chart, page, table};
use crate::error::{Error, Result};
use crate::run::files::{damaged, write, write_new};
use crate::run::missing::check_sweep_directory;
use crate::run::settings::{Document, signed};
use crate::run::{ExperimentSummary, Lock, Named, System, all_ended};

/// The result of [`collect_sweep`].
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// The measures of every cell and method as aligned text.
    pub table: String,
    /// The figure, if this sweep can be drawn.
    pub figure: Option<PathBuf>,
    /// The page with a table of methods by cells for every measure.
    pub page: PathBuf,
    /// A line for each job that has not ended, and for each cell that is missing or unreadable.
    pub incomplete: Vec<String>,
    /// A line for each job that diverged, of the cells whose jobs have all ended. It would diverge again.
    pub diverged: Vec<String>,
}

/// Creates the directory `dir` of `sweep`, with its parents. A directory that already holds an equal sweep is left
/// unchanged, so that the sweep continues there. Several processes can do so at once.
///
/// # Errors
/// [`Error::File`] if `dir` cannot be created, holds another sweep, or holds something else.
pub fn begin_sweep<D: Document + PartialEq>(dir: &Path, sweep: &Sweep<D>) -> Result<()> {
    let file = dir.join("sweep.toml");
    let text = signed(&sweep.to_toml()?);
    fs::create_dir_all(dir).map_err(|e| Error::file(dir, "create", e))?;
    // Another process may create the file after the look into the directory.
    if !file.exists() && holds_other_files(dir)? && !file.exists() {
        let reason = "it exists already and holds no sweep; name a new directory with --out";
        return Err(Error::file(dir, "create", reason));
    }
    if (file.exists() || !write_new(&file, text.as_bytes())?)
        && !open_sweep::<D>(dir)?.has_the_cells_of(sweep)
    {
        let reason = "it holds another sweep; name a new directory with --out";
        return Err(Error::file(dir, "create", reason));
    }
    let cells = dir.join("cells");
    if cells.is_symlink() {
        let problem = "is a link; the directory of a sweep must have its own folder";
        return Err(Error::format(&cells, problem));
    }
    fs::create_dir_all(&cells).map_err(|e| Error::file(&cells, "create", e))
}

/// Whether `dir` holds anything but partial files of `sweep.toml`.
fn holds_other_files(dir: &Path) -> Result<bool> {
    let entries = fs::read_dir(dir).map_err(|e| Error::file(dir, "read", e))?;
    for entry in entries {
        let name = entry.map_err(|e| Error::file(dir, "read", e))?.file_name();
        if !name.to_string_lossy().starts_with("sweep.toml.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The run directory of `cell` in the sweep directory `dir`.
pub fn cell_directory<D>(dir: &Path, cell: &Cell<D>) -> PathBuf {
    dir.join("cells").join(format!("{:03}", cell.number))
}

/// Opens the sweep in the directory `dir`.
///
/// # Errors
/// [`Error::Format`] if its `sweep.toml` is damaged, [`Error::File`] if that file is missing or cannot be read.
fn open_sweep<D: Document>(dir: &Path) -> Result<Sweep<D>> {
    check_sweep_directory(dir)?;
    let source = SweepSource::from_file(&dir.join("sweep.toml"));
    source
        .and_then(|source| Sweep::read(&source))
        .map_err(damaged)
}

/// Whether `cell` has ended: all its jobs are complete or have diverged (they would diverge again), and its summary
/// is written.
pub fn cell_has_ended<S: System>(dir: &Path, cell: &Cell<S::Settings>) -> bool {
    let finished = cell_directory(dir, cell).join("summary.json").exists();
    let ended = |found: Named<S>| all_ended(&S::jobs(&found.settings), &found.outcomes);
    finished && read::<S>(dir, cell).is_ok_and(ended)
}

/// Collects the results of the sweep in `dir` into `sweep.csv`, `sweep.json`, `sweep.html` and, if it can be drawn,
/// `sweep.svg`. Cells that are missing, unfinished or unreadable have rows too, without measures.
///
/// # Errors
/// [`Error::Format`] if the directory's `sweep.toml` is damaged, [`Error::File`] if it cannot be read or the files
/// cannot be written.
pub fn collect_sweep<S: System>(dir: &Path) -> Result<Collected> {
    let sweep = open_sweep::<S::Settings>(dir)?;
    let lock = Lock::take(dir)?;
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
    let drawn = chart::chart::<S>(&sweep, &measures, &gathered);
    let drawn = drawn.map(|chart| chart.draw()).transpose()?;
    let svg = drawn.as_ref().map(|drawn| drawn.svg.as_str());
    let figure = match svg {
        Some(svg) => {
            let path = dir.join("sweep.svg");
            write(&path, svg.as_bytes())?;
            Some(path)
        }
        None => None,
    };
    let page = dir.join("sweep.html");
    let text = page::as_page::<S>(&sweep, &measures, &gathered, drawn.as_ref());
    write(&page, text.as_bytes())?;
    let (mut incomplete, mut diverged) = (Vec::new(), Vec::new());
    for gathered in &gathered {
        let cell = gathered.cell;
        let name = format!("cell {} ({})", cell.number, sweep.label(cell));
        let error = gathered.error.as_ref();
        let error = error.map_or(String::new(), |error| format!(": {error}"));
        let problems = gathered.problems.iter();
        let lines = problems.map(|problem| format!("{name}: {problem}{error}"));
        match gathered.has_ended {
            true => diverged.extend(lines),
            false => incomplete.extend(lines),
        }
    }
    lock.finish()?;
    Ok(Collected {
        table: table::as_table::<S>(&sweep, &measures, &gathered),
        figure,
        page,
        incomplete,
        diverged,
    })
}

/// One cell with its results.
pub(super) struct Gathered<'a, D> {
    pub(super) cell: &'a Cell<D>,
    /// Without measures if the cell is missing or unreadable.
    pub(super) summary: ExperimentSummary,
    /// Whether results could be read.
    pub(super) is_there: bool,
    /// Whether all its jobs are complete or have diverged.
    has_ended: bool,
    /// The problems to report, a line each.
    pub(super) problems: Vec<String>,
    /// Why the cell cannot be read. Not written to files, as it contains a path.
    error: Option<Error>,
}

impl<'a, D: Document> Gathered<'a, D> {
    fn new<S: System<Settings = D>>(dir: &Path, cell: &'a Cell<D>) -> Result<Self> {
        let found = read::<S>(dir, cell);
        let has_ended =
            matches!(&found, Ok(found) if all_ended(&S::jobs(&found.settings), &found.outcomes));
        let found = found.and_then(|found| S::summary(&found.settings, &found.outcomes));
        let nothing = || S::summary(&cell.settings, &vec![None; S::jobs(&cell.settings).len()]);
        let (summary, problem, error) = match found {
            Ok(summary) => (summary, None, None),
            Err(_) if !cell_directory(dir, cell).exists() => (nothing()?, Some("not begun"), None),
            Err(error) => (nothing()?, Some("unreadable"), Some(error)),
        };
        Ok(Gathered {
            cell,
            is_there: problem.is_none(),
            has_ended,
            problems: match problem {
                Some(problem) => vec![problem.into()],
                None => summary.incomplete.clone(),
            },
            summary,
            error,
        })
    }
}

/// The outcomes of `cell`, whose directory must have the cell's settings.
fn read<S: System>(dir: &Path, cell: &Cell<S::Settings>) -> Result<Named<S>> {
    let dir = cell_directory(dir, cell);
    let found = Named::<S>::read(&dir)?;
    if !S::is_resolved(&found.settings, &cell.settings) {
        let config = dir.join("config.toml");
        return Err(Error::format(
            &config,
            "its settings are not those of this cell",
        ));
    }
    Ok(found)
}
