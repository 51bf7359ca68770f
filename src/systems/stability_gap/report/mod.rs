//! The report of an experiment: tables, figures and page, and a page that compares several experiments.

mod curves;
mod differences;
mod figures;
mod page;
mod published;
pub(super) mod records;
mod summary;
mod table;

use std::path::Path;

use self::figures::Figure;
use self::page::Experiment;
use self::table::incomplete;
use super::{Results, StabilityGap};
use crate::error::{Error, Result};
use crate::report::Measure;
use crate::run::{self, DataOrigin, MethodMeasures, Named, Report};

pub use self::differences::Difference;
pub use self::published::{
    Agreement, Comparison, ComparisonRow, Published, PublishedMethod, PublishedValue, Spread,
    agreement, compare_published, published,
};
pub use self::summary::{
    MethodSummary, PerContext, RunSummary, StabilityGapSummary, summarize_results,
};
pub use self::table::table;

/// The measures of a method, in the order of tables.
pub(super) fn measures() -> Vec<Measure> {
    summary::measures()
}

/// Summarises `results`.
///
/// # Errors
/// Those of [`summarize_results`].
pub(super) fn summary(results: &Results) -> Result<run::ExperimentSummary> {
    summarized(results, &summarize_results(results)?)
}

fn summarized(results: &Results, summary: &StabilityGapSummary) -> Result<run::ExperimentSummary> {
    let methods = summary.methods.iter().map(|method| MethodMeasures {
        method: method.method.clone(),
        label: method.label.clone(),
        conditions: Vec::new(),
        seeds: method.seeds.clone(),
        diverged: method.diverged.clone(),
        measures: method.measures.clone(),
    });
    Ok(run::ExperimentSummary {
        methods: methods.collect(),
        hash: summary.hash.clone(),
        json: serde_json::to_value(summary).map_err(|e| Error::encoding("summary", "JSON", e))?,
        incomplete: incomplete(results),
    })
}

/// Makes the report on `results`.
///
/// # Errors
/// Those of [`summarize_results`], and of drawing.
pub(super) fn report(results: &Results, data: &DataOrigin) -> Result<Report> {
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
    let experiments = [Experiment::new(String::new(), results, data)?];
    let summary = &experiments[0].summary;
    files.push(("report.html".into(), page::page(&experiments)?.into_bytes()));
    Ok(Report {
        table: table::table_of(results, summary),
        summary: summarized(results, summary)?,
        files,
    })
}

/// Makes a page that compares several experiments: the same tables with a column for the name, and the figures side by
/// side on the same axes.
///
/// # Errors
/// Those of [`report`].
pub(super) fn comparison(experiments: &[Named<StabilityGap>]) -> Result<String> {
    let results = experiments.iter();
    let results = results.map(|of| (of, Results::new(&of.settings, &of.outcomes)));
    let results: Vec<(&Named<StabilityGap>, Results)> = results.collect();
    let experiments = results.iter();
    let experiments =
        experiments.map(|(of, results)| Experiment::new(of.name.clone(), results, &of.data));
    page::page(&experiments.collect::<Result<Vec<_>>>()?)
}
