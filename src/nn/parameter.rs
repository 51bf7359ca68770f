//! A weight tensor, its gradient, and the gains of its neurons.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// A trainable parameter W with its gradient dL/dW and the gains g of its output neurons, if it has gains.
#[derive(Debug, Clone)]
pub struct Parameter<B: Backend = Cpu> {
    /// The layer's name in records.
    pub name: String,
    /// Weight, scale or shift.
    pub role: Role,
    /// W; the first dimension is the output neurons.
    pub value: Tensor<B>,
    /// dL/dW, with the shape of W.
    pub gradient: Tensor<B>,
    /// The initialisation.
    pub initial: Init,
    /// One gain per output neuron; `None` if the layer is not gain-modulated.
    pub gain: Option<Tensor<B>>,
}

/// The initialisation of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Drawn from N(0, σ²): standard normal in f64, times σ.
    Normal {
        /// σ.
        standard_deviation: f32,
    },
    /// Drawn uniformly from [−b, b) in f64, b = 1/√(inputs per output): PyTorch's default for
    /// linear layers and convolutions (Kaiming uniform with a = √5, He et al. 2015).
    KaimingUniform,
    /// Drawn uniformly from [−b, b) in f64, b = 1/√(inputs of a neuron): PyTorch's default for biases.
    Bias {
        /// The inputs of each neuron that the biases belong to.
        inputs: usize,
    },
    /// The same value everywhere.
    Constant(f32),
}

impl Init {
    /// Draws the next value from `stream` for an output with this many inputs, rounded to f32.
    pub(crate) fn draw(self, stream: &mut RandomStream, inputs: usize) -> f32 {
        let number = match self {
            Init::Normal { standard_deviation } => {
                let normal: f64 = StandardNormal.sample(stream);
                normal * f64::from(standard_deviation)
            }
            Init::KaimingUniform => uniform(stream, inputs),
            Init::Bias { inputs } => uniform(stream, inputs),
            Init::Constant(number) => f64::from(number),
        };
        number as f32
    }
}

/// Uniform in [−b, b), b = 1/√inputs.
fn uniform(stream: &mut RandomStream, inputs: usize) -> f64 {
    let bound = 1.0 / libm::sqrt(inputs as f64);
    (2.0 * stream.random::<f64>() - 1.0) * bound
}

impl<B: Backend> Parameter<B> {
    /// Weights without gains, with values from `initial` rounded to f32. Draws come from the stream
    /// (`seed`, [`Purpose::Weights`], `index`), where `index` is the parameter's number in the network.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn new(
        backend: &B,
        name: impl Into<String>,
        shape: Shape,
        initial: Init,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let mut stream = RandomStream::new(seed, Purpose::Weights, index);
        Parameter::drawn(backend, name, shape, initial, &mut stream)
    }

    /// The same, with draws from `stream`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn drawn(
        backend: &B,
        name: impl Into<String>,
        shape: Shape,
        initial: Init,
        stream: &mut RandomStream,
    ) -> Result<Self> {
        let mut parameter = Parameter {
            name: name.into(),
            role: Role::Weight,
            value: Tensor::zeros(backend, shape)?,
            gradient: Tensor::zeros(backend, shape)?,
            initial,
            gain: None,
        };
        let mut draw = || initial.draw(stream, shape.columns());
        let length = backend.length(parameter.value.floats());
        let numbers: Vec<f32> = (0..length).map(|_| draw()).collect();
        backend.upload(&numbers, parameter.value.floats_mut())?;
        Ok(parameter)
    }

    /// Adds gain modulation: every output neuron's gain is `gain`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory, [`Error::Setting`] if `gain` is not finite.
    pub fn with_gain(mut self, backend: &B, gain: f32) -> Result<Self> {
        if !gain.is_finite() {
            return Err(Error::setting("gain", gain, "a finite number"));
        }
        let neurons = Shape::vector(self.value.shape().rows());
        let gains = vec![gain; neurons.rows()];
        self.gain = Some(Tensor::from_rows(backend, neurons, &gains)?);
        Ok(self)
    }
}

impl<B: Backend> State<B> for Parameter<B> {
    fn visit(&mut self, _backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        visitor.tensor(self.role, &self.name, &mut self.value)?;
        match &mut self.gain {
            Some(gain) => visitor.tensor(Role::Gain, &format!("{}.gain", self.name), gain),
            None => Ok(()),
        }
    }
}
