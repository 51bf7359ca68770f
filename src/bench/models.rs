//! Whole steps of the models.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::{Amount, Subject};
use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::models::{Mlp, MlpShape, Network};
use crate::nn::SoftmaxCrossEntropy;
use crate::optim::{Rule, State};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The paper's MNIST network.
const NEURONS: [usize; 4] = [784, 400, 400, 10];

/// Training steps (forward, loss, backward, SGD) and evaluations (forward, loss) of the models.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if there is no room for the operands.
pub fn models(cpu: &Cpu) -> Result<Vec<Subject<'_>>> {
    Ok(alloc::vec![
        mlp_step(cpu, 128)?,
        mlp_step(cpu, 16)?,
        mlp_evaluation(cpu, 2115)?,
    ])
}

struct Operands {
    network: Mlp,
    loss: SoftmaxCrossEntropy,
    x: Tensor,
    labels: Vec<u8>,
}

fn operands(cpu: &Cpu, samples: usize) -> Result<Operands> {
    let shape = MlpShape {
        neurons: NEURONS.to_vec(),
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.05,
    };
    let features = NEURONS[0];
    let rows: Vec<f32> = (0..samples * features)
        .map(|i| ((i % 1013) as f32 - 506.0) / 512.0)
        .collect();
    Ok(Operands {
        network: Mlp::new(cpu, &shape, 1)?,
        loss: SoftmaxCrossEntropy::new(cpu)?,
        x: Tensor::from_rows(cpu, Shape::features(samples, features), &rows)?,
        labels: cpu.bytes(&(0..samples).map(|i| (i % 10) as u8).collect::<Vec<_>>())?,
    })
}

/// Multiply-adds of the three layers' forward products for one sample.
fn products() -> usize {
    NEURONS.windows(2).map(|sizes| sizes[0] * sizes[1]).sum()
}

fn mlp_step(cpu: &Cpu, samples: usize) -> Result<Subject<'_>> {
    let mut operands = operands(cpu, samples)?;
    let mut gradient = Tensor::zeros(cpu, Shape::features(samples, NEURONS[3]))?;
    let mut states: Vec<State> = (1..NEURONS.len()).map(|_| State::default()).collect();
    // The first layer has no product to its input.
    let multiply_adds = samples * (3 * products() - NEURONS[0] * NEURONS[1]);
    let mut step = move || -> Result<()> {
        let Operands {
            network,
            loss,
            x,
            labels,
        } = &mut operands;
        let logits = network.forward(cpu, x)?;
        loss.forward(cpu, logits, labels, &mut gradient)?;
        network.backward(cpu, x, &gradient)?;
        for (parameter, state) in network.parameters().zip(&mut states) {
            Rule::Sgd.update(cpu, 1e-4, parameter, state)?;
        }
        Ok(())
    };
    Ok(Subject {
        name: format!("training step of the MLP, batch {samples}"),
        amount: Amount::Operations(2.0 * multiply_adds as f64),
        call: Box::new(move || super::done(step())),
    })
}

fn mlp_evaluation(cpu: &Cpu, samples: usize) -> Result<Subject<'_>> {
    let mut operands = operands(cpu, samples)?;
    let mut evaluate = move || -> Result<()> {
        let Operands {
            network,
            loss,
            x,
            labels,
        } = &mut operands;
        let logits = network.infer(cpu, x)?;
        loss.infer(cpu, logits, labels)?;
        Ok(())
    };
    Ok(Subject {
        name: format!("evaluation of {samples} images by the MLP"),
        amount: Amount::Operations(2.0 * (samples * products()) as f64),
        call: Box::new(move || super::done(evaluate())),
    })
}
