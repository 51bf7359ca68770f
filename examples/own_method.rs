//! A method of one's own, in ten lines, against the paper's: the gain follows the share of errors
//! instead of the entropy. `cargo run --release --example own_method`

use neurogain::data::digits;
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    Batch, GradientDescent, History, Method, Normalisation, Samples, TestTasks, Trainer, Transform,
};
use neurogain::metrics::stability_gap;
use neurogain::models::{Mlp, MlpShape, Network};
use neurogain::nn::SoftmaxCrossEntropy;
use neurogain::optim::Rule;
use neurogain::stream;
use neurogain::{Backend, Cpu, Result, Shape, Tensor};

/// g ← γ·g + (1 − γ)·g0 + η·E, with E the share of errors in the batch before: bounded, as H is.
struct ErrorDriven {
    dynamics: GainDynamics,
    drive: Tensor,
    descent: GradientDescent,
}

impl Method for ErrorDriven {
    fn step(
        &mut self,
        cpu: &Cpu,
        network: &mut impl Network,
        batch: &Batch,
        loss: &mut SoftmaxCrossEntropy,
    ) -> Result<()> {
        for gain in network.parameters().filter_map(|p| p.gain.as_mut()) {
            self.dynamics.update(cpu, &self.drive, gain)?;
        }
        self.descent.step(cpu, network, batch, loss)?;
        let errors = 1.0 - loss.last(cpu)?.accuracy() as f32;
        cpu.upload(&[errors], self.drive.floats_mut())
    }
}

/// avg-ACC and avg-SG of a method on the digits, in contexts of `iterations`.
fn measure(cpu: &Cpu, method: &mut impl Method, iterations: usize) -> Result<(f64, f64)> {
    let digits = digits::load();
    let normalisation = Normalisation {
        maximum: 16.0,
        mean: vec![0.3053],
        standard_deviation: vec![0.3761],
    };
    let training = Samples::new(cpu, &digits.train, &normalisation)?;
    let first_task = digits.test.of_classes(&[0, 1]);
    let test = Samples::new(cpu, &digits.test, &normalisation)?;
    let test = TestTasks::new(cpu, test, vec![first_task], Transform::default())?;
    let contexts = stream::split(&digits.train, &[vec![0, 1], vec![0, 1, 2, 3]], iterations)?;
    let shape = MlpShape {
        neurons: vec![64, 200, 200, 10],
        hidden_standard_deviation: 0.02,
        output_standard_deviation: 0.05,
    };
    let mut network = Mlp::new(cpu, &shape, 42)?;
    let trainer = Trainer {
        backend: cpu,
        training: &training,
        test: &test,
        batch: 64,
        transform: Transform::default(),
        evaluate_every: 1,
        seed: 42,
    };
    let mut history = History::default();
    trainer.run(&mut network, method, &contexts, &mut history, |_| true)?;
    let accuracy: Vec<f64> = history.evaluated().map(|(_, test)| test.accuracy).collect();
    let context: Vec<usize> = history.records.iter().map(|r| r.context).collect();
    let gap = stability_gap(&accuracy, &context)?;
    Ok((gap.average_accuracy, gap.average_gap))
}

/// Each method's name, avg-ACC and avg-SG.
fn compare(iterations: usize) -> Result<[(&'static str, (f64, f64)); 3]> {
    let cpu = &Cpu::new()?;
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
    let sgd = |dynamics| GradientDescent::new(cpu, Rule::Sgd, 0.01, dynamics);
    let mut own = ErrorDriven {
        dynamics,
        drive: Tensor::zeros(cpu, Shape::vector(1))?,
        descent: sgd(None)?,
    };
    Ok([
        (
            "NGM-SGD",
            measure(cpu, &mut sgd(Some(dynamics))?, iterations)?,
        ),
        ("error-driven", measure(cpu, &mut own, iterations)?),
        ("SGD", measure(cpu, &mut sgd(None)?, iterations)?),
    ])
}

fn main() -> Result<()> {
    println!("method       avg-ACC %  avg-SG");
    for (name, (accuracy, gap)) in compare(200)? {
        println!("{name:<12} {:9.2}  {gap:.4}", 100.0 * accuracy);
    }
    Ok(())
}

#[test]
fn the_three_methods_learn_and_differ() {
    let [ngm, own, sgd] = compare(60).unwrap();
    for (name, (accuracy, gap)) in [ngm, own, sgd] {
        assert!(accuracy > 0.8, "{name}: {accuracy}");
        assert!((0.0..0.5).contains(&gap), "{name}: {gap}");
    }
    assert!(ngm.1 != own.1 && own.1 != sgd.1);
}
