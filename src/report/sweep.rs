//! The directory of a sweep: a run directory for each cell, and what is gathered from them.
//!
//! | file | holds |
//! | --- | --- |
//! | `sweep.toml` | the resolved sweep: the base's settings and the grid |
//! | `cells/NNN/` | the run directory of cell NNN, a [`RunDirectory`] |
//! | `sweep.csv` | a row a cell and method: the grid's values, measures, seeds, hash |
//! | `sweep.json` | the same, with the whole summary of each cell |
//! | `sweep.svg` | measures against the setting, for sweeps through one or two settings of numbers |

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::format::Unit;
use super::measure::{ByMeasure, Measure};
use super::sweep_chart;
use super::table::aligned;
use crate::error::{Error, Result};
use crate::run::files::{damaged, write};
use crate::run::{Cell, Sweep};
use crate::run::{RunDirectory, Status};
use crate::systems::StabilityGap;
use crate::systems::stability_gap::report::summary::{
    MethodSummary, Outcome, Summary, measures, summarise_results,
};
use crate::systems::stability_gap::report::table::incomplete;
use crate::systems::stability_gap::{MethodSettings, Results};

/// What [`collect_sweep`] has gathered.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// The measures of every cell and method as aligned text.
    pub table: String,
    /// The figure, if this is a sweep that can be drawn.
    pub figure: Option<PathBuf>,
    /// A line for each run that is not complete, and for each cell that is missing or cannot be read.
    pub incomplete: Vec<String>,
}

/// Makes the directory `dir` of `sweep`, with the directories above it; one that already holds an equal
/// sweep is left as it is, so that the sweep goes on there.
///
/// # Errors
/// [`Error::File`] where `dir` cannot be made, holds another sweep, or holds something else.
pub fn begin_sweep(dir: &Path, sweep: &Sweep) -> Result<()> {
    let file = dir.join("sweep.toml");
    if file.exists() {
        if Sweep::from_file(&file).map_err(damaged)? != *sweep {
            let reason = "it holds another sweep; name a directory that does not exist";
            return Err(Error::file(dir, "create", reason));
        }
        return Ok(());
    }
    let text = sweep.to_toml()?;
    let begun = || -> Result<bool> {
        let mut entries = fs::read_dir(dir).map_err(|e| Error::file(dir, "read", e))?;
        Ok(entries.next().is_some())
    };
    if dir.exists() && begun()? {
        let reason = "it exists already and holds no sweep; name a directory that does not";
        return Err(Error::file(dir, "create", reason));
    }
    let cells = dir.join("cells");
    fs::create_dir_all(&cells).map_err(|e| Error::file(&cells, "create", e))?;
    write(&file, text.as_bytes())
}

/// The run directory of `cell` in the sweep directory `dir`.
pub fn cell_directory(dir: &Path, cell: &Cell) -> PathBuf {
    dir.join("cells").join(format!("{:03}", cell.number))
}

/// Whether nothing is left to do for `cell`: all its runs are complete or have diverged, as they would
/// again, and its summary is written.
pub fn cell_has_ended(dir: &Path, cell: &Cell) -> bool {
    let finished = cell_directory(dir, cell).join("summary.json").exists();
    let asked = cell.settings.methods.len() * cell.settings.training.seeds.len();
    finished
        && read(dir, cell).is_ok_and(|results| {
            let mut runs = results.runs.iter();
            results.runs.len() == asked && runs.all(|run| run.status != Status::Interrupted)
        })
}

