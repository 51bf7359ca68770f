//! The progress of the jobs of a plan, for displays.

use super::{Experiment, Job};

/// Finished steps of a job.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Steps {
    /// Their number.
    pub count: usize,
    /// Their cost.
    pub cost: u64,
    /// Images trained on or evaluated.
    pub images: u64,
    /// The accuracy after them: on test samples, where the system evaluates while it trains, otherwise of the batch.
    /// `None` if it was not measured.
    pub accuracy: Option<f64>,
    /// The training loss of the last of them, in nats; `None` if it was not measured.
    pub loss: Option<f64>,
}

/// Progress of one job.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The job's index in the plan.
    pub job: usize,
    /// What was done since the job's last progress.
    pub done: Steps,
    /// Whether an earlier process did it.
    pub before: bool,
    /// Whether the job has ended with it.
    pub ended: bool,
}

/// A job, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct JobProgress {
    /// Its name.
    pub id: String,
    /// The number of its steps.
    pub total: usize,
    /// The number of finished steps.
    pub steps: usize,
    /// The last accuracy that was measured.
    pub accuracy: Option<f64>,
    /// The last loss that was measured.
    pub loss: Option<f64>,
    /// Whether it has begun.
    pub begun: bool,
    /// Whether it has ended.
    pub ended: bool,
}

/// All jobs of a plan, and how far they are.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanProgress {
    jobs: Vec<JobProgress>,
    cost: u64,
    total_cost: u64,
}

impl PlanProgress {
    /// The jobs of `experiment`, none of which has begun.
    pub fn new<O>(jobs: &[Job], experiment: &impl Experiment<O>) -> Self {
        let mut total_cost = 0;
        let jobs = jobs.iter().enumerate().map(|(index, job)| {
            let size = experiment.size(index);
            total_cost += size.cost;
            JobProgress {
                id: job.id.clone(),
                total: size.steps,
                steps: 0,
                accuracy: None,
                loss: None,
                begun: false,
                ended: false,
            }
        });
        PlanProgress {
            jobs: jobs.collect(),
            cost: 0,
            total_cost,
        }
    }

    /// Adds the progress of a job.
    pub fn add(&mut self, progress: &Progress) {
        let Some(job) = self.jobs.get_mut(progress.job) else {
            return;
        };
        let done = &progress.done;
        job.begun = true;
        job.ended |= progress.ended;
        job.steps += done.count;
        job.accuracy = done.accuracy.or(job.accuracy);
        job.loss = done.loss.or(job.loss);
        self.cost += done.cost;
    }

    /// The jobs in the order of the plan.
    pub fn jobs(&self) -> &[JobProgress] {
        &self.jobs
    }

    /// The jobs that have begun and not ended.
    pub fn running(&self) -> impl Iterator<Item = &JobProgress> {
        self.jobs.iter().filter(|job| job.begun && !job.ended)
    }

    /// The number of jobs that have ended.
    pub fn ended(&self) -> usize {
        self.jobs.iter().filter(|job| job.ended).count()
    }

    /// The finished steps of all jobs, and their total.
    pub fn steps(&self) -> [usize; 2] {
        let jobs = self.jobs.iter();
        jobs.fold([0, 0], |[done, total], job| {
            [done + job.steps, total + job.total]
        })
    }

    /// The share of the work that is done, by its cost.
    pub fn share(&self) -> f64 {
        match self.total_cost {
            0 => 0.0,
            total => self.cost as f64 / total as f64,
        }
    }
}
