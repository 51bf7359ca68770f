//! The report of an experiment: tables, figures and page, and a page that compares several experiments.

mod curves;
mod differences;
mod figures;
mod page;
mod published;
pub(super) mod records;
mod summary;
mod table;

use self::page::Experiment;
use self::table::incomplete;
use super::{Results, StabilityGap};
use crate::error::{Error, Result};
use crate::report::page as frame;
use crate::report::{ByMeasure, Measure};
use crate::run::{self, Compared, DataOrigin, MethodMeasures, Named, Report};

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
        by_seed: by_seed(summary, &method.method),
    });
    Ok(run::ExperimentSummary {
        methods: methods.collect(),
        hash: summary.hash.clone(),
        json: serde_json::to_value(summary).map_err(|e| Error::encoding("summary", "JSON", e))?,
        incomplete: incomplete(results),
    })
}

/// The measures of each complete seed of a method.
fn by_seed(summary: &StabilityGapSummary, method: &str) -> Vec<(u64, ByMeasure<f64>)> {
    let own = summary.runs.iter();
    let own = own.filter(|run| run.method == method && run.first_task.is_some());
    own.map(|run| (run.seed, run.measures.clone())).collect()
}

/// Makes the report on `results`.
///
/// # Errors
/// Those of [`summarize_results`], and of drawing.
pub(super) fn report(results: &Results, data: &DataOrigin) -> Result<Report> {
    let experiments = [Experiment::new(String::new(), results, data)?];
    let drawings = page::drawings(&experiments)?;
    let page = page::page(&experiments, &drawings, None)?;
    let files = frame::files(page, drawings);
    let summary = &experiments[0].summary;
    Ok(Report {
        table: table::table_of(results, summary),
        summary: summarized(results, summary)?,
        files,
    })
}

/// Makes a page that compares several experiments: see [`System::comparison`](run::System::comparison).
///
/// # Errors
/// Those of [`report`].
pub(super) fn comparison(
    experiments: &[Named<StabilityGap>],
    compared: &Compared,
) -> Result<String> {
    let results = experiments.iter();
    let results = results.map(|of| (of, Results::new(&of.settings, &of.outcomes)));
    let results: Vec<(&Named<StabilityGap>, Results)> = results.collect();
    let experiments = results.iter();
    let experiments =
        experiments.map(|(of, results)| Experiment::new(of.name.clone(), results, &of.data));
    let experiments = experiments.collect::<Result<Vec<_>>>()?;
    page::page(&experiments, &page::drawings(&experiments)?, Some(compared))
}
