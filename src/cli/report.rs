//! `neurogain report`: pages of runs that are already on disk.

use std::path::Path;

use neurogain::run::{RunDirectory, System};
use neurogain::systems::comodulation;
use neurogain::systems::stability_gap::compare;
use neurogain::systems::{Comodulation, StabilityGap};
use neurogain::{Error, Result};

use super::arguments;
use super::output::print;

/// Does what `neurogain report` promises.
pub fn report(arguments: &arguments::Report) -> Result<()> {
    match (&arguments.out, arguments.directories.as_slice()) {
        (Some(page), directories) => {
            compare(directories, page)?;
            print(&format!("report  {}\n", page.display()))
        }
        (None, [directory]) => {
            let config = directory.join("config.toml").display().to_string();
            match comodulation::find(&config)? {
                Some(_) => rebuild::<Comodulation>(directory),
                None => rebuild::<StabilityGap>(directory),
            }
        }
        (None, _) => Err(Error::Setting {
            name: "--out".into(),
            value: "(missing)".into(),
            expected: "the file for the page that compares these runs".into(),
        }),
    }
}

/// Writes a directory's report again.
fn rebuild<S: System>(directory: &Path) -> Result<()> {
    let report = RunDirectory::<S>::open(directory)?.rebuild()?;
    let page = directory.join("report.html");
    print(&format!("{}\nreport  {}\n", report.table, page.display()))
}
