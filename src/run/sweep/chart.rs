//! The figure of a sweep: measures against the setting that it goes through.

use toml::Value;

use super::directory::Gathered;
use super::{Axis, Cell, Sweep};
use crate::report::figure::{Chart, ChartPanel, ChartRow, Point, Series, fits_above};
use crate::report::format::Unit;
use crate::report::measure::Measure;
use crate::run::settings::Document;
use crate::run::{MethodMeasures, System};

/// Values whose largest-to-smallest ratio is at least this get a logarithmic axis.
const WIDE: f64 = 10.0;

/// The figure of a sweep over one or two settings, if the values of the last setting are numbers or lists (drawn by
/// their number of items); `None` for other sweeps.
pub(super) fn chart<S: System>(
    sweep: &Sweep<S::Settings>,
    measures: &[Measure],
    cells: &[Gathered<S::Settings>],
) -> Option<Chart> {
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
    let x = |cell: &Cell<S::Settings>| -> Option<f64> {
        let value = number(cell.values.last()?)?;
        Some(if wide { libm::log10(value) } else { value })
    };
    let counts = last.values.iter().all(Value::is_array);
    let setting = match (counts, S::axis_title(sweep.base(), &last.key)) {
        (true, Some(title)) => title,
        (true, None) => format!("items in {}", last.key),
        (false, _) => last.key.clone(),
    };
    // One panel for each value of the first setting.
    let panels: Vec<Option<&Value>> = match before.first() {
        Some(axis) => axis.values.iter().map(Some).collect(),
        None => vec![None],
    };
    let (titles, beside) = match before.first() {
        Some(axis) => panel_titles(axis),
        None => (vec![String::new()], String::new()),
    };
    let row = |measure: &Measure| {
        let panel = |(value, title): (&Option<&Value>, &String)| ChartPanel {
            title: title.clone(),
            marks: Vec::new(),
            series: series(cells, *value, &x, measure),
        };
        let mut panels: Vec<ChartPanel> = panels.iter().zip(&titles).map(panel).collect();
        drop_empty(&mut panels, measure.unit);
        ChartRow {
            title: measure.axis_title(),
            logarithmic: false,
            x_title: match wide {
                true => format!("log₁₀ of {setting}{beside}"),
                false => format!("{setting}{beside}"),
            },
            panels,
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
    let drawn = measures.iter().filter(|measure| measure.in_charts());
    let rows: Vec<ChartRow> = drawn.map(row).filter(there).collect();
    (!rows.is_empty()).then(|| Chart {
        name: "sweep",
        title: "A sweep",
        caption: format!(
            "{}: mean over seeds, band ± standard deviation, against {}{}.{}{}",
            sweep.base().common().title,
            last.key,
            before.first().map_or(String::new(), |axis| format!(
                ", one panel per {}",
                axis.key
            )),
            S::BEST.note,
            match rows.iter().any(crossed) {
                true => " Crosses on the lower edge: every run diverged.",
                false => "",
            },
        ),
        rows,
    })
}

/// A title for each value of `axis`, `KEY = VALUE`, with the key's path shortened to fit. If no part of the key fits,
/// the titles are the values, and the second result is a note for the horizontal axis's title.
fn panel_titles(axis: &Axis) -> (Vec<String>, String) {
    let values = axis.values.iter().map(|value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    });
    let values: Vec<String> = values.collect();
    let mut rest = Some(axis.key.as_str());
    while let Some(key) = rest {
        let titles = values.iter().map(|value| format!("{key} = {value}"));
        let titles: Vec<String> = titles.collect();
        if titles.iter().all(|title| fits_above(title, titles.len())) {
            return (titles, String::new());
        }
        rest = key.split_once('.').map(|(_, shorter)| shorter);
    }
    (values, format!("; panels: {}", axis.key))
}

/// Removes series with neither a point nor a cross. For gains, also removes series without a point in any panel: such
/// a method may not have gains.
fn drop_empty(panels: &mut [ChartPanel], unit: Unit) {
    let series = panels.iter().flat_map(|panel| &panel.series);
    let there = series.filter(|series| !series.points.is_empty());
    let there: Vec<String> = there.map(|series| series.label.clone()).collect();
    for panel in panels {
        panel.series.retain(|series| {
            let marked = !series.points.is_empty() || !series.diverged.is_empty();
            marked && (unit != Unit::Gain || there.contains(&series.label))
        });
    }
}

/// A line for each method: its values, and the places where it diverged.
fn series<D: Document>(
    cells: &[Gathered<D>],
    first: Option<&Value>,
    x: &dyn Fn(&Cell<D>) -> Option<f64>,
    measure: &Measure,
) -> Vec<Series> {
    let scale = measure.unit.scale();
    let mut found: Vec<Series> = Vec::new();
    let methods = || cells.iter().flat_map(|of| &of.summary.methods);
    let first_condition = methods().next().map(|method| &method.conditions);
    let several = methods().any(|method| Some(&method.conditions) != first_condition);
    let label = |method: &MethodMeasures| match several {
        true => method.label_with_conditions(),
        false => method.label.clone(),
    };
    for Gathered { cell, summary, .. } in cells {
        if first.is_some_and(|first| cell.values.first() != Some(first)) {
            continue;
        }
        let Some(x) = x(cell) else { continue };
        for method in &summary.methods {
            let label = label(method);
            let place = found.iter().position(|series| series.label == label);
            let place = place.unwrap_or_else(|| {
                found.push(Series::line(&label, []));
                found.len() - 1
            });
            let asked = cell.settings.common().seeds.len();
            let summary = measure.summary(&method.measures);
            match summary.filter(|measured| measured.mean.is_finite()) {
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
    for series in &mut found {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    found
}

/// A number as it is; for a list, the number of distinct items in the last of its lists.
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
