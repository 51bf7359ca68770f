//! The page of a run directory while its jobs run: `report.html`, marked as partial, which reloads itself. The report
//! replaces it when they have ended.
//!
//! It is written at the first checkpoint, then every ten seconds, or less often where drawing takes long.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use maud::{Markup, html};

use super::settings::Document;
use super::{
    ExperimentSummary, JobProgress, Outcome, PlanProgress, Progress, RunDirectory, Status, Store,
    System, files,
};
use crate::counted::counted;
use crate::error::Result;
use crate::report::figure::{Chart, ChartPanel, ChartRow, Drawing, Places, Scale, Series};
use crate::report::format::{NONE, Unit};
use crate::report::page::{figures, live_page, section, table};
use crate::state::Checkpoint;

/// Seconds from one page to the next, and from one loading of it to the next.
const EVERY: u64 = 10;
/// The next page comes after at least this many times the duration of writing the last one.
const PATIENCE: u32 = 20;
/// The largest number of running jobs whose curves are drawn.
const MOST_CURVES: usize = 8;

/// The store of a run directory, which also writes its page while jobs run.
pub(super) struct LivePage<'a, S: System> {
    directory: &'a RunDirectory<S>,
    stop: &'a AtomicBool,
    begun: Instant,
    /// Milliseconds from the start to the next page; `u64::MAX` while a page is written.
    next: AtomicU64,
    is_written: AtomicBool,
    known: Mutex<Known<S>>,
}

/// What the page shows.
struct Known<S: System> {
    plan: PlanProgress,
    /// The accuracy and the loss of each job by step; empty for jobs that have ended.
    curves: Vec<[Vec<(f64, f64)>; 2]>,
    /// The outcomes of the jobs that have ended.
    outcomes: Vec<Option<S::Outcome>>,
    /// Their summary; `None` if another job has ended since.
    summary: Option<ExperimentSummary>,
}

impl<'a, S: System> LivePage<'a, S> {
    pub(super) fn new(
        directory: &'a RunDirectory<S>,
        plan: PlanProgress,
        stop: &'a AtomicBool,
    ) -> Self {
        let jobs = directory.jobs().len();
        LivePage {
            directory,
            stop,
            begun: Instant::now(),
            next: AtomicU64::new(1000 * EVERY),
            is_written: AtomicBool::new(false),
            known: Mutex::new(Known {
                plan,
                curves: vec![[Vec::new(), Vec::new()]; jobs],
                outcomes: vec![None; jobs],
                summary: None,
            }),
        }
    }

    /// Adds the progress of a job, and writes the page if it is due.
    pub(super) fn add(&self, progress: &Progress) {
        self.known().add(progress);
        self.write_if(self.begun.elapsed());
    }

