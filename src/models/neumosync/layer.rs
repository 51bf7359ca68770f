//! A layer with fast and slow weights.

use alloc::format;
use alloc::string::String;

use super::dense::{Builder, empty};
use crate::backend::{Backend, ModulatedActivity, Modulation, Update, Window};
use crate::error::Result;
use crate::nn::{Bias, GainConvolution, GainLinear, Init, Parameter, SpatialPool};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::Tensor;

/// `Wx + b`.
#[derive(Debug, Clone)]
pub(super) struct Synapses<B: Backend> {
    map: Map<B>,
    bias: Bias<B>,
}

#[derive(Debug, Clone)]
enum Map<B: Backend> {
    Linear(GainLinear<B>),
    Convolution(GainConvolution<B>),
}

impl<B: Backend> Synapses<B> {
    pub fn linear(
        builder: &mut Builder<'_, B>,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self> {
        let (weight, bias) = drawn(builder, name, Shape::matrix(outputs, inputs))?;
        Ok(Synapses {
            map: Map::Linear(GainLinear::new(weight)),
            bias,
        })
    }

    pub fn convolution(
        builder: &mut Builder<'_, B>,
        name: &str,
        kernel: Shape,
        window: Window,
    ) -> Result<Self> {
        let (weight, bias) = drawn(builder, name, kernel)?;
        Ok(Synapses {
            map: Map::Convolution(GainConvolution::new(weight, window)?),
            bias,
        })
    }

    pub fn weight_mut(&mut self) -> &mut Parameter<B> {
        match &mut self.map {
            Map::Linear(linear) => &mut linear.weight,
            Map::Convolution(convolution) => &mut convolution.weight,
        }
    }

    /// Weights and biases.
    pub fn parameters(&mut self) -> [&mut Parameter<B>; 2] {
        let weight = match &mut self.map {
            Map::Linear(linear) => &mut linear.weight,
            Map::Convolution(convolution) => &mut convolution.weight,
        };
        [weight, &mut self.bias.shift]
    }

    pub fn forward(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        match &self.map {
            Map::Linear(linear) => linear.forward(backend, x, y)?,
            Map::Convolution(convolution) => convolution.forward(backend, x, y)?,
        }
        self.bias.forward(backend, y)
    }

    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: Option<&mut Tensor<B>>,
    ) -> Result<()> {
        self.bias.backward(backend, dy)?;
        match &mut self.map {
            Map::Linear(linear) => linear.backward(backend, x, dy, dx),
            Map::Convolution(convolution) => {
                let dx = dx.map(|dx| (Update::Overwrite, dx));
                convolution.backward(backend, x, dy, dx)
            }
        }
    }

    pub fn to_input(
        &self,
        backend: &B,
        x: Shape,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        match &self.map {
            Map::Linear(linear) => linear.to_input(backend, x, dy, dx),
            Map::Convolution(convolution) => {
                convolution.to_input(backend, x, dy, (Update::Overwrite, dx))
            }
        }
    }

    /// A copy named `NAME.slow`, without room for a gradient.
    fn slow(&self, backend: &B) -> Result<Self> {
        let mut slow = self.clone();
        for parameter in slow.parameters() {
            parameter.name.push_str(".slow");
            parameter.gradient = empty(backend)?;
        }
        Ok(slow)
    }
}

/// Weights of this shape, and biases.
fn drawn<B: Backend>(
    builder: &mut Builder<'_, B>,
    name: &str,
    shape: Shape,
) -> Result<(Parameter<B>, Bias<B>)> {
    let (initial, inputs) = (Init::KaimingUniform, shape.columns());
    let weight = builder.parameter(name.into(), Role::Weight, shape, initial, inputs)?;
    let (name, vector) = (format!("{name}.bias"), Shape::vector(shape.rows()));
    let bias = builder.parameter(name, Role::Shift, vector, initial, inputs)?;
    Ok((weight, Bias::new(bias)))
}

/// A layer: its fast weights θ, b and slow weights φ, b_φ.
#[derive(Debug, Clone)]
pub(super) struct Layer<B: Backend> {
    pub name: String,
    pub fast: Synapses<B>,
    pub slow: Synapses<B>,
    pub pool: Option<SpatialPool>,
    /// How the activity is modulated; `None` for the output layer.
    pub activity: Option<ModulatedActivity>,
    /// The number of its first neuron among those of all layers.
    pub first: usize,
}

impl<B: Backend> Layer<B> {
    /// The slow weights start equal to the fast ones.
    pub fn new(
        backend: &B,
        name: String,
        fast: Synapses<B>,
        pool: Option<SpatialPool>,
        activity: Option<ModulatedActivity>,
        first: usize,
    ) -> Result<Self> {
        Ok(Layer {
            name,
            slow: fast.slow(backend)?,
            fast,
            pool,
            activity,
            first,
        })
    }

    pub fn neurons(&self) -> usize {
        self.fast.bias.shift.value.shape().rows()
    }
}

/// The activations of a layer. `output` is what the next layer reads: the pooled h, h, or z of the output layer.
/// z and h have their own buffers unless they are the output.
#[derive(Debug, Clone)]
pub(super) struct Buffers<B: Backend> {
    pub u: Tensor<B>,
    pub v: Tensor<B>,
    inner: Tensor<B>,
    pub h: Tensor<B>,
    pub output: Tensor<B>,
    holds: Holds,
}

/// What the output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Logits,
    Activity,
    Pooled,
}

impl<B: Backend> Buffers<B> {
    pub fn new(backend: &B, layer: &Layer<B>) -> Result<Self> {
        let holds = match (layer.activity, layer.pool) {
            (None, _) => Holds::Logits,
            (Some(_), None) => Holds::Activity,
            (Some(_), Some(_)) => Holds::Pooled,
        };
        Ok(Buffers {
            u: empty(backend)?,
            v: empty(backend)?,
            inner: empty(backend)?,
            h: empty(backend)?,
            output: empty(backend)?,
            holds,
        })
    }

    pub fn z(&self) -> &Tensor<B> {
        match self.holds {
            Holds::Logits => &self.output,
            Holds::Activity | Holds::Pooled => &self.inner,
        }
    }

    /// h, or z of the output layer.
    pub fn activity(&self) -> &Tensor<B> {
        match self.holds {
            Holds::Logits | Holds::Activity => &self.output,
            Holds::Pooled => &self.h,
        }
    }

    /// Computes z, h and the output from u and v.
    pub fn modulate(
        &mut self,
        backend: &B,
        dims: Modulation,
        signals: &Tensor<B>,
        pool: Option<SpatialPool>,
    ) -> Result<()> {
        let shape = self.u.shape();
        let (z, h) = match self.holds {
            Holds::Logits => (&mut self.output, None),
            Holds::Activity => (&mut self.inner, Some(&mut self.output)),
            Holds::Pooled => (&mut self.inner, Some(&mut self.h)),
        };
        z.reshape(backend, shape)?;
        let h = match h {
            Some(h) => {
                h.reshape(backend, shape)?;
                Some(h.floats_mut())
            }
            None => None,
        };
        let (signals, u, v) = (signals.floats(), self.u.floats(), self.v.floats());
        backend.modulation(dims, signals, u, v, z.floats_mut(), h)?;
        match pool {
            Some(pool) => pool.forward(backend, &self.h, &mut self.output),
            None => Ok(()),
        }
    }
}
