//! Analyses that need no earlier run: each makes figures, their numbers and a short table. Those of networks serve
//! every stability-gap experiment, whatever its data, stream and network.

mod landscape;
mod movement;
mod sensitivity;
mod two_timescale;

use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::Backend;
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::learn::Passes;
use crate::optim::Optimizer;
use crate::report::figure::Drawing;
use crate::run::continual::MethodSettings;
use crate::run::files::{read, write};
use crate::run::settings::{require, unknown};
use crate::systems::stability_gap::{EvaluatedTasks, EvaluationSettings, Settings};

pub use two_timescale::two_timescale;

/// The largest number of seeds whose mean an analysis gives: the first of the settings.
const SEEDS: usize = 3;

/// The result of an analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The figures.
    pub figures: Vec<Drawing>,
    /// A short table of the results, as aligned text.
    pub table: String,
}

/// The analysis of a scalar model, [`two_timescale`]: its name and description.
pub const TWO_TIMESCALE: (&str, &str) = (
    "two-timescale",
    "gain modulation as fast and slow weights, in a scalar model (figure 2 of the paper)",
);

/// The analyses of networks that are trained for them, [`analyse`]: name and description.
pub const ANALYSES: &[(&str, &str)] = &[
    (
        "landscape",
        "the loss around the weights, in W and in g·W, and its curvature during a run",
    ),
    (
        "movement",
        "how far the weights W and g·W move after each switch, for each method",
    ),
    (
        "sensitivity",
        "accuracy and stability gap over burst scales and decays, compared with SGD's rates",
    ),
];

/// What the networks of an analysis are trained on, and where.
pub struct Subject<'a, B: Backend> {
    /// The experiment, with epochs counted.
    pub settings: &'a Settings,
    /// Its samples.
    pub samples: &'a TrainTest,
    /// The backend of the networks.
    pub backend: &'a B,
    /// The largest number of networks that are trained at the same time.
    pub threads: usize,
    /// Is called with how far the analysis is.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// The settings of the analysis called `name` if none are given: Split-Digits. The sensitivity has other seeds than the
/// preset, so that γ and η are not chosen on the seeds on which methods are compared.
///
/// # Errors
/// Those of reading the preset, which is valid.
pub fn analysed_by_default(name: &str) -> Result<Settings> {
    let digits = Settings::preset("split-digits")?;
    match name {
        "sensitivity" => digits.with_seeds(&[1, 2, 3]),
        _ => Ok(digits),
    }
}

/// Runs the analysis called `name`, one of [`ANALYSES`], with the same bits every time.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name, [`Error::Setting`] for settings that the analysis cannot use, and the
/// errors of training.
pub fn analyse<B: Backend>(name: &str, subject: &Subject<'_, B>) -> Result<Analysis> {
    let analysis = match name {
        "landscape" => landscape::landscape,
        "movement" => movement::movement,
        "sensitivity" => sensitivity::sensitivity,
        _ => {
            let known: Vec<String> = ANALYSES.iter().map(|(name, _)| name.to_string()).collect();
            return Err(unknown("figure", name, &known));
        }
    };
    let contexts = subject.settings.stream.count();
    let expected = "at least two: the analyses are of the switches between contexts";
    require(contexts > 1, "stream.contexts", contexts, expected)?;
    analysis(subject)
}

/// The settings of a training whose accuracies are not used: evaluation is as rare and as short as it can be.
fn hardly_evaluated(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let iterations = |context| settings.stream.iterations_of(context);
    let common = (0..settings.stream.count()).map(iterations).reduce(divisor);
    settings.evaluation = EvaluationSettings {
        every: common.unwrap_or(1),
        after_switch: 0,
        limit: 1,
        tasks: EvaluatedTasks::First,
        test_time_augmentation: false,
        passes: Passes::One,
    };
    settings
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        b => divisor(b, a % b),
    }
}

/// What the results of these seeds are, for captions.
fn over(seeds: &[u64]) -> String {
    match seeds {
        [seed] => format!("seed {seed}"),
        seeds => format!("mean over {} seeds", seeds.len()),
    }
}

/// The two methods that an analysis compares: the first with gains in its forward pass, and the first SGD without
/// gains, or, without SGD, the first method without gains.
///
/// # Errors
/// [`Error::Setting`] if one of them is missing.
fn compared(settings: &Settings) -> Result<[&MethodSettings; 2]> {
    let mut methods = settings.methods.iter();
    let modulated = methods.find(|method| method.modulates_weights());
    let plain = || settings.methods.iter().filter(|m| !m.gain_modulated);
    let sgd = plain().find(|m| m.optimizer == Optimizer::Sgd);
    let (Some(modulated), Some(plain)) = (modulated, sgd.or(plain().next())) else {
        let names: Vec<&str> = settings.methods.iter().map(|m| m.name.as_str()).collect();
        let expected = "a gain-modulated method and one without gains, which the analysis compares";
        return Err(Error::setting("methods", names.join(", "), expected));
    };
    Ok([modulated, plain])
}

impl Analysis {
    /// Writes each figure to `dir` as NAME.svg and its numbers as NAME.csv, replacing existing files; creates `dir` if
    /// needed. Returns the paths of the figures.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be written, or is there already and is not such a figure.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(dir).map_err(|e| Error::file(dir, "create", e))?;
        let svg = |figure: &Drawing| dir.join(format!("{}.svg", figure.name));
        for figure in &self.figures {
            // The id of the figure, and the headings of the numbers.
            let id = figure.svg.split_inclusive(' ').take(2).collect::<String>();
            let headings = figure.csv.split_inclusive('\n').next();
            check_own(&svg(figure), &id)?;
            check_own(&svg(figure).with_extension("csv"), headings.unwrap_or(""))?;
        }
        for figure in &self.figures {
            let path = svg(figure);
            write(&path.with_extension("csv"), figure.csv.as_bytes())?;
            write(&path, figure.svg.as_bytes())?;
        }
        Ok(self.figures.iter().map(svg).collect())
    }
}

/// Refuses to replace a file that does not begin as every version of this figure does.
fn check_own(path: &Path, start: &str) -> Result<()> {
    let found = read(path)?;
    if found.is_none_or(|found| found.starts_with(start.as_bytes())) {
        return Ok(());
    }
    let reason = "there is another file of this name, which was not made here; move it, or name another directory with --out";
    Err(Error::file(path, "write", reason))
}
