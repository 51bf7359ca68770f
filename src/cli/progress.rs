//! The progress bar on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use neurogain::experiment::Settings;

/// Counts iterations and runs, and draws them if standard error is a terminal.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For all runs of `settings`, of which `done` iterations are there already; draws nothing if `quiet`.
    pub fn new(settings: &Settings, done: usize, quiet: bool) -> Self {
        let runs = settings.methods.len() * settings.training.seeds.len();
        let iterations = runs * settings.stream.contexts.len() * settings.stream.iterations;
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            // indicatif itself draws nothing where standard error is no terminal.
            ProgressBar::new(iterations as u64)
        };
        let template = "{prefix} {wide_bar} {human_pos}/{human_len} iterations, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(settings.title.clone());
        bar.set_message(format!(
            "{} methods × {} seeds",
            settings.methods.len(),
            settings.training.seeds.len()
        ));
        bar.set_position(done as u64);
        bar.reset_eta();
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
