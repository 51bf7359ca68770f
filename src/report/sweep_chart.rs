//! The figure of a sweep: measures against the setting that it goes through.

use std::collections::BTreeSet;

use toml::Value;

use super::figure::{Chart, ChartPanel, ChartRow, Point, Series};
use super::format::Unit;
use super::summary::MethodSummary;
use crate::experiment::{Cell, Sweep};
use crate::metrics;

/// Values that span so much are drawn by their logarithm.
const WIDE: f64 = 10.0;

/// What stands vertically, in what unit, and where it is found.
type Measure = (
    &'static str,
    Unit,
    fn(&MethodSummary) -> Option<metrics::Summary>,
);

const MEASURES: [Measure; 4] = [
    ("ACC, all tasks (%)", Unit::Percent, |method| {
        Some(method.every_task.as_ref()?.average_accuracy)
    }),
    ("avg-ACC, task 1 (%)", Unit::Percent, |method| {
        Some(method.per_seed.as_ref()?.average_accuracy)
    }),
    ("avg-SG, task 1", Unit::Share, |method| {
        Some(method.per_seed.as_ref()?.average_gap)
    }),
    ("gain at the end", Unit::Gain, |method| {
        let end = *method.per_seed.as_ref()?.final_gain.last()?;
        (end.mean != 1.0).then_some(end)
    }),
];

/// The figure of a sweep through one setting, or two, whose last has values that are numbers, or lists, which
/// count by their number of items; none for other sweeps.
pub(super) fn chart(sweep: &Sweep, cells: &[(&Cell, Vec<&MethodSummary>)]) -> Option<Chart> {
    let (last, before) = sweep.grid().split_last()?;
    let values = last
        .values
        .iter()
        .map(number)
        .collect::<Option<Vec<f64>>>()?;
    if before.len() > 1 || values.len() < 2 {
        return None;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let wide = least > 0.0 && largest / least >= WIDE;
    let x = |cell: &Cell| -> Option<f64> {
        let value = number(cell.values.last()?)?;
        Some(if wide { libm::log10(value) } else { value })
    };
    let counts = last.values.iter().all(Value::is_array);
    let setting = match counts {
        true => format!("items in {}", last.key),
        false => last.key.clone(),
    };
    // One panel for each value of the first setting.
    let panels: Vec<Option<&Value>> = match before.first() {
        Some(axis) => axis.values.iter().map(Some).collect(),
        None => vec![None],
    };
    let row = |(title, unit, of): &Measure| {
        let panel = |value: &Option<&Value>| ChartPanel {
            title: match value {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            },
            marks: Vec::new(),
            series: series(cells, *value, &x, of, *unit),
        };
        ChartRow {
            title: String::from(*title),
            logarithmic: false,
            x_title: match wide {
                true => format!("log₁₀ of {setting}"),
                false => setting.clone(),
            },
            panels: panels.iter().map(panel).collect(),
        }
    };
    let there = |row: &ChartRow| row.panels.iter().any(|panel| !panel.series.is_empty());
    let rows: Vec<ChartRow> = MEASURES.iter().map(row).filter(there).collect();
    (!rows.is_empty()).then(|| Chart {
        name: "sweep",
        title: "A sweep",
        caption: format!(
            "{}: mean over seeds, band ± standard deviation, against {}{}.",
            sweep.base().title,
            last.key,
            before.first().map_or(String::new(), |axis| format!(
                ", a panel for each {}",
                axis.key
            )),
        ),
        rows,
    })
}

fn series(
    cells: &[(&Cell, Vec<&MethodSummary>)],
    first: Option<&Value>,
    x: &dyn Fn(&Cell) -> Option<f64>,
    of: impl Fn(&MethodSummary) -> Option<metrics::Summary>,
    unit: Unit,
) -> Vec<Series> {
    let labels: BTreeSet<&str> = cells
        .iter()
        .flat_map(|(_, methods)| methods.iter().map(|method| method.label.as_str()))
        .collect();
    // In the order of the first cell, whose methods are the sweep's.
    let order = cells
        .iter()
        .flat_map(|(_, methods)| methods.iter().map(|m| m.label.as_str()));
    let mut left = labels;
    let labels: Vec<&str> = order.filter(|label| left.remove(label)).collect();
    let scale = match unit {
        Unit::Percent => 100.0,
        _ => 1.0,
    };
    let mut found = Vec::new();
    for label in labels {
        let mut points: Vec<Point> = Vec::new();
        for (cell, methods) in cells {
            if first.is_some_and(|first| cell.values.first() != Some(first)) {
                continue;
            }
            let method = methods.iter().find(|method| method.label == label);
            let measured = method.and_then(|method| of(method));
            if let (Some(x), Some(measured)) = (x(cell), measured)
                && measured.mean.is_finite()
            {
                let spread = match measured.count {
                    0 | 1 => 0.0,
                    _ => scale * measured.standard_deviation,
                };
                points.push(Point {
                    x,
                    y: scale * measured.mean,
                    spread,
                });
            }
        }
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        if points.len() > 1 {
            found.push(Series {
                label: label.into(),
                points,
            });
        }
    }
    found
}

/// A number as it is; a list by how many distinct items the last of its lists has.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Array(list) => match list.last()? {
            last @ Value::Array(_) => number(last),
            _ => Some(list.len() as f64),
        },
        _ => None,
    }
}
