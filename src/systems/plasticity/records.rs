//! The outcome of a job, and its records: `step, iteration, task, tick, accuracy, online_accuracy, training_loss`, then the
//! columns that are empty except at the end of a task.

use super::experiment::{Start, Work, job_id};
use super::{PlasticitySettings, experiment};
use crate::error::{Error, Result};
use crate::run::{Column, Csv, Job, Outcome, Records, Saved, Status};

/// The accuracy after each tick, from 0 to β.
pub type Curve = Vec<f64>;

/// One evaluation of a task, and the training since the previous one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Iterations of the job before the evaluation.
    pub iteration: usize,
    /// The task, counted from 0.
    pub task: usize,
    /// The evaluation, counted from 0, which comes before the task's first iteration.
    pub tick: usize,
    /// Accuracy on the task's test samples.
    pub accuracy: f64,
    /// Mean accuracy on the training batches since the previous evaluation, each before its update; `None` for
    /// evaluation 0.
    pub online_accuracy: Option<f64>,
    /// The same for the cross-entropy, in nats.
    pub training_loss: Option<f64>,
    /// Accuracy on the first task, if earlier tasks are evaluated.
    pub first_task: Option<f64>,
    /// Mean accuracy on the earlier tasks; `None` if they are not evaluated, and in the first task.
    pub earlier_tasks: Option<f64>,
    /// The measures of the network at the end of the task.
    pub ended: Option<Ended>,
}

/// Measures of the network at the end of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The share of dormant units, mean over the hidden layers; `None` if the learner does not show activities.
    pub dormant_units: Option<f64>,
    /// The stable rank of the last hidden layer.
    pub stable_rank: Option<f64>,
    /// The effective rank of the last hidden layer.
    pub effective_rank: Option<f64>,
    /// ‖θ‖ of all weights.
    pub weight_norm: f64,
    /// ‖θ − θ₀‖ from the initial weights.
    pub distance: f64,
    /// The learner's signals.
    pub signals: Vec<f64>,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct PlasticityRun {
    /// The method's name.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// The state in which each task was begun.
    pub start: Start,
    /// The names of the learner's signals.
    pub signals: Vec<String>,
    /// Every evaluation, in order.
    pub rows: Vec<Tick>,
    /// How it ended.
    pub status: Status,
    /// SHA-256 over every recorded number and the final parameters, in hexadecimal, if known.
    pub hash: Option<String>,
}

const FIXED: [&str; 14] = [
    "step",
    "iteration",
    "task",
    "tick",
    "accuracy",
    "online_accuracy",
    "training_loss",
    "first_task_accuracy",
    "earlier_tasks_accuracy",
    "dormant_units",
    "stable_rank",
    "effective_rank",
    "weight_norm",
    "distance_from_initial",
];
/// The columns of accuracies and of the share of dormant units.
const SHARES: [usize; 5] = [4, 5, 7, 8, 9];
/// The number of columns before those of the end of a task.
const BEFORE_END: usize = 9;

impl Tick {
    /// The numbers of the row after step, iteration, task and tick.
    pub(super) fn numbers(&self) -> Vec<Option<f64>> {
        let mut numbers = vec![
            Some(self.accuracy),
            self.online_accuracy,
            self.training_loss,
            self.first_task,
            self.earlier_tasks,
        ];
        if let Some(end) = &self.ended {
            numbers.extend([
                end.dormant_units,
                end.stable_rank,
                end.effective_rank,
                Some(end.weight_norm),
                Some(end.distance),
            ]);
            numbers.extend(end.signals.iter().map(|&signal| Some(signal)));
        }
        numbers
    }

    /// The first of its numbers that is not finite.
    pub(super) fn not_finite(&self) -> Option<(&'static str, f64)> {
        let named = FIXED[4..]
            .iter()
            .copied()
            .chain(core::iter::repeat("signal"));
        let pairs = named.zip(self.numbers());
        pairs
            .filter_map(|(name, value)| Some((name, value?)))
            .find(|(_, value)| !value.is_finite())
    }
}

impl PlasticityRun {
    pub(super) fn new(work: Work<'_>) -> Self {
        PlasticityRun {
            method: work.method.name.clone(),
            seed: work.seed,
            start: work.start,
            signals: Vec::new(),
            rows: Vec::new(),
            status: Status::Interrupted,
            hash: None,
        }
    }

