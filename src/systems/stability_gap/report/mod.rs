//! The report on runs of a stream: tables, figures and page, and a page that compares several experiments.

mod curves;
mod differences;
mod figures;
mod page;
mod published;
pub(super) mod records;
pub(crate) mod summary;
pub(crate) mod table;

use std::path::Path;

use self::figures::Figure;
use self::page::Experiment;
use self::table::incomplete;
use super::Results;
use crate::error::{Error, Result};
use crate::run::Report;

pub use self::differences::Difference;
pub use self::published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, PublishedValue, Spread,
    agreement, compare_published, published,
};
pub use self::summary::{MethodSummary, PerContext, RunSummary, Summary, summarise_results};
pub use self::table::table;

/// The report on `results`.
///
/// # Errors
/// Those of [`summarise_results`], and of drawing.
pub fn report(results: &Results) -> Result<Report> {
    let summary = summarise_results(results)?;
    let mut files = Vec::new();
    for kind in Figure::ALL {
        let curves = curves::curves(results, kind.quantity());
        let axis = figures::axis_for(kind, &curves);
        let id = format!("neurogain-{}", kind.name());
        if let Some(svg) = figures::draw(kind, &id, &results.settings, &curves, &axis) {
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
/// Those of [`report`].
pub(super) fn comparison_page(named: &[(String, Results)]) -> Result<String> {
    let experiments = named
        .iter()
        .map(|(name, results)| Experiment::new(name.clone(), results));
    page::page(&experiments.collect::<Result<Vec<_>>>()?)
}
