//! The arguments as clap reads them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Trains gain-modulated networks and measures their stability gap.
///
/// Without a command, runs the benchmark that ships inside: `neurogain run split-digits`.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a benchmark over its methods and seeds, and report.
    Run(Run),
    /// Run a grid of settings, a run directory a cell, and gather their measures.
    Sweep(Sweep),
    /// List benchmarks, their methods, and the data they need.
    List(List),
    /// Build the report of a run again, or compare several runs.
    Report(Report),
    /// Make a figure of an analysis and the numbers behind it; without a name, list them.
    Figure(Figure),
    /// Check the data files that are there, or pack a folder of images into one file.
    #[command(subcommand)]
    Data(DataCommand),
    /// Measure the kernels on this machine, as fractions of its FMA peak and copy bandwidth.
    Bench(Bench),
}

#[derive(Args, Default)]
pub struct Run {
    /// A benchmark's name (see `list`), or a TOML file of your own [default: split-digits].
    #[arg(value_name = "BENCHMARK|FILE.toml")]
    pub benchmark: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// The methods to run, in this order, such as ngm-sgd,adam [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub methods: Option<Vec<String>>,

    /// Run a list of methods that ships inside instead of the benchmark's own: ablation, reset,
    /// composition or boundary (see `list`).
    #[arg(long, value_name = "NAME")]
    pub variants: Option<String>,

    /// Seeds such as 1,2,3, or a range with both its ends: 42..46 is five seeds.
    #[arg(long)]
    pub seeds: Option<String>,

    /// Change a setting of the benchmark: gain.eta=0.2, stream.contexts=[[0,1],[2,3]],
    /// methods.adam.optimiser.beta1=0.8. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Iterations from one evaluation to the next; it divides those of a context. Short for --set
    /// evaluation.every=NUMBER.
    #[arg(long, value_name = "NUMBER")]
    pub eval_every: Option<u32>,

    /// Evaluate on at most so many test images of a task, evenly spread; 0 for all. Short for --set evaluation.limit=NUMBER.
    #[arg(long, value_name = "NUMBER")]
    pub eval_limit: Option<u32>,

    /// Evaluate on the first task alone, or on every task that a context has brought: first or all. Short for
    /// --set evaluation.tasks=NAME.
    #[arg(long, value_name = "NAME")]
    pub eval_tasks: Option<String>,

    /// The directory to make for the results [default: the next free runs/NAME-001].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on with the runs of this directory, which were stopped or killed. Its settings are those it
    /// was begun with.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "benchmark", "methods", "variants", "seeds", "overrides", "eval_every", "eval_limit", "eval_tasks", "out",
    ])]
    pub resume: Option<PathBuf>,

    /// Iterations from one checkpoint of a run to the next; 0 for one only where it is stopped. No
    /// result depends on it [default: 500].
    #[arg(long, value_name = "NUMBER")]
    pub checkpoint_every: Option<usize>,

    /// How many runs go side by side [default: one a core]; on a card always one after another.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Where the kernels run, with the same bits: cpu, cuda (the first NVIDIA card), cuda:1, or auto (a card
    /// where there is one) [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Write event files too, DIR/tensorboard, each run's as it ends.
    #[arg(long)]
    pub tensorboard: bool,

    /// No progress, only results and errors.
    #[arg(long)]
    pub quiet: bool,

    /// Print the results as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Default)]
#[command(after_help = SWEEP_FILE)]
pub struct Sweep {
    /// The file that names a base and the lists of a grid, or the name of a sweep that ships inside:
    /// lr-sweep, replay, gain-complexity, longer-contexts, gain-layers. Given again, the sweep goes on where it was:
    /// cells that have ended are kept.
    #[arg(value_name = "FILE.toml|NAME", required_unless_present = "collect")]
    pub file: Option<PathBuf>,

    /// The benchmark, or file of settings, to sweep over instead of the file's own base.
    #[arg(long, value_name = "BENCHMARK|FILE.toml")]
    pub base: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// The directory for the sweep [default: runs/FILE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// How many cells go side by side [default: 1].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// How many runs of all cells go side by side [default: one a core].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Where the kernels run, with the same bits: cpu, cuda (the first NVIDIA card), cuda:1, or auto (a card
    /// where there is one) [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Run only the cell with this number, and gather nothing: what a task of a job array does.
    #[arg(long, value_name = "NUMBER", conflicts_with = "workers")]
    pub cell: Option<usize>,

