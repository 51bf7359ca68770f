//! The continual loop follows Algorithm 1, in the order of the published code.

use neurogain::data::Dataset;
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    Batch, DeviceDataset, EVALUATION_BATCH, EvalSets, Evaluations, GradientDescent, History,
    Learner, OptimizerConfig, PixelScaling, RandomCropFlip, Sampling, TestDraws, Trainer,
};
use neurogain::models::{Mlp, MlpConfig, Network};
use neurogain::nn::{LossLog, Parameter};
use neurogain::optim::Optimizer;
use neurogain::state::{State, Visitor};
use neurogain::stream::{self, Context};
use neurogain::{Cpu, Error, Result, Tensor};

fn bytes() -> PixelScaling {
    PixelScaling {
        maximum: 255.0,
        mean: vec![0.0],
        standard_deviation: vec![1.0],
    }
}

/// 40 samples of 6 features in 4 classes: each class is bright at its own features.
fn dataset() -> Dataset {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for sample in 0..40u32 {
        let class = sample % 4;
        labels.push(class as u8);
        pixels.extend((0..6).map(|f| {
            let bright = if f % 4 == class { 180 } else { 20 };
            (bright + (sample * 7 + f * 13) % 60) as u8
        }));
    }
    Dataset::new(6, 4, pixels, labels).unwrap()
}

fn mlp(backend: &Cpu, seed: u64) -> Mlp {
    let shape = MlpConfig {
        neurons: vec![6, 16, 16, 4],
        hidden_standard_deviation: 0.3,
        output_standard_deviation: 0.3,
    };
    Mlp::new(backend, &shape, seed).unwrap()
}

struct Setting {
    backend: Cpu,
    training: DeviceDataset,
    test: EvalSets,
    contexts: Vec<Context>,
}

fn setting() -> Setting {
    let backend = Cpu::new().unwrap();
    let dataset = dataset();
    let training = DeviceDataset::new(&backend, &dataset, &bytes()).unwrap();
    let tasks = vec![dataset.of_classes(&[0, 1])];
    let test = EvalSets::new(&backend, training.clone(), tasks, RandomCropFlip::default()).unwrap();
    let contexts = stream::split(&dataset, &[vec![0, 1], vec![0, 1, 2, 3]], 30).unwrap();
    Setting {
        backend,
        training,
        test,
        contexts,
    }
}

impl Setting {
    fn train(
        &self,
        network: &mut Mlp,
        rule: Optimizer,
        rate: f32,
        dynamics: Option<GainDynamics>,
        history: &mut History,
        observe: impl FnMut(usize) -> bool,
    ) -> Result<()> {
        let optimizer = OptimizerConfig::new(rule, rate);
        let gain = dynamics.map(Into::into);
        let mut learner = GradientDescent::new(&self.backend, network, optimizer, gain)?;
        let trainer = Trainer {
            backend: &self.backend,
            training: &self.training,
            test: &self.test,
            batch: 20,
            sampling: Sampling::Uniform,
            transform: RandomCropFlip::default(),
            evaluations: Evaluations::default(),
            seed: 5,
        };
        let mut observe = observe;
        trainer.run(&mut learner, &self.contexts, history, |r| {
            observe(r.iteration)
        })
    }
}

/// g_i = γ·g_{i−1} + (1−γ)·g0 + η·H_{i−1}, with H_0 = 0: the gain that an iteration records is the one its
/// forward pass used, updated with the entropy of the previous batch.
#[test]
fn the_gain_follows_the_entropy_of_the_batch_before() {
    let setting = setting();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).unwrap();
    let mut history = History::default();
    let mut network = mlp(&setting.backend, 1);
    setting
        .train(
            &mut network,
            Optimizer::Sgd,
            0.05,
            Some(dynamics),
            &mut history,
            |_| true,
        )
        .unwrap();
    assert_eq!(history.layers, ["hidden1", "hidden2", "output"]);
    assert_eq!(history.records.len(), 60);
    let (mut gain, mut entropy) = (1.0, 0.0);
    for (i, record) in history.records.iter().enumerate() {
        assert_eq!(record.iteration, i + 1);
        assert_eq!(record.context, 1 + i / 30);
        gain = dynamics.step(gain, entropy);
        for found in &record.gain {
            assert!(
                (found - gain).abs() < 1e-5,
                "iteration {}: {found}, {gain}",
                i + 1
            );
        }
        entropy = record.entropy;
        assert!(entropy > 0.0 && entropy <= 4f64.ln() + 1e-6);
    }
    assert!(history.records[29].gain[0] > 1.1, "the gain rose");
}

