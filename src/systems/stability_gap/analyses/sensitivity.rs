//! The dependence of accuracy and stability gap on the burst scale η and the decay γ.

use std::sync::atomic::AtomicBool;

use super::{Analysis, SEEDS, Subject, compared, over};
use crate::backend::Backend;
use crate::error::Result;
use crate::gain::recommended_eta;
use crate::learn::{History, Record};
use crate::metrics::summarize;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Drawing, HeatMap, Series};
use crate::report::format::Unit;
use crate::report::table::{aligned, csv};
use crate::run::continual::MethodSettings;
use crate::systems::stability_gap::report::summarize_results;
use crate::systems::stability_gap::{EvaluatedTasks, Experiment, Settings};

/// 1 − γ halves from row to row and η doubles from column to column, so that η/(1 − γ) is constant along diagonals.
const DECAYS: [f32; 5] = [0.6, 0.8, 0.9, 0.95, 0.975];
const BURSTS: [f32; 6] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6];

/// Learning rates of plain SGD for comparison.
const RATES: [f32; 6] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4];

/// The titles of the two measures in figures.
const ACCURACY: &str = "final accuracy, all tasks (%)";
const GAP: &str = "avg-SG";

pub(super) fn sensitivity<B: Backend>(subject: &Subject<'_, B>) -> Result<Analysis> {
    let preset = subject.settings;
    let [modulated, plain] = compared(preset)?;
    let [mut modulated, mut plain] = [alone(preset, modulated), alone(preset, plain)];
    let all = DECAYS.len() * BURSTS.len() + RATES.len();
    let mut measured = 0;
    let mut measure = |settings: &Settings| {
        measured += 1;
        let found = Measured::of(settings, subject);
        (subject.tell)(&format!("measured {measured} of {all} settings"));
        found
    };
    let mut grid = Vec::new();
    for gamma in DECAYS {
        let mut row = Vec::new();
        for eta in BURSTS {
            (modulated.gain.gamma, modulated.gain.eta) = (gamma, eta);
            row.push(measure(&modulated)?);
        }
        grid.push(row);
    }
    let mut rates = Vec::new();
    for rate in RATES {
        plain.training.learning_rate = rate;
        rates.push(measure(&plain)?);
    }
    let labels = [&modulated, &plain].map(|settings| settings.methods[0].label.as_str());
    Ok(Analysis {
        figures: vec![
            heat_map(&modulated, &grid)?.draw()?,
            Drawing {
                csv: numbers(&modulated, labels, &grid, &rates)?,
                ..exchange(&modulated, labels, &grid, &rates).picture()
            },
        ],
        table: table(labels[1], &grid, &rates),
    })
}

/// One method of an experiment, with the learning rate and the gain dynamics of the experiment, which are varied, and at
/// most [`SEEDS`] of its seeds. All tasks are evaluated.
fn alone(preset: &Settings, method: &MethodSettings) -> Settings {
    let mut settings = preset.clone();
    let mut method = method.clone();
    if let Some(rate) = method.learning_rate.take() {
        settings.training.learning_rate = rate;
    }
    if let Some(gain) = method.gain.take() {
        settings.gain = gain;
    }
    settings.methods = vec![method];
    settings.training.seeds.truncate(SEEDS);
    settings.evaluation.tasks = EvaluatedTasks::All;
    settings
}

/// The results of one setting: means over the seeds; NaN if a seed diverges.
#[derive(Clone, Copy)]
struct Measured {
    /// Final accuracy, mean over all tasks.
    accuracy: f64,
    /// avg-SG of the first task.
    gap: f64,
}

impl Measured {
    fn of<B: Backend>(settings: &Settings, subject: &Subject<'_, B>) -> Result<Self> {
        let experiment = Experiment::new(settings, subject.samples, subject.backend)?;
        let results = experiment.run(subject.threads, &AtomicBool::new(false))?;
        let summary = summarize_results(&results)?;
        let mut methods = summary.methods.into_iter();
        let seeds = settings.training.seeds.len();
        let whole = methods.find(|method| method.seeds.len() == seeds);
        let Some(gap) = whole.and_then(|of| of.measures.get("average_gap").copied()) else {
            return Ok(Measured {
                accuracy: f64::NAN,
                gap: f64::NAN,
            });
        };
        let runs = results.runs.iter();
        let finals: Vec<f64> = runs
            .filter_map(|run| final_accuracy(&run.history))
            .collect();
        Ok(Measured {
            accuracy: summarize(&finals).mean,
            gap: gap.mean,
        })
    }
}

fn final_accuracy(history: &History) -> Option<f64> {
    let of = |record: &Record| {
        let tasks = record.test.iter().chain(&record.later_tasks);
        let accuracies: Vec<f64> = tasks.map(|test| test.accuracy).collect();
        summarize(&accuracies).mean
    };
    history.records.last().map(of)
}