    /// Run nothing, but write a Slurm job array, DIR/job.sh, and the script that submits it,
    /// DIR/submit.sh. When that is called, the program is found through PATH or NEUROGAIN, the data
    /// through NEUROGAIN_DATA.
    #[arg(long, conflicts_with_all = ["data", "workers", "threads", "cell"])]
    pub slurm: bool,

    /// Gather the cells of the sweep in DIR into DIR/sweep.csv and DIR/sweep.json, and print their
    /// table.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub collect: Option<PathBuf>,

    /// No progress, only results and errors.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct List {
    /// Print every setting of a benchmark with its documentation and default, or the TOML of a list of methods
    /// or a sweep, to start a file of your own from: its `name` and `title` are what directories and figures are
    /// called.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "data"])]
    pub show: Option<String>,

    /// Print the reference of all settings, as Markdown.
    #[arg(long, conflicts_with_all = ["show", "json", "data"])]
    pub keys: bool,

    /// Print a JSON Schema of settings, for editors: `#:schema FILE` in the first line of a TOML file names it.
    #[arg(long, conflicts_with_all = ["show", "json", "data", "keys"])]
    pub schema: bool,

    #[command(flatten)]
    pub data: Data,

    /// Print the list as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Default, Clone)]
pub struct Data {
    /// Where data files are [default: the variable NEUROGAIN_DATA, or else ./data].
    #[arg(long = "data", id = "data", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Data {
    /// The directory to look for data in.
    pub fn directory(&self) -> PathBuf {
        data_directory(self.directory.as_ref())
    }
}

/// What follows the help on sweeps.
const SWEEP_FILE: &str = r#"A file of a sweep:

  base = "split-digits"           # a benchmark, or a file of settings beside this one
  variants = "composition"        # as --variants; may be left out
  methods = ["ngm-sgd", "sgd"]    # all if left out
  seeds = [42, 43, 44]            # those of the base if left out

  [grid]                          # a cell for each choice from these lists, of any settings
  gain.eta = [0.1, 0.2, 0.4]
  training.batch = [32, 64]"#;

/// The directory given, or else that of the environment, or else `data`.
fn data_directory(given: Option<&PathBuf>) -> PathBuf {
    let variable = || std::env::var_os("NEUROGAIN_DATA").filter(|value| !value.is_empty());
    given
        .cloned()
        .or_else(|| variable().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("data"))
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Say which data sets a directory has, and whether their files are the published ones.
    Verify(Verify),
    /// Write a folder of images, FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, to one file.
    Pack(Pack),
}

#[derive(Args)]
pub struct Verify {
    /// Where data files are [default: the variable NEUROGAIN_DATA, or else ./data].
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Verify {
    /// The directory to look for data in.
    pub fn directory(&self) -> PathBuf {
        data_directory(self.directory.as_ref())
    }
}

#[derive(Args)]
pub struct Pack {
    /// The folder, with PNG or JPEG images.
    pub folder: PathBuf,

    /// The file to make.
    pub file: PathBuf,

    /// Rows that every image is resized to.
    #[arg(long, value_name = "PIXELS", default_value_t = 84)]
    pub height: u32,

    /// Columns that every image is resized to.
    #[arg(long, value_name = "PIXELS", default_value_t = 84)]
    pub width: u32,
}

#[derive(Args)]
pub struct Report {
    /// Directories that `run` has made.
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,

    /// Write one page that compares the runs to this file, instead of their own pages.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
pub struct Figure {
    /// The figure [default: list them].
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// For figures of runs and sweeps, the benchmark or file of settings [default: on the digits].
    #[arg(long, value_name = "BENCHMARK|FILE.toml")]
    pub base: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// Where networks learn, with the same bits: cpu, cuda (the first NVIDIA card), cuda:1, or auto (a card
    /// where there is one) [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// The directory for NAME.svg and NAME.csv, whose files of these names are replaced, or for the
    /// directory NAME of a figure of runs or sweeps.
    #[arg(long, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Bench {
    /// Only the kernels and models whose names contain this, such as ResNet or "to weights".
    pub filter: Option<String>,

    /// Threads that a kernel may use on the processor [default: 1].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// What is measured: cpu, cuda (the first NVIDIA card), cuda:1, or auto (a card where there is one)
    /// [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}
