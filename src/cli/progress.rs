//! The progress bar on standard error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Counts what is done, and draws it if standard error is a terminal.
///
/// The bar moves by what iterations cost, not by their number: one that is evaluated may take many times as
/// long as one that is not, and the time left would jump.
pub struct Progress {
    bar: ProgressBar,
    /// What is counted.
    unit: &'static str,
    /// How many are done.
    done: AtomicU64,
    total: u64,
}

impl Progress {
    /// For `total` of a unit, such as iterations, that cost `cost`; draws nothing if `quiet`.
    pub fn new(title: &str, unit: &'static str, total: u64, cost: u64, quiet: bool) -> Self {
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
        bar.set_message(format!("0/{total} {unit}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress {
            bar,
            unit,
            done: AtomicU64::new(0),
            total,
        }
    }

    /// `count` were done before, which cost `cost`: they tell nothing of the time left.
    pub fn skip(&self, count: usize, cost: u64) {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        self.bar.inc(cost);
        self.bar.reset_eta();
    }

    /// `count` are done, which cost `cost`.
    pub fn advance(&self, count: usize, cost: u64) {
        let before = self.done.fetch_add(count as u64, Ordering::Relaxed);
        let (done, total, unit) = (before + count as u64, self.total, self.unit);
        if count > 0 {
            self.bar.set_message(format!("{done}/{total} {unit}"));
        }
        self.bar.inc(cost);
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
