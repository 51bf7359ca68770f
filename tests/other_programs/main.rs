//! Other programs read our files, and run or restrict ours: Python's packages, Node, curl, Slurm, readers of SVG.
//!
//! A test whose tools are missing is `ignored` with the reason, and the last lines say how to install them. If the
//! variable `NEUROGAIN_REQUIRE_TOOLS` is set, it fails instead, unless it needs PyTorch, the real data or root. `-- --ignored`
//! runs the slow test, which takes minutes; tests whose tools are missing then fail.

mod enlarge;
#[cfg(unix)]
mod fetch;
mod figures;
#[cfg(unix)]
mod limits;
mod numpy;
mod python;
mod python_package;
mod real_data;
mod replay;
mod schema;
#[cfg(unix)]
mod slurm;
mod tensorboard;
mod tools;
mod weights;

#[path = "../shared/program/mod.rs"]
mod program;
#[path = "../shared/synthetic/mod.rs"]
mod synthetic;

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Arguments, Trial};
use tools::{Missing, Tool};

/// A test and its tools.
struct Test {
    name: &'static str,
    needs: &'static [Tool],
    run: fn(),
    minutes: bool,
}

/// A list of tests: the path of the function, and the tools.
macro_rules! tests {
    ($($run:path: $needs:expr;)*) => {
        &[$(Test { name: stringify!($run), needs: &$needs, run: $run, minutes: false }),*]
    };
}

const CAIROSVG: Tool = Tool::Python("cairosvg");
const NBCLIENT: Tool = Tool::Python("nbclient");
const NODE: Tool = Tool::Program("node", "nodejs");
const NUMPY: Tool = Tool::Python("numpy");
const PANDAS: Tool = Tool::Python("pandas");
const PYTEST: Tool = Tool::Python("pytest");
const SAFETENSORS: Tool = Tool::Python("safetensors");
const REPORTLAB: Tool = Tool::Python("reportlab");
const RSVG: Tool = Tool::Program("rsvg-convert", "librsvg2-bin");
const SVGLIB: Tool = Tool::Python("svglib");
const TORCH: Tool = Tool::LargePython("torch");

const TESTS: &[Test] = tests! {
    enlarge::every_figure: [NODE];
    figures::cairosvg: [CAIROSVG];
    figures::librsvg: [RSVG];
    figures::svglib: [SVGLIB, REPORTLAB];
    numpy::reads_the_same: [NUMPY];
    python_package::networks_in_pytorch: [PANDAS, PYTEST, SAFETENSORS, TORCH];
    python_package::tables_and_arrays: [PANDAS, PYTEST, SAFETENSORS];
    python_package::the_notebook: [PANDAS, PYTEST, NBCLIENT, Tool::Python("ipykernel"), Tool::Python("matplotlib")];
    real_data::cifar_10: [Tool::Data("cifar10")];
    real_data::mnist: [Tool::Data("mnist")];
    replay::pytorch_gives_the_same_losses: [NUMPY, SAFETENSORS, TORCH];
    schema::accepts_what_ships_and_refuses_what_is_wrong: [Tool::Python("jsonschema")];
    tensorboard::reads_every_scalar: [Tool::Python("tensorboard")];
    weights::python_reads_the_same_numbers: [NUMPY, SAFETENSORS];
};

const MINUTES: Test = Test {
    name: "figures::that_take_minutes",
    needs: &[CAIROSVG, RSVG, SVGLIB, REPORTLAB],
    run: figures::that_take_minutes,
    minutes: true,
};

#[cfg(unix)]
const CURL: Tool = Tool::Program("curl", "curl");
#[cfg(unix)]
const PRLIMIT: Tool = Tool::Program("prlimit", "util-linux");
#[cfg(unix)]
const SETPRIV: Tool = Tool::Program("setpriv", "util-linux");

