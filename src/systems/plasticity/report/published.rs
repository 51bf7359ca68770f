//! Published results beside those of a run, from `data/published/`.

use std::path::Path;

use maud::{Markup, html};
use serde::Deserialize;

use super::measures::{FINAL_ACCURACY, measures};
use super::page::Experiment;
use crate::error::{Error, Result};
use crate::report::page as frame;

/// The published experiments, by the preset that repeats each.
const EXPERIMENTS: [(&str, &str); 1] = [(
    "random-label-mnist",
    include_str!("../../../../data/published/random-label-mnist.toml"),
)];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// Where the numbers are from.
    source: String,
    /// What is not comparable.
    differs: String,
    methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    name: String,
    /// In [0, 1].
    final_accuracy: f64,
}

/// The published final accuracies beside those of `experiments`; empty if none of them has any.
///
/// # Errors
/// [`Error::Format`] if a built-in file is damaged.
pub(super) fn published(experiments: &[Experiment]) -> Result<Markup> {
    let mut tables = Vec::new();
    for experiment in experiments {
        let name = &experiment.settings.name;
        let Some((_, text)) = EXPERIMENTS.iter().find(|(known, _)| known == name) else {
            continue;
        };
        let found: Published = toml::from_str(text)
            .map_err(|error| Error::format(Path::new(name), error.message()))?;
        tables.push(table(tables.len(), experiment, &found));
    }
    Ok(match tables.is_empty() {
        true => html! {},
        false => frame::section(
            "published",
            "Published results",
            html! { @for table in tables { (table) } },
        ),
    })
}

fn table(number: usize, experiment: &Experiment, found: &Published) -> Markup {
    let measure = measures()
        .into_iter()
        .find(|measure| measure.name == FINAL_ACCURACY);
    let rows = found.methods.iter().filter_map(|published| {
        let methods = &mut experiment.summary.methods.iter();
        let here = methods.find(|method| method.method == published.name)?;
        let measure = measure.as_ref()?;
        Some(html! {
            tr {
                th scope="row" { (here.label) }
                td { (measure.cell(&here.measures)) }
                td { (measure.unit.value(published.final_accuracy)) }
            }
        })
    });
    let caption = html! {
        (experiment.settings.name) ": final accuracy, mean ± standard deviation over seeds, and " (found.source) ". " (found.differs)
    };
    let head = html! { th scope="col" { "method" } th scope="col" { "here, %" } th scope="col" { "published, %" } };
    let body = html! { tbody { @for row in rows { (row) } } };
    frame::table(&format!("table-published-{number}"), caption, head, body)
}
