//! Training steps and evaluations of whole models.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::images::multiply_adds_of_slim_resnet;
use super::{Benchmark, Work};
use crate::backend::Backend;
use crate::error::Result;
use crate::gain::GainDynamics;
use crate::learn::{Batch, GradientDescent, Learner as _, OptimizerConfig};
use crate::models::{Mlp, MlpConfig, Network, SlimResNet, SlimResNetConfig};
use crate::nn::{BatchStats, LossLog};
use crate::optim::{Optimizer, OptimizerState};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The paper's MNIST network.
const NEURONS: [usize; 4] = [784, 400, 400, 10];

/// Classes of both networks.
const CLASSES: usize = 10;
/// The paper's batch size for CIFAR images.
const IMAGES: usize = 256;

/// Training steps (forward, loss, backward, update) and evaluations (forward, loss) of the models: the
/// MLP with gains in all layers by SGD, the slim ResNet-18 with gains in its head by SGD with momentum; and steps of the
/// MLP of the plasticity benchmarks, by SGD and by NeuMoSync.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if memory is insufficient for the operands.
pub fn models<B: Backend>(backend: &B) -> Result<Vec<Benchmark<'_>>> {
    let products: usize = NEURONS.windows(2).map(|sizes| sizes[0] * sizes[1]).sum();
    // The first layer needs no gradient of its input.
    let mlp_step = 3 * products - NEURONS[0] * NEURONS[1];
    let [resnet_forward, resnet_step] = multiply_adds_of_slim_resnet(CLASSES);
    let momentum = Optimizer::Momentum { momentum: 0.9 };
    let images = Shape::images(IMAGES, 32, 32, 3);
    let samples = |number| Shape::features(number, NEURONS[0]);
    let mut all = vec![
        step(
            backend,
            "the MLP",
            mlp(backend)?,
            Optimizer::Sgd,
            samples(128),
            mlp_step,
        )?,
        step(
            backend,
            "the MLP",
            mlp(backend)?,
            Optimizer::Sgd,
            samples(16),
            mlp_step,
        )?,
        modulated_step(backend, samples(128), mlp_step)?,
        evaluation(backend, "the MLP", mlp(backend)?, samples(2115), products)?,
        step(
            backend,
            "the slim ResNet-18",
            resnet(backend)?,
            momentum,
            images,
            resnet_step,
        )?,
        evaluation(
            backend,
            "the slim ResNet-18",
            resnet(backend)?,
            images,
            resnet_forward,
        )?,
    ];
    all.extend(super::plasticity::plasticity(backend)?);
    Ok(all)
}

fn mlp<B: Backend>(backend: &B) -> Result<Mlp<B>> {
    let shape = MlpConfig {
        neurons: NEURONS.to_vec(),
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.05,
    };
    Mlp::new(backend, &shape, 1)
}

fn resnet<B: Backend>(backend: &B) -> Result<SlimResNet<B>> {
    let shape = SlimResNetConfig {
        side: 32,
        channels: 3,
        classes: CLASSES,
        width: 20,
        head_standard_deviation: 0.05,
        modulated: vec![String::from("head")],
    };
    SlimResNet::new(backend, &shape, 1)
}

/// Inputs of this shape, and a label for each sample.
fn samples<B: Backend>(backend: &B, shape: Shape) -> Result<(Tensor<B>, B::Bytes)> {
    let rows: Vec<f32> = (0..shape.rows() * shape.columns())
        .map(|i| ((i % 1013) as f32 - 506.0) / 512.0)
        .collect();
    let labels: Vec<u8> = (0..shape.rows()).map(|i| (i % CLASSES) as u8).collect();
    Ok((
        Tensor::from_rows(backend, shape, &rows)?,
        backend.bytes(&labels)?,
    ))
}

/// One training step of `network`, which needs `multiply_adds` per sample.
fn step<'a, B: Backend>(
    backend: &'a B,
    name: &str,
    mut network: impl Network<B> + 'a,
    rule: Optimizer,
    shape: Shape,
    multiply_adds: usize,
) -> Result<Benchmark<'a>> {
    let (x, labels) = samples(backend, shape)?;
    let mut loss = LossLog::new();
    let mut gradient = Tensor::zeros(backend, Shape::features(shape.rows(), CLASSES))?;
    let mut states: Vec<OptimizerState<B>> = Vec::new();
    network.for_each_parameter(&mut |_| {
        states.push(OptimizerState::default());
        Ok(())
    })?;
    let mut step = move || -> Result<BatchStats> {
        let logits = network.forward(backend, &x)?;
        loss.forward(backend, logits, &labels, &mut gradient)?;
        network.backward(backend, &x, &gradient)?;
        let mut states = states.iter_mut();
        network.for_each_parameter(&mut |parameter| match states.next() {
            Some(state) => rule.update(backend, 1e-4, parameter, state),
            None => Ok(()),
        })?;
        loss.last(backend)
    };
    Ok(Benchmark {
        name: format!("training step of {name}, batch {}", shape.rows()),
        amount: Work::Operations(2.0 * (shape.rows() * multiply_adds) as f64),
        call: Box::new(move || super::done(step())),
    })
}

/// One step of NGM-SGD: a training step and the update of the gains.
fn modulated_step<B: Backend>(
    backend: &B,
    shape: Shape,
    multiply_adds: usize,
) -> Result<Benchmark<'_>> {
    let (inputs, labels) = samples(backend, shape)?;
    let batch = Batch { inputs, labels };
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 1e-4);
    let mut learner = GradientDescent::new(backend, mlp(backend)?, sgd, Some(dynamics.into()))?;
    let mut loss = LossLog::new();
    let mut step = move || {
        learner.step(backend, &batch, &mut loss)?;
        loss.last(backend)
    };
    Ok(Benchmark {
        name: format!("NGM-SGD step of the MLP, batch {}", shape.rows()),
        amount: Work::Operations(2.0 * (shape.rows() * multiply_adds) as f64),
        call: Box::new(move || super::done(step())),
    })
}

/// One evaluation by `network`, which needs `multiply_adds` per sample.
fn evaluation<'a, B: Backend>(
    backend: &'a B,
    name: &str,
    mut network: impl Network<B> + 'a,
    shape: Shape,
    multiply_adds: usize,
) -> Result<Benchmark<'a>> {
    let (x, labels) = samples(backend, shape)?;
    let mut loss = LossLog::new();
    let mut evaluate = move || -> Result<BatchStats> {
        let logits = network.infer(backend, &x)?;
        loss.infer(backend, logits, &labels)?;
        loss.total(backend)
    };
    Ok(Benchmark {
        name: format!("evaluation of {} images by {name}", shape.rows()),
        amount: Work::Operations(2.0 * (shape.rows() * multiply_adds) as f64),
        call: Box::new(move || super::done(evaluate())),
    })
}
