//! The progress bar on standard error.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Seconds from one line of the log to the next.
const LOG_EVERY: u64 = 60;

/// Counts finished work. Draws a progress bar if standard error is a terminal; otherwise prints a line each minute.
///
/// The bar advances by the cost of iterations, not by their number: an evaluated iteration can take many times as long
/// as another, and the estimated time would jump.
pub struct Progress {
    bar: ProgressBar,
    /// The noun for the counted unit.
    unit: &'static str,
    /// The number of finished units.
    done: AtomicU64,
    total: u64,
    /// The start, if lines are printed.
    begun: Option<Instant>,
    /// Seconds from the start to the next line.
    next_line: AtomicU64,
}

impl Progress {
    /// A bar for `total` units, such as iterations, with the total cost `cost`; hidden if `quiet`.
    pub fn new(title: &str, unit: &'static str, total: u64, cost: u64, quiet: bool) -> Self {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            // indicatif itself draws nothing if standard error is not a terminal.
            ProgressBar::new(cost)
        };
        let template = "{prefix} {wide_bar} {msg}, about {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_string());
        bar.set_message(format!("0/{total} {unit}"));
        Progress {
            bar,
            unit,
            done: AtomicU64::new(0),
            total,
            begun: (!quiet && !stderr().is_terminal()).then(Instant::now),
            next_line: AtomicU64::new(LOG_EVERY),
        }
    }

    /// Adds `count` units of cost `cost` that an earlier process finished; the time estimate ignores them.
    pub fn skip(&self, count: usize, cost: u64) {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        self.bar.inc(cost);
        self.bar.reset_eta();
    }

    /// Adds `count` finished units of cost `cost`.
    pub fn advance(&self, count: usize, cost: u64) {
        let before = self.done.fetch_add(count as u64, Ordering::Relaxed);
        let (done, total, unit) = (before + count as u64, self.total, self.unit);
        if count > 0 {
            self.bar.set_message(format!("{done}/{total} {unit}"));
        }
        self.bar.inc(cost);
        if let Some(begun) = self.begun {
            let seconds = begun.elapsed().as_secs();
            if is_due(&self.next_line, seconds) {
                eprintln!("{seconds} s: {done}/{total} {unit}");
            }
        }
    }

    /// Removes the bar from the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Whether a line is due this many seconds after the start; `next` is when. Only one of several threads prints it.
fn is_due(next: &AtomicU64, seconds: u64) -> bool {
    let (due, order) = (next.load(Ordering::Relaxed), Ordering::Relaxed);
    let after = seconds + LOG_EVERY;
    seconds >= due && next.compare_exchange(due, after, order, order).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_once_a_minute() {
        let next = AtomicU64::new(LOG_EVERY);
        let due: Vec<u64> = (0..200).filter(|&second| is_due(&next, second)).collect();
        assert_eq!(due, [60, 120, 180]);
        assert!(!is_due(&next, 199) && is_due(&next, 500) && !is_due(&next, 500));
    }
}
