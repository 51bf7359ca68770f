//! What the tests need besides this crate: whether it is there, and how to get it.

use std::collections::BTreeMap;
use std::process::Command;

use neurogain::data::{Place, cifar, mnist};

use crate::real_data;

/// Something that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// A package of Python, by its name for `import` and for `pip install`.
    Python(&'static str),
    /// The same, for a package that continuous integration does not install, because it is too large.
    LargePython(&'static str),
    /// A program in `PATH`, and the package of Debian and Ubuntu that has it.
    Program(&'static str, &'static str),
    /// Slurm and munge, started by root.
    Slurm,
    /// A real data set, by its name for `data/fetch.sh`.
    Data(&'static str),
}

/// Why a tool is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The reason, in a few words.
    pub reason: String,
    /// The command that changes it: a program with its arguments, and the name that is added to them.
    pub command: (String, String),
    /// Whether `NEUROGAIN_REQUIRE_TOOLS` lets a test fail that needs it.
    pub required: bool,
}

impl Missing {
    fn new(reason: String, command: &str, name: &str) -> Self {
        Missing {
            reason,
            command: (command.into(), name.into()),
            required: true,
        }
    }
}

/// Those of `tools` that are missing. Python's packages are imported, because some need a library of the system too.
pub fn missing(tools: impl IntoIterator<Item = Tool>) -> BTreeMap<Tool, Missing> {
    let mut found: BTreeMap<Tool, Option<Missing>> =
        tools.into_iter().map(|tool| (tool, None)).collect();
    std::thread::scope(|scope| {
        for (tool, missing) in &mut found {
            scope.spawn(move || *missing = tool.missing());
        }
    });
    let found = found.into_iter();
    found
        .filter_map(|(tool, missing)| Some((tool, missing?)))
        .collect()
}

impl Tool {
    fn missing(self) -> Option<Missing> {
        match self {
            Tool::Python(package) => python_package(package),
            Tool::LargePython(package) => python_package(package).map(|missing| Missing {
                required: false,
                ..missing
            }),
            Tool::Program(name, package) => (!in_path(name))
                .then(|| Missing::new(format!("no {name}"), "apt-get install", package)),
            Tool::Slurm => slurm(),
            Tool::Data(name) => {
                let there = real_data::directory().is_some_and(|directory| match name {
                    "mnist" => any(&mnist::search(&directory)),
                    _ => any(&cifar::search_10(&directory)),
                });
                (!there).then(|| Missing {
                    required: false,
                    ..Missing::new(
                        format!("no {name} in NEUROGAIN_DATA"),
                        "export NEUROGAIN_DATA=data; sh data/fetch.sh data",
                        name,
                    )
                })
            }
        }
    }
}

fn python_package(package: &str) -> Option<Missing> {
    let mut python = Command::new("python3");
    let import = python.args(["-c", &format!("import {package}")]).output();
    let there = import.is_ok_and(|output| output.status.success());
    let reason = format!("no {package} for python3");
    (!there).then(|| Missing::new(reason, "pip install", package))
}

fn slurm() -> Option<Missing> {
    let programs = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo"];
    if let Some(name) = programs.into_iter().find(|name| !in_path(name)) {
        let packages = "slurm-wlm munge";
        return Some(Missing::new(
            format!("no {name}"),
            "apt-get install",
            packages,
        ));
    }
    let root = Command::new("id").arg("-u").output();
    let root = root.is_ok_and(|output| output.stdout == b"0\n");
    (!root).then(|| Missing {
        // Nothing that can be installed.
        required: false,
        ..Missing::new(
            "only root can start Slurm".into(),
            "sudo cargo test --test other_programs",
            "slurm",
        )
    })
}

fn any<const FILES: usize>(places: &[Place<FILES>]) -> bool {
    places.iter().any(|place| place.complete().is_some())
}

fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
