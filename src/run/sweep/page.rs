//! The page of a sweep: its figure, the best cell of each method, for every measure a table of methods by cells, and
//! differences between cells.

use maud::{Markup, html};

use super::directory::Gathered;
use super::table::{self as results, BestCell, measures_shown, status};
use super::{Axis, Sweep};
use crate::counted::counted;
use crate::report::figure::Drawing;
use crate::report::measure::{Better, Measure};
use crate::report::page::{definitions, figures, headed_table, notice, page, section};
use crate::run::differences::{Between, between, difference, minus_first, tables};
use crate::run::settings::Document;
use crate::run::{MethodMeasures, System};

/// The page; `figure` is the sweep's chart.
pub(super) fn as_page<S: System>(
    sweep: &Sweep<S::Settings>,
    measures: &[Measure],
    gathered: &[Gathered<S::Settings>],
    figure: Option<&Drawing>,
) -> String {
    let base = sweep.base().common();
    let shown = measures_shown(measures, gathered);
    let heads = heads(sweep, gathered);
    let problems: Vec<Markup> = gathered
        .iter()
        .flat_map(|of| {
            of.problems
                .iter()
                .map(|problem| html! { "cell " (of.cell.number) ": " (problem) })
        })
        .collect();
    let settings: Vec<&str> = sweep.grid().iter().map(|axis| axis.key.as_str()).collect();
    let title = format!("{}: sweep over {}", base.title, settings.join(", "));
    let header = html! {
        @for paragraph in sweep.description().split("\n\n") { p.description { (paragraph.trim()) } }
        p {
            (counted(gathered.len(), "cell")) " over " code { (settings.join(", ")) } "; the other settings are those of "
            (base.title) " (" code { (base.name) } ")."
        }
        (notice("Runs that diverged or are missing", &problems))
    };
    let cross_tables = html! {
        @for measure in &shown { (cross_table(measure, &heads, gathered)) }
    };
    let sections = html! {
        @if let Some(drawing) = figure {
            (section("figure", "Figure", figures(std::slice::from_ref(drawing))))
        }
        (section("best", "Best cell of each method", best(sweep, &shown, &results::best::<S>(sweep, gathered))))
        (section("tables", "Methods by cells", cross_tables))
        (section("between", "Differences between cells", between_cells(sweep, &shown, gathered)))
        (section("cells", "Cells", cells(sweep, gathered)))
        (section("measures", "Measures", html! { dl { (definitions(measures)) } }))
    };
    page(&title, header, sections)
}

/// The headings of a table with a column for each cell: its number, then a row for each setting of the grid.
fn heads<D: Document>(sweep: &Sweep<D>, gathered: &[Gathered<D>]) -> Vec<Markup> {
    let numbers = html! {
        th scope="col" { "cell" }
        @for of in gathered { th scope="col" { (of.cell.number) } }
    };
    let setting = |(place, axis): (usize, &Axis)| {
        html! {
            th scope="row" { code { (axis.key) } }
            @for of in gathered { th.value { (sweep.short_values(of.cell)[place]) } }
        }
    };
    let settings = sweep.grid().iter().enumerate().map(setting);
    [numbers].into_iter().chain(settings).collect()
}

/// One measure: a row for each method, a column for each cell.
fn cross_table<D: Document>(
    measure: &Measure,
    heads: &[Markup],
    gathered: &[Gathered<D>],
) -> Markup {
    let mut rows: Vec<(String, Vec<Option<&MethodMeasures>>)> = Vec::new();
    for (column, of) in gathered.iter().enumerate() {
        for method in &of.summary.methods {
            let label = method.label_with_conditions();
            let row = match rows.iter().position(|(found, _)| *found == label) {
                Some(row) => row,
                None => {
                    rows.push((label, vec![None; gathered.len()]));
                    rows.len() - 1
                }
            };
            rows[row].1[column] = Some(method);
        }
    }
    let mean = |method: Option<&MethodMeasures>| {
        let mean = measure.summary(&method?.measures)?.mean;
        mean.is_finite().then_some(mean)
    };
    // The mean of the seeds that did not diverge is no mean to be chosen by.
    let whole =
        |method: Option<&MethodMeasures>| mean(method.filter(|method| method.diverged.is_empty()));
    let best = |column: usize| {
        let means = rows
            .iter()
            .filter_map(|(_, methods)| whole(methods[column]));
        match measure.better {
            Better::Higher => means.max_by(f64::total_cmp),
            Better::Lower => means.min_by(f64::total_cmp),
            Better::Neither => None,
        }
    };
    let best: Vec<Option<f64>> = (0..gathered.len()).map(best).collect();
    let body = html! {
        tbody {
            @for (label, methods) in &rows {
                tr {
                    th scope="row" { (label) }
                    @for ((method, best), of) in methods.iter().zip(&best).zip(gathered) {
                        @let text = method.map_or("–".into(), |method| text(measure, method, of));
                        @if best.is_some() && whole(*method) == *best { td { strong { (text) } } }
                        @else { td { (text) } }
                    }
                }
            }
        }
    };
    let caption = html! { (measure.heading_with_arrow()) ", mean ± standard deviation over seeds" };
    headed_table(measure.name, caption, heads, body)
}

