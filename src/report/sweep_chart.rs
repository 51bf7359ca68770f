//! The figure of a sweep: measures against the setting that it goes through.

use toml::Value;

use super::figure::{Chart, ChartPanel, ChartRow, Point, Series, fits_above};
use super::format::Unit;
use super::summary::MethodSummary;
use super::sweep::final_gain;
use crate::experiment::{Cell, StreamKind, Sweep};
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
    ("gain at the end", Unit::Gain, final_gain),
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
    let setting = match (counts, last.key.as_str()) {
        (true, "stream.contexts") => {
            let items = match sweep.base().stream.kind {
                StreamKind::Split => "classes",
                StreamKind::Rotated => "rotations",
                StreamKind::Permuted => "permutations",
            };
            format!("{items} in the last context")
        }
        (true, key) => format!("items in {key}"),
        (false, key) => key.to_string(),
    };
    // One panel for each value of the first setting.
    let panels: Vec<Option<&Value>> = match before.first() {
        Some(axis) => axis.values.iter().map(Some).collect(),
        None => vec![None],
    };
    let row = |(title, unit, of): &Measure| {
        let panel = |value: &Option<&Value>| ChartPanel {
            title: match (before.first(), value) {
                (Some(axis), Some(value)) => panel_title(&axis.key, value, panels.len()),
                _ => String::new(),
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
    let there = |row: &ChartRow| {
        let mut series = row.panels.iter().flat_map(|panel| &panel.series);
        series.any(|series| !series.points.is_empty())
    };
    let crossed = |row: &ChartRow| {
        let mut series = row.panels.iter().flat_map(|panel| &panel.series);
        series.any(|series| !series.diverged.is_empty())
    };
    let rows: Vec<ChartRow> = MEASURES.iter().map(row).filter(there).collect();
    (!rows.is_empty()).then(|| Chart {
        name: "sweep",
        title: "A sweep",
        caption: format!(
            "{}: mean over seeds, band ± standard deviation, against {}{}.{}",
            sweep.base().title,
            last.key,
            before.first().map_or(String::new(), |axis| format!(
                ", a panel for each {}",
                axis.key
            )),
            match rows.iter().any(crossed) {
                true => " Crosses on the lower edge: every run diverged.",
                false => "",
            },
        ),
        rows,
    })
}

/// `KEY = VALUE`, without as much of the key's path as has no room above one of `columns` panels.
fn panel_title(key: &str, value: &Value, columns: usize) -> String {
    let value = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let mut rest = Some(key);
    while let Some(key) = rest {
        let title = format!("{key} = {value}");
        if fits_above(&title, columns) {
            return title;
        }
        rest = key.split_once('.').map(|(_, shorter)| shorter);
    }
    value
}

/// A line for each method that has a value in some cell, or none because it diverged. Of gains there are no
/// lines without a value: nothing tells there which methods have gains.
fn series(
    cells: &[(&Cell, Vec<&MethodSummary>)],
    first: Option<&Value>,
    x: &dyn Fn(&Cell) -> Option<f64>,
    of: impl Fn(&MethodSummary) -> Option<metrics::Summary>,
    unit: Unit,
) -> Vec<Series> {
    let scale = match unit {
        Unit::Percent => 100.0,
        _ => 1.0,
    };
    let mut found: Vec<Series> = Vec::new();
    for (cell, methods) in cells {
        if first.is_some_and(|first| cell.values.first() != Some(first)) {
            continue;
        }
        let Some(x) = x(cell) else { continue };
        for method in methods {
            let place = found.iter().position(|series| series.label == method.label);
            let place = place.unwrap_or_else(|| {
                found.push(Series::line(&method.label, []));
                found.len() - 1
            });
            let asked = cell.settings.training.seeds.len();
            match of(method).filter(|measured| measured.mean.is_finite()) {
                Some(measured) => found[place].points.push(Point {
                    x,
                    y: scale * measured.mean,
                    spread: match measured.count {
                        0 | 1 => 0.0,
                        _ => scale * measured.standard_deviation,
                    },
                }),
                None if method.diverged.len() == asked => found[place].diverged.push(x),
                None => {}
            }
        }
    }
    found.retain(|series| {
        let diverged = !series.diverged.is_empty() && unit != Unit::Gain;
        !series.points.is_empty() || diverged
    });
    for series in &mut found {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
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
