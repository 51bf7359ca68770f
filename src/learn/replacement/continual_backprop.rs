//! Continual backpropagation.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{Replacement, mean_features, unit_means};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::{HiddenLayer, Network};
use crate::state::{State, Visitor};

/// Continual backpropagation (Dohare et al. 2024, Nature 632, equation 1 and algorithm 1).
///
/// After every update, in each hidden layer: every unit's age grows by 1, and its utility becomes
/// `u ← η·u + (1 − η)·mean|h|·Σ|w_out|`, the mean over the batch. The layer's count grows by ρ for each unit older
/// than m; while it is at least 1, the unit of least utility among those (the first of equal ones) is replaced and the
/// count decreases by 1. A replaced unit has utility and age 0.
///
/// A unit of a convolution has one utility: between convolutions mean|h| is also the mean over pixels, and Σ|w_out| the
/// sum over all windows' weights; before a linear layer the utility is the sum over pixels of mean|h|·Σ|w_out|. A
/// constant factor within a layer changes no choice.
///
/// This is the paper's text. The published code (`lop/algos` of github.com/shibhansh/loss-of-plasticity) differs from
/// it, and its files from each other:
/// - `gnt.py` and `convGnT.py` divide the utility by 1 − η^age before units are compared, as Adam does.
/// - `gnt.py` by default draws whether a unit is replaced, with probability ρ·(mature units), instead of counting.
///   `convGnT.py` counts ρ for every unit of the layer once one is mature.
/// - `gnt.py` adds the replaced unit's mean contribution to the biases of the next layer; the other files do not.
/// - `cbp_linear.py` and `cbp_conv.py` have no running utility. They average h and take the magnitude of the average;
///   by default only the last batch counts.
/// - New incoming weights are uniform with PyTorch's gain of the activation, ±√(6/inputs) for ReLU in linear layers;
///   here they are drawn as the layer's own at the start.
/// - With Adam, the code resets each weight's own count of steps. `convGnT.py` leaves the first moments of the incoming
///   weights.
#[derive(Debug, Clone)]
pub struct ContinualBackprop {
    rate: f64,
    maturity: u64,
    decay: f64,
    layers: Vec<Layer>,
}

/// The state of a hidden layer's units.
#[derive(Debug, Clone)]
struct Layer {
    utility: Vec<f64>,
    /// Updates since each unit was initialised.
    age: Vec<f64>,
    /// Number of units due for replacement.
    due: f64,
}

/// Checks ρ and η.
pub(super) fn check(rate: f64, decay: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(Error::setting("rate", rate, "a share in [0, 1]"));
    }
    match (0.0..1.0).contains(&decay) {
        true => Ok(()),
        false => Err(Error::setting("decay", decay, "a number in [0, 1)")),
    }
}

impl ContinualBackprop {
    /// Replacement rate ρ in [0, 1], maturity threshold m, decay η in [0, 1) of the utility, and the units of each
    /// hidden layer.
    ///
    /// # Errors
    /// [`Error::Setting`] for a constant outside its range.
    pub fn new(rate: f64, maturity: u64, decay: f64, units: &[usize]) -> Result<Self> {
        check(rate, decay)?;
        let layer = |&units: &usize| Layer {
            utility: vec![0.0; units],
            age: vec![0.0; units],
            due: 0.0,
        };
        Ok(ContinualBackprop {
            rate,
            maturity,
            decay,
            layers: units.iter().map(layer).collect(),
        })
    }
}

impl<B: Backend> Replacement<B> for ContinualBackprop {
    fn select(
        &mut self,
        backend: &B,
        network: &mut dyn Network<B>,
        _is_last: bool,
    ) -> Result<Vec<(usize, usize)>> {
        let mut selected = Vec::new();
        let (rate, decay, maturity) = (self.rate, self.decay, self.maturity as f64);
        for (number, layer) in self.layers.iter_mut().enumerate() {
            let Some(hidden) = network.hidden_layer(number) else {
                continue;
            };
            let contributions = contributions(backend, &hidden)?;
            for (unit, utility) in layer.utility.iter_mut().enumerate() {
                *utility = decay * *utility + (1.0 - decay) * contributions[unit];
                layer.age[unit] += 1.0;
            }
            let old = layer.age.iter().filter(|age| **age > maturity).count();
            layer.due += rate * old as f64;
            while layer.due >= 1.0 {
                let old = (0..layer.age.len()).filter(|&unit| layer.age[unit] > maturity);
                let utility = &layer.utility;
                let Some(least) = old.min_by(|&a, &b| utility[a].total_cmp(&utility[b])) else {
                    break;
                };
                layer.due -= 1.0;
                layer.utility[least] = 0.0;
                layer.age[least] = 0.0;
                selected.push((number, least));
            }
        }
        Ok(selected)
    }
}

/// mean|h|·Σ|w_out| of each unit.
fn contributions<B: Backend>(backend: &B, hidden: &HiddenLayer<'_, B>) -> Result<Vec<f64>> {
    let units = hidden.incoming.value.shape().rows();
    let features = mean_features(backend, hidden)?;
    let columns = hidden.outgoing.value.shape().columns();
    let mut outgoing = vec![0.0; columns];
    let weights = hidden.outgoing.value.to_rows(backend)?;
    for row in weights.chunks_exact(columns.max(1)) {
        for (sum, w) in outgoing.iter_mut().zip(row) {
            *sum += f64::from(w.abs());
        }
    }
    let mut contributions = vec![0.0; units];
    // A linear layer reads each feature with weights of its own; a convolution shares them between pixels.
    let means = match columns == features.len() {
        true => features,
        false => unit_means(&features, units),
    };
    for (column, sum) in outgoing.into_iter().enumerate() {
        contributions[column % units] += means[column % means.len()] * sum;
    }
    Ok(contributions)
}

impl<B: Backend> State<B> for ContinualBackprop {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        for (number, layer) in self.layers.iter_mut().enumerate() {
            let name = |part: &str| format!("continual-backprop{}.{part}", number + 1);
            visitor.numbers(&name("utility"), &mut layer.utility)?;
            visitor.numbers(&name("age"), &mut layer.age)?;
            visitor.numbers(&name("due"), core::slice::from_mut(&mut layer.due))?;
        }
        Ok(())
    }
}
