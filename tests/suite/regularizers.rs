//! Each regularizer adds the term of its paper's equation, checked against f64; also schedules and weight decay.

use neurogain::learn::{
    Batch, Draw, Ewc, EwcFisher, EwcMemory, GradientDescent, L2, L2Init, Learner, OptimizerConfig,
    Regularizer, RegularizerConfig, Schedule, ShrinkAndPerturb,
};
use neurogain::models::{Mlp, MlpConfig};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::{Cpu, Error, Memory, Shape, Tensor};
use rand_distr::{Distribution as _, StandardNormal};

use crate::reference::{self, DeviceDataset};

/// Half a unit in the last place of an f32 of 1.
const U: f64 = 1.0 / 16_777_216.0;

fn mlp(backend: &Cpu) -> Mlp {
    let shape = MlpConfig {
        neurons: vec![5, 7, 3],
        hidden_standard_deviation: 0.5,
        output_standard_deviation: 0.5,
    };
    Mlp::new(backend, &shape, 4).unwrap()
}

fn batch(backend: &Cpu, samples: usize) -> Batch {
    let inputs: Vec<f32> = (0..samples * 5)
        .map(|i| ((i * 37) % 23) as f32 / 11.0 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..samples).map(|i| (i % 3) as u8).collect();
    Batch {
        inputs: Tensor::from_rows(backend, Shape::features(samples, 5), &inputs).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}

/// Some steps of gradient descent, after which gradients are not 0 and weights not the initial ones.
fn train(backend: &Cpu, network: &mut Mlp, steps: usize) {
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.2);
    let mut learner = GradientDescent::new(backend, network, sgd, None).unwrap();
    let mut log = LossLog::new();
    for _ in 0..steps {
        learner
            .step(backend, &batch(backend, 20), &mut log)
            .unwrap();
    }
}

fn wide(backend: &Cpu, tensor: &Tensor) -> Vec<f64> {
    let rows = tensor.to_rows(backend).unwrap();
    rows.into_iter().map(f64::from).collect()
}

fn weights(backend: &Cpu, network: &mut Mlp) -> Vec<Vec<f64>> {
    network
        .parameters()
        .map(|p| wide(backend, &p.value))
        .collect()
}

fn gradients(backend: &Cpu, network: &mut Mlp) -> Vec<Vec<f64>> {
    network
        .parameters()
        .map(|p| wide(backend, &p.gradient))
        .collect()
}

/// Fails unless the regularizer adds `term(parameter, place, w)` to every gradient, up to `roundings` of the sum
/// `size` of the absolute values of the terms.
fn check_terms(
    backend: &Cpu,
    network: &mut Mlp,
    regularizer: &mut dyn Regularizer,
    term: impl Fn(usize, usize, f64) -> (f64, f64),
) {
    let before = gradients(backend, network);
    let weights = weights(backend, network);
    regularizer.add_gradient(backend, network).unwrap();
    let after = gradients(backend, network);
    let mut moved = 0.0f64;
    for (number, of_parameter) in after.iter().enumerate() {
        for (place, found) in of_parameter.iter().enumerate() {
            let dw = before[number][place];
            let (term, size) = term(number, place, weights[number][place]);
            let bound = 4.0 * U * (dw.abs() + size) + 1e-40;
            let error = (found - (dw + term)).abs();
            assert!(
                error <= bound,
                "{number}, {place}: {found}, not {}",
                dw + term
            );
            moved = moved.max(term.abs());
        }
    }
    assert!(moved > 1e-3, "the term is seen: {moved}");
}

#[test]
fn l2_adds_lambda_w() {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    train(&backend, &mut network, 3);
    let lambda = 0.03f32;
    let mut l2 = L2::new(lambda).unwrap();
    check_terms(&backend, &mut network, &mut l2, |_, _, w| {
        let term = f64::from(lambda) * w;
        (term, term.abs())
    });
    for wrong in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(L2::new(wrong), Err(Error::Setting { .. })));
    }
}

