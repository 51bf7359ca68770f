//! What every page has: head and foot, notices, figures, settings, how to reproduce, what to cite.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::measure::Measure;
use crate::run::settings::{Change, Common};

/// A whole page of this title, of what stands above its sections and of these.
pub(crate) fn page(title: &str, header: Markup, sections: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · neurogain" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    h1 { (title) }
                    (header)
                }
                main { (sections) }
                footer { p { "neurogain " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    };
    page.into_string()
}

/// A section below a heading.
pub(crate) fn section(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section {
            h2 id=(id) { (heading) }
            (content)
        }
    }
}

/// The heading of a page on these experiments.
pub(crate) fn heading(experiments: &[Common]) -> String {
    let mut titles: Vec<&str> = experiments.iter().map(|of| of.title).collect();
    titles.dedup();
    let title = titles.join(", ");
    match experiments.len() {
        1 => title,
        count => format!("{title}: {count} runs compared"),
    }
}

/// The paragraphs of the descriptions.
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

/// A box with a list; nothing where the list is empty. `name` tells experiments of one page apart.
pub(crate) fn notice(name: Option<&str>, text: &str, lines: &[Markup]) -> Markup {
    html! {
        @if !lines.is_empty() {
            div.notice role="note" {
                p { (prefix(name)) (text) }
                ul { @for line in lines { li { (line) } } }
            }
        }
    }
}

/// The settings that differ from the preset, whose description stands above.
pub(crate) fn changes(name: Option<&str>, changes: &[Change]) -> Markup {
    let absent = |value: &str| match value {
        "" => "none".to_string(),
        value => value.to_string(),
    };
    let line = |change: &Change| {
        html! {
            code { (change.key) } " = " code { (absent(&change.value)) }
            @if change.preset.is_empty() { ", which the benchmark does not have" }
            @else { ", not " code { (change.preset) } }
        }
    };
    let lines: Vec<Markup> = changes.iter().map(line).collect();
    let text = "Settings that differ from the benchmark’s, which the text above describes";
    notice(name, text, &lines)
}

/// Drawings, as SVG text, a title and a caption.
pub(crate) fn figures(drawings: &[(&str, String, &str)]) -> Markup {
    html! {
        div.figures {
            @for (svg, title, caption) in drawings {
                figure {
                    (PreEscaped(svg))
                    figcaption { strong { (title) ". " } (caption) }
                }
            }
        }
    }
}

/// The settings as text, and the hash of the results, if it is known.
pub(crate) fn configuration(name: Option<&str>, text: &str, hash: Option<&String>) -> Markup {
    html! {
        @if let Some(hash) = hash {
            p { (prefix(name)) "hash of every bit " code.hash { (hash) } }
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

/// A table in a container of its own that scrolls where it is wider than the page.
pub(crate) fn table(id: &str, caption: Markup, head: Markup, body: Markup) -> Markup {
    let caption_id = format!("{id}-caption");
    html! {
        div.scroll role="region" aria-labelledby=(caption_id) tabindex="0" {
            table id=(id) {
                caption id=(caption_id) { span { (caption) } }
                thead { tr { (head) } }
                (body)
            }
        }
    }
}

/// The entries of a list of definitions: the measures that have one.
pub(crate) fn definitions(measures: &[Measure]) -> Markup {
    html! {
        @for measure in measures.iter().filter(|measure| !measure.definition.is_empty()) {
            dt { (measure.label) }
            dd { (measure.definition) }
        }
    }
}

/// How to get the same files again.
pub(crate) fn reproduce(experiments: usize) -> Markup {
    let content = html! {
        p {
            "The settings above decide every number: the same settings and seeds give the same bits on "
            "every machine. With "
            @if experiments > 1 { "one of the directories’ " } @else { "this directory’s " }
            code { "config.toml" } " (and " code { "--data" } " with the directory of the data, if they "
            "do not ship with neurogain):"
        }
        pre tabindex="0" { code { "neurogain run config.toml --out NEW-DIRECTORY" } }
    };
    section("reproduce", "Reproduce", content)
}

/// A paper.
pub(crate) struct Paper {
    /// What the page has from it.
    pub(crate) of: &'static str,
    pub(crate) authors: &'static str,
    pub(crate) title: &'static str,
    /// Its number on arXiv.
    pub(crate) arxiv: &'static str,
    pub(crate) year: u16,
}

/// The paper to cite.
pub(crate) fn cite(paper: &Paper) -> Markup {
    let content = html! {
        p {
            (paper.of) ": " (paper.authors) ". " cite { (paper.title) } ". "
            a href=(format!("https://arxiv.org/abs/{}", paper.arxiv)) { "arXiv:" (paper.arxiv) }
            ", " (paper.year) "."
        }
    };
    section("cite", "Cite", content)
}
