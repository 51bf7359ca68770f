//! Gain modulation is a reparameterisation, W_eff = g·W: its consequences hold, in bits where the
//! mathematics is exact in f32, and in f64 elsewhere.

use crate::reference;
use crate::reference::Network;
use crate::reference::library::{Case, cases};
use neurogain::gain::{GainDynamics, reparameterisation as identity};
use neurogain::learn::{Batch, GradientDescent, Learner, OptimizerConfig};
use neurogain::models::{Mlp, Network as _};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::{Cpu, Shape, Tensor};
use proptest::prelude::*;

/// The network with weights g·W, rounded to f32, and gains 1.
fn effective(case: &Case) -> Case {
    let mut case = case.clone();
    let Network { weights, gains } = &mut case.network;
    for (rows, gains) in weights.iter_mut().zip(gains) {
        for (row, gain) in rows.iter_mut().zip(gains) {
            row.iter_mut()
                .for_each(|w| *w = f64::from(*w as f32 * *gain as f32));
            *gain = 1.0;
        }
    }
    case
}

/// The same network with one gain for all neurons per layer.
fn with_gains(case: &Case, gain: impl Fn(usize) -> f64) -> Case {
    let mut case = case.clone();
    for (layer, gains) in case.network.gains.iter_mut().enumerate() {
        gains.fill(gain(layer));
    }
    case
}

fn gradients(mlp: &mut Mlp, batch: &Batch) -> Vec<Vec<f32>> {
    let backend = Cpu::new().unwrap();
    let mut dlogits = Tensor::zeros(&backend, Shape::features(0, 1)).unwrap();
    let mut loss = LossLog::new();
    let logits = mlp.forward(&backend, &batch.inputs).unwrap();
    loss.forward(&backend, logits, &batch.labels, &mut dlogits)
        .unwrap();
    mlp.backward(&backend, &batch.inputs, &dlogits).unwrap();
    let gradient = |p: &mut neurogain::nn::Parameter| p.gradient.to_rows(&backend).unwrap();
    mlp.parameters().map(gradient).collect()
}