/// The penalty is part of the gradient, so momentum and Adam include it; weight decay is not.
#[test]
fn weight_decay_is_decoupled() {
    let backend = Cpu::new().unwrap();
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let (rate, decay) = (0.05f32, 0.3f32);
    let step = |weight_decay: f32| {
        let optimizer = OptimizerConfig {
            weight_decay,
            ..OptimizerConfig::new(adam, rate)
        };
        let mut learner = GradientDescent::new(&backend, mlp(&backend), optimizer, None).unwrap();
        let mut log = LossLog::new();
        learner
            .step(&backend, &batch(&backend, 20), &mut log)
            .unwrap();
        weights(&backend, &mut learner.network)
    };
    let start = weights(&backend, &mut mlp(&backend));
    let kept = 1.0 - f64::from(rate) * f64::from(decay);
    let (plain, decayed) = (step(0.0), step(decay));
    for number in 0..start.len() {
        for (place, w) in start[number].iter().enumerate() {
            // Adam's step does not depend on w itself.
            let expected = plain[number][place] - w + kept * w;
            let error = (decayed[number][place] - expected).abs();
            assert!(error <= 8.0 * U * (w.abs() + f64::from(rate)), "{error}");
        }
    }
}

#[test]
fn schedules_follow_their_formulas() {
    let (rate, iterations) = (0.3f32, 40);
    let of = |schedule: Schedule, t| f64::from(schedule.rate(rate, t, iterations));
    for t in 0..iterations {
        let progress = t as f64 / iterations as f64;
        let end = 0.125f32;
        let alpha = f64::from(rate);
        let cosine = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
        for (schedule, share) in [
            (Schedule::Constant, 1.0),
            (Schedule::Linear { end }, 1.0 - 0.875 * progress),
            (Schedule::Cosine { end }, 0.125 + 0.875 * cosine),
            (
                Schedule::Step {
                    every: 7,
                    factor: 0.5,
                },
                0.5f64.powi(t as i32 / 7),
            ),
        ] {
            let (found, expected) = (of(schedule, t), alpha * share);
            assert!(
                (found - expected).abs() <= 2.0 * U * expected,
                "{schedule:?} {t}"
            );
        }
    }
    for wrong in [
        Schedule::Linear { end: 1.5 },
        Schedule::Cosine { end: f32::NAN },
        Schedule::Step {
            every: 0,
            factor: 0.5,
        },
        Schedule::Step {
            every: 1,
            factor: 0.0,
        },
    ] {
        assert!(matches!(wrong.validate(), Err(Error::Setting { .. })));
    }
}

/// A schedule restarts at each context, and its length is that context's: α·(1 − t/T) for T = 4, then for T = 2.
#[test]
fn a_schedule_has_the_length_of_its_context() {
    let backend = Cpu::new().unwrap();
    let optimizer = OptimizerConfig {
        schedule: Schedule::Linear { end: 0.0 },
        ..OptimizerConfig::new(Optimizer::Sgd, 0.1)
    };
    let mut learner = GradientDescent::new(&backend, mlp(&backend), optimizer, None).unwrap();
    let mut log = LossLog::new();
    let mut rates = Vec::new();
    for (context, iterations) in [(1, 4), (2, 2)] {
        learner
            .begin_context(&backend, context, iterations)
            .unwrap();
        for _ in 0..iterations {
            let before = weights(&backend, &mut learner.network);
            learner
                .step(&backend, &batch(&backend, 20), &mut log)
                .unwrap();
            let after = weights(&backend, &mut learner.network);
            let gradient = gradients(&backend, &mut learner.network);
            let steepest = (0..gradient[0].len())
                .max_by(|&a, &b| gradient[0][a].abs().total_cmp(&gradient[0][b].abs()))
                .unwrap();
            rates.push((before[0][steepest] - after[0][steepest]) / gradient[0][steepest]);
        }
    }
    let expected = [0.1, 0.075, 0.05, 0.025, 0.1, 0.05];
    for (found, expected) in rates.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{rates:?}");
    }
}