    /// Says on the page, if there is one, that the jobs have failed: it no longer reloads itself.
    pub(super) fn failed(&self) {
        if self.is_written.load(Ordering::Relaxed) {
            self.write(true);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<S>> {
        // A poisoned lock holds at worst a number that is missing on the page.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, outcome: &S::Outcome) {
        let (id, mut known) = (outcome.id(), self.known());
        let mut jobs = self.directory.jobs().iter();
        if let Some(at) = jobs.position(|job| job.id == id) {
            known.outcomes[at] = Some(outcome.clone());
            known.summary = None;
        }
    }

    /// Writes the page if it is due after this time, in one of the threads.
    fn write_if(&self, elapsed: Duration) {
        let (now, order) = (elapsed.as_millis() as u64, Ordering::Relaxed);
        let due = self.next.load(order);
        let is_mine = || self.next.compare_exchange(due, u64::MAX, order, order);
        if now < due || self.stop.load(order) || is_mine().is_err() {
            return;
        }
        let begun = Instant::now();
        self.write(false);
        let pause = (PATIENCE * begun.elapsed()).max(Duration::from_secs(EVERY));
        let next = (self.begun.elapsed() + pause).as_millis() as u64;
        self.next.store(next, order);
    }

    /// A page that cannot be written does not stop the jobs: their report will say why.
    fn write(&self, failed: bool) {
        let page = self.known().page(self.directory.settings(), failed);
        let path = self.directory.path().join("report.html");
        let written = page.and_then(|page| files::write(&path, page.as_bytes()));
        self.is_written.fetch_or(written.is_ok(), Ordering::Relaxed);
    }
}

impl<S: System> Store<S::Outcome> for LivePage<'_, S> {
    fn ended(&self, id: &str) -> Result<Option<S::Outcome>> {
        let found = self.directory.ended(id)?;
        found.iter().for_each(|outcome| self.ended(outcome));
        Ok(found)
    }

    fn stopped(&self, id: &str) -> Result<Option<(S::Outcome, Checkpoint)>> {
        self.directory.stopped(id)
    }

    fn state(&self, id: &str) -> Result<Checkpoint> {
        self.directory.state(id)
    }

    fn save(&self, outcome: &S::Outcome, state: &Checkpoint) -> Result<()> {
        self.directory.save(outcome, state)?;
        if *outcome.status() != Status::Interrupted {
            self.ended(outcome);
        } else if !self.is_written.load(Ordering::Relaxed) {
            self.write_if(Duration::from_secs(EVERY));
        }
        Ok(())
    }
}

impl<S: System> Known<S> {
    fn add(&mut self, progress: &Progress) {
        self.plan.add(progress);
        let jobs = self.plan.jobs().get(progress.job);
        let (Some(job), Some(curves)) = (jobs, self.curves.get_mut(progress.job)) else {
            return;
        };
        if job.ended {
            *curves = [Vec::new(), Vec::new()];
            return;
        }
        let measured = [progress.done.accuracy, progress.done.loss];
        for (curve, value) in curves.iter_mut().zip(measured) {
            curve.extend(value.map(|value| (job.steps as f64, value)));
        }
    }

    fn page(&mut self, settings: &S::Settings, failed: bool) -> Result<String> {
        if self.summary.is_none() {
            self.summary = Some(S::summary(settings, &self.outcomes)?);
        }
        let plan = &self.plan;
        let percent = (100.0 * plan.share()).floor();
        let [done, total] = plan.steps();
        let (ended, jobs) = (plan.ended(), plan.jobs().len());
        let header = html! {
            div.notice role="note" { p { "Partial: " (ended) " of " (counted(jobs, "job")) @if jobs == 1 { " has ended" } @else { " have ended" } } }
            p {
                (percent) " % of the work is done: " (done) " of " (counted(total, "iteration")) ". "
                @if failed {
                    "The program has ended with an error, which it printed. "
                } @else {
                    "This page reloads itself every " (EVERY) " seconds until the report replaces it. "
                    "If its numbers no longer change, the program was killed. "
                }
                "To continue a run that has stopped: "
                code { "neurogain run --resume DIRECTORY" }
            }
        };
        let drawings = self.charts()?;
        let sections = html! {
            (section("progress", "Running now", running(plan)))
            @if !drawings.is_empty() { (figures(&drawings)) }
            (section("results", "Results so far", self.results()))
        };
        let common = settings.common();
        let title = match failed {
            true => format!("{}: stopped by an error", common.title),
            false => format!("{percent} %, running: {}", common.title),
        };
        let reload = (!failed).then_some(EVERY);
        Ok(live_page(&title, reload, header, sections))
    }

