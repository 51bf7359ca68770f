//! `neurogain list`: everything that can be run, and whether its data are available.

use std::fmt::Write;
use std::path::Path;

use neurogain::Result;
use neurogain::data::{Place, celeba, cifar, collection, mnist};
use neurogain::run::continual::learners;
use neurogain::run::settings::{
    self, Common, Document, DocumentKind, json_schema, reference, shipped,
};
use neurogain::run::{DataSettings, DataSource, System};
use neurogain::systems::with_system;
use serde_json::{Value, json};

use super::arguments;
use super::output::{print, print_json};

/// Runs `neurogain list`.
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

/// Calls `see` with each built-in benchmark: its name, its settings and its data. Of each system, those whose data are
/// available come first.
fn benchmarks(directory: &Path, mut see: impl FnMut(&str, &Common, &Data)) -> Result<()> {
    for system in DocumentKind::all() {
        with_system!(system.kind(), S => {
            let mut found = Vec::new();
            for (name, _) in system.presets {
                let settings: <S as System>::Settings = settings::find(name, Path::new(""))?;
                let data = Data::of(settings.common().data, directory);
                found.push((name, settings, data));
            }
            found.sort_by_key(|(_, _, data)| !data.ready);
            for (name, settings, data) in &found {
                see(name, &settings.common(), data);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The name and description of each document.
fn described<'a>(
    documents: impl Iterator<Item = &'a (&'static str, &'static str)>,
) -> Result<Vec<(&'static str, String)>> {
    let described = documents.map(|(name, toml)| Ok((*name, settings::description(name, toml)?)));
    described.collect()
}

fn variants() -> Result<Vec<(&'static str, String)>> {
    let mut all = Vec::new();
    // Several systems can have a list.
    for list in DocumentKind::all().iter().flat_map(|of| of.variants) {
        if !all.contains(&list) {
            all.push(list);
        }
    }
    described(all.into_iter())
}

pub fn sweeps() -> Result<Vec<(&'static str, String)>> {
    described(DocumentKind::all().iter().flat_map(|system| system.sweeps))
}

fn as_text(directory: &Path) -> Result<String> {
    let mut text = String::new();
    benchmarks(directory, |name, common, data| {
        let methods: Vec<&str> = common.methods.iter().map(|(name, _)| *name).collect();
        describe(&mut text, name, &methods, data);
    })?;
    let mut lists = String::new();
    for (heading, documents) in [
        (
            "Lists of methods, for `neurogain run BENCHMARK --variants LIST`:",
            variants()?,
        ),
        (
            "Sweeps, for `neurogain sweep NAME`, optionally with `--base BENCHMARK`:",
            sweeps()?,
        ),
    ] {
        let _ = writeln!(lists, "{heading}\n");
        for (name, description) in documents {
            let _ = writeln!(lists, "{name}");
            for line in description.lines() {
                let _ = writeln!(lists, "  {line}");
            }
        }
        lists.push('\n');
    }
    text.push_str(&lists);
    let learners: Vec<&str> = learners().map(|learner| learner.name()).collect();
    let _ = writeln!(
        text,
        "Learners, for the key `learner` of a method: {}",
        learners.join(", ")
    );
    let own: Vec<String> = collection::names(directory).into_iter().collect();
    if !own.is_empty() {
        let _ = writeln!(
            text,
            "\nCollections of images in {}, for `data.source = \"images\"` and `data.name`: {}",
            directory.display(),
            own.join(", ")
        );
    }
    text.push_str("\nTo run a benchmark: neurogain run NAME\nTo print the settings of any of these: neurogain list --show NAME\nTo print the reference of all settings: neurogain list --keys\n");
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
    let mut found = Vec::new();
    benchmarks(directory, |name, common, data| {
        let methods = common.methods.iter();
        let methods = methods.map(|(name, label)| json!({ "name": name, "label": label }));
        found.push(json!({
            "name": name,
            "title": common.title,
            "description": common.description.trim(),
            "methods": methods.collect::<Vec<_>>(),
            "data": {
                "source": common.data.source.name(),
                "needs": data.needs,
                "looked_in": data.looked_in,
                "ready": data.ready,
            },
        }));
    })?;
    let named = |documents: Vec<(&'static str, String)>| -> Vec<Value> {
        let documents = documents.into_iter();
        documents
            .map(|(name, description)| json!({ "name": name, "description": description }))
            .collect()
    };
    let learners: Vec<&str> = learners().map(|learner| learner.name()).collect();
    Ok(json!({
        "benchmarks": found,
        "variants": named(variants()?),
        "sweeps": named(sweeps()?),
        "learners": learners,
        "collections": collection::names(directory),
    }))
}

/// The files that a source needs, and whether they exist.
struct Data {
    needs: String,
    looked_in: Vec<String>,
    ready: bool,
}

impl Data {
    fn of(data: &DataSettings, directory: &Path) -> Self {
        match data.source {
            DataSource::Digits => Data {
                needs: "none: the UCI digits are built in".into(),
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
            DataSource::Images | DataSource::TinyImagenet => {
                let name = data.collection().unwrap_or_default();
                let (found, looked_in) = collection::search(directory, name);
                let published = match data.source {
                    DataSource::TinyImagenet => "the published folder tiny-imagenet-200, ",
                    _ => "",
                };
                Data {
                    needs: format!(
                        "{published}{name}.{}, or folders of images {name}/train/CLASS and {name}/test/CLASS",
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