fn weights(mlp: &mut Mlp) -> Vec<Vec<f32>> {
    let backend = Cpu::new().unwrap();
    mlp.parameters()
        .map(|p| p.value.to_rows(&backend).unwrap())
        .collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// dL/dW as one vector, for a network whose weights are shifted by `step` along `direction`.
fn reference_gradient(case: &Case, direction: &[f64], step: f64) -> Vec<f64> {
    let mut network = case.network.clone();
    let flat = network.weights.iter_mut().flatten().flatten();
    flat.zip(direction).for_each(|(w, d)| *w += step * d);
    let pass = network.pass(&case.samples);
    pass.gradients
        .iter()
        .flatten()
        .flatten()
        .map(|g| g.value)
        .collect()
}

/// H·v by central differences of the gradient.
fn hessian_times(case: &Case, v: &[f64]) -> Vec<f64> {
    let step = 1e-5;
    let ahead = reference_gradient(case, v, step);
    let behind = reference_gradient(case, v, -step);
    ahead
        .iter()
        .zip(&behind)
        .map(|(a, b)| (a - b) / (2.0 * step))
        .collect()
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The largest |eigenvalue| of the Hessian, by power iteration.
fn top_eigenvalue(case: &Case, size: usize) -> f64 {
    let mut v: Vec<f64> = (0..size).map(|i| 1.0 + (i as f64 * 0.7).sin()).collect();
    let mut eigenvalue = 0.0;
    for _ in 0..300 {
        let length = norm(&v);
        v.iter_mut().for_each(|x| *x /= length);
        v = hessian_times(case, &v);
        eigenvalue = norm(&v);
    }
    eigenvalue
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Forward with gain g and weights W equals forward with gain 1 and weights gW, and the gradients satisfy
    /// ∇_W L̃ = g·∇_{W_eff} L: both bit for bit.
    #[test]
    fn forward_and_gradient_in_bits(case in cases()) {
        let backend = Cpu::new().unwrap();
        let batch = case.batch(&backend);
        let other = effective(&case);
        let (mut modulated, mut plain) = (case.mlp(&backend), other.mlp(&backend));
        let logits = |mlp: &mut Mlp| mlp.forward(&backend, &batch.inputs).unwrap().to_rows(&backend).unwrap();
        prop_assert_eq!(bits(&logits(&mut modulated)), bits(&logits(&mut plain)));

        let in_w = gradients(&mut modulated, &batch);
        let in_effective = gradients(&mut plain, &batch);
        for (layer, (in_w, in_effective)) in in_w.iter().zip(&in_effective).enumerate() {
            let columns = case.network.weights[layer][0].len();
            let scaled: Vec<f32> = in_effective
                .iter()
                .enumerate()
                .map(|(i, d)| case.network.gains[layer][i / columns] as f32 * d)
                .collect();
            prop_assert_eq!(bits(in_w), bits(&scaled), "layer {}", layer);
        }
    }

    /// In a bias-free ReLU network the gains scale the logits by their product: exactly for powers of
    /// two; decisions do not change.
    #[test]
    fn gains_scale_the_logits_by_their_product(case in cases(), powers in prop::collection::vec(-1..=2i32, 4)) {
        let backend = Cpu::new().unwrap();
        let batch = case.batch(&backend);
        let logits = |case: &Case| {
            case.mlp(&backend).infer(&backend, &batch.inputs).unwrap().to_rows(&backend).unwrap()
        };
        let plain = logits(&with_gains(&case, |_| 1.0));
        let scaled = logits(&with_gains(&case, |layer| 2f64.powi(powers[layer])));
        let layers = case.network.weights.len();
        let product = 2f32.powi(powers[..layers].iter().sum());
        let expected: Vec<f32> = plain.iter().map(|z| product * z).collect();
        prop_assert_eq!(bits(&scaled), bits(&expected));

        let mut loss = LossLog::new();
        let mut correct = |case: &Case| {
            let mut mlp = case.mlp(&backend);
            let logits = mlp.infer(&backend, &batch.inputs).unwrap();
            loss.infer(&backend, logits, &batch.labels).unwrap();
            loss.total(&backend).unwrap().correct
        };
        prop_assert_eq!(
            correct(&with_gains(&case, |_| 1.0)),
            correct(&with_gains(&case, |layer| 2f64.powi(powers[layer])))
        );
    }

    /// Any one gain per layer scales the logits by the product, within the rounding bound.
    #[test]
    fn any_gain_scales_the_logits(case in cases(), gains in prop::collection::vec(0.5..3.0f32, 4)) {
        let gain = |layer: usize| f64::from(gains[layer]);
        let scaled = with_gains(&case, gain).network.pass(&case.samples).logits;
        let plain = with_gains(&case, |_| 1.0).network.pass(&case.samples).logits;
        let product: f64 = (0..case.network.weights.len()).map(gain).product();
        for (scaled, plain) in scaled.iter().flatten().zip(plain.iter().flatten()) {
            let bound = 1e-12 * (1.0 + scaled.value.abs()) + 1e-9 * scaled.error;
            prop_assert!((scaled.value - product * plain.value).abs() <= bound);
        }
    }

    /// One step of SGD on W with rate α changes g·W as SGD on W_eff with rate α·g² changes W_eff: in bits
    /// for a power of two.
    #[test]
    fn sgd_on_w_is_sgd_on_effective_weights_at_alpha_g_squared(
        case in cases(), power in 0..=2i32, rate in 1e-3..0.5f32,
    ) {
        let backend = Cpu::new().unwrap();
        let batch = case.batch(&backend);
        let g = 2f32.powi(power);
        let modulated = with_gains(&case, |_| f64::from(g));
        let step = |case: &Case, rate: f32| {
            let mut mlp = case.mlp(&backend);
            let sgd = OptimizerConfig::new(Optimizer::Sgd, rate);
            let mut sgd = GradientDescent::new(&backend, &mut mlp, sgd, None).unwrap();
            sgd.step(&backend, &batch, &mut LossLog::new()).unwrap();
            weights(&mut mlp)
        };
        let effective_rate = identity::effective_learning_rate(f64::from(rate), f64::from(g));
        let in_w = step(&modulated, rate);
        let in_effective = step(&effective(&modulated), effective_rate as f32);
        for (in_w, in_effective) in in_w.iter().zip(&in_effective) {
            let scaled: Vec<f32> = in_w.iter().map(|w| g * w).collect();
            prop_assert_eq!(bits(&scaled), bits(in_effective));
        }
    }

    /// The Hessian in W is g·H_{W_eff}·g; for one gain g it is g²·H_{W_eff}.
    #[test]
    fn hessian_carries_the_gain_twice(case in cases(), seed in 0..1000u32) {
        // In f64: the effective weights are not rounded to f32.
        let mut flat = case.clone();
        for (rows, gains) in flat.network.weights.iter_mut().zip(&mut flat.network.gains) {
            for (row, gain) in rows.iter_mut().zip(gains) {
                row.iter_mut().for_each(|w| *w *= *gain);
                *gain = 1.0;
            }
        }
        prop_assume!(case.network.pass(&case.samples).margin > 2e-3);
        let gains: Vec<f64> = case
            .network
            .weights
            .iter()
            .zip(&case.network.gains)
            .flat_map(|(rows, gains)| rows.iter().zip(gains).flat_map(|(row, &g)| vec![g; row.len()]))
            .collect();
        let v: Vec<f64> = (0..gains.len()).map(|i| (f64::from(seed) + 1.3 * i as f64).sin() / 8.0).collect();
        let scale = |v: &[f64]| -> Vec<f64> { v.iter().zip(&gains).map(|(v, g)| v * g).collect() };
        let in_w = hessian_times(&case, &v);
        let in_effective = scale(&hessian_times(&flat, &scale(&v)));
        let scale = 1.0 + norm(&in_w);
        for (a, b) in in_w.iter().zip(&in_effective) {
            prop_assert!((a - b).abs() <= 1e-6 * scale, "{} against {}", a, b);
        }
    }

    /// w_slow + w_fast = W_eff; after a burst, with H = 0 and W held, w_fast decays by γ each step.
    #[test]
    fn slow_and_fast_weights(
        w in -2.0..2.0f64, gain in 0.5..5.0f64, g0 in 0.5..2.0f32, gamma in 0.0..0.99f32,
    ) {
        let base = f64::from(g0);
        let sum = identity::slow_weight(base, w) + identity::fast_weight(gain, base, w);
        prop_assert!((sum - gain * w).abs() <= 4.0 * f64::EPSILON * (base + gain) * w.abs());

        let dynamics = GainDynamics::new(gamma, g0, 0.4).unwrap();
        let mut now = gain;
        for _ in 0..20 {
            let next = dynamics.step(now, 0.0);
            let (before, after) = (identity::fast_weight(now, base, w), identity::fast_weight(next, base, w));
            let bound = 8.0 * f64::EPSILON * (base + now.abs()) * w.abs();
            prop_assert!((after - dynamics.gamma() as f64 * before).abs() <= bound);
            now = next;
        }
    }
}

/// A network of two layers, gains 1, and three samples.
fn small() -> Case {
    let network = Network {
        weights: vec![
            vec![vec![0.5, -0.25, 0.375], vec![0.125, 0.75, -0.5]],
            vec![vec![1.0, -0.5], vec![0.25, 1.5], vec![-0.75, 0.5]],
        ],
        gains: vec![vec![1.0; 2], vec![1.0; 3]],
    };
    let samples = reference::DeviceDataset {
        inputs: vec![
            vec![1.0, 0.5, -0.25],
            vec![0.25, 2.0, 0.5],
            vec![-1.0, 0.75, 1.0],
        ],
        labels: vec![0, 1, 2],
    };
    Case { network, samples }
}

/// The Hessian's largest eigenvalue in W is g² times that in W_eff.
#[test]
fn eigenvalues_carry_the_gain_squared() {
    let in_effective = small();
    let g = 1.75;
    let mut in_w = with_gains(&in_effective, |_| g);
    in_w.network
        .weights
        .iter_mut()
        .flatten()
        .flatten()
        .for_each(|w| *w /= g);
    let size = 12;
    let (w, effective) = (
        top_eigenvalue(&in_w, size),
        top_eigenvalue(&in_effective, size),
    );
    assert!(effective > 0.1, "a flat loss shows nothing: {effective}");
    let found = identity::effective_eigenvalue(w, g);
    assert!(
        (found - effective).abs() <= 1e-6 * effective,
        "{found} against {effective}"
    );
}

/// The weights after five steps of SGD under these dynamics.
fn trained(case: &Case, dynamics: Option<GainDynamics>) -> Vec<u32> {
    let backend = Cpu::new().unwrap();
    let batch = case.batch(&backend);
    let mut mlp = case.mlp(&backend);
    let (sgd, gain) = (
        OptimizerConfig::new(Optimizer::Sgd, 0.1),
        dynamics.map(Into::into),
    );
    let mut learner = GradientDescent::new(&backend, &mut mlp, sgd, gain).unwrap();
    let mut loss = LossLog::new();
    for _ in 0..5 {
        learner.step(&backend, &batch, &mut loss).unwrap();
    }
    bits(&weights(&mut mlp).concat())
}

proptest! {
    /// With η = 0 and g0 = 1 the method is plain SGD, bit for bit, whatever γ.
    #[test]
    fn eta_zero_is_plain_sgd(case in cases(), gamma in 0.0..1.0f32) {
        let case = with_gains(&case, |_| 1.0);
        let still = GainDynamics::new(gamma, 1.0, 0.0).unwrap();
        prop_assert_eq!(trained(&case, Some(still)), trained(&case, None));
    }
}

/// With η > 0 it is not: the test above can fail.
#[test]
fn eta_above_zero_is_another_method() {
    let case = small();
    let moved = GainDynamics::new(0.9, 1.0, 0.5).unwrap();
    assert_ne!(trained(&case, Some(moved)), trained(&case, None));
}
