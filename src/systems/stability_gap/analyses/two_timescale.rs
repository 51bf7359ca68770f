//! Figure 2 of arXiv 2507.14056: the scalar model.

use super::Analysis;
use crate::analysis::two_timescale::{Noise, Step, TwoTimescale, over_runs, targets};
use crate::error::Result;
use crate::gain::GainDynamics;
use crate::metrics::Summary;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Point, Series};
use crate::report::table::aligned;

/// Steps at the target 1, at −1, and at 1 again: as in the published script, the target is −1 in the steps 144 to 153.
const STEPS: [usize; 3] = [143, 10, 47];

/// The noise of the published script and its number of runs; then γ and η of the noisy runs.
const NOISE: Noise = Noise {
    target: 0.0,
    gain: 0.05,
    weight: 0.025,
};
const REPEATS: usize = 50;
const NOISY: [f32; 2] = [0.5, 1.0];

/// Gain modulation as learning on two timescales, with the same bits every time.
///
/// # Errors
/// Those of drawing.
pub fn two_timescale() -> Result<Analysis> {
    let model = TwoTimescale::of_figure()?;
    let targets = targets(STEPS[0], STEPS[1], STEPS[2]);
    let steps = model.run(&targets, &[]);
    let [gamma, eta] = NOISY;
    let noisy = TwoTimescale {
        dynamics: GainDynamics::new(gamma, model.dynamics.g0(), eta)?,
        ..model
    };
    let runs = noisy.noisy_runs(&targets, NOISE, REPEATS, 0);
    let row = |title: &str, panels| ChartRow::new(title, "step", panels);
    let noise = format!("γ = {gamma}, η = {eta}, {REPEATS} noisy runs: mean ± SD");
    let chart = Chart {
        name: "two-timescale".into(),
        title: "Gain modulation as learning on two timescales".into(),
        caption: format!(
            "The scalar model y = g·w under ½(y − t)², target 1, then −1, then 1, with the constants of the published \
             script. Top: without noise. Below: the gain, and the slow and fast components of the output, with \
             γ = {gamma} and η = {eta}, mean over {REPEATS} runs with noise of standard deviation {} on the gain and {} \
             on the weights, band ± standard deviation.",
            NOISE.gain, NOISE.weight
        ),
        rows: vec![
            row(
                "output y",
                vec![panel("without noise".into(), outputs(&steps))],
            ),
            row(
                "gain g",
                vec![panel(
                    noise,
                    vec![band("gain-modulated", 0, over_runs(&runs, |s| s.gain))],
                )],
            ),
            row(
                "component",
                vec![
                    panel(
                        "gain-modulated".into(),
                        components(&runs, |s| s.modulated_slow, |s| s.modulated_fast),
                    ),
                    panel(
                        "fast and slow weights".into(),
                        components(&runs, |s| s.explicit_slow, |s| s.explicit_fast),
                    ),
                ],
            ),
        ],
    };
    Ok(Analysis {
        figures: vec![chart.draw()?],
        table: table(&steps),
    })
}

/// A learner's name and output.
type Learner = (&'static str, fn(&Step) -> f64);

const LEARNERS: [Learner; 3] = [
    ("gain-modulated", |step| step.modulated),
    ("fast and slow weights", |step| step.explicit),
    ("slow weight alone", |step| step.slow_alone),
];

fn outputs(steps: &[Step]) -> Vec<Series> {
    let lines = LEARNERS
        .iter()
        .chain(&[("target", (|step| step.target) as fn(&Step) -> f64)]);
    let line = |(colour, (label, of)): (usize, &Learner)| {
        Series::line(
            label,
            colour,
            numbered(steps).map(|(at, step)| (at, of(step))),
        )
    };
    lines.enumerate().map(line).collect()
}

fn components(
    runs: &[Vec<Step>],
    slow: impl Fn(&Step) -> f64,
    fast: impl Fn(&Step) -> f64,
) -> Vec<Series> {
    vec![
        band("slow component", 4, over_runs(runs, slow)),
        band("fast component", 5, over_runs(runs, fast)),
    ]
}

fn band(label: &str, colour: usize, summaries: Vec<Summary>) -> Series {
    let point = |(x, summary): (f64, &Summary)| Point {
        x,
        y: summary.mean,
        spread: summary.standard_deviation,
    };
    Series::new(label, colour, numbered(&summaries).map(point).collect())
}

/// Each of `values` with its step, counted from 1.
fn numbered<T>(values: &[T]) -> impl Iterator<Item = (f64, &T)> {
    values
        .iter()
        .enumerate()
        .map(|(at, value)| ((at + 1) as f64, value))
}

/// A panel with a dashed line at each change of the target.
fn panel(title: String, series: Vec<Series>) -> ChartPanel {
    ChartPanel {
        title,
        marks: vec![STEPS[0] as f64 + 0.5, (STEPS[0] + STEPS[1]) as f64 + 0.5],
        ..ChartPanel::of(series)
    }
}

/// How fast each learner follows the target, without noise.
fn table(steps: &[Step]) -> String {
    let (there, back) = (STEPS[0], STEPS[0] + STEPS[1]);
    let mut rows = vec![
        [
            "learner",
            "steps to sign −1",
            "y before return",
            "steps to sign 1",
            "y 10 steps later",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for (label, of) in LEARNERS {
        let until = |from: usize, sign: f64| {
            let after = steps[from..]
                .iter()
                .take(STEPS[1])
                .position(|step| of(step) * sign > 0.0);
            after.map_or(String::from("none"), |after| after.to_string())
        };
        rows.push(vec![
            label.into(),
            until(there, -1.0),
            format!("{:.2}", of(&steps[back - 1])).replace('-', "−"),
            until(back, 1.0),
            format!("{:.2}", of(&steps[back + 10])).replace('-', "−"),
        ]);
    }
    let largest = steps.iter().map(|step| step.gain).fold(0.0, f64::max);
    format!("{}largest gain {largest:.2}\n", aligned(&rows, 1))
}
