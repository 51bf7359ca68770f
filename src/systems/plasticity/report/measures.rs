//! The measures of one run, each with its definition.

use crate::metrics::{Transfer, stability_gap, summarize};
use crate::report::format::Unit;
use crate::report::measure::{Better, Measure, MeasureOf, Shown};
use crate::systems::plasticity::{Curve, Ended, PlasticityRun, PlasticitySettings};

/// The data from which measures are computed: the complete jobs of a method with one seed.
pub(super) struct Outcome<'a> {
    pub(super) settings: &'a PlasticitySettings,
    pub(super) stream: &'a PlasticityRun,
    pub(super) curves: Vec<Curve>,
    /// `None` if tasks are learnt only in the stream.
    pub(super) transfer: Option<Transfer>,
}

/// The measure that published results have.
pub(super) const FINAL_ACCURACY: &str = "final_accuracy";

/// The groups of measures.
pub(super) const RESULTS: &str = "results";
pub(super) const TRANSFER: &str = "transfer";
pub(super) const RETENTION: &str = "retention";
pub(super) const NETWORK: &str = "network";

#[rustfmt::skip]
pub(super) const fn rows<'a>() -> [MeasureOf<Outcome<'a>>; 23] {
    use Better::{Higher, Lower, Neither};
    use Shown::{Chart, PageOnly, Table, TableAndChart};
    use Unit::{Number, Percent, Share};
    [
        MeasureOf::new(FINAL_ACCURACY, "final accuracy", Percent, Higher, RESULTS, TableAndChart,
            |run: &Outcome| Some(mean(run.ends())))
            .defined("mean over tasks of the accuracy at the end of each task, on its own test samples (on its training samples with evaluation.training_samples and for random labels)"),
        MeasureOf::new("last_accuracy", "last task", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.ends().last())
            .defined("accuracy at the end of the last task"),
        MeasureOf::new("online_accuracy", "online accuracy", Percent, Higher, RESULTS, TableAndChart,
            |run: &Outcome| Some(run.online()))
            .defined("mean over all iterations of the accuracy on the training batch before the update (Cai et al. 2021)"),
        MeasureOf::new("lca_fresh", "LCA₀", Percent, Higher, RESULTS, Table,
            |run: &Outcome| Some(run.transfer.as_ref()?.lca_fresh))
            .defined("mean over evaluations b = 0..β and all tasks of the accuracy while a fresh network learns the task"),
        MeasureOf::new("lca_forward", "LCA F", Percent, Higher, RESULTS, Table,
            |run: &Outcome| run.transfer.as_ref()?.lca_forward)
            .defined("the same from the state before the task, for all tasks but the first"),
        MeasureOf::new("lca_backward", "LCA B", Percent, Higher, RESULTS, Table,
            |run: &Outcome| run.transfer.as_ref()?.lca_backward)
            .defined("the same from the final state, for all tasks but the last, each on a copy"),
        MeasureOf::new("recurring_accuracy", "recurrences", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.recurrences(|rows| rows.last()))
            .defined("accuracy at the end of each recurrence of the first task, mean over its recurrences"),
        MeasureOf::new("recurring_start", "recurrences, start", Percent, Higher, RESULTS, PageOnly,
            |run: &Outcome| run.recurrences(|rows| rows.first()))
            .defined("the same before the first iteration of each recurrence"),
        MeasureOf::new("forward_transfer_half", "FKT, half", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| half(&run.transfer.as_ref()?.forward))
            .defined("mean over tasks of the accuracy after ⌊β/2⌋ evaluations minus that of a fresh network"),
        MeasureOf::new("forward_transfer_end", "FKT, end", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.forward.last().copied())
            .defined("the same after β evaluations"),
        MeasureOf::new("forward_transfer", "FKT, mean", Percent, Higher, TRANSFER, Chart,
            |run: &Outcome| all(&run.transfer.as_ref()?.forward))
            .defined("mean over b; LCA F = LCA₀ of F + this"),
        MeasureOf::new("lca_fresh_forward", "LCA₀ of F", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.lca_fresh_of[0])
            .defined("LCA₀ over the tasks of LCA F: all but the first"),
        MeasureOf::new("backward_transfer_half", "BKT, half", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| half(&run.transfer.as_ref()?.backward))
            .defined("as FKT, from the final state"),
        MeasureOf::new("backward_transfer_end", "BKT, end", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.backward.last().copied()),
        MeasureOf::new("backward_transfer", "BKT, mean", Percent, Higher, TRANSFER, Chart,
            |run: &Outcome| all(&run.transfer.as_ref()?.backward))
            .defined("mean over b; LCA B = LCA₀ of B + this"),
        MeasureOf::new("lca_fresh_backward", "LCA₀ of B", Percent, Higher, TRANSFER, PageOnly,
            |run: &Outcome| run.transfer.as_ref()?.lca_fresh_of[1])
            .defined("LCA₀ over the tasks of LCA B: all but the last"),
        MeasureOf::new("forgetting", "forgetting", Percent, Lower, RETENTION, Chart,
            Outcome::forgetting)
            .defined("mean over all tasks but the last of the accuracy at the end of the task minus that at the end of the stream"),
        MeasureOf::new("average_gap", "avg-SG", Share, Lower, RETENTION, Chart,
            Outcome::gap)
            .defined("mean over switches of the relative drop of the accuracy on the first task, from its value before the switch to its minimum in the next task, at the evaluations; switches before which it is 0 are left out"),
        MeasureOf::new("dormant_units", "dormant units", Percent, Lower, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| end.dormant_units))
            .defined("share of hidden units whose mean activity is at most 1 % of their layer's mean (Sokar et al. 2023), at the end of the last task, mean over layers"),
        MeasureOf::new("stable_rank", "stable rank", Number, Higher, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| end.stable_rank))
            .defined("the number of singular values of the last hidden layer's activity that make up 99 % of their sum"),
        MeasureOf::new("effective_rank", "effective rank", Number, Higher, NETWORK, PageOnly,
            |run: &Outcome| run.at_end(|end| end.effective_rank))
            .defined("exp of the entropy of the singular values divided by their sum (Roy & Vetterli 2007)"),
        MeasureOf::new("weight_norm", "‖θ‖", Number, Neither, NETWORK, Chart,
            |run: &Outcome| run.at_end(|end| Some(end.weight_norm)))
            .defined("the norm of all weights at the end of the last task"),
        MeasureOf::new("distance", "‖θ − θ₀‖", Number, Neither, NETWORK, PageOnly,
            |run: &Outcome| run.at_end(|end| Some(end.distance)))
            .defined("the same of the difference to the initial weights"),
    ]
}

