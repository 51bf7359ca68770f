//! Transfer between the tasks of a stream, from learning curves.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::metrics::summarize;

/// A^s_{b,k}: the accuracy on task k after b of β ticks of learning it, for every task in order; each curve has the
/// ticks 0..=β. The superscript s is the state in which learning the task begins.
#[derive(Debug, Clone, Copy)]
pub struct LearningCurves<'a> {
    /// A^{k−1}: from the state before task k, in the stream.
    pub forward: &'a [Vec<f64>],
    /// A^0: from a fresh network.
    pub fresh: &'a [Vec<f64>],
    /// A^{T−1}: from the state after the last task, on a copy.
    pub again: &'a [Vec<f64>],
}

/// Learning-curve areas and knowledge transfer. Areas are means over the ticks b = 0..=β and over tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// LCA_0, the mean of A^0_{b,k} over all tasks.
    pub lca_fresh: f64,
    /// The means of A^0_{b,k} over the tasks of LCA_F, and over those of LCA_B; `None` with one task.
    pub lca_fresh_of: [Option<f64>; 2],
    /// LCA_F, the mean of A^{k−1}_{b,k} over all tasks but the first; `None` with one task.
    pub lca_forward: Option<f64>,
    /// LCA_B, the mean of A^{T−1}_{b,k} over all tasks but the last; `None` with one task.
    pub lca_backward: Option<f64>,
    /// FKT_b, the mean of A^{k−1}_{b,k} − A^0_{b,k} over all tasks but the first, for each tick; empty with one task.
    pub forward: Vec<f64>,
    /// BKT_b, the mean of A^{T−1}_{b,k} − A^0_{b,k} over all tasks but the last, for each tick; empty with one task.
    pub backward: Vec<f64>,
}

/// Measures transfer from the curves of every task.
///
/// Over the same tasks, LCA_F = LCA_0 + mean of FKT_b and LCA_B = LCA_0 + mean of BKT_b, with
/// [`lca_fresh_of`](Transfer::lca_fresh_of) as LCA_0.
///
/// # Errors
/// [`Error::Shape`] unless the three lists have a curve for each of the same tasks, all of the same length above 0.
///
/// ```
/// use neurogain::metrics::{LearningCurves, transfer};
/// let fresh = [vec![0.1, 0.5], vec![0.1, 0.5]];
/// let forward = [vec![0.1, 0.5], vec![0.3, 0.9]];
/// let again = [vec![0.2, 0.8], vec![0.9, 0.9]];
/// let found = transfer(LearningCurves { forward: &forward, fresh: &fresh, again: &again })?;
/// assert!((found.lca_fresh - 0.3).abs() < 1e-15);
/// assert!((found.lca_forward.unwrap() - 0.6).abs() < 1e-15);
/// assert!((found.backward[1] - 0.3).abs() < 1e-15);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn transfer(curves: LearningCurves<'_>) -> Result<Transfer> {
    let LearningCurves {
        forward,
        fresh,
        again,
    } = curves;
    let (tasks, ticks) = (fresh.len(), fresh.first().map_or(0, Vec::len));
    for (name, list) in [("forward", forward), ("fresh", fresh), ("again", again)] {
        if ticks == 0 || list.len() != tasks || list.iter().any(|curve| curve.len() != ticks) {
            let lengths: Vec<usize> = list.iter().map(Vec::len).collect();
            return Err(Error::shape(
                "transfer",
                format!("{tasks} curves of {ticks} ticks, at least one of each"),
                format!("{name}: curves of {lengths:?} ticks"),
            ));
        }
    }
    let most = tasks - 1;
    let area = |curves: &[Vec<f64>]| {
        let all: Vec<f64> = curves.iter().flatten().copied().collect();
        (!all.is_empty()).then(|| summarize(&all).mean)
    };
    let gain = |later: &[Vec<f64>], fresh: &[Vec<f64>]| -> Vec<f64> {
        let at = |tick: usize| {
            let pairs = later.iter().zip(fresh);
            let differences: Vec<f64> = pairs.map(|(a, b)| a[tick] - b[tick]).collect();
            (!differences.is_empty()).then(|| summarize(&differences).mean)
        };
        (0..ticks).filter_map(at).collect()
    };
    Ok(Transfer {
        lca_fresh: area(fresh).unwrap_or(f64::NAN),
        lca_fresh_of: [area(&fresh[1..]), area(&fresh[..most])],
        lca_forward: area(&forward[1..]),
        lca_backward: area(&again[..most]),
        forward: gain(&forward[1..], &fresh[1..]),
        backward: gain(&again[..most], &fresh[..most]),
    })
}
