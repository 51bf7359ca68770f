//! `neurogain report`: the pages of existing run directories.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use neurogain::run::{RunDirectory, SweepSource, System, check_run_directory, compare, settings};
use neurogain::systems::with_system;
use neurogain::{Error, Result};

use super::arguments;
use super::output::{print, quoted};
use super::sweep::collect;

/// Runs `neurogain report`.
pub fn report(arguments: &arguments::Report) -> Result<ExitCode> {
    let directories = arguments.directories.as_slice();
    if let ([directory], None) = (directories, &arguments.out) {
        let kind = kind(directory);
        return with_system!(kind.as_deref(), S => match is_sweep(directory) {
            true => collect::<S>(directory),
            false => rebuild::<S>(directory),
        });
    }
    for directory in directories.iter().filter(|of| !is_sweep(of)) {
        check_run_directory(directory)?;
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
    let page = match &arguments.out {
        Some(page) => page.clone(),
        None => next_page(Path::new("runs"))?,
    };
    let first = kinds.into_iter().next().flatten();
    with_system!(first.as_deref(), S => compared::<S>(directories, &page))
}

fn is_sweep(directory: &Path) -> bool {
    directory.join("sweep.toml").exists()
}

/// The `kind` of a directory's experiments.
fn kind(directory: &Path) -> Option<String> {
    match is_sweep(directory) {
        true => SweepSource::from_file(&directory.join("sweep.toml"))
            .ok()?
            .kind(),
        false => settings::kind(&directory.join("config.toml").display().to_string()),
    }
}

/// The next free name of a page: `runs/comparison-001.html`.
fn next_page(folder: &Path) -> Result<PathBuf> {
    let page = |number: u32| folder.join(format!("comparison-{number:03}.html"));
    let free = (1..=u32::MAX).map(page).find(|page| !page.exists());
    free.ok_or_else(|| Error::setting("--out", "(missing)", "a new HTML file"))
}

/// Writes a page that compares directories, and prints the differences.
fn compared<S: System>(directories: &[PathBuf], page: &Path) -> Result<ExitCode> {
    let table = compare::<S>(directories, page)?.table();
    print(&format!("{table}\nreport  {}\n", page.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Rewrites the report of a directory.
fn rebuild<S: System>(directory: &Path) -> Result<ExitCode> {
    let report = RunDirectory::<S>::open(directory)?.rebuild()?;
    let page = directory.join("report.html");
    let mut text = format!("{}\nreport  {}\n", report.table, page.display());
    // They are removed when every job has ended.
    if directory.join("checkpoints").exists() {
        let place = quoted(directory);
        text.push_str(&format!(
            "\nto continue, run: neurogain run --resume {place}\n"
        ));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
