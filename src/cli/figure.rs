//! `neurogain figure`: analyses, as figures with their numbers.

use std::fmt::Write;

use neurogain::Result;
use neurogain::report::{ANALYSES, analyse};

use super::arguments;
use super::output::print;

/// Does what `neurogain figure` promises.
pub fn figure(arguments: &arguments::Figure) -> Result<()> {
    let Some(name) = &arguments.name else {
        return print(&list());
    };
    let analysis = analyse(name)?;
    let paths = analysis.write(&arguments.out)?;
    let mut text = format!("{}\n", analysis.table);
    for path in paths {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "figure  {}", path.display());
        let _ = writeln!(text, "numbers {}", path.with_extension("csv").display());
    }
    print(&text)
}

fn list() -> String {
    let mut text = String::new();
    for (name, shows) in ANALYSES {
        let _ = writeln!(text, "{name:<14} {shows}");
    }
    text.push_str("\nMake one with `neurogain figure NAME`.\n");
    text
}