/// Equal streams are equal runs, however their iterations are given.
#[cfg(feature = "report")]
#[test]
fn a_schedule_does_not_depend_on_how_iterations_are_given() {
    use neurogain::systems::stability_gap::{Experiment, Settings};
    use std::sync::atomic::AtomicBool;

    let hash = |iterations: &[&str]| {
        let settings = Settings::preset("split-digits").unwrap();
        let settings = settings.with_methods(&["sgd"]).unwrap();
        let settings = settings.with_seeds(&[1]).unwrap();
        let short = [
            "stream.contexts=[[0, 1], [0, 1, 2, 3]]",
            "methods.sgd.schedule={kind=\"cosine\",end=0.0}",
        ];
        let settings = settings
            .with_overrides(&[&short, iterations].concat())
            .unwrap();
        let data = neurogain::data::digits::load();
        let backend = Cpu::new().unwrap();
        let experiment = Experiment::new(&settings, &data, &backend).unwrap();
        let stop = AtomicBool::new(false);
        experiment.run(1, &stop).unwrap().hash().unwrap()
    };
    let each = hash(&["stream.iterations=6"]);
    assert_eq!(
        hash(&[
            "stream.iterations=0",
            "stream.iterations_per_context=[6, 6]"
        ]),
        each
    );
    // A value that iterations_per_context replaces changes nothing.
    assert_eq!(
        hash(&[
            "stream.iterations=60",
            "stream.iterations_per_context=[6, 6]"
        ]),
        each
    );
}

#[test]
fn l2_init_pulls_towards_the_initial_weights() {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    let lambda = 0.7f32;
    let mut l2_init = L2Init::new(lambda, &mut network).unwrap();
    let initial = weights(&backend, &mut network);
    train(&backend, &mut network, 5);
    check_terms(&backend, &mut network, &mut l2_init, |number, place, w| {
        let (w0, twice) = (initial[number][place], 2.0 * f64::from(lambda));
        (twice * (w - w0), twice * (w.abs() + w0.abs()))
    });
}

/// w ← λ·w + ε at every switch, but not at the start of the first context; ε is drawn parameter by parameter.
#[test]
fn shrink_and_perturb_acts_at_switches() {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    let (shrink, deviation) = (0.75f32, 0.25f32);
    let mut regularizer = ShrinkAndPerturb::new(shrink, deviation, 9).unwrap();
    let regularizer: &mut dyn Regularizer = &mut regularizer;
    let before = weights(&backend, &mut network);
    regularizer
        .begin_context(&backend, 1, &mut network)
        .unwrap();
    assert_eq!(weights(&backend, &mut network), before);
    regularizer
        .begin_context(&backend, 3, &mut network)
        .unwrap();
    let mut stream = RandomStream::new(9, Purpose::Perturbation, 3);
    for (found, before) in weights(&backend, &mut network).iter().zip(&before) {
        for (found, w) in found.iter().zip(before) {
            let normal: f64 = StandardNormal.sample(&mut stream);
            let (kept, noise) = (f64::from(shrink) * w, f64::from(deviation) * normal);
            let error = (found - (kept + noise)).abs();
            assert!(error <= 3.0 * U * (kept.abs() + noise.abs()), "{error}");
        }
    }
}

/// A context of 20 samples; remembers which were drawn.
struct Context<'a> {
    backend: &'a Cpu,
    rows: Vec<f32>,
    first: usize,
    used: Vec<usize>,
    drawn: usize,
}

impl Context<'_> {
    fn fill(&mut self, at: usize, batch: &mut Batch) -> neurogain::Result<()> {
        self.used.push(at);
        let shape = Shape::features(1, 5);
        batch.inputs = Tensor::from_rows(self.backend, shape, &self.rows[at * 5..][..5])?;
        batch.labels = self.backend.bytes(&[(at % 3) as u8])?;
        Ok(())
    }
}

impl Draw for Context<'_> {
    fn count(&self) -> usize {
        20
    }

    fn draw(&mut self, count: usize, batch: &mut Batch) -> neurogain::Result<()> {
        assert_eq!(count, 1);
        self.drawn += 1;
        let at = (self.used.len() * 3 + self.first) % 20;
        self.fill(at, batch)
    }

    fn get(&mut self, place: usize, batch: &mut Batch) -> neurogain::Result<()> {
        self.fill(place, batch)
    }
}

