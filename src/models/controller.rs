//! From a task to how strongly each encoder neuron takes part in the shared modulation.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::nn::{GainLinear, Initial, Parameter, Relu};
use crate::rng::{Purpose, RandomStream};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The standard deviation of z at the start, so that c = z² ≈ 0, yet moves: dc/dz = 2z is 0 at 0.
const START: f32 = 0.1;

/// `c = z²`, one coupling c ≥ 0 for each neuron, where z is what one linear layer, or two with a ReLU between
/// them, make of the task as a one-hot vector.
///
/// Without a hidden layer z is a row of a table `[tasks][neurons]`. Layers have no bias, which the one-hot
/// vector makes up for. That couplings are squares is the parents' of arXiv 2311.15053; the start is our
/// choice: z is drawn from about N(0, 0.1²).
///
/// Backward: `dz = 2·z·dc`, and through the layers.
#[derive(Debug, Clone)]
pub struct Controller<B: Backend = Cpu> {
    layers: Vec<GainLinear<B>>,
    tasks: usize,
    task: Tensor<B>,
    hidden: Tensor<B>,
    z: Tensor<B>,
    gradient: Tensor<B>,
}

impl<B: Backend> Controller<B> {
    /// Weights drawn from (`seed`, [`Purpose::Controller`], layer); `hidden` is the neurons of the hidden layer, 0
    /// for a table.
    ///
    /// # Errors
    /// [`Error::Setting`] for no task or no neuron, [`Error::Memory`] if there is no room.
    pub fn new(
        backend: &B,
        tasks: usize,
        hidden: usize,
        neurons: usize,
        seed: u64,
    ) -> Result<Self> {
        if tasks == 0 || neurons == 0 {
            let found = format!("{tasks} tasks, {neurons} neurons");
            return Err(Error::setting("controller", found, "at least one of each"));
        }
        let layer = |number: u64, outputs, inputs, standard_deviation| {
            let name = format!("controller{}", number + 1);
            let initial = Initial::Normal { standard_deviation };
            let matrix = Shape::matrix(outputs, inputs);
            let mut stream = RandomStream::new(seed, Purpose::Controller, number);
            let weight = Parameter::drawn(backend, name, matrix, initial, &mut stream)?;
            Ok(GainLinear::new(weight))
        };
        let layers = match hidden {
            0 => vec![layer(0, neurons, tasks, START)?],
            // About half of the hidden neurons are active, with a mean square of 1.
            hidden => {
                let deviation = START / libm::sqrtf(hidden.div_ceil(2) as f32);
                vec![
                    layer(0, hidden, tasks, 1.0)?,
                    layer(1, neurons, hidden, deviation)?,
                ]
            }
        };
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(Controller {
            layers,
            tasks,
            task: empty()?,
            hidden: empty()?,
            z: empty()?,
            gradient: empty()?,
        })
    }

    /// The couplings c of task `task`, counted from 0; what `backward` needs is kept.
    ///
    /// # Errors
    /// [`Error::Setting`] for a task that is none.
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
        let z = self.z.to_rows(backend)?;
        Ok(z.iter().map(|z| z * z).collect())
    }

    /// The gradient of every parameter from `dc`, that to the couplings of the last `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is not one for each neuron.
    pub fn backward(&mut self, backend: &B, dc: &[f32]) -> Result<()> {
        let z = self.z.to_rows(backend)?;
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
