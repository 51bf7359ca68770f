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
use crate::run::files::write;
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
    /// [`Error::File`] if a file cannot be written.
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
