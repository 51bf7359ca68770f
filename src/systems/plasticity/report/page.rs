//! The report as one self-contained HTML page.

use maud::{Markup, html};

use super::measures::{NETWORK, RESULTS, RETENTION, TRANSFER, measures};
use super::published::published;
use super::summary::{MethodSummary, PlasticitySummary};
use crate::error::Result;
use crate::report::figure::{Chart, Drawing, overlaid};
use crate::report::measure::Measure;
use crate::report::page as frame;
use crate::run::Compared;
use crate::run::settings::{Common, Document};
use crate::systems::plasticity::PlasticitySettings;

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// Its name on a page of several experiments.
    pub(super) name: &'a str,
    pub(super) settings: &'a PlasticitySettings,
    pub(super) summary: PlasticitySummary,
    pub(super) charts: Vec<Chart>,
    pub(super) classes: &'a [String],
}

impl Experiment<'_> {
    /// Its name, on a page of several experiments.
    fn prefix(&self, several: bool) -> Option<&str> {
        several.then_some(self.name)
    }
}

/// The figures: of one experiment, or those of several overlaid.
///
/// # Errors
/// Those of drawing.
pub(super) fn drawings(experiments: &[Experiment]) -> Result<Vec<Drawing>> {
    let charts = experiments.iter().map(|of| (of.name, &of.charts[..]));
    let charts = overlaid(&charts.collect::<Vec<_>>());
    charts.iter().map(Chart::draw).collect()
}

/// The page of one experiment, or a comparison of several.
///
/// # Errors
/// [`crate::Error::Setting`] if TOML cannot represent the settings.
pub(super) fn page(
    experiments: &[Experiment],
    drawings: &[Drawing],
    compared: Option<&Compared>,
) -> Result<String> {
    let common: Vec<Common> = experiments.iter().map(|of| of.settings.common()).collect();
    let several = experiments.len() > 1;
    let changes = experiments.iter().map(|of| of.settings.changes());
    let changes = changes.map(|of| Ok(of?.unwrap_or_default()));
    let header = html! {
        (frame::descriptions(&common))
        (frame::changes(&changes.collect::<Result<Vec<_>>>()?))
    };
    let figures = html! {
        @if drawings.is_empty() { p { "No run is complete, so there are no curves." } }
        @else { (frame::figures(drawings)) }
    };
    let settings = html! {
        @for experiment in experiments {
            @let text = experiment.settings.to_toml()?;
            @let hash = experiment.summary.hash.as_ref();
            (frame::configuration(experiment.prefix(several), &text, experiment.classes, hash))
        }
    };
    let group = |group, text: &str| measured(experiments, group, text);
    let sections = html! {
        (frame::notices(
            "Runs that are not complete; the means are over the other seeds",
            experiments.iter().map(|of| (of.prefix(several), of.summary.incomplete.clone())),
        ))
        @if let Some(compared) = compared { (compared.section()) }
        (frame::section("results", "Results", html! {
            (group(RESULTS, "Mean ± standard deviation over the seeds with complete jobs. Arrows: the direction that is better."))
            (differences(experiments))
        }))
        (published(experiments)?)
        (frame::section("figures", "Figures", figures))
        (frame::section("transfer", "Transfer, retention and the network", html! {
            (group(TRANSFER, "Knowledge transfer against a fresh network."))
            (group(RETENTION, "Earlier tasks."))
            (group(NETWORK, "The network at the end of the stream."))
        }))
        (frame::section("definitions", "Definitions", html! { dl { (frame::definitions(&measures())) } }))
        (frame::section("settings", "Settings", settings))
        (frame::reproduce(experiments.len()))
        (frame::cite(&PAPER))
    };
    Ok(frame::page(&frame::heading(&common), header, sections))
}

const PAPER: frame::Paper = frame::Paper {
    of: "NeuMoSync, the benchmarks and the measures of transfer",
    authors: None,
    title: "NeuMoSync: End-to-End Neuromodulatory Control for Plasticity and Adaptability in Continual Learning",
    arxiv: "2608.04358",
    year: 2026,
};

/// The measures of a group that some method has; empty if there are none.
fn measured(experiments: &[Experiment], group: &str, text: &str) -> Markup {
    let methods = || experiments.iter().flat_map(|of| &of.summary.methods);
    let has = |measure: &Measure| {
        measure.group == group && methods().any(|of| measure.summary(&of.measures).is_some())
    };
    let mut measures = measures();
    measures.retain(has);
    if measures.is_empty() {
        return html! {};
    }
    let several = experiments.len() > 1;
    let head = html! {
        th scope="col" { "method" }
        @if several { th.text scope="col" { "run" } }
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let row = |experiment: &Experiment, method: &MethodSummary| {
        html! {
            tr {
                th scope="row" { (method.label) }
                @if several { td.text { (experiment.name) } }
                @for measure in &measures { td { (measure.cell(&method.measures)) } }
                td { (method.seeds.len()) }
            }
        }
    };
    let body = html! {
        @for experiment in experiments {
            tbody { @for method in &experiment.summary.methods { (row(experiment, method)) } }
        }
    };
    frame::table(&format!("table-{group}"), html! { (text) }, head, body)
}

/// The paired differences; empty if no two methods share a seed.
fn differences(experiments: &[Experiment]) -> Markup {
    let mut measures = measures();
    measures.retain(|measure| {
        let all = experiments.iter().flat_map(|of| &of.summary.differences);
        measure.group == RESULTS
            && all
                .clone()
                .any(|row| row.measures.get(measure.name).is_some())
    });
    if measures.is_empty() {
        return html! {};
    }
    let several = experiments.len() > 1;
    let head = html! {
        th scope="col" { "method" }
        @if several { th.text scope="col" { "run" } }
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        @for experiment in experiments {
            tbody {
                @for row in &experiment.summary.differences {
                    tr {
                        th scope="row" { (row.label) " − " (row.other_label) }
                        @if several { td.text { (experiment.name) } }
                        @for measure in &measures { td { (measure.difference(&row.measures)) } }
                        td { (row.seeds.len()) }
                    }
                }
            }
        }
    };
    let caption = html! {
        "Paired differences: the first method minus each other, mean over common seeds with its 95\u{a0}% bootstrap \
         interval. With few seeds the interval is too narrow."
    };
    frame::table("table-differences", caption, head, body)
}
