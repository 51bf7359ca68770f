//! The progress bar on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use neurogain::experiment::{Cell, Settings};

/// Counts iterations and runs, and draws them if standard error is a terminal.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For all runs of `settings`; draws nothing if `quiet`.
    pub fn new(settings: &Settings, quiet: bool) -> Self {
        let message = format!(
            "{} methods × {} seeds",
            settings.methods.len(),
            settings.training.seeds.len()
        );
        Progress::start(&settings.title, message, iterations(settings), quiet)
    }

    /// For all runs of the `cells` of a sweep; draws nothing if `quiet`.
    pub fn of_cells<'a>(cells: impl Iterator<Item = &'a Cell> + Clone, quiet: bool) -> Self {
        let title = cells.clone().next().map_or("", |cell| &cell.settings.title);
        let message = format!("{} cells", cells.clone().count());
        let total = cells.map(|cell| iterations(&cell.settings)).sum();
        Progress::start(title, message, total, quiet)
    }

    fn start(title: &str, message: String, iterations: u64, quiet: bool) -> Self {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            // indicatif itself draws nothing where standard error is no terminal.
            ProgressBar::new(iterations)
        };
        let template = "{prefix} {wide_bar} {human_pos}/{human_len} iterations, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_string());
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress { bar }
    }

    /// One iteration of some run is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Iterations of all runs of `settings`.
fn iterations(settings: &Settings) -> u64 {
    let runs = settings.methods.len() * settings.training.seeds.len();
    (runs * settings.stream.contexts.len() * settings.stream.iterations) as u64
}
