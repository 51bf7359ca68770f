//! The figure of a sweep: measures against the setting that it goes through.

use toml::Value;

use super::directory::Gathered;
use super::{Axis, Cell, Sweep};
use crate::report::figure::{
    Chart, ChartPanel, ChartRow, Places, Point, Series, fits_above, fits_beside,
};
use crate::report::format::Unit;
use crate::report::measure::Measure;
use crate::run::settings::Document;
use crate::run::{MethodMeasures, System};

/// The figure of a sweep over one or two settings: against the values of the last setting, which are numbers, lists
/// (drawn by their number of items) or names. `None` for more settings, and for a single value.
pub(super) fn chart<S: System>(
    sweep: &Sweep<S::Settings>,
    measures: &[Measure],
    cells: &[Gathered<S::Settings>],
) -> Option<Chart> {
    let (last, before) = sweep.grid().split_last()?;
    if before.len() > 1 || last.values.len() < 2 {
        return None;
    }
    let places = places(last);
    let x = |cell: &Cell<S::Settings>| -> Option<f64> {
        let value = cell.values.last()?;
        match &places {
            Places::Names(_) => last
                .values
                .iter()
                .position(|of| of == value)
                .map(|at| at as f64),
            _ => number(value),
        }
    };
    let counts = last.values.iter().all(Value::is_array) && !matches!(places, Places::Names(_));
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
            ..ChartPanel::of(series(cells, before.first().zip(*value), &x, last, measure))
        };
        let mut panels: Vec<ChartPanel> = panels.iter().zip(&titles).map(panel).collect();
        drop_empty(&mut panels, measure.unit);
        ChartRow {
            places: places.clone(),
            ..ChartRow::new(&measure.axis_title(), &format!("{setting}{beside}"), panels)
        }
    };
    let drawn = measures.iter().filter(|measure| measure.in_charts());
    let rows: Vec<ChartRow> = drawn.map(row).filter(ChartRow::has_points).collect();
    let (spread, numbered) = match &places {
        Places::Names(names) => ("bar", numbered(names, panels.len())),
        _ => ("band", String::new()),
    };
    (!rows.is_empty()).then(|| Chart {
        name: "sweep".into(),
        title: format!("{}: sweep over {}", sweep.base().common().title, last.key),
        caption: format!(
            "{}: mean over seeds, {spread} ± standard deviation, against {}{}.{}{numbered}",
            sweep.base().common().title,
            last.key,
            before.first().map_or(String::new(), |axis| format!(
                ", one panel per {}",
                axis.key
            )),
            S::BEST.note,
        ),
        rows,
    })
}

/// The places of a setting's values on the horizontal axis.
fn places(axis: &Axis) -> Places {
    let numbers: Option<Vec<f64>> = axis.values.iter().map(number).collect();
    let mut sorted = numbers.clone().unwrap_or_default();
    sorted.sort_by(f64::total_cmp);
    match numbers {
        Some(numbers) if sorted.windows(2).all(|pair| pair[0] < pair[1]) => Places::Values(numbers),
        _ => Places::Names(axis.values.iter().map(|value| axis.short(value)).collect()),
    }
}

/// For the caption: the numbers of names that do not fit below the axis.
fn numbered(names: &[String], panels: usize) -> String {
    match names
        .iter()
        .all(|name| fits_beside(name, names.len(), panels))
    {
        true => String::new(),
        false => {
            let names = (1..)
                .zip(names)
                .map(|(number, name)| format!("{number} {name}"));
            format!(" Values: {}.", names.collect::<Vec<_>>().join(", "))
        }
    }
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

/// Removes series with neither a point nor a note. For gains, also removes series without a point in any panel: such a
/// method may not have gains.
fn drop_empty(panels: &mut [ChartPanel], unit: Unit) {
    let series = panels.iter().flat_map(|panel| &panel.series);
    let there = series.filter(|series| !series.points.is_empty());
    let there: Vec<String> = there.map(|series| series.label.clone()).collect();
    for panel in panels {
        panel.series.retain(|series| {
            series.is_there() && (unit != Unit::Gain || there.contains(&series.label))
        });
    }
}

/// A line for each method: its values, and the places where it diverged. `panel` is the first setting and its value, if
/// there are two.
fn series<D: Document>(
    cells: &[Gathered<D>],
    panel: Option<(&Axis, &Value)>,
    x: &dyn Fn(&Cell<D>) -> Option<f64>,
    last: &Axis,
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
        if panel.is_some_and(|(_, first)| cell.values.first() != Some(first)) {
            continue;
        }
        let (Some(x), Some(value)) = (x(cell), cell.values.last()) else {
            continue;
        };
        for method in &summary.methods {
            let label = label(method);
            let place = found.iter().position(|series| series.label == label);
            let place = place.unwrap_or_else(|| {
                found.push(Series::new(&label, found.len(), Vec::new()));
                found.len() - 1
            });
            let asked = cell.settings.common().seeds.len();
            let summary = measure.summary(&method.measures);
            if let Some(measured) = summary.filter(|measured| measured.mean.is_finite()) {
                found[place].points.push(Point {
                    x,
                    y: scale * measured.mean,
                    spread: match measured.count {
                        0 | 1 => 0.0,
                        _ => scale * measured.standard_deviation,
                    },
                });
            }
            let at = last.short(value);
            found[place].note_diverged(Some((x, &at)), method.diverged.len(), asked);
        }
    }
    for series in &mut found {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
        if let (Some((axis, first)), false) = (panel, series.diverged.is_empty()) {
            let (_, key) = axis.key.rsplit_once('.').unwrap_or(("", &axis.key));
            let places = series.diverged.join(", ");
            series.diverged = vec![format!("{places} with {key} = {}", axis.short(first))];
        }
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