fn heat_map(preset: &Settings, grid: &[Vec<Measured>]) -> Result<HeatMap> {
    let map = |of: fn(&Measured) -> f64| {
        grid.iter()
            .map(|row| row.iter().map(of).collect())
            .collect()
    };
    let rate = f64::from(preset.training.learning_rate);
    let mut framed = Vec::new();
    for (row, gamma) in DECAYS.into_iter().enumerate() {
        let eta = recommended_eta(rate, f64::from(gamma), f64::from(preset.gain.g0))?;
        let near = |burst: &f32| (f64::from(*burst) / eta - 1.0).abs() < 1e-3;
        framed.extend(BURSTS.iter().position(near).map(|column| (row, column)));
    }
    // The decimal values, not the f32 converted to f64.
    let written = |values: &[f32]| {
        values
            .iter()
            .map(|v| v.to_string().parse().unwrap_or(f64::NAN))
            .collect()
    };
    Ok(HeatMap {
        name: "sensitivity",
        title: "Accuracy and stability gap over burst scales and decays".into(),
        caption: format!(
            "{} on {} at the learning rate {}, {}. Above: final accuracy, \
             mean over all tasks. Below: average stability gap of the first task. Along diagonals, \
             η/(1 − γ), the gain per nat at the fixed point g0 + η·H/(1 − γ), is constant. Framed: the \
             recommendation of the rule η = (1 − γ)·(√(0.25/α) − g0). Dash: training diverged.",
            preset.methods[0].label,
            preset.title,
            preset.training.learning_rate,
            over(&preset.training.seeds),
        ),
        columns: ("burst scale η", written(&BURSTS)),
        rows: ("decay γ", written(&DECAYS)),
        maps: vec![
            (ACCURACY.into(), Unit::Percent, map(|m| m.accuracy)),
            (GAP.into(), Unit::Share, map(|m| m.gap)),
        ],
        range: None,
        framed,
        frame: "recommended η",
        none: "training diverged",
    })
}

/// Accuracy against the gap: a line for each γ over its burst scales, and one for the method without gains over its
/// rates.
fn exchange(
    preset: &Settings,
    [modulated, plain]: [&str; 2],
    grid: &[Vec<Measured>],
    rates: &[Measured],
) -> Chart {
    let line = |label: &str, colour: usize, points: &[Measured]| {
        let measured = points.iter().filter(|m| m.gap.is_finite());
        Series::line(label, colour, measured.map(|m| (m.gap, 100.0 * m.accuracy)))
    };
    let lines = DECAYS.iter().zip(grid).enumerate();
    let lines = lines.map(|(colour, (gamma, row))| line(&format!("γ = {gamma}"), colour, row));
    let mut series: Vec<Series> = lines.collect();
    series.push(line(plain, series.len(), rates));
    Chart {
        name: "sensitivity-exchange".into(),
        title: "Accuracy against the stability gap".into(),
        caption: format!(
            "{}, {}: final accuracy over all tasks against the average \
             stability gap of the first task. {modulated} with burst scales from {} to {} at each decay γ; {plain} with \
             learning rates from {} to {}. Better is up and to the left.",
            preset.title,
            over(&preset.training.seeds),
            BURSTS[0],
            BURSTS[BURSTS.len() - 1],
            RATES[0],
            RATES[RATES.len() - 1],
        ),
        rows: vec![ChartRow::new(ACCURACY, GAP, vec![ChartPanel::of(series)])],
    }
}

/// A CSV line for each setting with its accuracy and gap; both are empty if training diverged.
fn numbers(
    preset: &Settings,
    [modulated, plain]: [&str; 2],
    grid: &[Vec<Measured>],
    rates: &[Measured],
) -> Result<String> {
    let headings = [
        "method",
        "decay γ",
        "burst scale η",
        "learning rate",
        ACCURACY,
        GAP,
    ];
    let mut lines = vec![headings.map(String::from)];
    let mut line = |method: &str, setting: [String; 3], of: &Measured| {
        let text = |number: f64| match number.is_finite() {
            true => format!("{number:?}"),
            false => String::new(),
        };
        let [gamma, eta, rate] = setting;
        let [accuracy, gap] = [100.0 * of.accuracy, of.gap].map(text);
        lines.push([method.into(), gamma, eta, rate, accuracy, gap]);
    };
    let rate = preset.training.learning_rate.to_string();
    for (gamma, row) in DECAYS.iter().zip(grid) {
        for (eta, of) in BURSTS.iter().zip(row) {
            let setting = [gamma.to_string(), eta.to_string(), rate.clone()];
            line(modulated, setting, of);
        }
    }
    for (rate, of) in RATES.iter().zip(rates) {
        line(plain, [String::new(), String::new(), rate.to_string()], of);
    }
    csv("sensitivity-exchange", &lines)
}

fn table(plain: &str, grid: &[Vec<Measured>], rates: &[Measured]) -> String {
    let mut rows = vec![
        ["setting", "η/(1 − γ)", "accuracy %", "avg-SG"]
            .map(String::from)
            .to_vec(),
    ];
    for (gamma, row) in DECAYS.iter().zip(grid) {
        for (eta, measured) in BURSTS.iter().zip(row) {
            rows.push(vec![
                format!("γ = {gamma}, η = {eta}"),
                format!("{:.3}", eta / (1.0 - gamma)),
                or_diverged(Unit::Percent, measured.accuracy),
                or_diverged(Unit::Share, measured.gap),
            ]);
        }
    }
    for (rate, measured) in RATES.iter().zip(rates) {
        rows.push(vec![
            format!("{plain}, α = {rate}"),
            String::from("–"),
            or_diverged(Unit::Percent, measured.accuracy),
            or_diverged(Unit::Share, measured.gap),
        ]);
    }
    aligned(&rows, 1)
}

fn or_diverged(unit: Unit, value: f64) -> String {
    match value.is_finite() {
        true => unit.value(value),
        false => String::from("diverged"),
    }
}
