//! The parts of every page: head and foot, notices, figures, settings, reproduction and citation.

use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figure::Drawing;
use super::measure::Measure;
use crate::run::settings::{Change, Common};

/// uPlot (MIT), which draws enlarged figures, with its licence, and our script that uses it.
const SCRIPT: &str = concat!(
    "/*\n",
    include_str!("uplot/LICENSE"),
    "\n*/\n",
    include_str!("uplot/uPlot.iife.min.js"),
    include_str!("enlarge.js"),
);

/// The beginning of the points of a figure. Text is escaped, so that it cannot contain this.
const POINTS: &str = "<script type=\"application/json\">";

/// A page with a title, a header and sections.
pub(crate) fn page(title: &str, header: Markup, sections: Markup) -> String {
    live_page(title, None, header, sections)
}

/// The same; with `reload`, browsers load it again after this many seconds, but not while a figure is enlarged.
pub(crate) fn live_page(
    title: &str,
    reload: Option<u64>,
    header: Markup,
    sections: Markup,
) -> String {
    let enlarges = sections.0.contains(POINTS);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                @if let Some(seconds) = reload {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                    script { (PreEscaped(reloads(seconds))) }
                }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · neurogain" }
                style {
                    @if enlarges { (PreEscaped(include_str!("uplot/uPlot.min.css"))) }
                    (PreEscaped(include_str!("style.css")))
                }
            }
            body {
                header {
                    h1 { (title) }
                    (header)
                }
                main { (sections) }
                footer { p { "neurogain " (env!("CARGO_PKG_VERSION")) } }
                @if enlarges { script { (PreEscaped(SCRIPT)) } }
            }
        }
    };
    page.into_string()
}

/// The files of a page and its figures in a run directory. Figures of curves have no CSV: their numbers are in the records.
pub(crate) fn files(page: String, drawings: Vec<Drawing>) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = vec![("report.html".into(), page.into_bytes())];
    for drawing in drawings {
        let file = |ending| Path::new("figures").join(format!("{}.{ending}", drawing.name));
        files.push((file("svg"), drawing.svg.into_bytes()));
        if !drawing.csv.is_empty() {
            files.push((file("csv"), drawing.csv.into_bytes()));
        }
    }
    files
}

/// The script that loads the page again, unless the button of an enlarged figure is pressed.
fn reloads(seconds: u64) -> String {
    let enlarged = "document.querySelector('button[aria-pressed=\"true\"]')";
    format!("setInterval(() => {enlarged} || location.reload(), {seconds}000);")
}

/// A section below a heading; empty if it has no content.
pub(crate) fn section(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        @if !content.0.trim().is_empty() {
            section {
                h2 id=(id) { (heading) }
                (content)
            }
        }
    }
}

/// The heading of a page about these experiments.
pub(crate) fn heading(experiments: &[Common]) -> String {
    let mut titles: Vec<&str> = experiments.iter().map(|of| of.title).collect();
    titles.dedup();
    let title = titles.join(", ");
    match experiments.len() {
        1 => title,
        count => format!("{title}: {count} runs compared"),
    }
}

/// The descriptions as paragraphs.
pub(crate) fn descriptions(experiments: &[Common]) -> Markup {
    let mut texts: Vec<&str> = experiments.iter().map(|of| of.description).collect();
    texts.dedup();
    html! {
        div.description {
            @for text in texts {
                @for paragraph in text.split("\n\n") { p { (paragraph.trim()) } }
            }
        }
    }
}

/// A box with a list; empty if the list is empty.
pub(crate) fn notice(text: &str, lines: &[Markup]) -> Markup {
    html! {
        @if !lines.is_empty() {
            div.notice role="note" {
                p { (text) }
                ul { @for line in lines { li { (line) } } }
            }
        }
    }
}

/// A box with the lines of each experiment, after its name on a page of several.
pub(crate) fn notices<'a>(
    text: &str,
    experiments: impl IntoIterator<Item = (Option<&'a str>, Vec<String>)>,
) -> Markup {
    let lines = experiments.into_iter().flat_map(|(name, lines)| {
        lines
            .into_iter()
            .map(move |line| html! { (prefix(name)) (line) })
    });
    notice(text, &lines.collect::<Vec<_>>())
}

