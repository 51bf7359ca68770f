//! Metrics over all tasks of a stream: the accuracy matrix and its summaries, and the continual-evaluation metrics of
//! De Lange, van de Ven, Tuytelaars (ICLR 2023, arXiv 2205.13452).

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// The metrics of one run in which every task was evaluated. Accuracies are in [0, 1]; context j introduces task j,
/// for j = 1..K.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize))]
pub struct ContinualMetrics {
    /// R_{i,j}, the accuracy on task j at the end of context i, for j ≤ i: row i has i values
    /// (Lopez-Paz & Ranzato, NeurIPS 2017).
    pub accuracy_matrix: Vec<Vec<f64>>,
    /// ACC = mean over j of R_{K,j}.
    pub average_accuracy: f64,
    /// Mean over j < K of (max over j ≤ i < K of R_{i,j}) − R_{K,j} (Chaudhry et al., ECCV 2018); negative
    /// where later contexts help. NaN for one task.
    pub forgetting: f64,
    /// BWT = mean over j < K of R_{K,j} − R_{j,j} (Lopez-Paz & Ranzato). NaN for one task.
    pub backward_transfer: f64,
    /// min-ACC = mean over j < K of the minimum accuracy on task j over all evaluations after context j (De Lange et
    /// al., equation 3). NaN for one task.
    pub minimum_accuracy: f64,
    /// Worst-case accuracy over all tasks, R_{K,K}/K + (1 − 1/K)·min-ACC (WC-ACC of De Lange et al.,
    /// equation 4); R_{1,1} for one task.
    pub worst_case_accuracy: f64,
}

/// Computes the metrics of a run. `contexts` gives the context of each evaluation, `accuracies` the accuracies of each
/// evaluation on all tasks introduced so far.
///
/// # Errors
/// [`Error::Shape`] if the two differ in length or are empty, or if an evaluation in context c does not have c
/// accuracies; [`Error::Setting`] for an accuracy that is not finite and for contexts that do not rise from 1 in steps
/// of 0 or 1.
///
/// ```
/// use neurogain::metrics::continual;
/// let accuracies: [&[f64]; 3] = [&[0.9], &[0.5, 0.7], &[0.8, 0.6]];
/// let measured = continual(&accuracies, &[1, 2, 2])?;
/// assert_eq!(measured.accuracy_matrix, [vec![0.9], vec![0.8, 0.6]]);
/// assert_eq!(measured.minimum_accuracy, 0.5);
/// assert!((measured.worst_case_accuracy - (0.6 + 0.5) / 2.0).abs() < 1e-15);
/// assert!((measured.forgetting - 0.1).abs() < 1e-15);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn continual<A: AsRef<[f64]>>(
    accuracies: &[A],
    contexts: &[usize],
) -> Result<ContinualMetrics> {
    if accuracies.len() != contexts.len() || accuracies.is_empty() {
        return Err(Error::shape(
            "continual",
            "the accuracies and the context of each evaluation, at least one",
            format!("{} and {}", accuracies.len(), contexts.len()),
        ));
    }
    let mut matrix: Vec<Vec<f64>> = Vec::new();
    // The minimum accuracy on each task after its own context.
    let mut least: Vec<f64> = Vec::new();
    for (at, (accuracies, &context)) in accuracies.iter().zip(contexts).enumerate() {
        let accuracies = accuracies.as_ref();
        if accuracies.len() != context {
            return Err(Error::shape(
                "continual",
                format!(
                    "an accuracy on each of the {context} tasks of evaluation {}",
                    at + 1
                ),
                accuracies.len(),
            ));
        }
        if let Some(value) = accuracies.iter().find(|value| !value.is_finite()) {
            let name = format!("accuracy of evaluation {}", at + 1);
            return Err(Error::setting(name, value, "a finite number"));
        }
        if context == matrix.len() + 1 {
            matrix.push(Vec::new());
            least.push(f64::INFINITY);
        } else if context != matrix.len() || context == 0 {
            let name = format!("context of evaluation {}", at + 1);
            let expected = format!("{} or {}", matrix.len().max(1), matrix.len() + 1);
            return Err(Error::setting(name, context, expected));
        }
        matrix[context - 1] = accuracies.to_vec();
        for (least, &accuracy) in least.iter_mut().zip(&accuracies[..context - 1]) {
            *least = least.min(accuracy);
        }
    }
    Ok(measure(matrix, &least))
}

fn measure(matrix: Vec<Vec<f64>>, least: &[f64]) -> ContinualMetrics {
    let tasks = matrix.len();
    let last = &matrix[tasks - 1];
    let earlier = 0..tasks - 1;
    let best = |task: usize| {
        let rows = matrix[task..tasks - 1].iter();
        rows.map(|row| row[task]).fold(f64::NEG_INFINITY, f64::max)
    };
    let minimum_accuracy = mean(earlier.clone().map(|task| least[task]));
    let k = tasks as f64;
    ContinualMetrics {
        average_accuracy: mean(last.iter().copied()),
        forgetting: mean(earlier.clone().map(|task| best(task) - last[task])),
        backward_transfer: mean(earlier.map(|task| last[task] - matrix[task][task])),
        minimum_accuracy,
        worst_case_accuracy: match tasks {
            1 => last[0],
            _ => last[tasks - 1] / k + (1.0 - 1.0 / k) * minimum_accuracy,
        },
        accuracy_matrix: matrix,
    }
}

/// The mean; NaN without values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}