/// A learner that leaves the losses of this many batches.
struct Leaves(usize, Mlp);

impl State for Leaves {
    fn visit(&mut self, backend: &Cpu, visitor: &mut dyn Visitor) -> Result<()> {
        self.1.visit(backend, visitor)
    }
}

impl Learner for Leaves {
    fn infer(&mut self, backend: &Cpu, x: &Tensor) -> Result<&Tensor> {
        self.1.infer(backend, x)
    }

    fn layers(&mut self) -> Vec<&mut Parameter> {
        self.1.layers()
    }

    fn step(&mut self, backend: &Cpu, batch: &Batch, loss: &mut LossLog) -> Result<()> {
        *loss = LossLog::new();
        for _ in 0..self.0 {
            let logits = self.1.infer(backend, &batch.inputs)?;
            loss.infer(backend, logits, &batch.labels)?;
        }
        Ok(())
    }
}

/// A step leaves exactly the training loss, without anything else that the method has evaluated.
#[test]
fn a_step_leaves_the_loss_of_one_batch() {
    let setting = setting();
    for batches in 0..3 {
        let trainer = Trainer {
            backend: &setting.backend,
            training: &setting.training,
            test: &setting.test,
            batch: 8,
            sampling: Sampling::Uniform,
            transform: RandomCropFlip::default(),
            evaluations: Evaluations::default(),
            seed: 5,
        };
        let network = mlp(&setting.backend, 1);
        let mut history = History::default();
        let run = trainer.run(
            &mut Leaves(batches, network),
            &setting.contexts,
            &mut history,
            |_| true,
        );
        match (batches, run) {
            (1, run) => run.unwrap(),
            (_, run) => {
                let said = run.unwrap_err().to_string();
                assert!(said.contains("Learner::step"), "{said}");
                assert!(history.records.is_empty());
            }
        }
    }
}

/// The recorded test numbers are those of the final network, including its gains.
#[test]
fn evaluation_uses_the_new_weights_and_the_gains_of_the_forward() {
    let setting = setting();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).unwrap();
    let mut history = History::default();
    let mut network = mlp(&setting.backend, 1);
    setting
        .train(
            &mut network,
            Optimizer::Sgd,
            0.05,
            Some(dynamics),
            &mut history,
            |_| true,
        )
        .unwrap();
    let last = history.records.last().unwrap();
    let backend = &setting.backend;
    let mut loss = LossLog::new();
    let test = &setting.test;
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.05);
    let mut learner = GradientDescent::new(backend, &mut network, sgd, None).unwrap();
    let draws = TestDraws {
        seed: 5,
        iteration: 60,
        passes: 1,
    };
    test.evaluate(backend, &mut learner, &mut loss, 0, draws)
        .unwrap();
    let found = loss.total(backend).unwrap();
    assert_eq!(found.samples, 20);
    assert_eq!(found.mean_cross_entropy(), last.test.unwrap().loss);
    assert_eq!(found.accuracy(), last.test.unwrap().accuracy);
    let gains: Vec<f64> = network
        .parameters()
        .map(|p| {
            let gains = p.gain.as_ref().unwrap().to_rows(backend).unwrap();
            gains.iter().map(|&g| f64::from(g)).sum::<f64>() / gains.len() as f64
        })
        .collect();
    assert_eq!(gains, last.gain);
}

