//! The report: one HTML page that needs nothing but itself.

mod every_task;
mod tables;
mod text;

pub(in crate::report) use tables::table;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figure::{self, Figure};
use super::published::{self, Comparison};
use super::summary::{Summary, summarise_results};
use super::table::{incomplete, observations};
use crate::error::Result;
use crate::experiment::Results;
use crate::experiment::Settings;

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// What tells it from the others; the page of a single experiment does not show it.
    pub(super) name: String,
    pub(super) results: &'a Results,
    summary: Summary,
    comparison: Comparison,
}

impl<'a> Experiment<'a> {
    /// Measures `results`.
    ///
    /// # Errors
    /// Those of [`summarise_results`].
    pub(super) fn new(name: String, results: &'a Results) -> Result<Self> {
        let summary = summarise_results(results)?;
        let published = published::published(&results.settings.name)?;
        let comparison = published::compare(&results.settings, &summary, published.as_ref());
        Ok(Experiment {
            name,
            results,
            summary,
            comparison,
        })
    }

    fn settings(&self) -> &Settings {
        &self.results.settings
    }
}

/// The page of one experiment, or of several side by side.
///
/// # Errors
/// Those of drawing, and [`crate::Error::Setting`] where settings cannot be TOML.
pub(super) fn page(experiments: &[Experiment]) -> Result<String> {
    let titles: Vec<&str> = experiments
        .iter()
        .map(|e| e.settings().title.as_str())
        .collect();
    let mut title: Vec<&str> = titles.clone();
    title.dedup();
    let title = title.join(", ");
    let heading = match experiments.len() {
        1 => title.clone(),
        n => format!("{title}: {n} runs compared"),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&heading))
            body {
                header {
                    h1 { (heading) }
                    (descriptions(experiments))
                    @for experiment in experiments {
                        (changes(experiment, experiments.len() > 1)?)
                    }
                }
                main {
                    (incomplete_runs(experiments))
                    section {
                        h2 id="results" { "Results" }
                        (tables::results(experiments))
                        (tables::differences(experiments))
                        (tables::gains(experiments))
                        (reading(experiments))
                    }
                    section {
                        h2 id="figures" { "Figures" }
                        (figures(experiments)?)
                    }
                    section {
                        h2 id="switches" { "After each switch" }
                        (tables::gaps(experiments))
                        (tables::seed_averaged(experiments))
                        (tables::recovery(experiments))
                    }
                    @if every_task::is_there(experiments) {
                        section {
                            h2 id="every-task" { "Every task" }
                            (every_task::every_task(experiments))
                        }
                    }
                    section {
                        h2 id="published" { "Beside the published numbers" }
                        @for (index, experiment) in experiments.iter().enumerate() {
                            @let number = (experiments.len() > 1).then_some(index + 1);
                            (tables::comparison(experiment, number))
                        }
                    }
                    (text::definitions())
                    section {
                        h2 id="settings" { "Settings" }
                        @for experiment in experiments {
                            (configuration(experiment, experiments.len() > 1)?)
                        }
                    }
                    (text::reproduce(experiments.len()))
                    (text::cite())
                }
                (footer())
            }
        }
    };
    Ok(page.into_string())
}

/// The head of a page of this title, with everything that it is drawn with.
pub(in crate::report) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · neurogain" }
            style { (PreEscaped(include_str!("style.css"))) }
        }
    }
}

/// What a page ends with.
pub(in crate::report) fn footer() -> Markup {
    html! { footer { p { "neurogain " (env!("CARGO_PKG_VERSION")) } } }
}

/// One description for all experiments that share it.
fn descriptions(experiments: &[Experiment]) -> Markup {
    let mut texts: Vec<&str> = experiments
        .iter()
        .map(|e| e.settings().description.as_str())
        .collect();
    texts.dedup();
    html! {
        div.description {
            @for text in texts {
                @for paragraph in text.split("\n\n") { p { (paragraph.trim()) } }
            }
        }
    }
}

/// What differs from the preset, whose description stands above.
fn changes(experiment: &Experiment, several: bool) -> Result<Markup> {
    let Some(changes) = experiment.settings().changes()?.filter(|c| !c.is_empty()) else {
        return Ok(html! {});
    };
    let absent = |value: &str| match value {
        "" => "none".to_string(),
        value => value.to_string(),
    };
    Ok(html! {
        div.notice role="note" {
            p {
                @if several { (experiment.name) ": " }
                "Settings that differ from the benchmark’s, which the text above describes"
            }
            ul {
                @for change in changes {
                    li {
                        code { (change.key) } " = " code { (absent(&change.value)) }
                        ", not " code { (absent(&change.preset)) }
                    }
                }
            }
        }
    })
}

fn incomplete_runs(experiments: &[Experiment]) -> Markup {
    html! {
        @for experiment in experiments {
            @let lines = incomplete(experiment.results);
            @if !lines.is_empty() {
                div.notice role="note" {
                    p {
                        @if experiments.len() > 1 { (experiment.name) ": " }
                        "Runs that are not complete, and so in no table or figure"
                    }
                    ul { @for line in lines { li { (line) } } }
                }
            }
        }
    }
}

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

/// Every figure of every experiment; the same figure has the same vertical axis in all of them.
fn figures(experiments: &[Experiment]) -> Result<Markup> {
    let several = experiments.len() > 1;
    let mut drawn = Vec::new();
    for kind in Figure::ALL {
        let curves: Vec<Vec<figure::Curve>> = experiments
            .iter()
            .map(|e| figure::curves(e.results, kind.quantity()))
            .collect();
        let axis = figure::axis_for(kind, &curves.concat());
        for (index, (experiment, curves)) in experiments.iter().zip(&curves).enumerate() {
            let id = match several {
                true => format!("neurogain-{}-{}", index + 1, kind.name()),
                false => format!("neurogain-{}", kind.name()),
            };
            if let Some(svg) = figure::draw(kind, &id, experiment.settings(), curves, &axis) {
                drawn.push((kind, &experiment.name, svg));
            }
        }
    }
    Ok(html! {
        @if drawn.is_empty() { p { "No run is complete, so that there is no curve to show." } }
        @else {
            div.figures {
                @for (kind, name, svg) in &drawn {
                    figure {
                        (PreEscaped(svg))
                        figcaption {
                            strong { @if several { (name) ": " } (kind.title()) ". " }
                            (kind.caption())
                        }
                    }
                }
            }
        }
    })
}

fn configuration(experiment: &Experiment, several: bool) -> Result<Markup> {
    let text = experiment.settings().to_toml()?;
    Ok(html! {
        @if let Some(hash) = &experiment.summary.hash {
            p { @if several { (experiment.name) ": " } "hash of every bit " code.hash { (hash) } }
        }
        details {
            summary { @if several { (experiment.name) ": " } code { "config.toml" } }
            pre tabindex="0" { code { (text) } }
        }
    })
}
