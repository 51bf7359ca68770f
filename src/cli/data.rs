//! `neurogain data`: checking data sets, and packing folders of images into one file.

use std::fmt::Write;

use neurogain::data::verify::{self, Contents, Finding};
use neurogain::data::{folder, pack};
use neurogain::{Error, Result};
use serde_json::{Value, json};

use super::arguments;
use super::output::{print, print_json};
use crate::counted::counted;

/// Runs `neurogain data`.
pub fn data(arguments: &arguments::DataCommand) -> Result<()> {
    match arguments {
        arguments::DataCommand::Verify(arguments) => verify(arguments),
        arguments::DataCommand::Pack(arguments) => pack(arguments),
    }
}

fn pack(arguments: &arguments::Pack) -> Result<()> {
    let arguments::Pack { folder, file, side } = arguments;
    let collection = folder::load(folder, *side, *side)?;
    pack::write(file, &collection)?;
    let samples = &collection.samples;
    print(&format!(
        "{}: {} training and {} test images of {}, {}: {}\n",
        file.display(),
        samples.train.len(),
        samples.test.len(),
        samples.train.shape(),
        counted(collection.names.len(), "class"),
        indexed(&collection.names),
    ))
}

/// Names with their indices, which settings use: "0 cat, 1 dog". Control characters are escaped.
fn indexed(names: &[String]) -> String {
    let named = names.iter().enumerate();
    let plain = |name: &str| -> String {
        let escaped = name.chars().map(|c| match c.is_control() {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        });
        escaped.collect()
    };
    let named = named.map(|(index, name)| format!("{index} {}", plain(name)));
    named.collect::<Vec<_>>().join(", ")
}

fn verify(arguments: &arguments::Verify) -> Result<()> {
    let directory = arguments.directory();
    let findings = verify::verify(&directory);
    if arguments.json {
        let findings: Vec<Value> = findings.iter().map(as_json).collect();
        print_json(&json!({ "directory": directory.display().to_string(), "data": findings }))?;
    } else {
        print(&as_text(&findings))?;
    }
    let mut found = findings
        .into_iter()
        .filter_map(|finding| finding.contents)
        .peekable();
    if found.peek().is_none() {
        return Err(Error::File {
            path: directory.display().to_string(),
            action: "find data",
            reason:
                "it contains no complete data set; to download one, run: data/fetch.sh DIR mnist"
                    .into(),
        });
    }
    found.find_map(Result::err).map_or(Ok(()), Err)
}

fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", finding.name);
        match &finding.contents {
            None => {
                for place in &finding.looked_in {
                    let _ = writeln!(text, "  not in   {place}");
                }
            }
            Some(Err(error)) => {
                let _ = writeln!(text, "  broken   {error}");
            }
            Some(Ok(contents)) => {
                let Contents {
                    training,
                    test,
                    shape,
                    classes,
                    kind,
                    files,
                } = contents;
                let shape = shape.map_or("any size".to_string(), |shape| shape.to_string());
                let _ = writeln!(
                    text,
                    "  samples  {training} training, {test} test; images of {shape}, {} {kind}\n  {kind:<11}{}",
                    classes.len(),
                    indexed(classes)
                );
                for file in files {
                    let verdict = match file.published {
                        true => "as published",
                        false => "not a published file",
                    };
                    let _ = writeln!(text, "  {}  {verdict}", file.path.display());
                }
            }
        }
        text.push('\n');
    }
    text
}

fn as_json(finding: &Finding) -> Value {
    let contents = match &finding.contents {
        None => Value::Null,
        Some(Err(error)) => json!({ "error": error.to_string() }),
        Some(Ok(contents)) => json!({
            "training": contents.training,
            "test": contents.test,
            "height": contents.shape.map(|shape| shape.height),
            "width": contents.shape.map(|shape| shape.width),
            "channels": contents.shape.map(|shape| shape.channels),
            "classes": contents.classes,
            "files": contents.files.iter().map(|file| json!({
                "path": file.path.display().to_string(),
                "sha256": file.sha256,
                "published": file.published,
            })).collect::<Vec<_>>(),
        }),
    };
    json!({ "name": finding.name, "looked_in": finding.looked_in, "contents": contents })
}
