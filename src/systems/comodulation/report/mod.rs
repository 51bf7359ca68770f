//! The report of a comodulation experiment: tables, figures and page.

mod figures;
mod page;
mod summary;
mod tables;

use std::path::Path;

pub use summary::{ArmDifference, ArmSummary, ComodulationSummary, summarise_comodulation};
pub use tables::comodulation_table;

use crate::error::{Error, Result};
use crate::run::{Report, Status};
use crate::systems::comodulation::{ComodulationSettings, Leg};

/// The report on what the jobs of an experiment have left: `measures.csv`, `classes.csv`, the figures and
/// `report.html`.
///
/// # Errors
/// [`Error::Shape`] for what JSON cannot hold, and those of drawing.
pub fn report(settings: &ComodulationSettings, legs: &[Option<Leg>]) -> Result<Report> {
    let (mut cells, mut primary) = (Vec::new(), Vec::new());
    for leg in legs.iter().flatten() {
        match leg {
            Leg::Arm(cell) => cells.push(cell.clone()),
            Leg::Pretraining(network) if network.status == Status::Complete => {
                primary.push((network.seed, network.epochs, network.accuracies.clone()));
            }
            Leg::Pretraining(_) => {}
        }
    }
    let summary = summarise_comodulation(settings, &cells, &primary);
    let drawings = figures::figures(settings, &cells)?;
    let page = page::page(settings, &summary, &drawings)?;
    let mut files = vec![
        (
            "measures.csv".into(),
            tables::measures_csv(&cells)?.into_bytes(),
        ),
        (
            "classes.csv".into(),
            tables::classes_csv(&cells)?.into_bytes(),
        ),
    ];
    for drawing in drawings {
        let file = |ending| Path::new("figures").join(format!("{}.{ending}", drawing.name));
        files.push((file("svg"), drawing.svg.into_bytes()));
        files.push((file("csv"), drawing.csv.into_bytes()));
    }
    files.push(("report.html".into(), page.into_bytes()));
    Ok(Report {
        table: comodulation_table(&summary),
        summary: serde_json::to_value(&summary)
            .map_err(|e| Error::setting("summary", e, "values that JSON can hold"))?,
        hash: summary.hash.clone(),
        files,
        incomplete: summary.incomplete,
    })
}
