//! A weight tensor, its gradient, and the gains of its neurons.

use alloc::string::String;
use alloc::vec;

use rand_distr::{Distribution, StandardNormal};

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Stream};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What an optimiser updates: W, dL/dW, and the gains g of W's output neurons, if they have any.
#[derive(Debug, Clone)]
pub struct Parameter<B: Backend = Cpu> {
    /// The layer's name in records.
    pub name: String,
    /// W; its first dimension counts the output neurons.
    pub value: Tensor<B>,
    /// dL/dW, of the shape of W.
    pub gradient: Tensor<B>,
    /// One gain an output neuron, or `None` where the layer is not gain-modulated.
    pub gain: Option<Tensor<B>>,
}

impl<B: Backend> Parameter<B> {
    /// Weights drawn from N(0, `standard_deviation`²), without gains.
    ///
    /// The draws are standard normal in f64, times the deviation, rounded to f32, from the stream
    /// (seed, [`Purpose::Weights`], `index`), where `index` numbers the network's parameters.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room.
    pub fn normal(
        backend: &B,
        name: impl Into<String>,
        shape: Shape,
        standard_deviation: f32,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let mut parameter = Parameter {
            name: name.into(),
            value: Tensor::zeros(backend, shape)?,
            gradient: Tensor::zeros(backend, shape)?,
            gain: None,
        };
        let mut stream = Stream::new(seed, Purpose::Weights, index);
        let mut weights = vec![0.0; backend.length(parameter.value.floats())];
        for weight in &mut weights {
            let normal: f64 = StandardNormal.sample(&mut stream);
            *weight = (normal * f64::from(standard_deviation)) as f32;
        }
        backend.upload(&weights, parameter.value.floats_mut())?;
        Ok(parameter)
    }

    /// The same with gain modulation: every output neuron's gain is `gain`.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room, [`Error::Setting`] if `gain` is not finite.
    pub fn with_gain(mut self, backend: &B, gain: f32) -> Result<Self> {
        if !gain.is_finite() {
            return Err(Error::setting("gain", gain, "a finite number"));
        }
        let neurons = Shape::vector(self.value.shape().rows());
        let gains = vec![gain; neurons.rows()];
        self.gain = Some(Tensor::from_rows(backend, neurons, &gains)?);
        Ok(self)
    }

    /// The mean gain over the neurons, in f64; 1 where there are no gains.
    ///
    /// # Errors
    /// What the backend's download fails with.
    pub fn mean_gain(&self, backend: &B) -> Result<f64> {
        let Some(gain) = &self.gain else {
            return Ok(1.0);
        };
        let gains = gain.to_rows(backend)?;
        let sum: f64 = gains.iter().map(|&g| f64::from(g)).sum();
        Ok(sum / gains.len() as f64)
    }

    /// Mean |w|.
    ///
    /// # Errors
    /// What the backend's sum fails with.
    pub fn mean_absolute_weight(&self, backend: &B) -> Result<f64> {
        let sum = backend.absolute_sum(self.value.floats())?;
        Ok(f64::from(sum) / backend.length(self.value.floats()) as f64)
    }
}
