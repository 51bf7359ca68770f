//! The report of a comodulation experiment as one self-contained HTML page.

use maud::{Markup, html};

use super::summary::{ComodulationSummary, DECISIONS, GROUPS, MethodDifference, measures};
use crate::counted::counted;
use crate::error::Result;
use crate::report::figure::{Chart, Drawing, overlaid};
use crate::report::format::{NONE, Unit};
use crate::report::measure::Measure;
use crate::report::page::{self as frame, table};
use crate::run::Compared;
use crate::run::settings::{Common, Document};
use crate::systems::comodulation::{ComodulationSettings, Condition};

/// One experiment on the page.
pub(super) struct Experiment<'a> {
    /// Its name on a page of several experiments.
    pub(super) name: &'a str,
    pub(super) settings: &'a ComodulationSettings,
    pub(super) summary: ComodulationSummary,
    pub(super) charts: Vec<Chart>,
    pub(super) reliability: Option<Drawing>,
    pub(super) classes: &'a [String],
}

impl Experiment<'_> {
    /// Its name, on a page of several experiments.
    fn prefix(&self, several: bool) -> Option<&str> {
        several.then_some(self.name)
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
    let several = experiments.len() > 1;
    let common: Vec<Common> = experiments.iter().map(|of| of.settings.common()).collect();
    let changes = experiments.iter().map(|of| of.settings.changes());
    let changes = changes.map(|of| Ok(of?.unwrap_or_default()));
    let header = html! {
        (frame::descriptions(&common))
        (frame::changes(&changes.collect::<Result<Vec<_>>>()?))
    };
    let results = html! {
        @for of in experiments { (primary(of.prefix(several), &of.summary)) }
        @for (group, caption) in GROUPS { (methods(experiments, group, caption)) }
    };
    let beside = html! {
        @if experiments.iter().flat_map(|of| &of.summary.differences).any(|d| d.method == "comodulation") {
            (findings_head())
        }
        @for of in experiments { (findings(of.prefix(several), &of.summary)) }
        @for (group, _) in GROUPS { (differences(experiments, group)) }
    };
    let figures = html! {
        @if drawings.is_empty() { p { "No method is complete, so there are no figures." } }
        @else { (frame::figures(drawings)) }
    };
    let configurations = html! {
        @for of in experiments {
            @let text = of.settings.to_toml()?;
            (frame::configuration(of.prefix(several), &text, of.classes, of.summary.hash.as_ref()))
        }
    };
    let sections = html! {
        (frame::notices(
            "Runs that are not complete; the means are over the others",
            experiments.iter().map(|of| (of.prefix(several), of.summary.incomplete.clone())),
        ))
        @if let Some(compared) = compared { (compared.section()) }
        (frame::section("results", "Results", results))
        (frame::section("differences", "Differences between methods", beside))
        (frame::section("figures", "Figures", figures))
        (definitions())
        (frame::section("settings", "Settings", configurations))
        (frame::reproduce(experiments.len()))
        (frame::cite(&PAPER))
    };
    Ok(frame::page(&frame::heading(&common), header, sections))
}

/// The drawings: those of one experiment; for several, the charts overlaid, and the other drawings of each.
pub(super) fn drawings(experiments: &[Experiment]) -> Result<Vec<Drawing>> {
    let charts = experiments.iter().map(|of| (of.name, &of.charts[..]));
    let charts = overlaid(&charts.collect::<Vec<_>>());
    let mut drawings = charts.iter().map(Chart::draw).collect::<Result<Vec<_>>>()?;
    for (place, of) in (1..).zip(experiments) {
        let reliability = of.reliability.clone();
        drawings.extend(reliability.map(|drawing| match experiments.len() {
            1 => drawing,
            _ => {
                let name = format!("{}-{place}", drawing.name);
                let title = format!("{}: {}", of.name, drawing.title);
                drawing.renamed(name, title)
            }
        }));
    }
    Ok(drawings)
}

const PAPER: frame::Paper = frame::Paper {
    of: "Comodulation, its experiments and their measures",
    authors: Some("G. Boeshertz, C. Haimerl, C. Savin"),
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
                "Accuracy on the primary tasks after " (counted(*epochs, "epoch")) " of pretraining: "
                (Unit::Percent.mean_and_spread(accuracy)) " % (seeds: " (accuracy.count) ")."
            }
        }
    }
}

/// The headings of a row: its name and, for several experiments, the directory.
fn row_heading(experiments: &[Experiment], name: &str) -> Markup {
    html! {
        th scope="col" { (name) }
        @if experiments.len() > 1 { th.text scope="col" { "run" } }
        th scope="col" { "epochs" }
        @if limited(experiments) { th scope="col" { "samples" } }
    }
}

/// Whether a method learns from a limited number of labelled samples.
fn limited(experiments: &[Experiment]) -> bool {
    let mut all = experiments.iter().flat_map(|of| &of.summary.methods);
    all.any(|method| method.condition.samples.is_some())
}