/// Gathers the cells of the sweep in `dir` into `sweep.csv` and `sweep.json`. Cells that are missing,
/// unfinished or unreadable have rows there too, without measures.
///
/// # Errors
/// [`Error::Format`] where the directory's `sweep.toml` is damaged, [`Error::File`] where it cannot be read or
/// the files cannot be written.
pub fn collect_sweep(dir: &Path) -> Result<Collected> {
    let sweep = Sweep::from_file(&dir.join("sweep.toml")).map_err(damaged)?;
    let mut gathered = Vec::with_capacity(sweep.cells().len());
    for cell in sweep.cells() {
        gathered.push(Gathered::new(dir, cell));
    }
    write(&dir.join("sweep.csv"), &as_csv(&sweep, &gathered)?)?;
    let json = format!("{:#}\n", as_json(&sweep, &gathered));
    write(&dir.join("sweep.json"), json.as_bytes())?;
    let measured: Vec<(&Cell, Vec<&MethodSummary>)> = gathered
        .iter()
        .map(|gathered| {
            let methods = gathered.methods().filter_map(|(_, method)| method);
            (gathered.cell, methods.collect())
        })
        .collect();
    let figure = match sweep_chart::chart(&sweep, &measured) {
        Some(chart) => {
            let path = dir.join("sweep.svg");
            write(&path, chart.draw()?.svg.as_bytes())?;
            Some(path)
        }
        None => None,
    };
    let named = gathered.iter().flat_map(|gathered| {
        let name = format!(
            "cell {} ({})",
            gathered.cell.number,
            sweep.label(gathered.cell)
        );
        let error = gathered.error.as_ref();
        let error = error.map_or(String::new(), |error| format!(": {error}"));
        let problems = gathered.problems.iter();
        problems.map(move |problem| format!("{name}: {problem}{error}"))
    });
    Ok(Collected {
        table: as_table(&sweep, &gathered),
        figure,
        incomplete: named.collect(),
    })
}

/// One cell, and its summary if there is one.
struct Gathered<'a> {
    cell: &'a Cell,
    summary: Option<Summary>,
    /// What is missing.
    problems: Vec<String>,
    /// Why the cell cannot be read; it names a path, which no file is to hold.
    error: Option<Error>,
}

impl Gathered<'_> {
    fn new<'a>(dir: &Path, cell: &'a Cell) -> Gathered<'a> {
        let read = read(dir, cell).and_then(|results| {
            let summary = summarise_results(&results)?;
            Ok((summary, incomplete(&results)))
        });
        let (summary, problems, error) = match read {
            Ok((summary, problems)) => (Some(summary), problems, None),
            Err(_) if !cell_directory(dir, cell).exists() => (None, vec!["not begun".into()], None),
            Err(error) => (None, vec!["unreadable".into()], Some(error)),
        };
        Gathered {
            cell,
            summary,
            problems,
            error,
        }
    }

    /// Each method with its summary, if there is one.
    fn methods(&self) -> impl Iterator<Item = (&MethodSettings, Option<&MethodSummary>)> {
        let methods = self.cell.settings.methods.iter();
        methods.enumerate().map(|(at, method)| {
            let summary = self.summary.as_ref().map(|summary| &summary.methods[at]);
            (method, summary)
        })
    }

    /// How much there is of a method: `complete`, `diverged` where all its runs have, `incomplete` or `missing`.
    fn status(&self, method: Option<&MethodSummary>) -> &'static str {
        let asked = self.cell.settings.training.seeds.len();
        match method {
            None => "missing",
            Some(method) if method.seeds.len() == asked => "complete",
            Some(method) if method.diverged.len() == asked => "diverged",
            Some(_) => "incomplete",
        }
    }
}

/// The results of `cell`, which are those of its settings.
fn read(dir: &Path, cell: &Cell) -> Result<Results> {
    let dir = cell_directory(dir, cell);
    let directory = RunDirectory::<StabilityGap>::open(&dir)?;
    if *directory.settings() != cell.settings {
        let config = dir.join("config.toml");
        return Err(Error::format(&config, "not the settings of this cell"));
    }
    Ok(Results {
        settings: cell.settings.clone(),
        runs: directory.load()?.into_iter().flatten().collect(),
    })
}

