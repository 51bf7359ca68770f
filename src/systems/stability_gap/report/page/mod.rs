//! The report as one self-contained HTML page.

mod every_task;
mod tables;
mod text;

use maud::{Markup, html};

use super::figures;
use super::published::{self, Comparison};
use super::summary::{StabilityGapSummary, summarize_results};
use super::table::{incomplete, observations};
use crate::error::Result;
use crate::report::figure::{Chart, Drawing, overlaid};
use crate::report::page as frame;
use crate::run::settings::{Common, Document};
use crate::run::{Compared, DataOrigin};
use crate::systems::stability_gap::{Results, Settings};

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// Its name on a page of several experiments.
    pub(super) name: String,
    pub(super) results: &'a Results,
    pub(super) summary: StabilityGapSummary,
    charts: Vec<Chart>,
    comparison: Comparison,
    classes: &'a [String],
}

impl<'a> Experiment<'a> {
    /// Measures `results`.
    ///
    /// # Errors
    /// Those of [`summarize_results`].
    pub(super) fn new(name: String, results: &'a Results, data: &'a DataOrigin) -> Result<Self> {
        let summary = summarize_results(results)?;
        let published = published::published(&results.settings.name)?;
        let comparison =
            published::compare_published(&results.settings, &summary, published.as_ref(), data);
        Ok(Experiment {
            name,
            results,
            summary,
            charts: figures::charts(results),
            comparison,
            classes: &data.classes,
        })
    }

    /// Its name, on a page of several experiments.
    fn prefix(&self, several: bool) -> Option<&str> {
        several.then_some(self.name.as_str())
    }

    fn settings(&self) -> &Settings {
        &self.results.settings
    }
}

/// The page of one experiment, or a comparison of several.
///
/// # Errors
/// Those of drawing, and [`crate::Error::Setting`] if TOML cannot represent the settings.
pub(super) fn page(
    experiments: &[Experiment],
    drawings: &[Drawing],
    compared: Option<&Compared>,
) -> Result<String> {
    let common = experiments.iter().map(|of| of.settings().common());
    let common: Vec<Common> = common.collect();
    let several = experiments.len() > 1;
    let changes = experiments.iter().map(|of| of.settings().changes());
    let changes = changes.map(|of| Ok(of?.unwrap_or_default()));
    let header = html! {
        (frame::descriptions(&common))
        (frame::changes(&changes.collect::<Result<Vec<_>>>()?))
    };
    let results = html! {
        (tables::results(experiments))
        (tables::differences(experiments))
        (tables::gains(experiments))
        (reading(experiments))
    };
    let figures = html! {
        @if drawings.is_empty() { p { "No run is complete, so there are no curves." } }
        @else { (frame::figures(drawings)) }
    };
    let switches = html! {
        @if tables::switches(experiments) > 0 {
            (tables::gaps(experiments))
            (tables::seed_averaged(experiments))
            (tables::recovery(experiments))
        }
    };
    let published = html! {
        @for (index, experiment) in experiments.iter().enumerate() {
            (tables::comparison(experiment, several.then_some(index + 1)))
        }
    };
    let settings = html! {
        @for experiment in experiments {
            @let text = experiment.settings().to_toml()?;
            @let hash = experiment.summary.hash.as_ref();
            (frame::configuration(experiment.prefix(several), &text, experiment.classes, hash))
        }
    };
    let sections = html! {
        (frame::notices(
            "Runs that are not complete; the means are over the others",
            experiments.iter().map(|of| (of.prefix(several), incomplete(of.results))),
        ))
        @if let Some(compared) = compared { (compared.section()) }
        (frame::section("results", "Results", results))
        (frame::section("figures", "Figures", figures))
        (frame::section("switches", "After each switch", switches))
        @if every_task::is_there(experiments) {
            (frame::section("every-task", "Every task", every_task::every_task(experiments)))
        }
        (frame::section("published", "Comparison with published results", published))
        (text::definitions())
        (frame::section("settings", "Settings", settings))
        (frame::reproduce(experiments.len()))
        (frame::cite(&PAPER))
    };
    Ok(frame::page(&frame::heading(&common), header, sections))
}

const PAPER: frame::Paper = frame::Paper {
    of: "Gain modulation, the stability-gap experiments and their measures",
    authors: Some("A. Rodriguez-Garcia, A. Ghosh, S. Ramaswamy"),
    title: "Noradrenergic-inspired gain modulation attenuates the stability gap in joint training",
    arxiv: "2507.14056",
    year: 2025,
};

fn reading(experiments: &[Experiment]) -> Markup {
    html! {
        @for experiment in experiments {
            @let sentences = observations(experiment.settings(), &experiment.summary);
            @if !sentences.is_empty() {
                @if experiments.len() > 1 { h3 { (experiment.name) } }
                @for sentence in sentences { p { (sentence) } }
            }
        }
    }
}

/// The figures: of one experiment, or those of several overlaid, and the accuracy matrices of each.
///
/// # Errors
/// Those of drawing.
pub(super) fn drawings(experiments: &[Experiment]) -> Result<Vec<Drawing>> {
    let charts = experiments
        .iter()
        .map(|of| (of.name.as_str(), &of.charts[..]));
    let charts = overlaid(&charts.collect::<Vec<_>>());
    let mut drawings: Vec<Drawing> = charts.iter().map(Chart::picture).collect();
    let range = figures::accuracy_range(experiments.iter().map(|of| &of.summary));
    for (place, of) in (1..).zip(experiments) {
        let matrices = figures::accuracy_matrices(&of.summary, &of.settings().title, range);
        let Some(drawing) = matrices.map(|of| of.draw()).transpose()? else {
            continue;
        };
        drawings.push(match experiments.len() {
            1 => drawing,
            _ => {
                let name = format!("{}-{place}", drawing.name);
                let title = format!("{}: {}", of.name, drawing.title);
                drawing.renamed(name, title)
            }
        });
    }
    Ok(drawings)
}
