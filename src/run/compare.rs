//! The comparison of several run directories.

use std::path::{Path, PathBuf};

use super::differences::{Compared, between};
use super::settings::differing;
use super::{ExperimentSummary, Named, RunDirectory, System, files};
use crate::error::{Error, Result};

/// The longest name that is made of settings; experiments with longer ones are named after their directories.
const LONGEST_NAME: usize = 60;

/// Writes a page that compares the experiments in `directories` to the new file `out`: paired differences between each
/// and the first, the same tables with a column for the experiment, and overlaid curves. Returns the differences.
/// The directory of a sweep stands for those of its cells that have begun.
///
/// # Errors
/// [`Error::Setting`] where `directories` is empty or has a run twice, [`Error::File`] where `out` exists or cannot be written, and those
/// of [`RunDirectory::load`].
pub fn compare<S: System>(directories: &[PathBuf], out: &Path) -> Result<Compared> {
    if directories.is_empty() {
        return Err(Error::setting("directories", "none", "at least one"));
    }
    if out.exists() {
        let reason = "it exists already; name a new file";
        return Err(Error::file(out, "create", reason));
    }
    let paths = directories.iter().map(|directory| cells(directory));
    let paths: Vec<PathBuf> = paths.collect::<Result<Vec<_>>>()?.concat();
    each_once(&paths)?;
    let experiments = paths.iter().map(|path| Named::<S>::read(path));
    let mut experiments = experiments.collect::<Result<Vec<_>>>()?;
    let documents: Vec<&S::Settings> = experiments.iter().map(|of| &of.settings).collect();
    let settings = differing(&documents)?;
    let directories: Vec<String> = experiments.iter().map(|of| of.name.clone()).collect();
    for (experiment, name) in experiments.iter_mut().zip(names(&directories, &settings)) {
        experiment.name = name;
    }
    let summaries = experiments.iter();
    let summaries = summaries.map(|of| S::summary(&of.settings, &of.outcomes));
    let summaries: Vec<ExperimentSummary> = summaries.collect::<Result<_>>()?;
    let named = experiments.iter().zip(&summaries);
    let named: Vec<_> = named
        .map(|(of, summary)| (of.name.as_str(), summary))
        .collect();
    let measures = S::measures();
    let rows = between(&measures, &named);
    let several = named.len() > 1;
    let incomplete = named.iter().flat_map(|(name, summary)| {
        let lines = summary.incomplete.iter();
        lines.map(move |line| match several {
            true => format!("{name}: {line}"),
            false => line.clone(),
        })
    });
    let incomplete = incomplete.collect();
    let names = experiments.iter().map(|of| of.name.clone());
    let compared = Compared {
        experiments: names.zip(directories).collect(),
        settings,
        measures,
        rows,
        incomplete,
    };
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, "create", e))?;
    }
    files::write(out, S::comparison(&experiments, &compared)?.as_bytes())?;
    Ok(compared)
}

/// Refuses a directory that is there twice, also by another path.
fn each_once(paths: &[PathBuf]) -> Result<()> {
    // Of a path that does not exist, the error follows when it is read.
    let places: Vec<Option<PathBuf>> = paths.iter().map(|path| path.canonicalize().ok()).collect();
    for (at, place) in places.iter().enumerate() {
        let before = places[..at].iter().position(|of| of == place);
        if let (Some(before), Some(_)) = (before, place) {
            let expected = format!(
                "each run once: it is the same directory as {}",
                paths[before].display()
            );
            return Err(Error::setting("directories", paths[at].display(), expected));
        }
    }
    Ok(())
}

