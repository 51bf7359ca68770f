//! `neurogain report`: pages of runs that are already on disk.

use neurogain::report::{build, comodulation_table, rebuild, rebuild_comodulation, table};
use neurogain::{Error, Result};

use super::arguments;
use super::output::print;

/// Does what `neurogain report` promises.
pub fn report(arguments: &arguments::Report) -> Result<()> {
    match (&arguments.out, arguments.directories.as_slice()) {
        (Some(page), directories) => {
            build(directories, page)?;
            print(&format!("report  {}\n", page.display()))
        }
        (None, [directory]) => {
            if let Some((_, summary)) = rebuild_comodulation(directory)? {
                let page = directory.join("report.html");
                let table = comodulation_table(&summary);
                return print(&format!("{table}\nreport  {}\n", page.display()));
            }
            let results = rebuild(directory)?;
            let page = directory.join("report.html");
            print(&format!(
                "{}\nreport  {}\n",
                table(&results)?,
                page.display()
            ))
        }
        (None, _) => Err(Error::Setting {
            name: "--out".into(),
            value: "(missing)".into(),
            expected: "the file for the page that compares these runs".into(),
        }),
    }
}
