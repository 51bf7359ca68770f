//! The layers of NeuroSync: linear maps and layer normalisations of rows of features.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{
    Backend, Binary, LayerNormalise, LayerNormaliseBackward, MatmulDims, NormDims, ScaleShift,
};
use crate::error::Result;
use crate::nn::{Init, Parameter};
use crate::rng::{Purpose, RandomStream};
use crate::shape::{LANES, Shape};
use crate::state::Role;
use crate::tensor::Tensor;

/// ε of every layer normalisation, as in PyTorch.
pub(super) const EPSILON: f32 = 1e-5;

/// The number of rows of features: `samples` (or neurons) in blocks of 16, with `pixels` rows each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    pub samples: usize,
    pub pixels: usize,
}

impl Rows {
    /// One row for each sample or neuron.
    pub fn of(samples: usize) -> Self {
        Rows { samples, pixels: 1 }
    }

    /// The shape of rows of this many features.
    pub fn shape(self, features: usize) -> Shape {
        Shape::images(self.samples, self.pixels, 1, features)
    }

    pub fn dims(self, channels: usize) -> NormDims {
        NormDims {
            samples: self.samples,
            pixels: self.pixels,
            channels,
        }
    }
}

/// Draws parameters; number n of them from the stream (seed, [`Purpose::NeuroSync`], n).
pub(super) struct Builder<'a, B> {
    pub backend: &'a B,
    pub seed: u64,
    pub next: u64,
}

impl<B: Backend> Builder<'_, B> {
    /// A parameter drawn from `initial` for neurons with this many inputs.
    pub fn parameter(
        &mut self,
        name: String,
        role: Role,
        shape: Shape,
        initial: Init,
        inputs: usize,
    ) -> Result<Parameter<B>> {
        let mut stream = RandomStream::new(self.seed, Purpose::NeuroSync, self.next);
        self.next += 1;
        let gradient = Tensor::zeros(self.backend, shape)?;
        let numbers = shape.rows().saturating_mul(shape.columns());
        let numbers: Vec<f32> = (0..numbers)
            .map(|_| initial.draw(&mut stream, inputs))
            .collect();
        Ok(Parameter {
            name,
            role,
            value: Tensor::from_rows(self.backend, shape, &numbers)?,
            gradient,
            initial,
            gain: None,
        })
    }
}

/// `y = W·x + b` for each row, then the residual is added and ReLU applied, if requested.
///
/// Backward: `dW = Σ dy·xᵀ` and `db = Σ dy` over the rows, `dx = Wᵀ·dy`; the residual's gradient is dy.
#[derive(Debug, Clone)]
pub(super) struct Dense<B: Backend> {
    pub weight: Parameter<B>,
    pub bias: Option<Parameter<B>>,
}

impl<B: Backend> Dense<B> {
    /// Weights and, if requested, biases named `NAME.bias`. `fan_in` is the number of a neuron's inputs, which can be
    /// more than the columns of this weight matrix.
    pub fn new(
        builder: &mut Builder<'_, B>,
        name: &str,
        [outputs, inputs]: [usize; 2],
        initial: Init,
        fan_in: usize,
        bias: bool,
    ) -> Result<Self> {
        let matrix = Shape::matrix(outputs, inputs);
        let weight = builder.parameter(name.into(), Role::Weight, matrix, initial, fan_in)?;
        let bias = match bias {
            true => {
                let (name, vector) = (format!("{name}.bias"), Shape::vector(outputs));
                Some(builder.parameter(name, Role::Shift, vector, initial, fan_in)?)
            }
            false => None,
        };
        Ok(Dense { weight, bias })
    }

    fn matmul(&self, rows: Rows) -> MatmulDims {
        MatmulDims {
            blocks: rows.samples.div_ceil(LANES) * rows.pixels,
            outputs: self.weight.value.shape().rows(),
            inputs: self.weight.value.shape().columns(),
        }
    }

    pub fn forward(
        &self,
        backend: &B,
        rows: Rows,
        x: &Tensor<B>,
        (residual, relu): (Option<&Tensor<B>>, bool),
        y: &mut Tensor<B>,
    ) -> Result<()> {
        let dims = self.matmul(rows);
        y.reshape(backend, rows.shape(dims.outputs))?;
        let weight = self.weight.value.floats();
        backend.matmul_forward(dims, None, weight, x.floats(), y.floats_mut())?;
        if self.bias.is_none() && residual.is_none() && !relu {
            return Ok(());
        }
        let operands = ScaleShift {
            dimensions: rows.dims(dims.outputs),
            relu,
            scale: None,
            shift: self.bias.as_ref().map(|bias| bias.value.floats()),
            x: None,
            residual: residual.map(Tensor::floats),
        };
        backend.scale_shift(operands, y.floats_mut())
    }

    /// Computes dW and db, and dx unless the inputs need no gradient.
    pub fn backward(
        &mut self,
        backend: &B,
        rows: Rows,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: Option<&mut Tensor<B>>,
    ) -> Result<()> {
        let dims = self.matmul(rows);
        let dw = self.weight.gradient.floats_mut();
        backend.matmul_backward_weights(dims, None, dy.floats(), x.floats(), dw)?;
        if let Some(bias) = &mut self.bias {
            let db = bias.gradient.floats_mut();
            let dims = rows.dims(dims.outputs);
            backend.scale_shift_gradients(dims, dy.floats(), None, Some(db))?;
        }
        match dx {
            Some(dx) => self.to_input(backend, rows, dy, dx),
            None => Ok(()),
        }
    }