    /// The accuracy and the loss of the running jobs by iteration.
    fn charts(&self) -> Result<Vec<Drawing>> {
        let named = [
            (
                "accuracy",
                "Accuracy while training",
                "Of the running jobs: on test samples, or, where none are evaluated while a job runs, on its batches.",
                ("accuracy (%)", 100.0),
            ),
            (
                "loss",
                "Loss while training",
                "Of the running jobs, on their batches.",
                ("training loss (nats)", 1.0),
            ),
        ];
        let mut drawings = Vec::new();
        for (which, (name, title, caption, (axis, scale))) in named.into_iter().enumerate() {
            let jobs = self.plan.jobs().iter().zip(&self.curves);
            let running = jobs.filter(|(job, curves)| !job.ended && curves[which].len() > 1);
            let series = running
                .take(MOST_CURVES)
                .enumerate()
                .map(|(number, (job, curves))| {
                    let curve = &curves[which];
                    Series::line(&job.id, number, curve.iter().map(|(x, y)| (*x, scale * y)))
                });
            let series: Vec<Series> = series.collect();
            if series.is_empty() {
                continue;
            }
            let chart = Chart {
                name: name.into(),
                title: title.into(),
                caption: caption.into(),
                rows: vec![ChartRow {
                    title: axis.into(),
                    scale: Scale::Linear,
                    x_title: "iteration".into(),
                    places: Places::Numbers,
                    panels: vec![ChartPanel {
                        title: String::new(),
                        series,
                        ..ChartPanel::default()
                    }],
                    columns: 1,
                }],
            };
            drawings.push(chart.draw()?);
        }
        Ok(drawings)
    }

    /// The measures of the methods that have complete jobs.
    fn results(&self) -> Markup {
        let methods = self.summary.iter().flat_map(|summary| &summary.methods);
        let methods: Vec<_> = methods.filter(|of| !of.seeds.is_empty()).collect();
        let mut measures = S::measures();
        measures.retain(|measure| {
            measure.in_table()
                && methods
                    .iter()
                    .any(|of| measure.summary(&of.measures).is_some())
        });
        let diverged = self.summary.iter().flat_map(|summary| &summary.methods);
        let diverged: Vec<String> = diverged
            .flat_map(|of| {
                of.diverged
                    .iter()
                    .map(|seed| (of.label_with_conditions(), seed))
            })
            .map(|(label, seed)| format!("{label}, seed {seed}"))
            .collect();
        let diverged = html! {
            @if !diverged.is_empty() { p { "Training diverged: " (diverged.join("; ")) "." } }
        };
        if measures.is_empty() {
            return html! { (diverged) p { "No method has results yet." } };
        }
        let head = html! {
            th scope="col" { "method" }
            @for measure in &measures { th scope="col" { (measure.heading_with_arrow()) } }
            th scope="col" { "seeds" }
        };
        let body = html! {
            tbody {
                @for method in &methods {
                    tr {
                        th scope="row" { (method.label_with_conditions()) }
                        @for measure in &measures { td { (measure.cell(&method.measures)) } }
                        td { (method.seeds.len()) }
                    }
                }
            }
        };
        let caption =
            html! { "Mean ± standard deviation over the seeds that are complete so far." };
        html! { (diverged) (table("table-results", caption, head, body)) }
    }
}

/// The jobs that have begun and not ended.
fn running(plan: &PlanProgress) -> Markup {
    let jobs: Vec<&JobProgress> = plan.running().collect();
    if jobs.is_empty() {
        return html! { p { "No job is running." } };
    }
    let head = html! {
        th scope="col" { "job" }
        th scope="col" { "iterations" }
        th scope="col" { "of" }
        th scope="col" { "accuracy %" }
        th scope="col" { "loss" }
    };
    let text =
        |unit: Unit, value: Option<f64>| value.map_or(NONE.into(), |value| unit.value(value));
    let body = html! {
        tbody {
            @for job in jobs {
                tr {
                    th scope="row" { (job.id) }
                    td { (job.steps) }
                    td { (job.total) }
                    td { (text(Unit::Percent, job.accuracy)) }
                    td { (text(Unit::Share, job.loss)) }
                }
            }
        }
    };
    let caption = html! { "The last accuracy and training loss of each running job." };
    table("table-progress", caption, head, body)
}
