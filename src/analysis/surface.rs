//! The loss of a gain-modulated network as a function of its weights.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::analysis::{Eigenpair, largest_eigenpairs};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::nn::Parameter;

/// The coordinates of a direction or a curvature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// W, the weights that are trained.
    Weights,
    /// W_eff = g·W, the weights of the forward pass.
    Effective,
}

/// A layer's weights W and a gain for each output.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWeights {
    /// W, row-major: a row of weights for each output, of a linear layer or a convolution.
    pub weights: Vec<f64>,
    /// g.
    pub gains: Vec<f64>,
}

impl LayerWeights {
    /// The weights and gains of a parameter; gains of 1 if it has none.
    ///
    /// # Errors
    /// Errors of the backend's download.
    pub fn of<B: Backend>(backend: &B, parameter: &Parameter<B>) -> Result<Self> {
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
        Ok(LayerWeights {
            weights: wide(parameter.value.to_rows(backend)?),
            gains: match &parameter.gain {
                Some(gain) => wide(gain.to_rows(backend)?),
                None => vec![1.0; parameter.value.shape().rows()],
            },
        })
    }

    /// W_eff = g·W, row-major.
    pub fn effective(&self) -> Vec<f64> {
        let rows = self.weights.chunks(self.inputs()).zip(&self.gains);
        rows.flat_map(|(row, gain)| row.iter().map(move |w| gain * w))
            .collect()
    }

    /// The length of a row.
    pub(super) fn inputs(&self) -> usize {
        (self.weights.len() / self.gains.len().max(1)).max(1)
    }
}

/// The loss on some samples as a function of a network's weights, around their present values.
///
/// By the chain rule through W_eff = g·W, the gradient in W is g·∂L/∂W_eff and the Hessian in W is g·H·g, with H the
/// Hessian in W_eff: every row of a vector in W is multiplied by its neuron's gain. A vector over all weights lists the
/// layers in order, each row-major.
pub trait LossSurface {
    /// L at the surface's weights, in nats.
    fn loss(&self) -> f64;

    /// ∂L/∂W_eff at the surface's weights, of all layers together.
    fn effective_gradient(&self) -> &[f64];

    /// In W, `vector` with the weights of each neuron multiplied by its gain; in W_eff, `vector` unchanged.
    fn times_gain(&self, coordinates: Coordinates, vector: &[f64]) -> Vec<f64>;

    /// Number of weights of all layers together.
    fn size(&self) -> usize {
        self.effective_gradient().len()
    }

    /// The gradient of L at the surface's weights: ∂L/∂W_eff, and ∂L/∂W = g·∂L/∂W_eff.
    fn gradient(&self, coordinates: Coordinates) -> Vec<f64> {
        self.times_gain(coordinates, self.effective_gradient())
    }

    /// L at the weights plus `step`·`direction`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `direction` does not have [`size`](Self::size) numbers, and errors of the kernels.
    fn loss_along(&self, coordinates: Coordinates, direction: &[f64], step: f64) -> Result<f64>;

    /// The Hessian times `direction`: H·v in W_eff, g·H·(g·v) in W.
    ///
    /// # Errors
    /// [`Error::Shape`] if `direction` does not have [`size`](Self::size) numbers, and errors of the kernels.
    fn hessian_times(&self, coordinates: Coordinates, direction: &[f64]) -> Result<Vec<f64>>;

    /// The `count` largest eigenvalues of the Hessian, each within `tolerance` times the largest, by
    /// [`largest_eigenpairs`] with at most `steps` products.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the weights are so large that a product is not finite, and errors of the kernels.
    fn largest_eigenpairs(
        &self,
        coordinates: Coordinates,
        count: usize,
        tolerance: f64,
        steps: usize,
    ) -> Result<Vec<Eigenpair>> {
        let multiply = |direction: &[f64]| self.hessian_times(coordinates, direction);
        largest_eigenpairs(self.size(), count, tolerance, steps, multiply)
    }
}

/// In W, a vector over all weights with every row multiplied by its gain; in W_eff, the vector unchanged. `rows` are
/// the gain and the length of each row.
pub(super) fn times_gain(
    coordinates: Coordinates,
    rows: impl Iterator<Item = (f64, usize)>,
    vector: &[f64],
) -> Vec<f64> {
    let mut result = vector.to_vec();
    if coordinates == Coordinates::Weights {
        let mut rest = result.as_mut_slice();
        for (gain, inputs) in rows {
            let (row, after) = rest.split_at_mut(inputs);
            row.iter_mut().for_each(|number| *number *= gain);
            rest = after;
        }
    }
    result
}

/// Checks that a direction has a number for each weight.
pub(super) fn fits(size: usize, direction: &[f64]) -> Result<()> {
    if direction.len() == size {
        return Ok(());
    }
    let expected = format!("{size} numbers");
    Err(Error::shape("loss surface", expected, direction.len()))
}
