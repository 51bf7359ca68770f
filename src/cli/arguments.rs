//! The command-line arguments.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

/// Trains gain-modulated neural networks, measures their stability gap and task adaptation, and writes reports.
///
/// Without a command, runs the built-in benchmark: `neurogain run split-digits`.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a benchmark: every method with every seed, then write a report.
    Run(Run),
    /// Run a benchmark for every combination of given settings, and collect the measures in one table.
    Sweep(Sweep),
    /// List benchmarks with their methods and data, lists of methods, and sweeps.
    List(List),
    /// Rebuild the report of a run or a sweep, or compare several.
    Report(Report),
    /// Make a figure and the CSV file of its numbers; without a name, list the figures.
    Figure(Figure),
    /// Check data files, or pack a folder of images into one file.
    #[command(subcommand)]
    Data(DataCommand),
    /// Measure the speed of the kernels as fractions of the machine's FMA peak and copy bandwidth.
    Bench(Bench),
    /// Print the completions of the command line for a shell.
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands to a directory.
    Man(Man),
}

/// The end of the help of the program.
const EXAMPLES: &str = "\
Examples:
  neurogain                                        Run split-digits, which needs no data files
  neurogain run split-mnist --data DIR --seeds 42..46
  neurogain report runs/split-digits-001           Rebuild a report

To have neurogain in PATH, run in the directory of its source: cargo install --path .
To complete its arguments with the Tab key: neurogain help completions";

/// The end of the help of `run`.
const RUN_EXAMPLES: &str = "\
Examples:
  neurogain run split-mnist --data DIR --methods ngm-sgd,sgd --seeds 42..46
  neurogain run split-digits --set gain.eta=0.2 --out results/eta02
  neurogain run --resume runs/split-mnist-001      Continue after Ctrl-C or a crash

While it runs, report.html in its directory says how far it is.";

/// The end of the help of `report`.
const REPORT_EXAMPLES: &str = "\
Examples:
  neurogain report runs/split-digits-001
  neurogain report runs/split-digits-001 runs/split-digits-002 --out compared.html";

/// The end of the help of `figure`.
const FIGURE_EXAMPLES: &str = "\
Examples:
  neurogain figure                                 List the figures
  neurogain figure landscape --base split-mnist --data DIR
  neurogain figure ablation --out figures";

/// The end of the help of `list`.
const LIST_EXAMPLES: &str = "\
Examples:
  neurogain list --data DIR                        Say which data are in DIR
  neurogain list --show split-digits > own.toml    Begin your own file of settings";

/// The end of the help of `completions`.
const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  neurogain completions bash > ~/.local/share/bash-completion/completions/neurogain
  neurogain completions zsh > DIR/_neurogain       DIR is one of $fpath
  neurogain completions fish > ~/.config/fish/completions/neurogain.fish";

/// The end of the help of `man`.
const MAN_EXAMPLES: &str = "\
Examples:
  neurogain man | man -l -
  neurogain man --out ~/.local/share/man/man1      Then: man neurogain-run";

#[derive(Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

#[derive(Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct Man {
    /// The directory for the pages neurogain.1, neurogain-run.1 and so on; existing ones are replaced.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Default)]
#[command(after_help = RUN_EXAMPLES)]
pub struct Run {
    /// The name of a benchmark (see `neurogain list`), or a TOML file of settings [default: split-digits].
    #[arg(value_name = "BENCHMARK|FILE.toml")]
    pub benchmark: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// The methods to run, in this order, for example ngm-sgd,adam [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub methods: Option<Vec<String>>,

    /// Replace the benchmark's methods by a built-in list (see `neurogain list`): ablation, entropy-lr, reset,
    /// composition, boundary or learners; all-weights or modulator for comodulation experiments; learners, tuned, neumosync-parts or
    /// neumosync-training for plasticity experiments.
    #[arg(long, value_name = "NAME")]
    pub variants: Option<String>,

    /// The seeds, for example 1,2,3, or a range with both ends: 42..46 is five seeds.
    #[arg(long)]
    pub seeds: Option<String>,

