//! The same chart of several experiments, overlaid.

use super::chart::{Chart, ChartPanel, ChartRow, Places, Series};

/// The charts of one experiment, or those of several, each with its label, overlaid.
pub(crate) fn overlaid(experiments: &[(&str, &[Chart])]) -> Vec<Chart> {
    if let [(_, charts)] = experiments {
        return charts.to_vec();
    }
    let mut names: Vec<&str> = Vec::new();
    for chart in experiments.iter().flat_map(|(_, charts)| *charts) {
        if !names.contains(&chart.name.as_str()) {
            names.push(&chart.name);
        }
    }
    let names = names.into_iter();
    names
        .flat_map(|name| Chart::overlaid(name, experiments))
        .collect()
}

impl Chart {
    /// The chart called `name` of several experiments, each with its label: a chart for each line (each method), in
    /// which every experiment has a line.
    fn overlaid(name: &str, experiments: &[(&str, &[Chart])]) -> Vec<Chart> {
        let own = |charts: &'_ [Chart]| charts.iter().position(|chart| chart.name == name);
        let found = experiments.iter().enumerate();
        let found: Vec<(usize, &str, &Chart)> = found
            .filter_map(|(place, (label, charts))| Some((place, *label, &charts[own(charts)?])))
            .collect();
        let mut lines: Vec<&str> = Vec::new();
        for series in found.iter().flat_map(|(_, _, chart)| chart.series()) {
            if !lines.contains(&series.label.as_str()) {
                lines.push(&series.label);
            }
        }
        let overlay = |(number, line): (usize, &&str)| {
            let mut rows: Vec<ChartRow> = Vec::new();
            for (place, label, chart) in &found {
                for row in &chart.rows {
                    add(&mut rows, row, line, (*place, label));
                }
            }
            rows.retain(|row| {
                row.panels
                    .iter()
                    .any(|of| of.series.iter().any(Series::is_there))
            });
            let (_, _, first) = found.first()?;
            (!rows.is_empty()).then(|| Chart {
                name: format!("{name}-{}", number + 1),
                title: format!("{}: {line}", first.title),
                caption: first.caption.clone(),
                rows,
            })
        };
        lines.iter().enumerate().filter_map(overlay).collect()
    }
}

/// Adds the series called `line` of an experiment's row to the row with the same title.
fn add(rows: &mut Vec<ChartRow>, own: &ChartRow, line: &str, experiment: (usize, &str)) {
    let place = rows.iter().position(|row| row.title == own.title);
    let place = place.unwrap_or_else(|| {
        rows.push(ChartRow {
            panels: Vec::new(),
            ..own.clone()
        });
        rows.len() - 1
    });
    let row = &mut rows[place];
    let moved = joined(&mut row.places, &own.places);
    row.columns = row.columns.max(own.columns);
    for panel in &own.panels {
        let of_line = panel.series.iter().filter(|of| of.label == line);
        let of_line = of_line.map(|of| {
            let mut series = of.clone();
            series.label = experiment.1.into();
            series.colour = experiment.0;
            let place = |x: f64| moved.get(x as usize).map_or(x, |at| *at as f64);
            for point in &mut series.points {
                point.x = place(point.x);
            }
            for x in &mut series.crosses {
                *x = place(*x);
            }
            series
        });
        let series: Vec<Series> = of_line.collect();
        match row.panels.iter_mut().find(|of| of.title == panel.title) {
            None => row.panels.push(ChartPanel {
                series,
                ..panel.clone()
            }),
            Some(found) => {
                for mark in &panel.marks {
                    if !found.marks.contains(mark) {
                        found.marks.push(*mark);
                    }
                }
                found.x = match (found.x, panel.x) {
                    (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
                    (one, other) => one.or(other),
                };
                found.series.extend(series);
            }
        }
    }
}

/// Adds the values or names of `own` to `places`. For names, returns the index of each in `places`.
fn joined(places: &mut Places, own: &Places) -> Vec<usize> {
    match (places, own) {
        (Places::Values(all), Places::Values(own)) => {
            for value in own {
                if !all.contains(value) {
                    all.push(*value);
                }
            }
            Vec::new()
        }
        (Places::Names(all), Places::Names(own)) => {
            let index = |name: &String| {
                all.iter()
                    .position(|known| known == name)
                    .unwrap_or_else(|| {
                        all.push(name.clone());
                        all.len() - 1
                    })
            };
            own.iter().map(index).collect()
        }
        _ => Vec::new(),
    }
}
