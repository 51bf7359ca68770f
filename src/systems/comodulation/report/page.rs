//! The report of a comodulation experiment: one page that needs nothing but itself.

use maud::{Markup, html};

use super::summary::{ComodulationSummary, DECISIONS, GROUPS, measures};
use crate::error::Result;
use crate::report::figure::{Chart, Drawing};
use crate::report::format::{NONE, Unit};
use crate::report::measure::Measure;
use crate::report::page::{self as frame, table};
use crate::run::settings::{Common, Document};
use crate::systems::comodulation::ComodulationSettings;

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// What tells it from the others; the page of a single experiment does not show it.
    pub(super) name: &'a str,
    pub(super) settings: &'a ComodulationSettings,
    pub(super) summary: ComodulationSummary,
    pub(super) charts: Vec<Chart>,
    pub(super) reliability: Option<Drawing>,
}

/// The page of one experiment, or of several side by side.
///
/// # Errors
/// Those of drawing, and [`crate::Error::Setting`] where settings cannot be TOML.
pub(super) fn page(experiments: &[Experiment]) -> Result<String> {
    let several = experiments.len() > 1;
    let prefix = |of: &Experiment| several.then(|| of.name.to_string());
    let common: Vec<Common> = experiments.iter().map(|of| of.settings.common()).collect();
    let header = html! {
        (frame::descriptions(&common))
        @for of in experiments {
            @let changes = of.settings.changes()?.unwrap_or_default();
            (frame::changes(prefix(of).as_deref(), &changes))
        }
    };
    let results = html! {
        @for of in experiments { (primary(prefix(of).as_deref(), &of.summary)) }
        @for (group, caption) in GROUPS { (methods(experiments, group, caption)) }
    };
    let beside = html! {
        @for of in experiments { (findings(prefix(of).as_deref(), &of.summary)) }
        @for (group, _) in GROUPS { (differences(experiments, group)) }
    };
    let drawings = drawings(experiments)?;
    let drawn: Vec<_> = drawings
        .iter()
        .map(|of| (of.svg.as_str(), of.title.clone(), of.caption.as_str()))
        .collect();
    let figures = html! {
        @if drawn.is_empty() { p { "No method is complete, so that there is nothing to show." } }
        (frame::figures(&drawn))
    };
    let configurations = html! {
        @for of in experiments {
            @let text = of.settings.to_toml()?;
            (frame::configuration(prefix(of).as_deref(), &text, of.summary.hash.as_ref()))
        }
    };
    let sections = html! {
        @for of in experiments {
            @let lines = of.summary.incomplete.iter().map(|line| html! { (line) });
            @let lines: Vec<Markup> = lines.collect();
            @let text = "Methods that are not complete, and so in no table or figure";
            (frame::notice(prefix(of).as_deref(), text, &lines))
        }
        (frame::section("results", "Results", results))
        (frame::section("differences", "Methods beside each other", beside))
        (frame::section("figures", "Figures", figures))
        (definitions())
        (frame::section("settings", "Settings", configurations))
        (frame::reproduce(experiments.len()))
        (frame::cite(&PAPER))
    };
    Ok(frame::page(&frame::heading(&common), header, sections))
}

/// The drawings: those of one experiment, or the same charts of several side by side and the other drawings of each.
pub(super) fn drawings(experiments: &[Experiment]) -> Result<Vec<Drawing>> {
    let charts = experiments.iter().map(|of| (of.name, &of.charts[..]));
    let charts: Vec<(&str, &[Chart])> = charts.collect();
    let mut names: Vec<&str> = Vec::new();
    for chart in experiments.iter().flat_map(|of| &of.charts) {
        if !names.contains(&chart.name) {
            names.push(chart.name);
        }
    }
    let mut drawings = Vec::new();
    if let [(_, charts)] = charts[..] {
        for chart in charts {
            drawings.push(chart.draw()?);
        }
    } else {
        for name in names {
            if let Some(chart) = Chart::side_by_side(name, &charts) {
                drawings.push(chart.draw()?);
            }
        }
    }
    for (place, of) in (1..).zip(experiments) {
        let Some(mut drawing) = of.reliability.clone() else {
            continue;
        };
        if experiments.len() > 1 {
            // Ids of a page are different.
            let id = format!("neurogain-{}", drawing.name);
            drawing.svg = drawing.svg.replace(&id, &format!("{id}-{place}"));
            drawing.title = format!("{}: {}", of.name, drawing.title);
        }
        drawings.push(drawing);
    }
    Ok(drawings)
}

