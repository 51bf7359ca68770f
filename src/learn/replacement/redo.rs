//! Recycling of dormant neurons.

use alloc::vec::Vec;

use super::{Replacement, hidden_units, mean_features, unit_means};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::Network;
use crate::state::{State, Visitor};

/// ReDo (Sokar, Agarwal, Castro & Evci 2023, arXiv 2302.12902, definition 3.1 and algorithm 1): every F updates, or after
/// the last update of every context, units with `s = mean|h| / (1/H·Σ mean|h|) ≤ τ` are replaced; the means are over the batch and over the H units of the
/// layer. If no unit of a layer is active, all its units are replaced. A unit of a convolution is a feature map, whose
/// mean is also over pixels. Where pooling follows, h is its output, which the next layer reads.
///
/// The published code (`labs/redo/weight_recyclers.py` of github.com/google/dopamine) differs from the text:
/// - It draws incoming weights with Xavier's uniform initialisation, whatever the layer's own was; here, as in the text,
///   with the layer's own.
/// - It resets the moments of weights but not those of biases; here both.
/// - Between a convolution and a linear layer it repeats the units' mask unit by unit, while the features are ordered
///   pixel by pixel, so that it clears the weights of other units; here those of the replaced ones.
/// - It adds 10⁻⁹ to the mean, so that a layer without activity gives 0 and not 0/0: the same decision as here.
#[derive(Debug, Clone, Copy)]
pub struct ReDo {
    threshold: f64,
    every: Option<u64>,
    updates: u64,
}

/// Checks τ and F.
pub(super) fn check(threshold: f64, every: Option<u64>) -> Result<()> {
    if !(threshold >= 0.0 && threshold.is_finite()) {
        let expected = "a finite number, 0 or above";
        return Err(Error::setting("threshold", threshold, expected));
    }
    match every {
        Some(0) => Err(Error::setting("every", 0, "updates, 1 or more")),
        _ => Ok(()),
    }
}

impl ReDo {
    /// Threshold τ ≥ 0 and period F ≥ 1; without a period, once a context.
    ///
    /// # Errors
    /// [`Error::Setting`] for one outside its range.
    pub fn new(threshold: f64, every: Option<u64>) -> Result<Self> {
        check(threshold, every)?;
        Ok(ReDo {
            threshold,
            every,
            updates: 0,
        })
    }
}

impl<B: Backend> Replacement<B> for ReDo {
    fn select(
        &mut self,
        backend: &B,
        network: &mut dyn Network<B>,
        is_last: bool,
    ) -> Result<Vec<(usize, usize)>> {
        self.updates += 1;
        let mut dormant = Vec::new();
        let due = self
            .every
            .map_or(is_last, |every| self.updates.is_multiple_of(every));
        if !due {
            return Ok(dormant);
        }
        for number in 0..hidden_units(network).len() {
            let Some(layer) = network.hidden_layer(number) else {
                continue;
            };
            let units = layer.incoming.value.shape().rows();
            let activity = unit_means(&mean_features(backend, &layer)?, units);
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
