//! The report of a plasticity experiment: tables, figures and page.

mod figures;
mod measures;
mod page;
mod published;
mod summary;

use self::page::Experiment;
use super::{Plasticity, PlasticityRun, PlasticitySettings};
use crate::error::Result;
use crate::report::page as frame;
use crate::report::table::aligned;
use crate::report::{ByMeasure, Measure};
use crate::run::{Compared, DataOrigin, ExperimentSummary, MethodMeasures, Named, Report};

pub use self::summary::{MethodSummary, PlasticitySummary, RunSummary, summarize_plasticity};

/// The measures of a method, in the order of tables.
pub(super) fn measures() -> Vec<Measure> {
    measures::measures()
}

/// Summarises the outcomes of an experiment.
///
/// # Errors
/// Those of [`summarize_plasticity`].
pub(super) fn summary(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
) -> Result<ExperimentSummary> {
    summarized(&summarize_plasticity(settings, outcomes)?)
}

fn summarized(summary: &PlasticitySummary) -> Result<ExperimentSummary> {
    let methods = summary.methods.iter().map(|method| MethodMeasures {
        method: method.method.clone(),
        label: method.label.clone(),
        conditions: Vec::new(),
        seeds: method.seeds.clone(),
        diverged: method.diverged.clone(),
        measures: method.measures.clone(),
        by_seed: by_seed(summary, method),
    });
    Ok(ExperimentSummary {
        methods: methods.collect(),
        hash: summary.hash.clone(),
        json: summary::json(summary)?,
        incomplete: summary.incomplete.clone(),
    })
}

/// The measures of each complete seed of a method.
fn by_seed(summary: &PlasticitySummary, method: &MethodSummary) -> Vec<(u64, ByMeasure<f64>)> {
    let own = summary
        .runs
        .iter()
        .filter(|run| run.method == method.method);
    let own = own.filter(|run| method.seeds.contains(&run.seed));
    own.map(|run| (run.seed, run.measures.clone())).collect()
}

/// The report on the outcomes of an experiment.
///
/// # Errors
/// Those of [`summarize_plasticity`], and of drawing.
pub(super) fn report(
    settings: &PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
    data: &DataOrigin,
) -> Result<Report> {
    let experiments = [experiment("", settings, outcomes, data)?];
    let drawings = page::drawings(&experiments)?;
    let page = page::page(&experiments, &drawings, None)?;
    let files = frame::files(page, drawings);
    let summary = &experiments[0].summary;
    Ok(Report {
        table: table(summary),
        summary: summarized(summary)?,
        files,
    })
}

/// Makes a page that compares several experiments: see [`System::comparison`](crate::run::System::comparison).
///
/// # Errors
/// Those of [`report`].
pub(super) fn comparison(experiments: &[Named<Plasticity>], compared: &Compared) -> Result<String> {
    let experiments = experiments.iter();
    let experiments =
        experiments.map(|of| experiment(&of.name, &of.settings, &of.outcomes, &of.data));
    let experiments = experiments.collect::<Result<Vec<_>>>()?;
    page::page(&experiments, &page::drawings(&experiments)?, Some(compared))
}

fn experiment<'a>(
    name: &'a str,
    settings: &'a PlasticitySettings,
    outcomes: &[Option<PlasticityRun>],
    data: &'a DataOrigin,
) -> Result<Experiment<'a>> {
    Ok(Experiment {
        name,
        settings,
        summary: summarize_plasticity(settings, outcomes)?,
        charts: figures::charts(settings, outcomes),
        classes: &data.classes,
    })
}

/// The table for the terminal: the measures that some method has, mean ± standard deviation over seeds.
fn table(summary: &PlasticitySummary) -> String {
    let mut measures = measures();
    measures.retain(|measure| {
        let mut methods = summary.methods.iter();
        measure.in_table() && methods.any(|of| measure.summary(&of.measures).is_some())
    });
    let mut heading = vec![String::from("method")];
    heading.extend(measures.iter().map(Measure::heading));
    heading.push("seeds".into());
    let mut rows = vec![heading];
    for method in &summary.methods {
        let mut row = vec![method.label.clone()];
        row.extend(measures.iter().map(|of| of.cell(&method.measures)));
        row.push(method.seeds.len().to_string());
        rows.push(row);
    }
    let mut text = aligned(&rows, 1);
    for line in &summary.incomplete {
        text.push_str(&format!("not counted: {line}\n"));
    }
    text
}