const PAPER: frame::Paper = frame::Paper {
    of: "Comodulation, its experiments and their measures",
    authors: "G. Boeshertz, C. Haimerl, C. Savin",
    title: "Task adaption by biologically inspired stochastic comodulation",
    arxiv: "2311.15053",
    year: 2023,
};

fn of_group(group: &str) -> Vec<Measure> {
    let mut measures = measures();
    measures.retain(|measure| measure.group == group);
    measures
}

fn primary(name: Option<&str>, summary: &ComodulationSummary) -> Markup {
    html! {
        @for (epochs, accuracy) in &summary.primary {
            p {
                @if let Some(name) = name { (name) ": " }
                "Accuracy on the primary tasks after " (epochs) " epochs of pretraining: "
                (Unit::Percent.mean_and_spread(accuracy)) " % (seeds: " (accuracy.count) ")."
            }
        }
    }
}

/// The headings of a row's name, and for several experiments of the directory.
fn row_heading(experiments: &[Experiment], name: &str) -> Markup {
    html! {
        th scope="col" { (name) }
        @if experiments.len() > 1 { th.text scope="col" { "directory" } }
        th scope="col" { "epochs" }
    }
}

fn methods(experiments: &[Experiment], group: &str, caption: &str) -> Markup {
    let measures = of_group(group);
    let head = html! {
        (row_heading(experiments, "method"))
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        @if group == DECISIONS { th scope="col" { "learnt" } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        @for of in experiments {
            tbody {
                @for method in &of.summary.methods {
                    tr {
                        th scope="row" { (method.label) }
                        @if experiments.len() > 1 { td.text { (of.name) } }
                        td { (method.epochs) }
                        @for measure in &measures { td { (measure.cell(&method.measures)) } }
                        @if group == DECISIONS {
                            td { (method.learnt_numbers.map_or(NONE.into(), |n| n.to_string())) }
                        }
                        td { (method.seeds.len()) }
                    }
                }
            }
        }
    };
    let caption = html! {
        (caption) ". Mean over tasks, then mean ± standard deviation over seeds."
        @if group == DECISIONS { " “Learnt” are numbers beside the network’s: controller and readouts." }
    };
    table(&format!("table-{group}"), caption, head, body)
}

fn differences(experiments: &[Experiment], group: &str) -> Markup {
    let measures = of_group(group);
    let head = html! {
        (row_heading(experiments, "difference"))
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        @for of in experiments {
            tbody {
                @for found in &of.summary.differences {
                    tr {
                        th scope="row" { (found.method) " − " (found.other) }
                        @if experiments.len() > 1 { td.text { (of.name) } }
                        td { (found.epochs) }
                        @for measure in &measures { td { (measure.difference(&found.measures)) } }
                        td { (found.seeds.len()) }
                    }
                }
            }
        }
    };
    let caption = html! {
        "Differences seed by seed: mean, in brackets a 95 % bootstrap interval."
    };
    table(&format!("table-differences-{group}"), caption, head, body)
}

/// The paper's findings, and what was found here.
fn findings(name: Option<&str>, summary: &ComodulationSummary) -> Markup {
    let claims: [(&str, &str, &str, bool); 7] = [
        (
            "attention",
            "accuracy",
            "higher accuracy than attention",
            true,
        ),
        (
            "hard-sharing",
            "macro_f1",
            "higher F1 than hard sharing",
            true,
        ),
        (
            "hard-sharing",
            "macro_recall",
            "higher recall than hard sharing",
            true,
        ),
        (
            "hard-sharing",
            "macro_precision",
            "lower precision than hard sharing",
            false,
        ),
        (
            "attention",
            "expected_calibration_error",
            "better calibration than attention",
            false,
        ),
        (
            "attention",
            "separability",
            "more separable classes than attention",
            true,
        ),
        (
            "attention",
            "subspace_participation_ratio",
            "noise of fewer dimensions in the task-relevant subspace than attention",
            false,
        ),
    ];
    let verdicts = claims.iter().flat_map(|(other, name, claim, higher)| {
        let of_other = summary
            .differences
            .iter()
            .filter(move |d| d.method == "comodulation" && d.other == *other);
        of_other.filter_map(move |found| {
            let of = found.measures.get(name)?;
            let measure = measures()
                .into_iter()
                .find(|measure| measure.name == *name)?;
            let sign = if *higher { 1.0 } else { -1.0 };
            let verdict = match of.interval {
                Some([low, high]) if sign * low > 0.0 && sign * high > 0.0 => "found here too",
                Some([low, high]) if sign * low < 0.0 && sign * high < 0.0 => {
                    "the opposite is found here"
                }
                Some([low, high]) if low == high => match *name {
                    "subspace_participation_ratio" => {
                        "no difference here (the subspace of two classes has one dimension)"
                    }
                    _ => "no difference here",
                },
                Some(_) => "not told apart here: the interval holds 0",
                None => "too few seeds for an interval",
            };
            Some((
                *claim,
                found.epochs,
                verdict,
                measure.difference(&found.measures),
            ))
        })
    });
    let verdicts: Vec<_> = verdicts.collect();
    html! {
        @if !verdicts.is_empty() {
            @if let Some(name) = name { h3 { (name) } }
            p {
                "What the paper finds of comodulation, on its data. (Sparser gains with residual connections are "
                "to be seen beside a run with " code { "network.residual = true" } ".) The intervals are of few "
                "seeds, and hold the true mean less often than 95 % of the time: 75 % for 3 seeds, 83 % for 5."
            }
            ul {
                @for (claim, epochs, verdict, numbers) in verdicts {
                    li { (claim) ": " strong { (verdict) } " (" (numbers) ", " (epochs) " epochs)" }
                }
            }
            (controls(summary))
        }
    }
}

/// Whether it matters which neurons get the gains: our own controls.
fn controls(summary: &ComodulationSummary) -> Markup {
    let accuracy = &measures()[0];
    let of = summary.differences.iter().filter(|found| {
        found.method == "comodulation"
            && ["shuffled", "mean-activity"].contains(&found.other.as_str())
    });
    let lines: Vec<String> = of
        .filter_map(|found| {
            found.measures.get(accuracy.name)?;
            let (numbers, epochs) = (accuracy.difference(&found.measures), found.epochs);
            Some(format!(
                "{}: {numbers} points of accuracy, {epochs} epochs",
                found.other
            ))
        })
        .collect();
    html! {
        @if !lines.is_empty() {
            p { "Our own controls, comodulation minus the same with gains from elsewhere:" }
            ul { @for line in lines { li { (line) } } }
        }
    }
}

fn definitions() -> Markup {
    html! {
        section {
            h2 id="definitions" { "Definitions" }
            dl {
                dt { "hard sharing" }
                dd { "the frozen network; a readout of its own for each task" }
                dt { "attention" }
                dd { "with a controller whose couplings " i { "c" } " scale the encoder’s channels by exp(" i { "c" } ")" }
                dt { "comodulation" }
                dd {
                    "attention, and decoder gains " i { "g" } " that follow how strongly each neuron’s activity covaries "
                    "with a random modulator that the coupled channels share. It trains no more parameters than "
                    "attention. All gains start at 1, and average over batches"
                }
                (frame::definitions(&measures()))
            }
        }
    }
}
