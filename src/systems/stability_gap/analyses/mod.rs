//! Analyses that need no earlier run: each makes figures, their numbers and a short table.

mod landscape;
mod movement;
mod sensitivity;
mod two_timescale;

use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::report::figure::Drawing;
use crate::run::files::{read, write};
use crate::run::settings::unknown;

/// The result of an analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The figures.
    pub figures: Vec<Drawing>,
    /// A short table of the results, as aligned text.
    pub table: String,
}

/// Every analysis: its name and description.
pub const ANALYSES: &[(&str, &str)] = &[
    (
        "two-timescale",
        "gain modulation as fast and slow weights, in a scalar model (figure 2 of the paper)",
    ),
    (
        "landscape",
        "the loss around the weights, in W and in g·W, and its curvature during a run (under a minute)",
    ),
    (
        "movement",
        "how far the weights W and g·W move after each switch, for each method",
    ),
    (
        "sensitivity",
        "accuracy and stability gap over burst scales and decays, compared with SGD's rates (a minute or two)",
    ),
];

/// Runs the analysis called `name`, with the same bits every time. Networks are trained on `backend`, at most
/// `threads` at the same time.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name, and the errors of the analysis.
pub fn analyse<B: Backend>(name: &str, backend: &B, threads: usize) -> Result<Analysis> {
    match name {
        "two-timescale" => two_timescale::two_timescale(),
        "landscape" => landscape::landscape(backend),
        "movement" => movement::movement(backend),
        "sensitivity" => sensitivity::sensitivity(backend, threads),
        _ => {
            let known: Vec<String> = ANALYSES.iter().map(|(name, _)| name.to_string()).collect();
            Err(unknown("figure", name, &known))
        }
    }
}

impl Analysis {
    /// Writes each figure to `dir` as NAME.svg and its numbers as NAME.csv, replacing existing files; creates `dir` if
    /// needed. Returns the paths of the figures.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written, or is there already and is not such a figure.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(dir).map_err(|e| Error::file(dir, "create", e))?;
        let svg = |figure: &Drawing| dir.join(format!("{}.svg", figure.name));
        for figure in &self.figures {
            // The id of the figure, and the headings of the numbers.
            let id = figure.svg.split_inclusive(' ').take(2).collect::<String>();
            let headings = figure.csv.split_inclusive('\n').next();
            check_own(&svg(figure), &id)?;
            check_own(&svg(figure).with_extension("csv"), headings.unwrap_or(""))?;
        }
        for figure in &self.figures {
            let path = svg(figure);
            write(&path.with_extension("csv"), figure.csv.as_bytes())?;
            write(&path, figure.svg.as_bytes())?;
        }
        Ok(self.figures.iter().map(svg).collect())
    }
}

/// Refuses to replace a file that does not begin as every version of this figure does.
fn check_own(path: &Path, start: &str) -> Result<()> {
    let found = read(path)?;
    if found.is_none_or(|found| found.starts_with(start.as_bytes())) {
        return Ok(());
    }
    let reason = "there is another file of this name, which was not made here; move it, or name another directory with --out";
    Err(Error::file(path, "write", reason))
}