    /// Change a setting of the benchmark, for example gain.eta=0.2, stream.contexts=[[0,1],[2,3]] or
    /// methods.adam.optimizer.beta1=0.8. Can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Evaluate every NUMBER iterations; it must divide the iterations of a context. Short for --set
    /// evaluation.every=NUMBER.
    #[arg(long, value_name = "NUMBER")]
    pub eval_every: Option<u32>,

    /// Evaluate on at most NUMBER test images per task, evenly spread; 0 for all. Short for --set
    /// evaluation.limit=NUMBER.
    #[arg(long, value_name = "NUMBER")]
    pub eval_limit: Option<u32>,

    /// The tasks to evaluate: first (only the first task) or all (every task seen so far). Short for --set
    /// evaluation.tasks=NAME.
    #[arg(long, value_name = "NAME")]
    pub eval_tasks: Option<String>,

    /// The new directory for the results [default: runs/NAME-001, with the next free number].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Whether a directory `out` with the same settings is continued.
    #[arg(skip)]
    pub continues: bool,

    /// Continue the stopped or killed runs of this directory, with its settings and, unless --data names another
    /// directory, with the data where they were.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "benchmark", "methods", "variants", "seeds", "overrides", "eval_every", "eval_limit", "eval_tasks", "out",
    ])]
    pub resume: Option<PathBuf>,

    /// Write a checkpoint every NUMBER iterations; 0 for a checkpoint only when stopped. Does not change the
    /// results [default: 500].
    #[arg(long, value_name = "NUMBER")]
    pub checkpoint_every: Option<usize>,

    /// The number of runs at the same time [default: the number of cores, or 1 on an NVIDIA card]. On a
    /// card each has its own copy of the data.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// The device: cpu, cuda (the first NVIDIA card), cuda:1 (the second), or auto (an NVIDIA card if there is
    /// one, otherwise the CPU). The results are the same [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Also write TensorBoard event files to DIR/tensorboard; they grow at each checkpoint.
    #[arg(long)]
    pub tensorboard: bool,

    /// Do not show progress.
    #[arg(long)]
    pub quiet: bool,

    /// Print the results as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Default)]
#[command(after_help = SWEEP_FILE)]
pub struct Sweep {
    /// The TOML file of a sweep (see below), or the name of a built-in sweep: lr-sweep, replay, gain-complexity,
    /// longer-contexts, gain-layers, modulator-strength, atlas or tuning. To continue a stopped sweep, run the same
    /// command again: finished cells are kept.
    #[arg(value_name = "FILE.toml|NAME", required_unless_present = "collect")]
    pub file: Option<PathBuf>,

    /// The benchmark or file of settings that replaces the base of the sweep.
    #[arg(long, value_name = "BENCHMARK|FILE.toml")]
    pub base: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// The directory of the sweep [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The number of cells at the same time [default: 1].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// The number of runs at the same time, over all cells [default: the number of cores].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// The device: cpu, cuda (the first NVIDIA card), cuda:1 (the second), or auto (an NVIDIA card if there is
    /// one, otherwise the CPU). The results are the same [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Run only the cell with this number and collect nothing. The tasks of a Slurm job array use this.
    #[arg(long, value_name = "NUMBER", conflicts_with = "workers")]
    pub cell: Option<usize>,

    /// Run nothing; write a Slurm job array, DIR/job.sh, and the script that submits it, DIR/submit.sh. That
    /// script finds the program in PATH or by the variable NEUROGAIN, and the data by NEUROGAIN_DATA.
    #[arg(long, conflicts_with_all = ["data", "workers", "threads", "cell"])]
    pub slurm: bool,

    /// Run nothing; collect the results of the sweep in DIR in DIR/sweep.csv and DIR/sweep.json, and print the
    /// table.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub collect: Option<PathBuf>,

    /// Do not show progress.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct List {
    /// Print all settings of a benchmark with documentation and defaults, or the TOML of a list of methods or a
    /// sweep. You can start your own file from it: `name` names the run directories, `title` the reports.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "data"])]
    pub show: Option<String>,

