//! The report on runs of a stream: tables, figures and page, and a page that compares several experiments.

use std::path::Path;

use super::figure;
use super::page::{self, Experiment};
use super::summary::summarise_results;
use super::table::{incomplete, table};
use crate::error::{Error, Result};
use crate::experiment::Results;
use crate::run::Report;

/// The report on `results`.
///
/// # Errors
/// Those of [`summarise_results`], and of drawing.
pub fn stability_gap(results: &Results) -> Result<Report> {
    let summary = summarise_results(results)?;
    let mut files = Vec::new();
    for kind in figure::Figure::ALL {
        let curves = figure::curves(results, kind.quantity());
        let axis = figure::axis_for(kind, &curves);
        let id = format!("neurogain-{}", kind.name());
        if let Some(svg) = figure::draw(kind, &id, &results.settings, &curves, &axis) {
            let path = Path::new("figures").join(format!("{}.svg", kind.name()));
            files.push((path, svg.into_bytes()));
        }
    }
    let page = page::page(&[Experiment::new(String::new(), results)?])?;
    files.push(("report.html".into(), page.into_bytes()));
    Ok(Report {
        table: table(results)?,
        hash: summary.hash.clone(),
        summary: serde_json::to_value(&summary)
            .map_err(|e| Error::setting("summary", e, "values that JSON can hold"))?,
        files,
        incomplete: incomplete(results),
    })
}

/// One page on several experiments, each with its name: the same tables with a column for the name, and the figures
/// side by side on the same axes.
///
/// # Errors
/// Those of [`stability_gap`].
pub fn comparison_page(named: &[(String, Results)]) -> Result<String> {
    let experiments = named
        .iter()
        .map(|(name, results)| Experiment::new(name.clone(), results));
    page::page(&experiments.collect::<Result<Vec<_>>>()?)
}
