//! `neurogain list`: what can be run, and whether its data is there.

use std::fmt::Write;
use std::path::Path;

use neurogain::Result;
use neurogain::data::{Place, celeba, cifar, collection, mnist};
use neurogain::run::settings::{json_schema, reference};
use neurogain::run::{DataSettings, DataSource, Sweep};
use neurogain::systems::stability_gap::{learners, presets, variants};
use neurogain::systems::{comodulation, shipped};
use serde_json::{Value, json};

use super::arguments;
use super::output::{print, print_json};

/// Does what `neurogain list` promises.
pub fn list(arguments: &arguments::List) -> Result<()> {
    if let Some(name) = &arguments.show {
        return print(&shipped(name)?);
    }
    if arguments.keys {
        return print(&reference());
    }
    if arguments.schema {
        return print_json(&json_schema());
    }
    let directory = arguments.data.directory();
    if arguments.json {
        print_json(&as_json(&directory)?)
    } else {
        print(&as_text(&directory)?)
    }
}

fn as_text(directory: &Path) -> Result<String> {
    let mut text = String::new();
    for name in presets::names() {
        let settings = presets::settings(name)?;
        let methods: Vec<&str> = settings.methods.iter().map(|m| m.name.as_str()).collect();
        describe(
            &mut text,
            name,
            &methods,
            &Data::of(&settings.data, directory),
        );
    }
    for settings in comodulation::presets::all()? {
        let arms: Vec<&str> = settings.arms.iter().map(|arm| arm.name.as_str()).collect();
        describe(
            &mut text,
            &settings.name,
            &arms,
            &Data::of(&settings.data, directory),
        );
    }
    text.push_str("Lists of methods for any of them, `neurogain run NAME --variants LIST`:\n\n");
    for (name, description) in variants()? {
        let _ = writeln!(text, "{name}");
        for line in description.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text.push_str("\nSweeps, `neurogain sweep NAME` with or without `--base BENCHMARK`:\n\n");
    for (name, description) in Sweep::shipped()? {
        let _ = writeln!(text, "{name}");
        for line in description.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    let learners: Vec<&str> = learners().map(|learner| learner.name()).collect();
    let _ = writeln!(
        text,
        "\nLearners, `learner` of a method: {}",
        learners.join(", ")
    );
    text.push_str("\n`neurogain run NAME` runs a benchmark; `neurogain list --show NAME` prints the TOML of any of these; `neurogain list --keys` explains every setting.\n");
    Ok(text)
}

fn describe(text: &mut String, name: &str, methods: &[&str], data: &Data) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}");
    let _ = writeln!(text, "  methods  {}", methods.join(", "));
    let _ = writeln!(text, "  data     {}", data.needs);
    for place in &data.looked_in {
        let _ = writeln!(text, "           looked in {place}");
    }
    let ready = if data.ready { "yes" } else { "no" };
    let _ = writeln!(text, "  ready    {ready}\n");
}

fn as_json(directory: &Path) -> Result<Value> {
    let mut benchmarks = Vec::new();
    let mut push =
        |name: &str, title: &str, description: &str, methods: Vec<Value>, data: &DataSettings| {
            let Data {
                needs,
                looked_in,
                ready,
            } = Data::of(data, directory);
            benchmarks.push(json!({
                "name": name,
                "title": title,
                "description": description.trim(),
                "methods": methods,
                "data": {
                    "source": data.source.name(),
                    "needs": needs,
                    "looked_in": looked_in,
                    "ready": ready,
                },
            }));
        };
    let method = |name: &str, label: &str| json!({ "name": name, "label": label });
    for name in presets::names() {
        let s = presets::settings(name)?;
        let methods = s.methods.iter().map(|m| method(&m.name, &m.label));
        push(name, &s.title, &s.description, methods.collect(), &s.data);
    }
    for s in comodulation::presets::all()? {
        let arms = s.arms.iter().map(|arm| method(&arm.name, &arm.label));
        push(&s.name, &s.title, &s.description, arms.collect(), &s.data);
    }
    let variants: Vec<Value> = variants()?
        .into_iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    let sweeps: Vec<Value> = Sweep::shipped()?
        .into_iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    let learners: Vec<&str> = learners().map(|learner| learner.name()).collect();
    Ok(json!({
        "benchmarks": benchmarks,
        "variants": variants,
        "sweeps": sweeps,
        "learners": learners,
    }))
}

/// What a source needs, and whether it is there.
struct Data {
    needs: String,
    looked_in: Vec<String>,
    ready: bool,
}

impl Data {
    fn of(data: &DataSettings, directory: &Path) -> Self {
        match data.source {
            DataSource::Digits => Data {
                needs: "none: the UCI digits ship inside".into(),
                looked_in: Vec::new(),
                ready: true,
            },
            DataSource::Mnist => Data::idx(&mnist::search(directory)),
            DataSource::FashionMnist => Data::idx(&mnist::search_fashion(directory)),
            DataSource::Cifar10 => {
                Data::files(cifar::FILES_10.join(", "), &cifar::search_10(directory))
            }
            DataSource::Cifar100 => {
                Data::files(cifar::FILES_100.join(", "), &cifar::search_100(directory))
            }
            DataSource::Celeba => {
                let needs = format!(
                    "{}, and the images in {}",
                    celeba::FILES.join(", "),
                    celeba::IMAGES
                );
                Data::files(needs, &celeba::search(directory))
            }
            DataSource::Images => {
                let name = data.name.as_deref().unwrap_or_default();
                let (found, looked_in) = collection::search(directory, name);
                Data {
                    needs: format!(
                        "{name}.{}, or folders of images train/CLASS and test/CLASS",
                        collection::EXTENSION
                    ),
                    looked_in,
                    ready: found.is_some(),
                }
            }
        }
    }

    fn idx(places: &[Place<4>]) -> Self {
        let needs = format!("{}, with or without .gz", mnist::FILES.join(", "));
        Data::files(needs, places)
    }

    fn files<const COUNT: usize>(needs: String, places: &[Place<COUNT>]) -> Self {
        Data {
            needs,
            looked_in: places.iter().map(ToString::to_string).collect(),
            ready: places.iter().any(|place| place.complete().is_some()),
        }
    }
}
