//! The drawn points of a chart as JSON, for the script of the page, which enlarges them.

use serde_json::{Value, json};

use super::chart::{Chart, ChartPanel, ChartRow, Places, Point, Scale, Series};
use super::palette;
use super::thinned::thinned;

/// The points of every panel. Empty if there are none, or if a line goes back along the horizontal axis. `<` is escaped,
/// because the text is put into a `script` element.
pub(super) fn as_json(chart: &Chart) -> String {
    let forward = |of: &Series| of.points.windows(2).all(|pair| pair[0].x < pair[1].x);
    if !chart.series().all(forward) {
        return String::new();
    }
    let panels = chart.rows.iter().flat_map(|row| {
        let drawn = row.panels.iter().filter(|of| of.points().next().is_some());
        drawn.map(|of| panel(row, of))
    });
    let panels: Vec<Value> = panels.collect();
    match panels.is_empty() {
        true => String::new(),
        false => Value::Array(panels).to_string().replace('<', "\\u003c"),
    }
}

fn panel(row: &ChartRow, panel: &ChartPanel) -> Value {
    let mut drawn = thinned(&panel.series);
    drawn.retain(|of| !of.points.is_empty());
    let points = drawn.iter().flat_map(|of| &of.points);
    let mut places: Vec<f64> = points.map(|point| point.x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let (names, ticks) = match &row.places {
        Places::Names(names) => (Some(names), None),
        Places::Values(values) => (None, Some(values)),
        Places::Numbers => (None, None),
    };
    let end = |end: f64| end.is_finite().then_some(end);
    let (low, high) = row.limits();
    json!({
        "title": panel.title,
        "x": row.x_title,
        "y": row.title,
        "scale": match row.scale {
            Scale::Linear | Scale::Percent => "linear",
            Scale::Logarithmic => "logarithmic",
            Scale::Error => "error",
        },
        "decimals": match row.scale {
            Scale::Percent | Scale::Error => Some(2),
            Scale::Linear | Scale::Logarithmic => None,
        },
        "limits": [end(low), end(high)],
        "wide": row.x_axis(panel).is_logarithmic(),
        "names": names,
        "ticks": ticks,
        "marks": panel.marks,
        "series": drawn.iter().map(|of| series(row, of, &places)).collect::<Vec<_>>(),
        "places": places.into_iter().map(rounded).collect::<Vec<_>>(),
    })
}

/// Its value and its spread at each of `places`, which are in order like its points.
fn series(row: &ChartRow, of: &Series, places: &[f64]) -> Value {
    let mut points = of.points.iter().peekable();
    let found = places
        .iter()
        .map(|place| points.next_if(|point| point.x == *place));
    let found: Vec<Option<&Point>> = found.collect();
    let numbers = |of: fn(&Point) -> f64| -> Vec<Option<f64>> {
        let found = found.iter();
        found.map(|point| point.map(|p| rounded(of(p)))).collect()
    };
    let spread = of.points.iter().any(|point| point.spread > 0.0);
    let colour = palette::method(of.colour);
    json!({
        "label": of.label,
        "colour": [colour.light, colour.dark],
        "dash": palette::dash(of.colour),
        "joined": row.is_joined(),
        "marked": of.is_marked() || !row.is_joined(),
        "y": numbers(|point| point.y),
        "spread": spread.then(|| numbers(|point| point.spread)),
    })
}

/// Six digits: more than a figure shows.
fn rounded(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}