/// Every measure, in the order of the tables.
pub(super) fn measures() -> Vec<Measure> {
    rows().iter().map(|row| row.measure).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    summarize(&values.collect::<Vec<f64>>()).mean
}

fn half(values: &[f64]) -> Option<f64> {
    values.get(values.len().saturating_sub(1) / 2).copied()
}

fn all(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| summarize(values).mean)
}

impl Outcome<'_> {
    pub(super) fn ends(&self) -> impl Iterator<Item = f64> {
        self.curves.iter().filter_map(|curve| curve.last().copied())
    }

    /// The mean over iterations: evaluations are weighted by the iterations before them.
    fn online(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in &self.stream.rows {
            if let Some(accuracy) = row.online_accuracy {
                let iterations = self.settings.iterations_to(row.task, row.tick) as f64;
                sum += accuracy * iterations;
                count += iterations;
            }
        }
        sum / count
    }

    /// The mean of a row's accuracy over the recurrences of the first task; `None` if it does not recur.
    fn recurrences(&self, row: impl Fn(&[f64]) -> Option<&f64>) -> Option<f64> {
        let every = self.settings.stream.recurring? + 1;
        let again = self.curves.iter().step_by(every).skip(1);
        let values: Vec<f64> = again.filter_map(|curve| row(curve).copied()).collect();
        all(&values)
    }

    fn at_end(&self, of: impl Fn(&Ended) -> Option<f64>) -> Option<f64> {
        of(self.stream.rows.last()?.ended.as_ref()?)
    }

    fn forgetting(&self) -> Option<f64> {
        let last = self.stream.rows.last()?;
        let ends: Vec<f64> = self.ends().collect();
        let before = ends.split_last()?.1;
        Some(all(before)? - last.earlier_tasks?)
    }

    fn gap(&self) -> Option<f64> {
        let rows = &self.stream.rows;
        let first: Option<Vec<f64>> = rows.iter().map(|row| row.first_task).collect();
        let contexts: Vec<usize> = rows.iter().map(|row| row.task + 1).collect();
        let found = stability_gap(&first?, &contexts).ok()?;
        let gaps = found.final_accuracy.iter().zip(&found.gap);
        let gaps: Vec<f64> = gaps
            .filter(|(before, _)| **before > 0.0)
            .map(|(_, gap)| *gap)
            .collect();
        all(&gaps)
    }
}
