//! A custom stream and a custom network: a linear classifier learns reversed labels.
//!
//! A stream is a list of contexts. A context says which samples to draw from, how their pixels and labels are mapped,
//! and for how many iterations. Here the second context has the same digits with reversed labels, 9 for 0, 8 for 1 and
//! so on, so that the predictions learnt before are wrong.

use std::sync::Arc;

use neurogain::data::{Dataset, digits};
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    DeviceDataset, EvalSets, Evaluations, GradientDescent, History, OptimizerConfig, PixelScaling,
    RandomCropFlip, Sampling, Trainer,
};
use neurogain::models::Network;
use neurogain::nn::{GainLinear, Init, Parameter};
use neurogain::optim::Optimizer;
use neurogain::state::{State, Visitor};
use neurogain::stream::{Context, LabelMap, Part, View};
use neurogain::{Cpu, Result, Shape, Tensor};

/// A linear classifier with one gain per output.
struct Linear {
    layer: GainLinear,
    training: Tensor,
    inference: Tensor,
}

impl Linear {
    fn new(cpu: &Cpu, inputs: usize, outputs: usize, seed: u64) -> Result<Self> {
        let initial = Init::Normal {
            standard_deviation: 0.05,
        };
        let matrix = Shape::matrix(outputs, inputs);
        let weight = Parameter::new(cpu, "output", matrix, initial, seed, 0)?;
        Ok(Linear {
            layer: GainLinear::new(weight.with_gain(cpu, 1.0)?),
            training: Tensor::zeros(cpu, Shape::features(0, 1))?,
            inference: Tensor::zeros(cpu, Shape::features(0, 1))?,
        })
    }
}

impl Network for Linear {
    fn forward(&mut self, cpu: &Cpu, x: &Tensor) -> Result<&Tensor> {
        self.layer.forward(cpu, x, &mut self.training)?;
        Ok(&self.training)
    }

    fn infer(&mut self, cpu: &Cpu, x: &Tensor) -> Result<&Tensor> {
        self.layer.forward(cpu, x, &mut self.inference)?;
        Ok(&self.inference)
    }

    fn backward(&mut self, cpu: &Cpu, x: &Tensor, dlogits: &Tensor) -> Result<()> {
        self.layer.backward(cpu, x, dlogits, None)
    }

    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter) -> Result<()>,
    ) -> Result<()> {
        visit(&mut self.layer.weight)
    }

    fn layers(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.layer.weight]
    }
}

impl State for Linear {
    fn visit(&mut self, cpu: &Cpu, visitor: &mut dyn Visitor) -> Result<()> {
        self.layer.weight.visit(cpu, visitor)
    }
}

/// Two contexts with all samples of `dataset`: the first with the original labels, the second with reversed labels.
fn contexts(dataset: &Dataset, iterations: usize) -> [Context; 2] {
    let samples: Arc<[u32]> = (0..dataset.len() as u32).collect();
    let exchanged = LabelMap::Classes((0..10).rev().collect());
    [LabelMap::Identity, exchanged].map(|labels| Context {
        parts: vec![Arc::new(Part {
            samples: samples.clone(),
            view: View {
                labels,
                ..View::default()
            },
        })],
        iterations,
        ..Context::default()
    })
}

/// Test accuracy with the original and with the reversed labels, after each iteration.
fn run(cpu: &Cpu, iterations: usize, dynamics: Option<GainDynamics>) -> Result<Vec<[f64; 2]>> {
    let digits = digits::load();
    let normalisation = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3053],
        standard_deviation: vec![0.3761],
    };
    let training = DeviceDataset::new(cpu, &digits.train, &normalisation)?;
    let test = DeviceDataset::new(cpu, &digits.test, &normalisation)?;
    let tasks = contexts(&digits.test, 0).to_vec();
    let test = EvalSets::new(cpu, test, tasks, RandomCropFlip::default())?;
    let contexts = contexts(&digits.train, iterations);
    let trainer = Trainer {
        backend: cpu,
        training: &training,
        test: &test,
        batch: 64,
        sampling: Sampling::Uniform,
        transform: RandomCropFlip::default(),
        evaluations: Evaluations::default(),
        seed: 42,
    };
    let network = Linear::new(cpu, digits.train.features(), 10, 42)?;
    let (sgd, gain) = (
        OptimizerConfig::new(Optimizer::Sgd, 0.02),
        dynamics.map(Into::into),
    );
    let mut learner = GradientDescent::new(cpu, network, sgd, gain)?;
    let mut history = History::default();
    trainer.run(&mut learner, &contexts, &mut history, |_| true)?;
    let accuracies = history.evaluated().map(|(record, first)| {
        let second = record.later_tasks.first();
        [
            first.accuracy,
            second.map_or(f64::NAN, |test| test.accuracy),
        ]
    });
    Ok(accuracies.collect())
}

fn main() -> Result<()> {
    let cpu = Cpu::new()?;
    let iterations = 100;
    println!("accuracy (%) on the reversed labels, by iterations since the switch");
    println!("{:<10} {:>6} {:>6} {:>6} {:>6}", "method", 1, 10, 30, 100);
    for (name, dynamics) in [
        ("SGD", None),
        ("NGM-SGD", Some(GainDynamics::new(0.9, 1.0, 0.4)?)),
    ] {
        let found = run(&cpu, iterations, dynamics)?;
        let at = |after: usize| 100.0 * found[iterations + after - 1][1];
        println!(
            "{name:<10} {:>6.1} {:>6.1} {:>6.1} {:>6.1}",
            at(1),
            at(10),
            at(30),
            at(100)
        );
    }
    Ok(())
}

#[test]
fn gains_learn_exchanged_labels_faster() -> Result<()> {
    let cpu = Cpu::new()?;
    let plain = run(&cpu, 60, None)?;
    let modulated = run(&cpu, 60, Some(GainDynamics::new(0.9, 1.0, 0.4)?))?;
    assert!(plain[59][0] > 0.7, "it learns: {:?}", plain[59]);
    assert!(
        modulated[119][1] > plain[119][1],
        "{:?}",
        [modulated[119], plain[119]]
    );
    // The new labels contradict the old ones.
    assert!(plain[119][0] < plain[59][0]);
    Ok(())
}
