//! The run directory, tables, figures and page of a comodulation experiment.

mod figures;
mod page;
mod store;
mod summary;
mod tables;

use std::path::Path;

pub use store::ComodulationDirectory;
pub use summary::{
    ArmDifference, ArmSummary, ComodulationSummary, Measured, summarise_comodulation,
};
pub use tables::comodulation_table;

use super::files;
use crate::error::{Error, Result};
use crate::experiment::comodulation::{Cell, ComodulationSettings};

/// Writes what follows from the cells that `dir` has: `summary.json`, `measures.csv`, `classes.csv`, the figures and
/// `report.html`, each whole or as it was before; and gives the summary and the cells.
///
/// # Errors
/// [`Error::File`] where a file cannot be read or written.
pub fn finish_comodulation(
    dir: &Path,
    settings: &ComodulationSettings,
) -> Result<(ComodulationSummary, Vec<Cell>)> {
    let store = ComodulationDirectory::open(dir, settings)?;
    let cells = store.cells(settings)?;
    let mut summary = summarise_comodulation(settings, &cells, &store.primary(settings)?);
    summary.incomplete.extend(store.notes());
    let write = |path: &Path, bytes: &[u8]| {
        let next = format!(
            ", then `neurogain report {}` writes the rest",
            dir.display()
        );
        files::write(path, bytes).map_err(|error| error.advised(&next))
    };
    let json = serde_json::to_string_pretty(&summary)
        .map_err(|e| Error::shape("save", "a summary as JSON", e))?;
    write(&dir.join("summary.json"), format!("{json}\n").as_bytes())?;
    let csv = tables::measures_csv(&cells)?;
    write(&dir.join("measures.csv"), csv.as_bytes())?;
    let csv = tables::classes_csv(&cells)?;
    write(&dir.join("classes.csv"), csv.as_bytes())?;
    let drawings = figures::figures(settings, &cells)?;
    let folder = dir.join("figures");
    std::fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, "create", e))?;
    for drawing in &drawings {
        let path = folder.join(format!("{}.svg", drawing.name));
        write(&path, drawing.svg.as_bytes())?;
        let path = folder.join(format!("{}.csv", drawing.name));
        write(&path, drawing.csv.as_bytes())?;
    }
    let page = page::page(settings, &summary, &drawings)?;
    write(&dir.join("report.html"), page.as_bytes())?;
    Ok((summary, cells))
}

/// Writes summary, figures and report of `dir` again, from its configuration and cells: the same bytes as
/// the first time. None if it is no comodulation experiment's.
///
/// # Errors
/// Those of [`finish_comodulation`] and [`ComodulationSettings::from_file`].
pub fn rebuild_comodulation(
    dir: &Path,
) -> Result<Option<(ComodulationSettings, ComodulationSummary)>> {
    let config = dir.join("config.toml");
    let Some(settings) = crate::experiment::comodulation::find(&config.display().to_string())?
    else {
        return Ok(None);
    };
    let (summary, _) = finish_comodulation(dir, &settings)?;
    Ok(Some((settings, summary)))
}
