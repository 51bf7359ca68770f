//! `neurogain report`: the pages of existing run directories.

use std::path::{Path, PathBuf};

use neurogain::run::{RunDirectory, System, compare, settings};
use neurogain::systems::with_system;
use neurogain::{Error, Result};

use super::arguments;
use super::output::print;

/// Runs `neurogain report`.
pub fn report(arguments: &arguments::Report) -> Result<()> {
    match (&arguments.out, arguments.directories.as_slice()) {
        (Some(page), directories) => {
            let no_run = |of: &&PathBuf| !of.join("config.toml").exists();
            if let Some(directory) = directories.iter().find(no_run) {
                let reason = "it has no config.toml; expected a directory of `neurogain run`";
                return Err(Error::file(directory, "open as a run", reason));
            }
            let kinds: Vec<Option<String>> = directories.iter().map(|of| kind(of)).collect();
            if let Some(at) = kinds.iter().position(|kind| *kind != kinds[0]) {
                let expected = format!(
                    "a directory with the same kind of experiment as {}",
                    directories[0].display()
                );
                let other = directories[at].display();
                return Err(Error::setting("directories", other, expected));
            }
            let first = kinds.into_iter().next().flatten();
            with_system!(first.as_deref(), S => compared::<S>(directories, page))
        }
        (None, [directory]) => {
            with_system!(kind(directory).as_deref(), S => rebuild::<S>(directory))
        }
        (None, _) => Err(Error::Setting {
            name: "--out".into(),
            value: "(missing)".into(),
            expected: "the new HTML file for the comparison, such as --out compared.html".into(),
        }),
    }
}

/// The `kind` of a directory's experiment.
fn kind(directory: &Path) -> Option<String> {
    settings::kind(&directory.join("config.toml").display().to_string())
}

/// Writes a page that compares directories.
fn compared<S: System>(directories: &[PathBuf], page: &Path) -> Result<()> {
    compare::<S>(directories, page)?;
    print(&format!("report  {}\n", page.display()))
}

/// Rewrites the report of a directory.
fn rebuild<S: System>(directory: &Path) -> Result<()> {
    let report = RunDirectory::<S>::open(directory)?.rebuild()?;
    let page = directory.join("report.html");
    print(&format!("{}\nreport  {}\n", report.table, page.display()))
}
