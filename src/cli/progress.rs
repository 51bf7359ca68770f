//! The progress on standard error: a bar on a terminal, otherwise lines for a log.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use neurogain::run::{self, JobProgress, PlanProgress};

/// Time from one text of the bar to the next.
const REDRAW: Duration = Duration::from_millis(100);
/// The largest number of running jobs below the bar.
const MOST_JOBS: usize = 8;

/// Counts finished work. Draws a progress bar if standard error is a terminal; otherwise prints lines.
///
/// The bar advances by the cost of iterations, not by their number: an evaluated iteration can take many times as long
/// as another, and the estimated time would jump.
pub struct Progress {
    bar: ProgressBar,
    title: String,
    /// The noun for the counted unit.
    unit: &'static str,
    total: u64,
    begun: Instant,
    /// Whether lines are printed.
    logs: bool,
    state: Mutex<State>,
}

/// What is done.
#[derive(Default)]
struct State {
    /// The number of finished units.
    done: u64,
    /// The plans that are running, with the text before the names of their jobs.
    plans: Vec<(String, PlanProgress)>,
    pace: Pace,
    drawn: Option<Instant>,
}

/// A plan whose jobs are shown.
#[derive(Clone, Copy)]
pub struct Watched<'a> {
    progress: &'a Progress,
    /// Which of the plans.
    label: &'a str,
    /// Units of the progress bar per unit of the plan's cost.
    share: f64,
    /// Whether steps are the counted unit.
    counts_steps: bool,
}

impl Progress {
    /// A bar for `total` units, such as iterations, with the total cost `cost`; hidden if `quiet`.
    pub fn new(title: &str, unit: &'static str, total: u64, cost: u64, quiet: bool) -> Self {
        let bar = ProgressBar::new(cost);
        let is_terminal = stderr().is_terminal();
        if quiet || !is_terminal {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let template = "{prefix} {wide_bar} about {eta} left{msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{title} 0/{total} {unit}"));
        Progress {
            bar,
            title: title.into(),
            unit,
            total,
            begun: Instant::now(),
            logs: !quiet && !is_terminal,
            state: Mutex::default(),
        }
    }

    /// Shows the running jobs of a plan until [`end`](Watched::end); `label` comes before their names.
    pub fn watch<'a>(
        &'a self,
        label: &'a str,
        plan: PlanProgress,
        share: f64,
        counts_steps: bool,
    ) -> Watched<'a> {
        self.with(|state| state.plans.push((label.into(), plan)));
        Watched {
            progress: self,
            label,
            share,
            counts_steps,
        }
    }

    /// Adds `count` finished units.
    pub fn advance(&self, count: u64) {
        self.with(|state| state.done += count);
        self.show();
    }

    /// Removes the bar from the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // A poisoned lock holds at worst a number that is not shown.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Updates the bar, or prints lines if they are due.
    fn show(&self) {
        let (now, seconds) = (Instant::now(), self.begun.elapsed().as_secs());
        let text = self.with(|state| {
            if self.logs {
                let percent = self.percent();
                return state
                    .pace
                    .is_due(seconds, percent)
                    .then(|| self.lines(state, seconds, percent));
            }
            let waits = |drawn: Instant| now.duration_since(drawn) < REDRAW;
            if self.bar.is_hidden() || state.drawn.is_some_and(waits) {
                return None;
            }
            state.drawn = Some(now);
            let (title, unit) = (&self.title, self.unit);
            let (done, total) = (state.done, self.total);
            self.bar
                .set_prefix(format!("{title} {done}/{total} {unit}"));
            self.bar.set_message(jobs(state, MOST_JOBS));
            None
        });
        if let Some(text) = text {
            eprintln!("{text}");
        }
    }

    fn percent(&self) -> u64 {
        let length = self.bar.length().unwrap_or_default().max(1);
        (100 * u128::from(self.bar.position()) / u128::from(length)) as u64
    }

    /// The lines of a log: how far all work is, then each running job.
    fn lines(&self, state: &State, seconds: u64, percent: u64) -> String {
        let (done, total, unit) = (state.done, self.total, self.unit);
        let left = match self.bar.eta() {
            Duration::ZERO => String::new(),
            left => format!(", about {} left", HumanDuration(left)),
        };
        let jobs = jobs(state, usize::MAX);
        format!("{percent} %: {done}/{total} {unit}, {seconds} s{left}{jobs}")
    }
}

impl Watched<'_> {
    /// Adds the progress of a job.
    pub fn add(&self, done: &run::Progress) {
        let Progress { bar, .. } = self.progress;
        let is_new = self.progress.with(|state| {
            if self.counts_steps {
                state.done += done.done.count as u64;
            }
            let plans = state.plans.iter_mut();
            for (_, plan) in plans.filter(|(label, _)| label == self.label) {
                plan.add(done);
            }
            !done.before
        });
        bar.inc((self.share * done.done.cost as f64) as u64);
        match is_new {
            true => self.progress.show(),
            // The estimate of the time that is left ignores what an earlier process did.
            false => bar.reset_eta(),
        }
    }

    /// Stops showing the plan.
    pub fn end(self) {
        let others = |(label, _): &(String, PlanProgress)| label != self.label;
        self.progress.with(|state| state.plans.retain(others));
    }
}

