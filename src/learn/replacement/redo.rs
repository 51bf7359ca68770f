//! Recycling of dormant neurons.

use alloc::vec::Vec;

use super::{Replacement, hidden_units, mean_activity};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::Network;
use crate::state::{State, Visitor};

/// ReDo (Sokar, Agarwal, Castro & Evci 2023, arXiv 2302.12902, definition 3.1 and algorithm 1): every F updates, units
/// with `s = mean|h| / (1/H·Σ mean|h|) ≤ τ` are replaced; the means are over the batch and over the H units of the
/// layer. If no unit of a layer is active, all its units are replaced.
#[derive(Debug, Clone, Copy)]
pub struct ReDo {
    threshold: f64,
    every: u64,
    updates: u64,
}

/// Checks τ and F.
pub(super) fn check(threshold: f64, every: u64) -> Result<()> {
    if !(threshold >= 0.0 && threshold.is_finite()) {
        let expected = "a finite number, 0 or above";
        return Err(Error::setting("threshold", threshold, expected));
    }
    match every {
        0 => Err(Error::setting("every", every, "updates, 1 or more")),
        _ => Ok(()),
    }
}

impl ReDo {
    /// Threshold τ ≥ 0 and period F ≥ 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for one outside its range.
    pub fn new(threshold: f64, every: u64) -> Result<Self> {
        check(threshold, every)?;
        Ok(ReDo {
            threshold,
            every,
            updates: 0,
        })
    }
}

impl<B: Backend> Replacement<B> for ReDo {
    fn select(&mut self, backend: &B, network: &mut dyn Network<B>) -> Result<Vec<(usize, usize)>> {
        self.updates += 1;
        let mut dormant = Vec::new();
        if !self.updates.is_multiple_of(self.every) {
            return Ok(dormant);
        }
        for number in 0..hidden_units(network).len() {
            let Some(layer) = network.hidden_layer(number) else {
                continue;
            };
            let activity = mean_activity(backend, &layer)?;
            let mean = activity.iter().sum::<f64>() / activity.len() as f64;
            for (unit, of_unit) in activity.iter().enumerate() {
                if *of_unit <= self.threshold * mean {
                    dormant.push((number, unit));
                }
            }
        }
        Ok(dormant)
    }
}

impl<B: Backend> State<B> for ReDo {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.count("redo.updates", &mut self.updates)
    }
}
