//! The report as one self-contained HTML page.

mod every_task;
mod tables;
mod text;

use maud::{Markup, html};

use super::curves::curves;
use super::figures::{self, Figure};
use super::published::{self, Comparison};
use super::summary::{StabilityGapSummary, summarize_results};
use super::table::{incomplete, observations};
use crate::error::Result;
use crate::report::figure::Curve;
use crate::report::page as frame;
use crate::run::DataOrigin;
use crate::run::settings::{Common, Document};
use crate::systems::stability_gap::{Results, Settings};

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// Its name on a page of several experiments.
    pub(super) name: String,
    pub(super) results: &'a Results,
    pub(super) summary: StabilityGapSummary,
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
pub(super) fn page(experiments: &[Experiment]) -> Result<String> {
    let common = experiments.iter().map(|of| of.settings().common());
    let common: Vec<Common> = common.collect();
    let several = experiments.len() > 1;
    let header = html! {
        (frame::descriptions(&common))
        @for experiment in experiments {
            @let changes = experiment.settings().changes()?.unwrap_or_default();
            (frame::changes(experiment.prefix(several), &changes))
        }
    };
    let results = html! {
        (tables::results(experiments))
        (tables::differences(experiments))
        (tables::gains(experiments))
        (reading(experiments))
    };
    let switches = html! {
        (tables::gaps(experiments))
        (tables::seed_averaged(experiments))
        (tables::recovery(experiments))
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
        @for experiment in experiments {
            @let lines = incomplete(experiment.results);
            @let lines: Vec<Markup> = lines.iter().map(|line| html! { (line) }).collect();
            @let text = "Runs that are not complete; they are not in the tables and figures";
            (frame::notice(experiment.prefix(several), text, &lines))
        }
        (frame::section("results", "Results", results))
        (frame::section("figures", "Figures", figures(experiments)))
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

/// Every figure of every experiment; the same figure has the same vertical axis in all experiments.
fn figures(experiments: &[Experiment]) -> Markup {
    let several = experiments.len() > 1;
    let mut drawn = Vec::new();
    for kind in Figure::ALL {
        let curves: Vec<Vec<Curve>> = experiments
            .iter()
            .map(|e| curves(e.results, kind.quantity()))
            .collect();
        let axis = figures::axis_for(kind, &curves.concat());
        for (index, (experiment, curves)) in experiments.iter().zip(&curves).enumerate() {
            let id = match several {
                true => format!("neurogain-{}-{}", index + 1, kind.name()),
                false => format!("neurogain-{}", kind.name()),
            };
            if let Some(svg) = figures::draw(kind, &id, experiment.settings(), curves, &axis) {
                let title = match experiment.prefix(several) {
                    Some(name) => format!("{name}: {}", kind.title()),
                    None => kind.title().into(),
                };
                drawn.push((svg, title, kind.caption()));
            }
        }
    }
    let drawings: Vec<_> = drawn
        .iter()
        .map(|(svg, title, caption)| (svg.as_str(), title.clone(), *caption))
        .collect();
    html! {
        @if drawings.is_empty() { p { "No run is complete, so there are no curves." } }
        @else { (frame::figures(&drawings)) }
    }
}
