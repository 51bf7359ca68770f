//! Moving averages of the neurons' activity, as features of their tokens.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::dense::{EPSILON, Rows, add};
use crate::backend::{Backend, Binary, LayerNormalise, MatmulDims, NormDims};
use crate::error::{Error, Result};
use crate::shape::{LANES, Shape};
use crate::state::{Role, Visitor};
use crate::tensor::Tensor;

/// Statistics of a neuron: mean, mean magnitude, standard deviation, share of the samples in which it is active.
pub(super) const STATISTICS: usize = 4;

/// `a ← decay·a + (1 − decay)·s` for each neuron, from a = 0, with s the
/// [`neuron_statistics`](crate::backend::Reductions::neuron_statistics) of a batch.
///
/// The features are a, standardised within each layer: (a − mean)/√(variance + 10⁻⁵) over the layer's neurons, for
/// each of the four statistics (*chosen*: the order average, then standardise).
#[derive(Debug, Clone)]
pub(super) struct ActivityStatistics<B: Backend> {
    layers: Vec<LayerStatistics<B>>,
    neurons: usize,
}

#[derive(Debug, Clone)]
struct LayerStatistics<B: Backend> {
    name: String,
    /// `[4][neurons of the layer]`.
    averages: Tensor<B>,
    batch: Tensor<B>,
    /// The averages with the four statistics as samples and the neurons as features; then standardised.
    blocked: Tensor<B>,
    standardised: Tensor<B>,
    moments: Tensor<B>,
    rows: Tensor<B>,
    ones: Tensor<B>,
    zeros: Tensor<B>,
    /// 1 at feature c of token first + c: multiplied by the rows, it puts each neuron's statistics into its token.
    tokens: Tensor<B>,
}

impl<B: Backend> ActivityStatistics<B> {
    /// Averages of 0 for layers of these names and numbers of neurons.
    pub fn new<'a>(
        backend: &B,
        sizes: impl Iterator<Item = (&'a str, usize)> + Clone,
    ) -> Result<Self> {
        let neurons = sizes.clone().map(|(_, size)| size).sum();
        let (mut layers, mut first) = (Vec::new(), 0);
        for (name, size) in sizes {
            let vector = Shape::vector(size);
            let mut tokens = vec![0.0; neurons * size];
            for neuron in 0..size {
                tokens[(first + neuron) * size + neuron] = 1.0;
            }
            layers.push(LayerStatistics {
                name: format!("{name}.activity"),
                averages: Tensor::zeros(backend, Shape::matrix(STATISTICS, size))?,
                batch: Tensor::zeros(backend, Shape::matrix(STATISTICS, size))?,
                blocked: Tensor::zeros(backend, Shape::features(STATISTICS, size))?,
                standardised: Tensor::zeros(backend, Shape::features(STATISTICS, size))?,
                moments: Tensor::zeros(backend, Shape::features(STATISTICS, 2))?,
                rows: Tensor::zeros(backend, Shape::matrix(STATISTICS, size))?,
                ones: Tensor::from_rows(backend, vector, &vec![1.0; size])?,
                zeros: Tensor::zeros(backend, vector)?,
                tokens: Tensor::from_rows(backend, Shape::features(neurons, size), &tokens)?,
            });
            first += size;
        }
        Ok(ActivityStatistics { layers, neurons })
    }

    /// The features of all neurons, `[⌈N/16⌉][4][16]`, in `features`; `spare` is overwritten.
    pub fn features(
        &mut self,
        backend: &B,
        features: &mut Tensor<B>,
        spare: &mut Tensor<B>,
    ) -> Result<()> {
        let rows = Rows::of(self.neurons);
        features.reshape(backend, rows.shape(STATISTICS))?;
        spare.reshape(backend, rows.shape(STATISTICS))?;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let size = layer.ones.shape().rows();
            let averages = layer.averages.floats();
            backend.to_blocked(STATISTICS, size, averages, layer.blocked.floats_mut())?;
            let operands = LayerNormalise {
                dimensions: Rows::of(STATISTICS).dims(size),
                epsilon: EPSILON,
                gamma: layer.ones.floats(),
                beta: layer.zeros.floats(),
                x: layer.blocked.floats(),
            };
            let moments = layer.moments.floats_mut();
            backend.layer_normalise(operands, moments, layer.standardised.floats_mut())?;
            let standardised = layer.standardised.floats();
            backend.to_rows(STATISTICS, size, standardised, layer.rows.floats_mut())?;
            let dims = MatmulDims {
                blocks: self.neurons.div_ceil(LANES),
                outputs: STATISTICS,
                inputs: size,
            };
            let of_layer = match index {
                0 => &mut *features,
                _ => &mut *spare,
            };
            let (rows, tokens) = (layer.rows.floats(), layer.tokens.floats());
            backend.matmul_forward(dims, None, rows, tokens, of_layer.floats_mut())?;
            if index > 0 {
                add(backend, spare, features)?;
            }
        }
        Ok(())
    }

    /// Adds the statistics of a batch, given each layer's activity.
    pub fn update<'a>(
        &mut self,
        backend: &B,
        decay: f32,
        activities: impl Iterator<Item = &'a Tensor<B>>,
    ) -> Result<()> {
        let average = Binary::Axpby {
            a: (1.0 - f64::from(decay)) as f32,
            b: decay,
        };
        for (layer, activity) in self.layers.iter_mut().zip(activities) {
            let dims = NormDims::of(activity.shape()).ok_or_else(|| {
                Error::shape("statistics of neurons", "activations", activity.shape())
            })?;
            backend.neuron_statistics(dims, activity.floats(), layer.batch.floats_mut())?;
            backend.binary(average, layer.batch.floats(), layer.averages.floats_mut())?;
        }
        Ok(())
    }

    pub fn visit(&mut self, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.layers.iter_mut().try_for_each(|layer| {
            visitor.tensor(Role::Statistics, &layer.name, &mut layer.averages)
        })
    }
}

/// The position of each neuron, `[N][4]`: layer/L, counted from 1; index/n within its layer of n neurons, counted from
/// 0; sin and cos of 2π·index/n (*chosen*; known is only that the features are layer, index, sin and cos). In f64,
/// rounded once.
pub(super) fn positions<B: Backend>(
    backend: &B,
    sizes: impl Iterator<Item = usize> + Clone,
) -> Result<Tensor<B>> {
    let layers = sizes.clone().count() as f64;
    let mut rows: Vec<f32> = Vec::new();
    for (layer, size) in sizes.clone().enumerate() {
        for index in 0..size {
            let place = index as f64 / size as f64;
            let angle = 2.0 * core::f64::consts::PI * place;
            let position = [
                (layer + 1) as f64 / layers,
                place,
                libm::sin(angle),
                libm::cos(angle),
            ];
            rows.extend(position.map(|number| number as f32));
        }
    }
    Tensor::from_rows(backend, Rows::of(sizes.sum()).shape(4), &rows)
}
