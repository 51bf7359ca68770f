//! The tables of a sweep: text, CSV and JSON.

use serde_json::{Value, json};

use super::directory::Gathered;
use super::{Axis, Cell, Sweep, plain};
use crate::error::Result;
use crate::report::format::Unit;
use crate::report::measure::Measure;
use crate::report::table::{aligned, csv};
use crate::run::settings::Document;
use crate::run::{MethodMeasures, System};

/// The status of a method in a cell: `complete`, `diverged` (all its jobs), `incomplete` or `missing`.
pub(super) fn status<D: Document>(gathered: &Gathered<D>, method: &MethodMeasures) -> &'static str {
    let asked = gathered.cell.settings.common().seeds.len();
    match gathered.is_there {
        false => "missing",
        true if method.seeds.len() == asked => "complete",
        true if method.diverged.len() == asked => "diverged",
        true => "incomplete",
    }
}

/// The names of the conditions that distinguish rows besides the method, such as `epochs`.
fn conditions<D>(gathered: &[Gathered<D>]) -> Vec<&'static str> {
    let mut names = Vec::new();
    let methods = gathered.iter().flat_map(|of| &of.summary.methods);
    for (name, _) in methods.flat_map(|method| &method.conditions) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// The method's values of these conditions.
fn values(method: &MethodMeasures, conditions: &[&str]) -> Vec<String> {
    let of = |name: &&str| {
        let found = method.conditions.iter().find(|(known, _)| known == name);
        found.map_or(String::new(), |(_, value)| value.to_string())
    };
    conditions.iter().map(of).collect()
}

pub(super) fn as_csv<D: Document>(
    sweep: &Sweep<D>,
    measures: &[Measure],
    gathered: &[Gathered<D>],
) -> Result<String> {
    let conditions = conditions(gathered);
    let mut header = vec![String::from("cell")];
    header.extend(sweep.grid().iter().map(|axis| axis.key.clone()));
    header.push("method".into());
    header.extend(conditions.iter().map(ToString::to_string));
    header.extend(["status", "seeds", "diverged"].map(String::from));
    for measure in measures {
        header.push(format!("{}_mean", measure.name));
        header.push(format!("{}_standard_deviation", measure.name));
    }
    header.push("hash".into());
    let mut lines = vec![header];
    for gathered in gathered {
        for method in &gathered.summary.methods {
            let mut line = vec![gathered.cell.number.to_string()];
            line.extend(gathered.cell.values.iter().map(plain));
            line.push(method.method.clone());
            line.extend(values(method, &conditions));
            line.push(status(gathered, method).into());
            line.push(method.seeds.len().to_string());
            line.push(method.diverged.len().to_string());
            for measure in measures {
                let measured = method.measures.get(measure.name);
                // The shortest text that reads back to the same bits, as in the runs' records.
                let text = |value: f64| match value.is_finite() {
                    true => format!("{value:?}"),
                    false => String::new(),
                };
                line.push(measured.map_or(String::new(), |m| text(m.mean)));
                line.push(measured.map_or(String::new(), |m| text(m.standard_deviation)));
            }
            line.push(gathered.summary.hash.clone().unwrap_or_default());
            lines.push(line);
        }
    }
    csv("sweep.csv", &lines)
}

pub(super) fn as_json<D: Document>(sweep: &Sweep<D>, gathered: &[Gathered<D>]) -> Value {
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
            "summary": gathered.is_there.then_some(&gathered.summary.json),
        })
    });
    json!({
        "experiment": sweep.base().common().name,
        "version": env!("CARGO_PKG_VERSION"),
        "grid": lists.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}

pub(super) fn as_table<S: System>(
    sweep: &Sweep<S::Settings>,
    measures: &[Measure],
    gathered: &[Gathered<S::Settings>],
) -> String {
    let conditions = conditions(gathered);
    let mut heading = vec![String::from("cell")];
    heading.extend(sweep.grid().iter().map(|axis| axis.key.clone()));
    heading.push("method".into());
    heading.extend(conditions.iter().map(ToString::to_string));
    let shown = measures_shown(measures, gathered);
    heading.extend(shown.iter().map(Measure::heading));
    heading.push("seeds".into());
    let left = 2 + sweep.grid().len();
    let first = left + conditions.len();
    let mut rows = vec![heading];
    for gathered in gathered {
        for method in &gathered.summary.methods {
            let mut row = vec![format!("{:03}", gathered.cell.number)];
            row.extend(sweep.short_values(gathered.cell));
            row.push(method.label.clone());
            row.extend(values(method, &conditions));
            row.extend(shown.iter().map(|measure| measure.cell(&method.measures)));
            if let ("diverged", Some(first)) = (status(gathered, method), row.get_mut(first)) {
                *first = "diverged".into();
            }
            row.push(method.seeds.len().to_string());
            rows.push(row);
        }
    }
    let best = best::<S>(sweep, gathered).into_iter();
    let best: String = best.map(|best| best.text + "\n").collect();
    format!("{}{best}", aligned(&rows, left))
}

/// The measures of tables, and those of charts that have values.
pub(super) fn measures_shown<D>(measures: &[Measure], gathered: &[Gathered<D>]) -> Vec<Measure> {
    let is_there = |measure: &Measure| {
        let mut methods = gathered.iter().flat_map(|of| &of.summary.methods);
        methods.any(|method| measure.summary(&method.measures).is_some())
    };
    let mut shown = Vec::from(measures);
    shown.retain(|measure| measure.in_table() || (measure.in_charts() && is_there(measure)));
    shown
}

/// The best cell of a method.
pub(super) struct BestCell<'a, D> {
    pub(super) cell: &'a Cell<D>,
    pub(super) method: &'a MethodMeasures,
    /// A sentence for the table.
    pub(super) text: String,
}

/// For each method, the best cell by the system's measure; every method has the same number of cells. Empty if no cell
/// has that measure, and for tables, such as streams: the best of these says nothing of a method.
pub(super) fn best<'a, S: System>(
    sweep: &Sweep<S::Settings>,
    gathered: &'a [Gathered<S::Settings>],
) -> Vec<BestCell<'a, S::Settings>> {
    if sweep.grid().iter().any(Axis::has_tables) {
        return Vec::new();
    }
    let mut best = Vec::new();
    let tried = gathered.len();
    for (name, _) in sweep.base().common().methods {
        let found = gathered.iter().flat_map(|gathered| {
            let methods = gathered.summary.methods.iter();
            let of_this = methods.filter(move |method| method.method == name);
            of_this.filter_map(move |method| {
                let largest = method.measures.get(S::BEST.measure)?;
                let exists = largest.mean.is_finite();
                exists.then_some((gathered.cell, method, largest))
            })
        });
        let Some((cell, method, largest)) = found.max_by(|a, b| a.2.mean.total_cmp(&b.2.mean))
        else {
            continue;
        };
        let condition: String = method
            .conditions
            .iter()
            .map(|(name, of)| format!(", {name} = {of}"))
            .collect();
        let beside = S::BEST.beside.and_then(|(measure, called)| {
            let summary = method.measures.get(measure)?;
            Some(format!(
                ", {called} {} %",
                Unit::Percent.mean_and_spread(summary)
            ))
        });
        let text = format!(
            "best of {tried} by {}, {}: {}{condition} ({} %{})",
            S::BEST.called,
            method.label,
            sweep.label(cell),
            Unit::Percent.mean_and_spread(largest),
            beside.unwrap_or_default(),
        );
        best.push(BestCell { cell, method, text });
    }
    best
}