fn as_csv(sweep: &Sweep, gathered: &[Gathered]) -> Result<Vec<u8>> {
    let failed = |e: csv::Error| Error::shape("collect_sweep", "rows that CSV can hold", e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec![String::from("cell")];
    header.extend(sweep.grid().iter().map(|axis| axis.key.clone()));
    header.extend(["method", "status", "seeds"].map(String::from));
    for measure in measures() {
        header.push(format!("{}_mean", measure.name));
        header.push(format!("{}_standard_deviation", measure.name));
    }
    header.push("hash".into());
    writer.write_record(&header).map_err(failed)?;
    for gathered in gathered {
        let hash = gathered.summary.as_ref().and_then(|s| s.hash.clone());
        for (settings, method) in gathered.methods() {
            let mut row = vec![gathered.cell.number.to_string()];
            row.extend(gathered.cell.values.iter().map(plain));
            let seeds = method.map_or(0, |method| method.seeds.len());
            row.extend([
                settings.name.clone(),
                gathered.status(method).into(),
                seeds.to_string(),
            ]);
            for measure in measures() {
                let measure = method.and_then(|method| method.measures.get(measure.name));
                // As in the runs' records: the shortest text that reads back to the same bits.
                let text = |value: f64| match value.is_finite() {
                    true => format!("{value:?}"),
                    false => String::new(),
                };
                row.push(measure.map_or(String::new(), |m| text(m.mean)));
                row.push(measure.map_or(String::new(), |m| text(m.standard_deviation)));
            }
            row.push(hash.clone().unwrap_or_default());
            writer.write_record(&row).map_err(failed)?;
        }
    }
    writer
        .into_inner()
        .map_err(|e| Error::shape("collect_sweep", "rows that CSV can hold", e))
}

fn as_json(sweep: &Sweep, gathered: &[Gathered]) -> Value {
    let grid = sweep.grid().iter();
    let lists = grid.map(|axis| json!({ "setting": axis.key, "values": axis.values }));
    let cells = gathered.iter().map(|gathered| {
        let values = sweep.grid().iter().zip(&gathered.cell.values);
        let values: serde_json::Map<String, Value> = values
            .map(|(axis, value)| (axis.key.clone(), json!(value)))
            .collect();
        json!({
            "cell": gathered.cell.number,
            "settings": values,
            "incomplete": gathered.problems,
            "summary": gathered.summary,
        })
    });
    json!({
        "experiment": sweep.base().name,
        "version": env!("CARGO_PKG_VERSION"),
        "grid": lists.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}

fn as_table(sweep: &Sweep, gathered: &[Gathered]) -> String {
    let mut heading = vec![String::from("cell")];
    heading.extend(sweep.grid().iter().map(|axis| axis.key.clone()));
    heading.push("method".into());
    // Besides the measures of every table those of charts, where there are any.
    let is_there = |measure: &Measure<Outcome>| {
        let mut methods = gathered.iter().flat_map(Gathered::methods);
        methods.any(|(_, method)| method.is_some_and(|m| measure.summary(&m.measures).is_some()))
    };
    let mut shown = Vec::from(measures());
    shown.retain(|measure| measure.in_table() || (measure.in_charts() && is_there(measure)));
    heading.extend(shown.iter().map(Measure::heading));
    heading.push("seeds".into());
    let left = 2 + sweep.grid().len();
    let mut rows = vec![heading];
    for gathered in gathered {
        for (settings, method) in gathered.methods() {
            let mut row = vec![format!("{:03}", gathered.cell.number)];
            row.extend(gathered.cell.values.iter().map(plain));
            row.push(settings.label.clone());
            let none = ByMeasure::default();
            let measured = method.map_or(&none, |method| &method.measures);
            row.extend(shown.iter().map(|measure| measure.cell(measured)));
            row.push(method.map_or(0, |m| m.seeds.len()).to_string());
            rows.push(row);
        }
    }
    format!("{}{}", aligned(&rows, left), best(sweep, gathered))
}

/// The cell in which each method has the best worst-case accuracy over all tasks, which weighs the end against the gap: all
/// methods were tried in as many. Empty where the first task alone was evaluated, on which a method that never
/// learns another looks best.
fn best(sweep: &Sweep, gathered: &[Gathered]) -> String {
    let mut text = String::new();
    let tried = gathered.len();
    for method in &sweep.base().methods {
        let found = gathered.iter().filter_map(|gathered| {
            let measured = gathered
                .methods()
                .find(|(known, _)| known.name == method.name);
            let all = measured.and_then(|(_, summary)| Some(&summary?.measures))?;
            let worst = all.get("every_task_worst_case_accuracy")?;
            let average = all.get("every_task_average_accuracy")?;
            let exists = worst.mean.is_finite();
            exists.then_some((gathered, worst, average))
        });
        let Some((gathered, worst, average)) = found.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))
        else {
            continue;
        };
        text.push_str(&format!(
            "best of {tried} by worst-case accuracy over all tasks, {}: {} ({} %, mean accuracy {} %)\n",
            method.label,
            sweep.label(gathered.cell),
            Unit::Percent.mean_and_spread(worst),
            Unit::Percent.mean_and_spread(average),
        ));
    }
    text
}

/// A value as a table shows it: text without quotes.
fn plain(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), String::from)
}
