//! The report of a comodulation experiment: tables, figures and page.

mod figures;
mod page;
mod summary;
mod tables;

pub use summary::{ComodulationSummary, MethodDifference, MethodSummary, summarize_comodulation};
pub use tables::comodulation_table;

use self::page::Experiment;
use super::{AdaptationRun, Comodulation, ComodulationRun, ComodulationSettings, PretrainingRun};
use crate::error::{Error, Result};
use crate::report::Measure;
use crate::report::page as frame;
use crate::run::{self, Compared, DataOrigin, MethodMeasures, Named, Report};

/// Every measure, in the order of tables.
pub(super) fn measures() -> Vec<Measure> {
    summary::measures()
}

/// Summarises the outcomes of an experiment.
///
/// # Errors
/// [`Error::Encoding`] for values that JSON cannot represent.
pub(super) fn summary(
    settings: &ComodulationSettings,
    outcomes: &[Option<ComodulationRun>],
) -> Result<run::ExperimentSummary> {
    let (runs, prepared) = split(outcomes);
    summarised(&summarize_comodulation(settings, &runs, &prepared))
}

/// The report on the outcomes of an experiment: `measures.csv`, `classes.csv`, the figures and `report.html`.
///
/// # Errors
/// [`Error::Encoding`] for values that JSON cannot represent, and those of drawing.
pub(super) fn report(
    settings: &ComodulationSettings,
    outcomes: &[Option<ComodulationRun>],
    data: &DataOrigin,
) -> Result<Report> {
    let (runs, prepared) = split(outcomes);
    let experiment = experiment("", settings, &runs, &prepared, data)?;
    let mut files = vec![
        (
            "measures.csv".into(),
            tables::measures_csv(&runs)?.into_bytes(),
        ),
        (
            "classes.csv".into(),
            tables::classes_csv(&runs)?.into_bytes(),
        ),
    ];
    let summary = summarised(&experiment.summary)?;
    let table = comodulation_table(&experiment.summary);
    let experiments = [experiment];
    let drawings = page::drawings(&experiments)?;
    let page = page::page(&experiments, &drawings, None)?;
    files.extend(frame::files(page, drawings));
    Ok(Report {
        table,
        summary,
        files,
    })
}

/// Makes a page that compares several experiments: see [`System::comparison`](crate::run::System::comparison).
///
/// # Errors
/// Those of [`report`].
pub(super) fn comparison(
    experiments: &[Named<Comodulation>],
    compared: &Compared,
) -> Result<String> {
    let experiments = experiments.iter();
    let experiments = experiments.map(|of| {
        let (runs, prepared) = split(&of.outcomes);
        experiment(&of.name, &of.settings, &runs, &prepared, &of.data)
    });
    let experiments = experiments.collect::<Result<Vec<_>>>()?;
    page::page(&experiments, &page::drawings(&experiments)?, Some(compared))
}

/// The content of the page about an experiment.
fn experiment<'a>(
    name: &'a str,
    settings: &'a ComodulationSettings,
    runs: &[AdaptationRun],
    prepared: &[&PretrainingRun],
    data: &'a DataOrigin,
) -> Result<Experiment<'a>> {
    Ok(Experiment {
        name,
        settings,
        summary: summarize_comodulation(settings, runs, prepared),
        charts: figures::charts(settings, runs),
        reliability: figures::reliability(settings, runs)?,
        classes: &data.classes,
    })
}

/// Splits the outcomes into adaptation runs and those that prepare them.
fn split(outcomes: &[Option<ComodulationRun>]) -> (Vec<AdaptationRun>, Vec<&PretrainingRun>) {
    let (mut runs, mut prepared) = (Vec::new(), Vec::new());
    for outcome in outcomes.iter().flatten() {
        match outcome {
            ComodulationRun::Adaptation(run) => runs.push(run.clone()),
            ComodulationRun::Pretraining(network) => prepared.push(network),
        }
    }
    (runs, prepared)
}

fn summarised(summary: &ComodulationSummary) -> Result<run::ExperimentSummary> {
    let methods = summary.methods.iter().map(|method| MethodMeasures {
        method: method.method.clone(),
        label: method.label.clone(),
        conditions: method.condition.named(),
        seeds: method.seeds.clone(),
        diverged: method.diverged.clone(),
        measures: method.measures.clone(),
        by_seed: method.by_seed.clone(),
    });
    Ok(run::ExperimentSummary {
        methods: methods.collect(),
        hash: summary.hash.clone(),
        json: serde_json::to_value(summary).map_err(|e| Error::encoding("summary", "JSON", e))?,
        incomplete: summary.incomplete.clone(),
    })
}
