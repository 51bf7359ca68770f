//! The page of a sweep: for every measure a table of methods by cells, the best of each cell in bold.

use maud::{Markup, html};

use super::Sweep;
use super::directory::Gathered;
use super::table::measures_shown;
use crate::report::figure::Drawing;
use crate::report::measure::{Better, Measure};
use crate::report::page::{definitions, figures, notice, page, section, table};
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
    let name = |of: &Gathered<S::Settings>| {
        let values = sweep.short_values(of.cell).join(", ");
        format!("{} {values}", of.cell.number)
    };
    let names: Vec<String> = gathered.iter().map(name).collect();
    let problems: Vec<Markup> = gathered
        .iter()
        .flat_map(|of| {
            of.problems
                .iter()
                .map(|problem| html! { (of.cell.number) ": " (problem) })
        })
        .collect();
    let settings: Vec<&str> = sweep.grid().iter().map(|axis| axis.key.as_str()).collect();
    let title = format!("{}: sweep over {}", base.title, settings.join(", "));
    let header = html! {
        @for paragraph in sweep.description().split("\n\n") { p.description { (paragraph.trim()) } }
        p {
            (gathered.len()) " cells over " code { (settings.join(", ")) } "; the other settings are those of "
            (base.title) " (" code { (base.name) } ")."
        }
        (notice(None, "Cells that are not complete", &problems))
    };
    let tables = html! {
        @for measure in &shown { (cross_table(measure, &names, gathered)) }
    };
    let sections = html! {
        @if let Some(drawing) = figure {
            (section("figure", "Figure", figures(std::slice::from_ref(drawing))))
        }
        (section("tables", "Methods by cells", tables))
        (section("cells", "Cells", cells(sweep, gathered)))
        (section("measures", "Measures", html! { dl { (definitions(measures)) } }))
    };
    page(&title, header, sections)
}

/// One measure: a row for each method, a column for each cell.
fn cross_table<D>(measure: &Measure, names: &[String], gathered: &[Gathered<D>]) -> Markup {
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
    let best = |column: usize| {
        let means = rows.iter().filter_map(|(_, methods)| mean(methods[column]));
        match measure.better {
            Better::Higher => means.max_by(f64::total_cmp),
            Better::Lower => means.min_by(f64::total_cmp),
            Better::Neither => None,
        }
    };
    let best: Vec<Option<f64>> = (0..gathered.len()).map(best).collect();
    let head = html! {
        th scope="col" { "Method" }
        @for name in names { th scope="col" { (name) } }
    };
    let body = html! {
        tbody {
            @for (label, methods) in &rows {
                tr {
                    th scope="row" { (label) }
                    @for (method, best) in methods.iter().zip(&best) {
                        @let text = method.map_or("–".into(), |method| measure.cell(&method.measures));
                        @if best.is_some() && mean(*method) == *best { td { strong { (text) } } }
                        @else { td { (text) } }
                    }
                }
            }
        }
    };
    let caption = html! { (measure.heading_with_arrow()) ", mean ± standard deviation over seeds" };
    table(measure.name, caption, head, body)
}

/// The cells' numbers and settings.
fn cells<D: Document>(sweep: &Sweep<D>, gathered: &[Gathered<D>]) -> Markup {
    html! {
        ol { @for of in gathered { li { code { (sweep.label(of.cell)) } } } }
    }
}