    /// Print the reference of all settings, as Markdown.
    #[arg(long, conflicts_with_all = ["show", "json", "data"])]
    pub keys: bool,

    /// Print the JSON Schema of settings, for editors. Save it as FILE and begin a TOML file with `#:schema FILE`.
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
    /// The directory of the data files [default: the variable NEUROGAIN_DATA, or else ./data].
    #[arg(long = "data", id = "data", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Data {
    /// The directory of the data files.
    pub fn directory(&self) -> PathBuf {
        data_directory(self.directory.as_ref())
    }

    /// The directory, if it was given on the command line.
    pub fn given(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

/// The end of the help on sweeps.
const SWEEP_FILE: &str = r#"Examples:
  neurogain sweep lr-sweep --base split-mnist --data DIR
  neurogain sweep eta.toml --workers 2
  neurogain sweep --collect runs/eta               Collect what other processes have run

The TOML file of a sweep:

  base = "split-digits"           # a benchmark or a file of settings
  variants = "composition"        # optional: a list of methods, as --variants of `run`
  methods = ["ngm-sgd", "sgd"]    # optional; default: all methods
  seeds = [42, 43, 44]            # optional; default: the seeds of the base

  [grid]                          # any settings; one cell per combination of values
  gain.eta = [0.1, 0.2, 0.4]
  training.batch = [32, 64]"#;

/// The given directory, or else that of the variable NEUROGAIN_DATA, or else `data`.
fn data_directory(given: Option<&PathBuf>) -> PathBuf {
    let variable = || std::env::var_os("NEUROGAIN_DATA").filter(|value| !value.is_empty());
    given
        .cloned()
        .or_else(|| variable().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("data"))
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// List the data sets in a directory, and check their files against the published ones.
    Verify(Verify),
    /// Pack a folder of images, FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, or Tiny ImageNet as it is published, into
    /// one file.
    Pack(Pack),
}

#[derive(Args)]
pub struct Verify {
    /// The directory of the data files [default: the variable NEUROGAIN_DATA, or else ./data].
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Verify {
    /// The directory of the data files.
    pub fn directory(&self) -> PathBuf {
        data_directory(self.directory.as_ref())
    }
}

#[derive(Args)]
pub struct Pack {
    /// The folder, with PNG or JPEG images.
    pub folder: PathBuf,

    /// The new file.
    pub file: PathBuf,

    /// The height and width that every image is resized to, whatever its aspect ratio: `data.side` of the experiments
    /// that use the file. Grey images get three equal channels.
    #[arg(long, value_name = "PIXELS", default_value_t = 84)]
    pub side: u32,
}

#[derive(Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct Report {
    /// Directories of runs or sweeps. Several are compared: each minus the first, by method and seed.
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,

    /// The new HTML file of the comparison [default: the next free runs/comparison-NNN.html].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = FIGURE_EXAMPLES)]
pub struct Figure {
    /// The name of the figure [default: list all figures].
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// The benchmark or file of settings, for every figure but two-timescale [default: the built-in digits].
    #[arg(long, value_name = "BENCHMARK|FILE.toml")]
    pub base: Option<String>,

    #[command(flatten)]
    pub data: Data,

    /// The device: cpu, cuda (the first NVIDIA card), cuda:1 (the second), or auto (an NVIDIA card if there is
    /// one, otherwise the CPU). The results are the same [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// The directory for NAME.svg and NAME.csv, or, for figures of runs and sweeps, for the directory NAME. Figures
    /// that neurogain has made there are replaced, or, if they are of runs, continued; other files are kept.
    #[arg(long, value_name = "DIR", default_value = "figures")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Bench {
    /// Measure only kernels and models whose names contain this text, for example ResNet or "to weights".
    pub filter: Option<String>,

    /// The number of CPU threads for each kernel [default: 1].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// The device to measure: cpu, cuda (the first NVIDIA card), cuda:1 (the second), or auto (an NVIDIA card if
    /// there is one, otherwise the CPU) [default: cpu].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Print the results as JSON.
    #[arg(long)]
    pub json: bool,
}
