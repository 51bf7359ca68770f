//! The stability gap of one accuracy curve (arXiv 2507.14056, section 4).

use alloc::vec::Vec;

use crate::error::Result;

/// The stability-gap measures of one curve over K contexts; accuracies in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct StabilityGap {
    /// a_t, the accuracy at the end of context t, for t = 1..K.
    pub final_accuracy: Vec<f64>,
    /// m_t, the minimum within context t, for t = 1..K.
    pub minimum_accuracy: Vec<f64>,
    /// SG_t = (a_{t−1} − m_t)/a_{t−1}, for t = 2..K.
    pub gap: Vec<f64>,
    /// For t = 2..K: iterations after the switch until accuracy is back at 0.99·a_{t−1}; `None` if never.
    pub recovery: Vec<Option<usize>>,
    /// avg-ACC = mean of a_t.
    pub average_accuracy: f64,
    /// avg-min-ACC = mean of m_t over t ≥ 2; NaN for one context.
    pub average_minimum_accuracy: f64,
    /// WC-ACC = a_K/K + (1 − 1/K)·avg-min-ACC; a_1 for one context.
    pub worst_case_accuracy: f64,
    /// avg-SG = mean of SG_t over t ≥ 2; NaN for one context.
    pub average_gap: f64,
}

/// Measures `accuracy`, one value an iteration, where `contexts` gives each iteration's context.
pub fn stability_gap(_accuracy: &[f64], _contexts: &[usize]) -> Result<StabilityGap> {
    todo!()
}
