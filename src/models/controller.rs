//! Maps a task to the coupling of each encoder neuron to the shared modulator.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::nn::{GainLinear, Init, Parameter, Relu};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The standard deviation of z at [`CouplingStart::Small`]: c = z² ≈ 0, but not exactly 0, where the gradient
/// dc/dz = 2z vanishes.
const SMALL: f32 = 0.1;

settings! {
    /// The couplings before the first batch.
    pub enum CouplingStart {
        /// c = 1 for every neuron, as in the parent models.
        Ones = "ones",
        /// z from about N(0, 0.1²), so that c = z² is about 0.01. Decoder gains have mean 1 and do not depend on the
        /// size of c: they are far from 1 even where all couplings are small.
        Small = "small",
    }
}

/// `c = z²`, one coupling c ≥ 0 per neuron, where z = z₀ + the output of one linear layer, or of two with a ReLU
/// between them, for the task as a one-hot vector.
///
/// Without a hidden layer, z is a row of a table `[tasks][neurons]`. Layers have no bias; with a one-hot input none is
/// needed. Squared couplings are from the work that arXiv 2311.15053 builds on. [`CouplingStart::Ones`]: z₀ = 1 and
/// the last layer is 0. [`CouplingStart::Small`]: z₀ = 0 and the layer is drawn.
///
/// Backward: `dz = 2·z·dc`, and through the layers.
#[derive(Debug, Clone)]
pub struct Controller<B: Backend = Cpu> {
    layers: Vec<GainLinear<B>>,
    start: CouplingStart,
    tasks: usize,
    task: Tensor<B>,
    hidden: Tensor<B>,
    z: Tensor<B>,
    gradient: Tensor<B>,
}

impl<B: Backend> Controller<B> {
    /// Weights drawn from (`seed`, [`Purpose::Controller`], layer). `hidden` is the number of neurons in the hidden
    /// layer; 0 for a table.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no task or no neuron, [`Error::Memory`] if there is not enough memory.
    pub fn new(
        backend: &B,
        tasks: usize,
        hidden: usize,
        neurons: usize,
        start: CouplingStart,
        seed: u64,
    ) -> Result<Self> {
        if tasks == 0 || neurons == 0 {
            let found = format!("{tasks} tasks, {neurons} neurons");
            return Err(Error::setting("controller", found, "at least one of each"));
        }
        let layer = |number: u64, outputs, inputs, standard_deviation| {
            let name = format!("controller{}", number + 1);
            let initial = Init::Normal { standard_deviation };
            let matrix = Shape::matrix(outputs, inputs);
            let mut stream = RandomStream::new(seed, Purpose::Controller, number);
            let weight = Parameter::drawn(backend, name, matrix, initial, &mut stream)?;
            Ok(GainLinear::new(weight))
        };
        let last = match start {
            CouplingStart::Ones => 0.0,
            CouplingStart::Small => SMALL,
        };
        let layers = match hidden {
            0 => vec![layer(0, neurons, tasks, last)?],
            // About half of the hidden neurons are active, with a mean square of 1.
            hidden => {
                let deviation = last / libm::sqrtf(hidden.div_ceil(2) as f32);
                vec![
                    layer(0, hidden, tasks, 1.0)?,
                    layer(1, neurons, hidden, deviation)?,
                ]
            }
        };
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Controller {
            layers,
            start,
            tasks,
            task: empty()?,
            hidden: empty()?,
            z: empty()?,
            gradient: empty()?,
        })
    }

    /// The couplings c of task `task`, counted from 0; keeps what `backward` needs.
    ///
    /// # Errors
    /// [`Error::Setting`] if the task index is out of range.
    pub fn forward(&mut self, backend: &B, task: usize) -> Result<Vec<f32>> {
        if task >= self.tasks {
            let expected = format!("a number below {}", self.tasks);
            return Err(Error::setting("task", task, expected));
        }
        let mut one_hot = vec![0.0; self.tasks];
        one_hot[task] = 1.0;
        self.task = Tensor::from_rows(backend, Shape::features(1, self.tasks), &one_hot)?;
        match &self.layers[..] {
            [first, second] => {
                first.forward(backend, &self.task, &mut self.hidden)?;
                Relu.forward(backend, &mut self.hidden)?;
                second.forward(backend, &self.hidden, &mut self.z)?;
            }
            layers => layers[0].forward(backend, &self.task, &mut self.z)?,
        }
        Ok(self.z(backend)?.iter().map(|z| z * z).collect())
    }

    /// z of the last `forward`.
    fn z(&self, backend: &B) -> Result<Vec<f32>> {
        let mut z = self.z.to_rows(backend)?;
        if self.start == CouplingStart::Ones {
            z.iter_mut().for_each(|z| *z += 1.0);
        }
        Ok(z)
    }

    /// The gradient of every parameter from `dc`, the gradient of the couplings of the last `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one gradient per neuron.
    pub fn backward(&mut self, backend: &B, dc: &[f32]) -> Result<()> {
        let z = self.z(backend)?;
        let dz: Vec<f32> = z.iter().zip(dc).map(|(z, dc)| 2.0 * z * dc).collect();
        if dc.len() != z.len() {
            return Err(Error::shape("controller backward", z.len(), dc.len()));
        }
        let dz = Tensor::from_rows(backend, self.z.shape(), &dz)?;
        match &mut self.layers[..] {
            [first, second] => {
                let gradient = &mut self.gradient;
                second.backward(backend, &self.hidden, &dz, Some(gradient))?;
                Relu.backward(backend, &self.hidden, gradient)?;
                first.backward(backend, &self.task, gradient, None)
            }
            layers => layers[0].backward(backend, &self.task, &dz, None),
        }
    }

    /// Every parameter.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        self.layers.iter_mut().map(|layer| &mut layer.weight)
    }
}
