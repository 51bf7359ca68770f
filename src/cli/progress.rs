//! The progress bar on standard error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use neurogain::systems::stability_gap::Settings;

/// Counts what is done, and draws it if standard error is a terminal.
///
/// The bar moves by what iterations cost, not by their number: one that is evaluated may take many times as
/// long as one that is not, and the time left would jump.
pub struct Progress {
    bar: ProgressBar,
    /// Iterations done, of all runs.
    done: AtomicU64,
    total: u64,
}

impl Progress {
    /// For `total` iterations that cost `cost`; draws nothing if `quiet`.
    pub fn new(title: &str, total: u64, cost: u64, quiet: bool) -> Self {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            // indicatif itself draws nothing where standard error is no terminal.
            ProgressBar::new(cost)
        };
        let template = "{prefix} {wide_bar} {msg}, about {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_string());
        bar.set_message(format!("0/{total} iterations"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress {
            bar,
            done: AtomicU64::new(0),
            total,
        }
    }

    /// Iterations were done before, which cost `cost`: they tell nothing of the time left.
    pub fn skip(&self, iterations: usize, cost: u64) {
        self.done.fetch_add(iterations as u64, Ordering::Relaxed);
        self.bar.inc(cost);
        self.bar.reset_eta();
    }

    /// One iteration of some run is done, which cost `cost`.
    pub fn advance(&self, cost: u64) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        let total = self.total;
        self.bar.set_message(format!("{done}/{total} iterations"));
        self.bar.inc(cost);
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Iterations of all runs of `settings`.
pub fn iterations(settings: &Settings) -> u64 {
    let runs = settings.methods.len() * settings.training.seeds.len();
    runs.saturating_mul(settings.stream.total_iterations()) as u64
}