/// The run directories of a sweep's cells, or `directory` itself.
fn cells(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.join("sweep.toml").exists() {
        return Ok(vec![directory.into()]);
    }
    let folder = directory.join("cells");
    let failed = |e| Error::file(&folder, "read", e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join("config.toml").exists() {
            found.push(path);
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(Error::file(&folder, "read", "no cell has begun")),
        false => Ok(found),
    }
}

/// A name for each experiment: its values of the settings that differ, such as `eta = 0.1`, or its benchmark, if these
/// differ. Its directory if only methods and seeds differ, or if the name would be long; both where others have the same
/// name.
fn names(directories: &[String], settings: &[(String, Vec<String>)]) -> Vec<String> {
    let of = |key: &str| settings.iter().find(|(known, _)| known == key);
    let chosen: Vec<&(String, Vec<String>)> = match of("name") {
        Some(name) => vec![name],
        None => {
            let secondary = |key: &str| matches!(key, "methods" | "training.seeds");
            settings.iter().filter(|(key, _)| !secondary(key)).collect()
        }
    };
    let short = |key: &str| {
        let ending = |of: &str| of.rsplit('.').next().unwrap_or_default().to_string();
        let unique = chosen
            .iter()
            .filter(|(of, _)| ending(of) == ending(key))
            .count()
            == 1;
        if unique { ending(key) } else { key.into() }
    };
    let name = |place: usize| {
        let parts = chosen.iter().map(|(key, values)| match key.as_str() {
            "name" => values[place].clone(),
            key => format!("{} = {}", short(key), values[place]),
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    let made: Vec<String> = (0..directories.len()).map(name).collect();
    let distinct = made.iter().zip(directories).map(|(name, directory)| {
        let alike = made.iter().filter(|other| *other == name).count();
        match name.chars().count() {
            0 => directory.clone(),
            length if length > LONGEST_NAME => directory.clone(),
            _ if alike > 1 => format!("{name} ({directory})"),
            _ => name.clone(),
        }
    });
    distinct.collect()
}

impl<S: System> Named<S> {
    /// Reads a run directory, whose path becomes the name.
    ///
    /// # Errors
    /// Those of [`RunDirectory::open`] and [`RunDirectory::load`].
    pub fn read(path: &Path) -> Result<Self> {
        let directory = RunDirectory::<S>::open(path)?;
        Ok(Named {
            name: path.display().to_string(),
            settings: directory.settings().clone(),
            outcomes: directory.load()?,
            data: directory.data_origin()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    fn named(settings: &[(&str, [&str; 2])]) -> Vec<String> {
        let settings: Vec<(String, Vec<String>)> = settings
            .iter()
            .map(|(key, values)| (key.to_string(), values.map(String::from).to_vec()))
            .collect();
        names(&["a".into(), "b".into()], &settings)
    }

    #[test]
    fn experiments_are_named_by_the_settings_that_differ() {
        assert_eq!(
            named(&[("gain.eta", ["0.1", "0.2"])]),
            ["eta = 0.1", "eta = 0.2"]
        );
        let both = [("gain.eta", ["0.1", "0.2"]), ("training.batch", ["8", "8"])];
        assert_eq!(named(&both)[1], "eta = 0.2, batch = 8");
        let same = [("one.rate", ["1", "2"]), ("two.rate", ["3", "4"])];
        assert_eq!(named(&same)[0], "one.rate = 1, two.rate = 3");
        let seeds = ("training.seeds", ["[1]", "[2]"]);
        assert_eq!(
            named(&[seeds, ("gain.eta", ["0.1", "0.2"])])[0],
            "eta = 0.1"
        );
        let name = ("name", ["split-digits", "split-mnist"]);
        assert_eq!(
            named(&[("data.name", ["x", "y"]), name]),
            ["split-digits", "split-mnist"]
        );
    }

    #[test]
    fn without_a_short_and_distinct_name_the_directories_are_named() {
        assert_eq!(named(&[]), ["a", "b"]);
        assert_eq!(named(&[("training.seeds", ["[1]", "[2]"])]), ["a", "b"]);
        let long = "1".repeat(100);
        assert_eq!(named(&[("x", ["2", long.as_str()])]), ["x = 2", "b"]);
        let twice = [("name", ["x", "x"])];
        assert_eq!(named(&twice), ["x (a)", "x (b)"]);
    }
}