    pub fn to_input(
        &self,
        backend: &B,
        rows: Rows,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        let dims = self.matmul(rows);
        dx.reshape(backend, rows.shape(dims.inputs))?;
        let weight = self.weight.value.floats();
        backend.matmul_backward_data(dims, None, weight, dy.floats(), dx.floats_mut())
    }

    /// Adds the gradients of a second use of the layer to dW and db; `spare` is overwritten.
    pub fn add_gradients(
        &mut self,
        backend: &B,
        rows: Rows,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        spare: &mut Spare<B>,
    ) -> Result<()> {
        let dims = self.matmul(rows);
        let dw = &mut spare.weight;
        dw.reshape(backend, self.weight.value.shape())?;
        backend.matmul_backward_weights(dims, None, dy.floats(), x.floats(), dw.floats_mut())?;
        add(backend, dw, &mut self.weight.gradient)?;
        if let Some(bias) = &mut self.bias {
            let db = &mut spare.first;
            db.reshape(backend, bias.value.shape())?;
            let dims = rows.dims(dims.outputs);
            backend.scale_shift_gradients(dims, dy.floats(), None, Some(db.floats_mut()))?;
            add(backend, db, &mut bias.gradient)?;
        }
        Ok(())
    }

    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        core::iter::once(&mut self.weight).chain(&mut self.bias)
    }
}

/// Buffers for the gradients of a layer's second use.
#[derive(Debug, Clone)]
pub(super) struct Spare<B: Backend> {
    weight: Tensor<B>,
    first: Tensor<B>,
    second: Tensor<B>,
}

impl<B: Backend> Spare<B> {
    pub fn new(backend: &B) -> Result<Self> {
        Ok(Spare {
            weight: empty(backend)?,
            first: empty(backend)?,
            second: empty(backend)?,
        })
    }
}

/// Layer normalisation of each row: [`layer_normalise`](crate::backend::Normalisations::layer_normalise), ε = 10⁻⁵.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm<B: Backend> {
    pub gamma: Parameter<B>,
    pub beta: Parameter<B>,
}

impl<B: Backend> LayerNorm<B> {
    /// γ = 1, β = 0.
    pub fn new(builder: &mut Builder<'_, B>, name: &str, features: usize) -> Result<Self> {
        let mut parameter = |kind: &str, role, number| {
            let name = format!("{name}.{kind}");
            let vector = Shape::vector(features);
            builder.parameter(name, role, vector, Init::Constant(number), 1)
        };
        Ok(LayerNorm {
            gamma: parameter("gamma", Role::Scale, 1.0)?,
            beta: parameter("beta", Role::Shift, 0.0)?,
        })
    }

    fn features(&self) -> usize {
        self.gamma.value.shape().rows()
    }

    /// Normalises `x` into `y`; `statistics` is kept for the backward pass.
    pub fn forward(
        &self,
        backend: &B,
        rows: Rows,
        x: &Tensor<B>,
        statistics: &mut Tensor<B>,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        statistics.reshape(backend, rows.shape(2))?;
        y.reshape(backend, rows.shape(self.features()))?;
        let operands = LayerNormalise {
            dimensions: rows.dims(self.features()),
            epsilon: EPSILON,
            gamma: self.gamma.value.floats(),
            beta: self.beta.value.floats(),
            x: x.floats(),
        };
        backend.layer_normalise(operands, statistics.floats_mut(), y.floats_mut())
    }

    /// dx overwrites dy. The gradients of γ and β are overwritten or, given `spare`, added to.
    pub fn backward(
        &mut self,
        backend: &B,
        rows: Rows,
        (x, statistics): (&Tensor<B>, &Tensor<B>),
        dy: &mut Tensor<B>,
        spare: Option<&mut Spare<B>>,
    ) -> Result<()> {
        let features = self.features();
        let operands = LayerNormaliseBackward {
            dimensions: rows.dims(features),
            statistics: statistics.floats(),
            gamma: self.gamma.value.floats(),
            x: x.floats(),
        };
        let (gamma, beta) = (&mut self.gamma.gradient, &mut self.beta.gradient);
        let Some(spare) = spare else {
            return backend.layer_normalise_backward(
                operands,
                dy.floats_mut(),
                gamma.floats_mut(),
                beta.floats_mut(),
            );
        };
        let Spare { first, second, .. } = spare;
        first.reshape(backend, Shape::vector(features))?;
        second.reshape(backend, Shape::vector(features))?;
        backend.layer_normalise_backward(
            operands,
            dy.floats_mut(),
            first.floats_mut(),
            second.floats_mut(),
        )?;
        add(backend, first, gamma)?;
        add(backend, second, beta)
    }

    pub fn parameters(&mut self) -> [&mut Parameter<B>; 2] {
        [&mut self.gamma, &mut self.beta]
    }
}

/// `y ← x + y`.
pub(super) fn add<B: Backend>(backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
    let sum = Binary::Axpby { a: 1.0, b: 1.0 };
    backend.binary(sum, x.floats(), y.floats_mut())
}

/// A tensor for a buffer that its first use reshapes.
pub(super) fn empty<B: Backend>(backend: &B) -> Result<Tensor<B>> {
    Tensor::zeros(backend, Shape::features(0, 1))
}