/// The cells of a condition.
fn condition_cells(experiments: &[Experiment], of: Condition, no_samples: &str) -> Markup {
    html! {
        td { (of.epochs) }
        @if limited(experiments) {
            td { (of.samples.map_or(no_samples.into(), |samples| samples.to_string())) }
        }
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
                        (condition_cells(experiments, method.condition, "all"))
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
        @if group == DECISIONS { " “Learnt”: the number of parameters that the method adds to the network: those of the controller, and of readouts that are not frozen." }
    };
    table(&format!("table-{group}"), caption, head, body)
}

fn differences(experiments: &[Experiment], group: &str) -> Markup {
    let measures = of_group(group);
    if experiments
        .iter()
        .all(|of| of.summary.differences.is_empty())
    {
        return html! {};
    }
    let head = html! {
        (row_heading(experiments, "difference"))
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        @for of in experiments {
            tbody {
                @for found in of.summary.differences.iter().chain(&of.summary.mean_differences) {
                    tr {
                        th scope="row" { (found.method) " − " (found.other) }
                        @if experiments.len() > 1 { td.text { (of.name) } }
                        (condition_cells(experiments, found.condition, "mean"))
                        @for measure in &measures { td { (measure.difference(&found.measures)) } }
                        td { (found.seeds.len()) }
                    }
                }
            }
        }
    };
    let caption = html! {
        "Paired differences over seeds: mean, and in brackets the 95 % bootstrap interval."
    };
    table(&format!("table-differences-{group}"), caption, head, body)
}

/// How to read the findings.
fn findings_head() -> Markup {
    html! {
        p {
            "The paper’s findings on comodulation (on CIFAR-100 and CelebA), and what this experiment has. (To check that residual connections make gains "
            "sparser, compare with a run with " code { "network.residual = true" } ".) With few seeds the 95 % "
            "intervals are too narrow: they contain the true mean 75 % of the time with 3 seeds, 83 % with 5."
        }
    }
}

/// The paper's findings, and whether this experiment agrees.
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
            "noise with fewer dimensions in the task-relevant subspace than attention",
            false,
        ),
    ];
    let verdicts = claims.iter().flat_map(|(other, name, claim, higher)| {
        let of_other = headline(summary)
            .iter()
            .filter(move |d| d.method == "comodulation" && d.other == *other);
        of_other.filter_map(move |found| {
            // For tasks of two classes, the paper's are the scores of the positive class.
            let positive = name.replace("macro_", "positive_");
            let name = match found.measures.get(&positive) {
                Some(_) => positive.as_str(),
                None => name,
            };
            let of = found.measures.get(name)?;
            let measure = measures()
                .into_iter()
                .find(|measure| measure.name == name)?;
            let sign = if *higher { 1.0 } else { -1.0 };
            let verdict = match of.interval {
                Some([low, high]) if sign * low > 0.0 && sign * high > 0.0 => "found here too",
                Some([low, high]) if sign * low < 0.0 && sign * high < 0.0 => {
                    "the opposite is found here"
                }
                Some([low, high]) if low == high => match name {
                    "subspace_participation_ratio" => {
                        "no difference here (the subspace of two classes has one dimension)"
                    }
                    _ => "no difference here",
                },
                Some(_) => "undecided here: the interval contains 0",
                None => "too few seeds for an interval",
            };
            Some((
                *claim,
                found.condition,
                verdict,
                measure.difference(&found.measures),
            ))
        })
    });
    let verdicts: Vec<_> = verdicts.collect();
    html! {
        @if !verdicts.is_empty() {
            @if let Some(name) = name { h3 { (name) } }
            ul {
                @for (claim, condition, verdict, numbers) in verdicts {
                    li { (claim) ": " strong { (verdict) } " (" (numbers) ", " (condition) ")" }
                }
            }
            (controls(summary))
        }
    }
}

/// The differences that findings are read from: with several numbers of samples, their means.
fn headline(summary: &ComodulationSummary) -> &[MethodDifference] {
    match summary.mean_differences.is_empty() {
        true => &summary.differences,
        false => &summary.mean_differences,
    }
}

/// Our controls: whether it matters which neurons have which gains.
fn controls(summary: &ComodulationSummary) -> Markup {
    let accuracy = &measures()[0];
    let of = headline(summary).iter().filter(|found| {
        found.method == "comodulation"
            && ["shuffled", "mean-activity"].contains(&found.other.as_str())
    });
    let lines: Vec<String> = of
        .filter_map(|found| {
            found.measures.get(accuracy.name)?;
            let numbers = accuracy.difference(&found.measures);
            let condition = found.condition;
            Some(format!(
                "{}: {numbers} points of accuracy, {condition}",
                found.other
            ))
        })
        .collect();
    html! {
        @if !lines.is_empty() {
            p { "Our controls (not in the paper): comodulation minus the same network with other gains:" }
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
                dd { "the network is frozen; tasks differ only in their readouts, if these are not shared" }
                dt { "attention" }
                dd { "as hard sharing, and a controller’s couplings " i { "c" } " scale the encoder’s channels or neurons by exp(" i { "c" } ")" }
                dt { "comodulation" }
                dd {
                    "as attention, and decoder gains " i { "g" } " that follow the covariance of each neuron’s activity with "
                    "a random modulator that the coupled neurons share. It trains no more parameters than attention. All "
                    "gains start at 1 and are averages over batches"
                }
                (frame::definitions(&measures()))
            }
        }
    }
}