/// F_k is the mean of squared gradients of single samples, w* the weights at the end of the context; both are the
/// reference's, in f64. F of several contexts is F ← γ·F + F_k, with the newest w*; γ is 1 for the sum and 0 for the
/// last context. If more samples are asked for than the context has, each is used once.
#[test]
fn ewc_adds_fisher_times_the_distance() {
    let online = EwcMemory::Online { decay: 0.25 };
    for (samples, memory, decay) in [
        (6, EwcMemory::Sum, 1.0),
        (6, EwcMemory::LastContext, 0.0),
        (19, online, 0.25),
        (20, online, 0.25),
        (1000, EwcMemory::Sum, 1.0),
    ] {
        ewc(samples, memory, decay);
    }
}

fn ewc(samples: usize, memory: EwcMemory, decay: f64) {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    let lambda = 2.0f32;
    let empirical = EwcFisher::Empirical { samples };
    let mut ewc = Ewc::new(&backend, lambda, empirical, memory, &mut network).unwrap();
    let mut fisher: Vec<Vec<f64>> = weights(&backend, &mut network);
    fisher.iter_mut().flatten().for_each(|f| *f = 0.0);
    for first in 0..3 {
        train(&backend, &mut network, 4);
        let mut context = Context {
            backend: &backend,
            rows: batch(&backend, 20).inputs.to_rows(&backend).unwrap(),
            first,
            used: Vec::new(),
            drawn: 0,
        };
        let before = weights(&backend, &mut network);
        ewc.end_context(&backend, &mut network, &mut context)
            .unwrap();
        let Context {
            used, drawn, rows, ..
        } = context;
        assert_eq!(used.len(), samples.min(20));
        match samples >= 20 {
            true => assert_eq!(used, (0..20).collect::<Vec<_>>()),
            false => assert_eq!(drawn, samples),
        }
        assert_eq!(
            weights(&backend, &mut network),
            before,
            "the network is as it was"
        );
        fisher.iter_mut().flatten().for_each(|f| *f *= decay);
        for &at in &used {
            let sample = DeviceDataset {
                inputs: vec![rows[at * 5..][..5].iter().map(|&x| f64::from(x)).collect()],
                labels: vec![(at % 3) as u8],
            };
            let pass = exact(&backend, &mut network).pass(&sample);
            for (fisher, gradient) in fisher.iter_mut().zip(&pass.gradients) {
                let gradient = gradient.iter().flatten();
                for (fisher, dw) in fisher.iter_mut().zip(gradient) {
                    *fisher += dw.value * dw.value / used.len() as f64;
                }
            }
        }
    }
    let anchor = weights(&backend, &mut network);
    train(&backend, &mut network, 3);
    let lambda = f64::from(lambda);
    // The library's gradients are rounded: by a few hundred units in the last place in total.
    check_terms(&backend, &mut network, &mut ewc, |number, place, w| {
        let (f, anchor) = (fisher[number][place], anchor[number][place]);
        (
            lambda * f * (w - anchor),
            200.0 * lambda * f * (w.abs() + anchor.abs()),
        )
    });
}

/// With F_k = 1, F after three contexts is 3 for the sum and 1 for the last context; no sample is drawn.
#[test]
fn ewc_with_ones_holds_every_weight_equally() {
    let backend = Cpu::new().unwrap();
    for (memory, expected) in [(EwcMemory::Sum, 3.0), (EwcMemory::LastContext, 1.0)] {
        let mut network = mlp(&backend);
        let mut ewc = Ewc::new(&backend, 0.5, EwcFisher::Ones, memory, &mut network).unwrap();
        for _ in 0..3 {
            train(&backend, &mut network, 2);
            let mut context = Context {
                backend: &backend,
                rows: batch(&backend, 20).inputs.to_rows(&backend).unwrap(),
                first: 0,
                used: Vec::new(),
                drawn: 0,
            };
            ewc.end_context(&backend, &mut network, &mut context)
                .unwrap();
            assert_eq!((context.used.len(), context.drawn), (0, 0));
        }
        let anchor = weights(&backend, &mut network);
        train(&backend, &mut network, 3);
        check_terms(&backend, &mut network, &mut ewc, |number, place, w| {
            let anchor = anchor[number][place];
            (
                0.5 * expected * (w - anchor),
                4.0 * expected * (w.abs() + anchor.abs()),
            )
        });
    }
}

