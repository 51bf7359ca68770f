//! The drawn points of a chart as JSON, for the script of the page, which enlarges them.

use serde_json::{Value, json};

use super::chart::{Chart, ChartPanel, ChartRow, Places, Point, Scale, Series};
use super::palette;
use super::thinned::thinned;

/// The points of every panel, and what diverged. Empty if there are no points, or if a line goes back along the horizontal
/// axis. `<` is escaped, because the text is put into a `script` element.
pub(super) fn as_json(chart: &Chart) -> String {
    let forward = |of: &Series| of.points.windows(2).all(|pair| pair[0].x < pair[1].x);
    if !chart.series().all(forward) {
        return String::new();
    }
    let panels = chart.rows.iter().flat_map(|row| {
        let drawn = row.panels.iter().filter(|of| of.has_marks());
        drawn.map(|of| panel(row, of))
    });
    let panels: Vec<Value> = panels.collect();
    if chart.series().all(|of| of.points.is_empty()) {
        return String::new();
    }
    let diverged = chart.diverged().into_iter();
    let diverged = diverged.map(|(colour, text)| json!({ "colour": shades(colour), "text": text }));
    let figure = json!({ "panels": panels, "diverged": diverged.collect::<Vec<_>>() });
    figure.to_string().replace('<', "\\u003c")
}

/// The colour of a method in light and in dark mode.
fn shades(index: usize) -> [&'static str; 2] {
    let colour = palette::method(index);
    [colour.light, colour.dark]
}

fn panel(row: &ChartRow, panel: &ChartPanel) -> Value {
    let mut drawn = thinned(&panel.series);
    drawn.retain(|of| !of.points.is_empty() || !of.crosses.is_empty());
    let places = drawn.iter().flat_map(|of| {
        let points = of.points.iter().map(|point| point.x);
        points.chain(of.crosses.iter().copied())
    });
    let mut places: Vec<f64> = places.collect();
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

/// Its value and its spread at each of `places`, which are in order like its points; its dotted lines: from, to, y.
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
    let crosses = places.iter().map(|place| of.crosses.contains(place));
    let crosses: Vec<bool> = crosses.collect();
    let floors = of.floors.iter();
    let floors = floors.map(|&(from, to, y)| [from, to, y].map(rounded));
    let floors: Vec<[f64; 3]> = floors.collect();
    json!({
        "label": of.label,
        "colour": shades(of.colour),
        "dash": palette::dash(of.colour),
        "marker": palette::marker(of.colour),
        "crosses": of.crosses.first().map(|_| crosses),
        "floors": of.floors.first().map(|_| floors),
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
