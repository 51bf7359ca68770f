//! Analyses that need no run of the user's own: each makes figures, their numbers and a short table.

mod landscape;
mod movement;
mod sensitivity;
mod two_timescale;

use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::report::figure::Drawing;
use crate::run::files::write;
use crate::run::settings::unknown;

/// What an analysis gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The figures.
    pub figures: Vec<Drawing>,
    /// What they show, in a few aligned lines.
    pub table: String,
}

/// Every analysis: its name and what it shows.
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
        "how far the weights themselves move after each switch, in W and in g·W, method by method",
    ),
    (
        "sensitivity",
        "accuracy and stability gap over burst scales and decays, beside SGD's rates (a minute or two)",
    ),
];

/// Does the analysis called `name`, the same bits every time. Networks learn on `backend`, at most `threads` of
/// them side by side.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name, and what the analysis's own computation fails with.
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
    /// Writes each figure to `dir` (which is made if it is not there) as NAME.svg and the numbers behind it
    /// as NAME.csv, in place of files of these names; gives the paths of the figures.
    ///
    /// # Errors
    /// [`Error::File`] where that cannot be done.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(dir).map_err(|e| Error::file(dir, "create", e))?;
        let mut paths = Vec::new();
        for figure in &self.figures {
            let path = dir.join(format!("{}.svg", figure.name));
            write(&path.with_extension("csv"), figure.csv.as_bytes())?;
            write(&path, figure.svg.as_bytes())?;
            paths.push(path);
        }
        Ok(paths)
    }
}
