//! `neurogain completions` and `neurogain man`: files that shells and `man` read, made from the arguments.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use neurogain::{Error, Result};

use super::arguments::{self, Arguments};
use super::output::print;

/// Prints the completions for a shell.
pub fn completions(arguments: &arguments::Completions) -> Result<()> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    // A user's program with own learners has another name.
    let program = std::env::args_os().next().map(PathBuf::from);
    let name = program.as_deref().and_then(Path::file_stem);
    let name = name.and_then(|name| name.to_str()).unwrap_or("neurogain");
    let name = name.to_string();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes it and those of the commands to a directory.
pub fn man(arguments: &arguments::Man) -> Result<()> {
    let Some(directory) = &arguments.out else {
        let mut page = Vec::new();
        // As in the pages that are written: `help` has none.
        let command = Arguments::command().disable_help_subcommand(true);
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Error::encoding("manual page", "roff", error))?;
        return print(&String::from_utf8_lossy(&page));
    };
    fs::create_dir_all(directory).map_err(|error| Error::file(directory, "create", error))?;
    clap_mangen::generate_to(Arguments::command(), directory)
        .map_err(|error| Error::file(directory, "write to", error))?;
    print(&format!("pages   {}\n", directory.display()))
}