    /// Reads the outcome of `job` from a store.
    ///
    /// # Errors
    /// [`Error::Format`] with file, line and value for anything that the run does not write.
    pub(super) fn read(settings: &PlasticitySettings, job: &Job, saved: Saved<'_>) -> Result<Self> {
        let plan = experiment::plan(settings);
        let work = plan.iter().find(|(_, known)| known.id == job.id);
        let unknown = || Error::format(saved.path, format!("config.toml has no run `{}`", job.id));
        let (work, _) = work.ok_or_else(unknown)?;
        let mut run = PlasticityRun::new(*work);
        let csv = Csv::read(saved.path, saved.records, |headings| {
            match headings.len() >= FIXED.len() && headings[..FIXED.len()] == FIXED {
                true => Ok(()),
                false => {
                    let problem = format!(
                        "line 1: `{}`, expected `{}`, then signals",
                        headings.join(","),
                        FIXED.join(",")
                    );
                    Err(Error::format(saved.path, problem))
                }
            }
        })?;
        run.signals = csv.headings[FIXED.len()..].to_vec();
        let ticks = settings.evaluation.ticks + 1;
        let tasks = work.tasks(settings.stream.count());
        let mut iteration = 0;
        for (index, row) in csv.rows.iter().enumerate() {
            let bad = |at: usize, expected: &str| {
                let line = csv.first_line + index;
                let value = row[at].map_or(String::new(), |value| value.to_string());
                let heading = &csv.headings[at];
                let problem = format!("line {line}: {heading} is `{value}`, expected {expected}");
                Error::format(saved.path, problem)
            };
            let (task, tick) = (tasks.start + index / ticks, index % ticks);
            if task >= tasks.end {
                let most = ticks * tasks.len();
                return Err(bad(0, &format!("no more than {most} rows")));
            }
            iteration += settings.iterations_to(task, tick);
            for (at, expected) in [(0, index + 1), (1, iteration), (2, task + 1), (3, tick)] {
                if row[at] != Some(expected as f64) {
                    return Err(bad(at, &expected.to_string()));
                }
            }
            let number = |at: usize| row[at].ok_or_else(|| bad(at, "a number"));
            for at in SHARES {
                let share =
                    row[at].is_none_or(|share| (0.0..=1.0).contains(&share) || share.is_nan());
                if !share {
                    return Err(bad(at, "a share in [0, 1]"));
                }
            }
            let ended = match tick + 1 == ticks {
                true => Some(Ended {
                    dormant_units: row[9],
                    stable_rank: row[10],
                    effective_rank: row[11],
                    weight_norm: number(12)?,
                    distance: number(13)?,
                    signals: (FIXED.len()..row.len())
                        .map(number)
                        .collect::<Result<_>>()?,
                }),
                false => None,
            };
            run.rows.push(Tick {
                iteration,
                task,
                tick,
                accuracy: number(4)?,
                online_accuracy: row[5],
                training_loss: row[6],
                first_task: row[7],
                earlier_tasks: row[8],
                ended,
            });
        }
        let total = ticks * tasks.len();
        let last = run.rows.last().and_then(Tick::not_finite);
        run.status = match (saved.status, last) {
            (Some(Status::Complete), _) if run.rows.len() != total => {
                let found = run.rows.len();
                let problem = format!(
                    "truncated: {found} of {total} evaluations, but the run is marked as complete"
                );
                return Err(Error::format(saved.path, problem));
            }
            (Some(status), _) => status.clone(),
            (None, Some((quantity, value))) => Status::Diverged {
                iteration,
                quantity: quantity.into(),
                value: value.to_string(),
            },
            (None, None) if run.rows.len() == total => Status::Complete,
            (None, None) => Status::Interrupted,
        };
        run.hash = saved.hash.map(String::from);
        Ok(run)
    }
}

impl Outcome for PlasticityRun {
    fn id(&self) -> String {
        job_id(&self.method, self.seed, self.start)
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    fn steps(&self) -> usize {
        self.rows.last().map_or(0, |row| row.iteration)
    }

    fn records(&self) -> Result<Records> {
        let columns = FIXED.iter().enumerate().map(|(at, name)| match at {
            0..=3 => Column::count(name),
            _ => Column::number(*name),
        });
        let signals = self.signals.iter().map(Column::number);
        let columns: Vec<Column> = columns.chain(signals).collect();
        let row = |(index, row): (usize, &Tick)| {
            let counts = [index + 1, row.iteration, row.task + 1, row.tick];
            let counts = counts.into_iter().map(|count| Some(count as f64));
            let mut numbers: Vec<Option<f64>> = counts.chain(row.numbers()).collect();
            debug_assert!(row.ended.is_some() || numbers.len() == BEFORE_END);
            numbers.resize(columns.len(), None);
            numbers
        };
        let rows = self.rows.iter().enumerate().map(row).collect();
        Ok(Records { columns, rows })
    }
}