#[test]
fn ewc_refuses_constants_outside_their_range() {
    let backend = Cpu::new().unwrap();
    for (strength, samples, memory) in [
        (-1.0, 1, None),
        (1.0, 0, None),
        (1.0, 1, Some(EwcMemory::Online { decay: 1.5 })),
        (1.0, 1, Some(EwcMemory::Online { decay: f32::NAN })),
    ] {
        let config = RegularizerConfig::Ewc {
            strength,
            fisher: Some(EwcFisher::Empirical { samples }),
            memory,
        };
        let mut network = mlp(&backend);
        let refused = |found: neurogain::Result<()>| matches!(found, Err(Error::Setting { .. }));
        assert!(refused(config.validate()), "{config:?}");
        assert!(refused(config.build(&backend, &mut network, 1).map(drop)));
    }
}

/// A gradient above the limit is scaled to it, over all parameters and with the regularizers' terms; one below is not
/// changed.
#[test]
fn the_norm_of_the_gradient_is_clipped() {
    let backend = Cpu::new().unwrap();
    let step = |clip: f32| {
        let optimizer = OptimizerConfig {
            clip,
            ..OptimizerConfig::new(Optimizer::Sgd, 1.0)
        };
        let mut learner = GradientDescent::new(&backend, mlp(&backend), optimizer, None).unwrap();
        learner = learner.with_regularizer(Box::new(L2::new(0.5).unwrap()));
        let before = weights(&backend, &mut learner.network);
        let mut log = LossLog::new();
        learner
            .step(&backend, &batch(&backend, 20), &mut log)
            .unwrap();
        let after = weights(&backend, &mut learner.network);
        let pairs = before
            .into_iter()
            .flatten()
            .zip(after.into_iter().flatten());
        pairs.map(|(w, after)| w - after).collect::<Vec<f64>>()
    };
    let norm = |step: &[f64]| step.iter().map(|dw| dw * dw).sum::<f64>().sqrt();
    let free = step(0.0);
    let length = norm(&free);
    assert!(length > 0.5, "{length}");
    assert_eq!(step(2.0 * length as f32), free);
    let limit = 0.25 * length;
    let clipped = step(limit as f32);
    // A weight near 1 is rounded to 2⁻²⁴.
    for (found, free) in clipped.iter().zip(&free) {
        assert!((found - 0.25 * free).abs() < 4.0 * U, "{found}, {free}");
    }
    assert!((norm(&clipped) / limit - 1.0).abs() < 1e-5);
    for wrong in [-1.0, f32::NAN, f32::INFINITY] {
        let optimizer = OptimizerConfig {
            clip: wrong,
            ..OptimizerConfig::new(Optimizer::Sgd, 1.0)
        };
        let found = GradientDescent::new(&backend, mlp(&backend), optimizer, None);
        assert!(matches!(found, Err(Error::Setting { .. })));
    }
}

/// The same network for the reference.
fn exact(backend: &Cpu, network: &mut Mlp) -> reference::Network {
    let rows = |p: &neurogain::nn::Parameter| -> Vec<Vec<f64>> {
        let numbers = wide(backend, &p.value);
        numbers
            .chunks(p.value.shape().columns())
            .map(<[f64]>::to_vec)
            .collect()
    };
    reference::Network {
        weights: network.parameters().map(|p| rows(p)).collect(),
        gains: network
            .parameters()
            .map(|p| vec![1.0; p.value.shape().rows()])
            .collect(),
    }
}