#[cfg(unix)]
const ON_UNIX: &[Test] = tests! {
    fetch::a_download_that_cannot_go_on_begins_again: [CURL];
    fetch::a_download_that_was_cut_off_goes_on: [CURL];
    fetch::a_wrong_checksum_is_refused_and_the_file_removed: [CURL];
    fetch::an_archive_is_unpacked_checked_and_removed: [CURL];
    fetch::files_are_fetched_once: [CURL];
    fetch::what_cannot_be_fetched_is_named: [CURL];
    limits::without_threads_the_bytes_are_the_same: [PRLIMIT, SETPRIV];
    slurm::a_job_array_gives_the_same_bytes_as_workers_here: [Tool::Slurm];
};
#[cfg(not(unix))]
const ON_UNIX: &[Test] = &[];

fn main() {
    let arguments = Arguments::from_args();
    // Filtered by name alone: which tests are ignored depends on the tools that are missing.
    let by_name = Arguments {
        ignored: false,
        ..arguments.clone()
    };
    let selected = |test: &Test| !by_name.is_filtered_out(&Trial::test(test.name, || Ok(())));
    let tests = || TESTS.iter().chain([&MINUTES]).chain(ON_UNIX);
    let chosen: Vec<&Test> = tests().filter(|test| selected(test)).collect();
    let missing = match arguments.list && !arguments.ignored {
        true => BTreeMap::new(),
        false => tools::missing(chosen.iter().flat_map(|test| test.needs).copied()),
    };
    let trials = tests().map(|test| match selected(test) {
        true => trial(test, &missing, arguments.list),
        false => Trial::test(test.name, || Ok(())),
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !arguments.list {
        let not_checked = chosen
            .into_iter()
            .filter(|test| !test.minutes || arguments.ignored || arguments.include_ignored);
        report(not_checked, &missing);
    }
    conclusion.exit();
}

/// The test for libtest-mimic. It is ignored if a tool is missing, and fails if the tool is required. Listed tests have
/// the same names on every machine; in a run the reason is printed before the name.
fn trial(test: &Test, missing: &BTreeMap<Tool, Missing>, list: bool) -> Trial {
    let run = test.run;
    let missing = || test.needs.iter().filter_map(|tool| missing.get(tool));
    let required = std::env::var_os("NEUROGAIN_REQUIRE_TOOLS").is_some();
    let reasons: Vec<&str> = missing().map(|missing| missing.reason.as_str()).collect();
    let reasons = reasons.join(", ");
    let fails = required && missing().any(|missing| missing.required);
    let trial = match reasons.is_empty() {
        true => Trial::test(test.name, move || {
            run();
            Ok(())
        }),
        false => {
            let problem = format!("{reasons}: the last lines say how to get it");
            Trial::test(test.name, move || Err(problem.into()))
        }
    };
    let kind = match (list, test.minutes) {
        (true, _) => "",
        (_, true) => "minutes",
        _ => &reasons,
    };
    trial
        .with_kind(kind)
        .with_ignored_flag(test.minutes || !reasons.is_empty() && !fails)
}

/// Prints which tests were not run because something is missing, why, and the commands that install it.
fn report<'a>(tests: impl Iterator<Item = &'a Test>, missing: &BTreeMap<Tool, Missing>) {
    let mut why: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut commands: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for test in tests {
        for missing in test.needs.iter().filter_map(|tool| missing.get(tool)) {
            let (command, name) = &missing.command;
            why.entry(&missing.reason).or_default().push(test.name);
            commands.entry(command).or_default().insert(name);
        }
    }
    if why.is_empty() {
        return;
    }
    eprintln!("not checked:");
    for (reason, tests) in why {
        eprintln!("  {}: {reason}", tests.join(", "));
    }
    eprintln!("to check it:");
    for (command, names) in commands {
        let names: Vec<&str> = names.into_iter().collect();
        eprintln!("  {command} {}", names.join(" "));
    }
    eprintln!();
}