/// A line for each running job, at most `most`, each after a line break.
fn jobs(state: &State, most: usize) -> String {
    let plans = state.plans.iter();
    let running: Vec<(&String, &JobProgress)> = plans
        .flat_map(|(label, plan)| plan.running().map(move |job| (label, job)))
        .collect();
    let mut text = String::new();
    for (label, job) in running.iter().take(most) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {label}{}", as_text(job));
    }
    if running.len() > most {
        let _ = write!(text, "\n  and {} more", running.len() - most);
    }
    text
}

/// `ngm-sgd-42: 500/3000, accuracy 97.31 %, loss 0.0812`.
fn as_text(job: &JobProgress) -> String {
    let JobProgress {
        id, steps, total, ..
    } = job;
    let accuracy = job.accuracy;
    let accuracy = accuracy.map_or(String::new(), |share| {
        format!(", accuracy {:.2} %", 100.0 * share)
    });
    let loss = job
        .loss
        .map_or(String::new(), |loss| format!(", loss {loss:.4}"));
    format!("{id}: {steps}/{total}{accuracy}{loss}")
}

/// When lines are printed: the first after ten seconds, then at each further percent, but at least ten seconds and at
/// most ten minutes after the last. A log of any length then has some hundred of them, and no gap.
#[derive(Default)]
struct Pace {
    /// Seconds and percent at the last line.
    last: Option<(u64, u64)>,
}

impl Pace {
    const SHORTEST: u64 = 10;
    const LONGEST: u64 = 600;

    /// Whether a line is due; then the next one is due later.
    fn is_due(&mut self, seconds: u64, percent: u64) -> bool {
        // Another thread may have printed a line since the time was read.
        let since = seconds.saturating_sub(self.last.map_or(0, |(then, _)| then));
        let further = self.last.is_none_or(|(_, then)| percent > then);
        let due = since >= Self::LONGEST || since >= Self::SHORTEST && further;
        if due {
            self.last = Some((seconds, percent));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurogain::Result;
    use neurogain::run::{Experiment, Job, Session, Size, Steps};
    use neurogain::state::Checkpoint;

    /// The seconds at which lines are printed in a run of this length.
    fn printed(length: u64) -> Vec<u64> {
        let mut pace = Pace::default();
        (0..length)
            .filter(|&second| pace.is_due(second, 100 * second / length))
            .collect()
    }

    #[test]
    fn lines_come_at_each_percent_but_no_faster_than_every_ten_seconds() {
        assert_eq!(printed(9), [] as [u64; 0]);
        assert_eq!(printed(35), [10, 20, 30]);
        let hours = printed(3 * 3600);
        assert_eq!(hours[..4], [10, 108, 216, 324]);
        assert_eq!(hours.len(), 100);
        let mut pace = Pace::default();
        assert!(pace.is_due(11, 5) && !pace.is_due(10, 6) && !pace.is_due(20, 6));
    }

    /// Two jobs of four steps.
    struct Two;

    impl Experiment<()> for Two {
        fn size(&self, _: usize) -> Size {
            Size { steps: 4, cost: 8 }
        }

        fn run(&self, _: usize, _: &mut Session<'_, ()>) -> Result<((), Checkpoint)> {
            Ok(((), Checkpoint::default()))
        }
    }

    #[test]
    fn a_log_has_a_line_for_all_work_and_one_for_each_running_job() {
        let jobs = ["sgd-1", "sgd-2"].map(|id| Job {
            id: id.into(),
            after: Vec::new(),
        });
        let progress = Progress::new("title", "iterations", 8, 16, true);
        let watched = progress.watch("cell 3, ", PlanProgress::new(&jobs, &Two), 1.0, true);
        let step = |job: usize, count: usize, accuracy: Option<f64>| run::Progress {
            job,
            done: Steps {
                count,
                cost: 2 * count as u64,
                accuracy,
                loss: Some(0.25),
                ..Steps::default()
            },
            ..run::Progress::default()
        };
        watched.add(&step(0, 1, Some(0.5)));
        watched.add(&step(1, 1, None));
        // The last accuracy is kept until the next evaluation.
        watched.add(&step(0, 2, None));
        let text = |seconds| progress.with(|state| progress.lines(state, seconds, 50));
        let printed = text(7);
        let mut lines = printed.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("50 %: 4/8 iterations, 7 s"), "{first}");
        let jobs: Vec<&str> = lines.collect();
        assert_eq!(
            jobs,
            [
                "  cell 3, sgd-1: 3/4, accuracy 50.00 %, loss 0.2500",
                "  cell 3, sgd-2: 1/4, loss 0.2500"
            ]
        );
        watched.add(&run::Progress {
            ended: true,
            ..step(0, 1, None)
        });
        assert!(!text(8).contains("sgd-1") && text(8).contains("sgd-2"));
        watched.end();
        assert_eq!(text(9).lines().count(), 1);
    }

    #[test]
    fn long_runs_print_a_line_every_ten_minutes() {
        let mut days = printed(5 * 24 * 3600);
        days.insert(0, 0);
        assert!(days.windows(2).all(|pair| pair[1] - pair[0] <= 600));
    }
}