/// The settings that differ from the benchmark: those of one experiment, or those that several experiments share; a
/// comparison has a table of the others.
pub(crate) fn changes(experiments: &[Vec<Change>]) -> Markup {
    let Some((first, others)) = experiments.split_first() else {
        return html! {};
    };
    let absent = |value: &str| match value {
        "" => "none".to_string(),
        value => value.to_string(),
    };
    let line = |change: &Change| {
        html! {
            code { (change.key) } " = " code { (absent(&change.value)) }
            @if change.preset.is_empty() { " (not set in the benchmark)" }
            @else { ", not " code { (change.preset) } }
        }
    };
    let shared = first
        .iter()
        .filter(|change| others.iter().all(|of| of.contains(change)));
    let lines: Vec<Markup> = shared.map(line).collect();
    let text = match others.is_empty() {
        true => "Settings that differ from the benchmark described above",
        false => "Settings of all runs that differ from the benchmark described above",
    };
    notice(text, &lines)
}

/// Figures, with their points for the page's script.
pub(crate) fn figures(drawings: &[Drawing]) -> Markup {
    html! {
        div.figures {
            @for drawing in drawings {
                figure {
                    (PreEscaped(&drawing.svg))
                    @if !drawing.points.is_empty() {
                        // `<` is escaped in it.
                        script type="application/json" { (PreEscaped(&drawing.points)) }
                    }
                    figcaption { strong { (drawing.title) ". " } (drawing.caption) }
                }
            }
        }
    }
}

/// The settings as text, the names of the classes, and the hash of the results, if known.
pub(crate) fn configuration(
    name: Option<&str>,
    text: &str,
    classes: &[String],
    hash: Option<&String>,
) -> Markup {
    html! {
        @if let Some(hash) = hash {
            p { (prefix(name)) "hash of all results " code.hash { (hash) } }
        }
        @if !classes.is_empty() {
            details {
                summary { (prefix(name)) "names of the " (classes.len()) " classes" }
                p {
                    @for (index, class) in classes.iter().enumerate() {
                        @if index > 0 { ", " }
                        (index) " " (class)
                    }
                }
            }
        }
        details {
            summary { (prefix(name)) code { "config.toml" } }
            pre tabindex="0" { code { (text) } }
        }
    }
}

fn prefix(name: Option<&str>) -> Markup {
    html! { @if let Some(name) = name { (name) ": " } }
}

/// A table in a container that scrolls if the table is wider than the page.
pub(crate) fn table(id: &str, caption: Markup, head: Markup, body: Markup) -> Markup {
    headed_table(id, caption, &[head], body)
}

/// The same with several rows of headings.
pub(crate) fn headed_table(id: &str, caption: Markup, heads: &[Markup], body: Markup) -> Markup {
    let caption_id = format!("{id}-caption");
    html! {
        div.scroll role="region" aria-labelledby=(caption_id) tabindex="0" {
            table id=(id) {
                caption id=(caption_id) { span { (caption) } }
                thead { @for head in heads { tr { (head) } } }
                (body)
            }
        }
    }
}

/// The definitions of the measures, as entries of a definition list.
pub(crate) fn definitions(measures: &[Measure]) -> Markup {
    html! {
        @for measure in measures.iter().filter(|measure| !measure.definition.is_empty()) {
            dt { (measure.label) }
            dd { (measure.definition) }
        }
    }
}

/// The section on how to reproduce the results.
pub(crate) fn reproduce(experiments: usize) -> Markup {
    let content = html! {
        p {
            "The settings above determine every number: equal settings and seeds give the same bits on every "
            "machine. To repeat the run, use "
            @if experiments > 1 { "one of the directories’ " } @else { "this directory’s " }
            code { "config.toml" } " (and " code { "--data DIR" } " with the directory of the data, unless the "
            "data are built in):"
        }
        pre tabindex="0" { code { "neurogain run config.toml --out NEW-DIRECTORY" } }
    };
    section("reproduce", "Reproduce", content)
}

/// A paper.
pub(crate) struct Paper {
    /// What the page takes from it.
    pub(crate) of: &'static str,
    /// `None` if they are not known here.
    pub(crate) authors: Option<&'static str>,
    pub(crate) title: &'static str,
    /// Its number on arXiv.
    pub(crate) arxiv: &'static str,
    pub(crate) year: u16,
}

/// The section on the paper to cite.
pub(crate) fn cite(paper: &Paper) -> Markup {
    let content = html! {
        p {
            (paper.of) ": "
            @if let Some(authors) = paper.authors { (authors) ". " }
            cite { (paper.title) } ". "
            a href=(format!("https://arxiv.org/abs/{}", paper.arxiv)) { "arXiv:" (paper.arxiv) }
            ", " (paper.year) "."
        }
    };
    section("cite", "Cite", content)
}