/// Every method learns its task.
#[test]
fn every_method_learns() {
    let setting = setting();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.2).unwrap();
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    for (rule, rate, dynamics) in [
        (Optimizer::Sgd, 0.1, Some(dynamics)),
        (Optimizer::Sgd, 0.2, None),
        (Optimizer::Momentum { momentum: 0.9 }, 0.1, None),
        (adam, 0.01, None),
    ] {
        let mut history = History::default();
        let mut network = mlp(&setting.backend, 3);
        setting
            .train(&mut network, rule, rate, dynamics, &mut history, |_| true)
            .unwrap();
        let (first, last) = (&history.records[0], &history.records[59]);
        assert!(
            last.train.loss < 0.5 * first.train.loss,
            "{rule:?}: {}",
            last.train.loss
        );
        assert_eq!(last.test.unwrap().accuracy, 1.0, "{rule:?}");
    }
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let setting = setting();
    let run = |seed| {
        let mut history = History::default();
        let mut network = mlp(&setting.backend, seed);
        setting
            .train(
                &mut network,
                Optimizer::Sgd,
                0.1,
                None,
                &mut history,
                |_| true,
            )
            .unwrap();
        history
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn divergence_ends_the_run_and_keeps_what_was_done() {
    let setting = setting();
    let mut history = History::default();
    let mut network = mlp(&setting.backend, 1);
    let ended = setting.train(
        &mut network,
        Optimizer::Sgd,
        1e30,
        None,
        &mut history,
        |_| true,
    );
    match ended {
        Err(Error::Diverged { iteration, .. }) => assert_eq!(history.records.len(), iteration - 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_observer_ends_the_run() {
    let setting = setting();
    let mut history = History::default();
    let mut network = mlp(&setting.backend, 1);
    let ended = setting.train(&mut network, Optimizer::Sgd, 0.1, None, &mut history, |i| {
        i < 7
    });
    assert_eq!(ended, Err(Error::Interrupted { iteration: 7 }));
    assert_eq!(history.records.len(), 7);
}

#[test]
fn batches_hold_the_samples_of_their_context() {
    let setting = setting();
    let dataset = dataset();
    let mut batch = setting.training.batch(&setting.backend).unwrap();
    let indices = [39, 0, 17, 17];
    setting
        .training
        .gather(&setting.backend, &indices, &mut batch)
        .unwrap();
    let rows = batch.inputs.to_rows(&setting.backend).unwrap();
    for (row, &index) in rows.chunks(6).zip(&indices) {
        let pixels = &dataset.pixels()[index as usize * 6..][..6];
        let expected: Vec<f32> = pixels
            .iter()
            .map(|&p| (f64::from(p) / 255.0) as f32)
            .collect();
        assert_eq!(row, expected);
    }
    let beyond = setting.training.gather(&setting.backend, &[40], &mut batch);
    assert!(matches!(beyond, Err(Error::Shape { .. })), "{beyond:?}");
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let setting = setting();
    let backend = &setting.backend;
    let other = Dataset::new(5, 4, vec![0; 10], vec![0, 1]).unwrap();
    let other = DeviceDataset::new(backend, &other, &bytes()).unwrap();
    let batch = other.batches(backend, &[0, 1], EVALUATION_BATCH).unwrap();
    let found = mlp(backend, 1)
        .forward(backend, &batch[0].inputs)
        .map(|_| ());
    assert!(matches!(found, Err(Error::Shape { .. })), "{found:?}");
    let trainer = Trainer {
        backend,
        training: &setting.training,
        test: &setting.test,
        batch: 0,
        sampling: Sampling::Uniform,
        transform: RandomCropFlip::default(),
        evaluations: Evaluations::default(),
        seed: 0,
    };
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.1);
    let network = mlp(backend, 1);
    let mut learner = GradientDescent::new(backend, network, sgd, None).unwrap();
    let mut history = History::default();
    let contexts = &setting.contexts;
    let ended = trainer.run(&mut learner, contexts, &mut history, |_| true);
    assert!(matches!(ended, Err(Error::Setting { .. })), "{ended:?}");
    for rate in [0.0, -1.0, f32::NAN] {
        assert!(
            GradientDescent::new(
                backend,
                mlp(backend, 1),
                OptimizerConfig::new(Optimizer::Sgd, rate),
                None
            )
            .is_err()
        );
    }
}