/// The measure of a method in a cell, and how many of its seeds diverged.
fn text<D: Document>(measure: &Measure, method: &MethodMeasures, of: &Gathered<D>) -> String {
    let cell = measure.cell(&method.measures);
    let asked = of.cell.settings.common().seeds.len();
    match method.diverged.len() {
        0 => cell,
        _ if status(of, method) == "diverged" => "diverged".into(),
        _ if measure.summary(&method.measures).is_none() => cell,
        diverged => format!("{cell} ({diverged} of {asked} diverged)"),
    }
}

/// The best cell of each method, and the first method at its best minus every other at its best.
fn best<D: Document>(sweep: &Sweep<D>, measures: &[Measure], best: &[BestCell<D>]) -> Markup {
    let at = |of: &BestCell<D>| {
        let label = of.method.label_with_conditions();
        format!("{label} ({})", sweep.label(of.cell))
    };
    let rows = best.split_first().map(|(first, others)| {
        let minus = |other: &BestCell<D>| {
            let found = difference(measures, &at(other), first.method, other.method);
            let method = at(first);
            (!found.seeds.is_empty()).then_some(Between { method, ..found })
        };
        others.iter().filter_map(minus).collect::<Vec<Between>>()
    });
    let rows = rows.unwrap_or_default();
    let caption = html! {
        "Paired differences of the first method and each other one, each in its best cell. The cells were chosen on the \
         same seeds, which favours methods that depend on the setting. First minus other"
    };
    html! {
        @if !best.is_empty() { ul { @for best in best { li { (best.text) } } } }
        @if !rows.is_empty() { (tables(measures, &rows, "best", ["method", "minus"], &caption)) }
    }
}

/// The largest number of cells with differences; each is 10,000 resamples.
const MOST_DIFFERENCES: usize = 50;

/// Every cell minus the first one, method by method; empty for tables, such as streams.
fn between_cells<D: Document>(
    sweep: &Sweep<D>,
    measures: &[Measure],
    gathered: &[Gathered<D>],
) -> Markup {
    if sweep.grid().iter().any(Axis::has_tables) {
        return html! {};
    }
    if gathered.len() > MOST_DIFFERENCES {
        return html! {
            p {
                "Of " (gathered.len()) " cells there are no differences here. To compare some of them, use "
                code { "neurogain report cells/001 cells/002" } "."
            }
        };
    }
    let labels: Vec<String> = gathered.iter().map(|of| sweep.label(of.cell)).collect();
    let named = labels
        .iter()
        .map(String::as_str)
        .zip(gathered.iter().map(|of| &of.summary));
    let rows = between(measures, &named.collect::<Vec<_>>());
    html! {
        @if let (Some(first), false) = (labels.first(), rows.is_empty()) {
            (minus_first(measures, &rows, "cell", first))
        }
    }
}

/// The cells' numbers and settings, with links to their reports.
fn cells<D: Document>(sweep: &Sweep<D>, gathered: &[Gathered<D>]) -> Markup {
    html! {
        ol {
            @for of in gathered {
                li {
                    code { (sweep.label(of.cell)) }
                    @if of.is_there {
                        " " a href=(format!("cells/{:03}/report.html", of.cell.number)) { "report" }
                    }
                }
            }
        }
    }
}
