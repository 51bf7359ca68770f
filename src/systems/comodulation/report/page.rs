//! The report of a comodulation experiment: one page that needs nothing but itself.

use maud::{Markup, html};

use super::summary::{ComodulationSummary, DECISIONS, GROUPS, MEASURES};
use crate::error::Result;
use crate::report::figure::Drawing;
use crate::report::format::{NONE, Unit};
use crate::report::measure::Measure;
use crate::report::page::{self as frame, table};
use crate::systems::comodulation::{ComodulationSettings, TaskMeasures};

/// The page.
pub(super) fn page(
    settings: &ComodulationSettings,
    summary: &ComodulationSummary,
    drawings: &[Drawing],
) -> Result<String> {
    let changes = settings.changes()?.unwrap_or_default();
    let header = html! {
        (frame::descriptions(&[&settings.description]))
        (frame::changes(None, &changes))
    };
    let results = html! {
        (primary(summary))
        @for (group, caption) in GROUPS { (arms(summary, group, caption)) }
    };
    let beside = html! {
        (findings(summary))
        @for (group, _) in GROUPS { (differences(summary, group)) }
    };
    let drawn: Vec<_> = drawings
        .iter()
        .map(|of| (of.svg.as_str(), of.title.clone(), of.caption.as_str()))
        .collect();
    let figures = html! {
        @if drawn.is_empty() { p { "No arm is complete, so that there is nothing to show." } }
        (frame::figures(&drawn))
    };
    let lines = summary.incomplete.iter().map(|line| html! { (line) });
    let incomplete: Vec<Markup> = lines.collect();
    let text = "Arms that are not complete, and so in no table or figure";
    let configuration = frame::configuration(None, &settings.to_toml()?, summary.hash.as_ref());
    let sections = html! {
        (frame::notice(None, text, &incomplete))
        (frame::section("results", "Results", results))
        (frame::section("differences", "Arms beside each other", beside))
        (frame::section("figures", "Figures", figures))
        (definitions())
        (frame::section("settings", "Settings", configuration))
        (frame::reproduce(1))
        (frame::cite(&PAPER))
    };
    Ok(frame::page(&settings.title, header, sections))
}

const PAPER: frame::Paper = frame::Paper {
    of: "Comodulation, its experiments and their measures",
    authors: "G. Boeshertz, C. Haimerl, C. Savin",
    title: "Task adaption by biologically inspired stochastic comodulation",
    arxiv: "2311.15053",
    year: 2023,
};

fn of_group(group: &str) -> Vec<Measure<TaskMeasures>> {
    let mut measures = Vec::from(MEASURES);
    measures.retain(|measure| measure.group == group);
    measures
}

fn primary(summary: &ComodulationSummary) -> Markup {
    html! {
        @for (epochs, accuracy) in &summary.primary {
            p {
                "Accuracy on the primary tasks behind " (epochs) " epochs of pretraining: "
                (Unit::Percent.mean_and_spread(accuracy)) " % (seeds: " (accuracy.count) ")."
            }
        }
    }
}

fn arms(summary: &ComodulationSummary, group: &str, caption: &str) -> Markup {
    let measures = of_group(group);
    let head = html! {
        th scope="col" { "arm" }
        th scope="col" { "epochs" }
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        @if group == DECISIONS { th scope="col" { "learnt" } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        tbody {
            @for arm in &summary.arms {
                tr {
                    th scope="row" { (arm.label) }
                    td { (arm.epochs) }
                    @for measure in &measures { td { (measure.cell(&arm.measures)) } }
                    @if group == DECISIONS {
                        td { (arm.learnt_numbers.map_or(NONE.into(), |n| n.to_string())) }
                    }
                    td { (arm.seeds.len()) }
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

fn differences(summary: &ComodulationSummary, group: &str) -> Markup {
    let measures = of_group(group);
    let head = html! {
        th scope="col" { "difference" }
        th scope="col" { "epochs" }
        @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
        th scope="col" { "seeds" }
    };
    let body = html! {
        tbody {
            @for found in &summary.differences {
                tr {
                    th scope="row" { (found.arm) " − " (found.other) }
                    td { (found.epochs) }
                    @for measure in &measures { td { (measure.difference(&found.measures)) } }
                    td { (found.seeds.len()) }
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
fn findings(summary: &ComodulationSummary) -> Markup {
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
            .filter(move |d| d.arm == "comodulation" && d.other == *other);
        of_other.filter_map(move |found| {
            let of = found.measures.get(name)?;
            let measure = MEASURES.iter().find(|measure| measure.name == *name)?;
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
    let accuracy = &MEASURES[0];
    let of = summary.differences.iter().filter(|found| {
        found.arm == "comodulation" && ["shuffled", "mean-activity"].contains(&found.other.as_str())
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
                    "attention, and decoder gains " i { "g" } " that follow how far each neuron goes with a random "
                    "modulator that the coupled channels share; not one number more is learnt. All start at 1: a "
                    "neuron that no batch moves up keeps what the average over batches has left of that"
                }
                dt { "ECE" }
                dd { "mean distance between confidence and accuracy, in 15 bins of equal width" }
                dt { "separability" }
                dd { "the Fisher ratio, scatter between classes over scatter within, in the span of the class means" }
                dt { "dimensions" }
                dd { "(Σλ)²/Σλ² of the covariance within classes; in the subspace: projected to the span of the class means, which has one dimension where there are two classes" }
                dt { "d′" }
                dd {
                    "|μ₁ − μ₂|/√(½(σ₁² + σ₂²)) of a neuron for the first class against the others, mean over the neurons; "
                    "by gain: mean weighted by their gains; a silent neuron counts as 0"
                }
            }
        }
    }
}
