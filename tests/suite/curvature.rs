//! Loss, gradient and Hessian of the f64 surface, and the identities of gain modulation on them.

use crate::reference;
use crate::reference::jacobi;
use crate::reference::library::{Case, cases};
use neurogain::Cpu;
use neurogain::analysis::{Coordinates, LayerWeights, LossSurface, MlpSurface};
use neurogain::data::digits;
use neurogain::gain::reparameterisation::effective_eigenvalue;
use neurogain::systems::stability_gap::{Experiment, Settings};
use proptest::prelude::*;

fn surface(case: &Case) -> MlpSurface {
    let layers = case.network.weights.iter().zip(&case.network.gains);
    let layer = |(weights, gains): (&Vec<Vec<f64>>, &Vec<f64>)| LayerWeights {
        weights: weights.concat(),
        gains: gains.clone(),
    };
    MlpSurface::new(
        layers.map(layer).collect(),
        &case.samples.inputs,
        &case.samples.labels,
    )
    .unwrap()
}

/// A direction without symmetry.
fn direction(size: usize, seed: f64) -> Vec<f64> {
    (0..size)
        .map(|i| (seed + 1.3 * i as f64).sin() / 4.0)
        .collect()
}

fn unit(size: usize, at: usize) -> Vec<f64> {
    let mut unit = vec![0.0; size];
    unit[at] = 1.0;
    unit
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The whole Hessian, one product per column.
fn hessian(surface: &MlpSurface, coordinates: Coordinates) -> Vec<Vec<f64>> {
    let column = |at| {
        surface
            .hessian_times(coordinates, &unit(surface.size(), at))
            .unwrap()
    };
    (0..surface.size()).map(column).collect()
}

/// The surface with changed effective weights.
fn moved(case: &Case, by: f64, direction: &[f64]) -> Case {
    let mut case = case.clone();
    let mut numbers = direction.iter();
    for weight in case.network.weights.iter_mut().flatten().flatten() {
        *weight += by * numbers.next().unwrap();
    }
    case
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Loss and gradient in W agree with the reference.
    #[test]
    fn loss_and_gradient_are_those_of_the_reference(case in cases()) {
        let (surface, expected) = (surface(&case), case.network.pass(&case.samples));
        prop_assert!((surface.loss() - expected.loss.value).abs() <= 1e-12 * (1.0 + surface.loss()));
        let gradient = surface.gradient(Coordinates::Weights);
        let expected = expected.gradients.iter().flatten().flatten();
        for (found, expected) in gradient.iter().zip(expected) {
            // The reference's bound is for f32; for f64 it is smaller by 2⁻²⁹.
            let bound = 1e-8 * expected.error + 1e-14;
            prop_assert!((found - expected.value).abs() <= bound, "{} for {}", found, expected.value);
        }
    }

    /// A product with the Hessian agrees with the central difference of the gradient, whose error falls with the
    /// square of the step; and the Hessian is symmetric.
    #[test]
    fn products_are_derivatives_of_the_gradient(case in cases(), seed in 0.0..6.0f64) {
        prop_assume!(case.network.pass(&case.samples).margin > 1e-3);
        let here = surface(&case);
        let v = direction(here.size(), seed);
        let product = here.hessian_times(Coordinates::Weights, &v).unwrap();
        let gradient = |by| surface(&moved(&case, by, &v)).gradient(Coordinates::Weights);
        let step = 1e-6;
        let scale: f64 = 1.0 + product.iter().map(|x| x.abs()).fold(0.0, f64::max);
        for ((high, low), product) in gradient(step).iter().zip(gradient(-step)).zip(&product) {
            let difference = (high - low) / (2.0 * step);
            prop_assert!((difference - product).abs() <= 1e-6 * scale, "{} for {}", difference, product);
        }
        let other = direction(here.size(), seed + 2.0);
        let back = here.hessian_times(Coordinates::Weights, &other).unwrap();
        let (one, two) = (dot(&other, &product), dot(&v, &back));
        prop_assert!((one - two).abs() <= 1e-12 * scale * here.size() as f64, "{} and {}", one, two);
    }

    /// The gradient in W is g times that in W_eff, a product in W is g·H_eff·g, and a step along v in W equals
    /// one along g·v in W_eff.
    #[test]
    fn the_gain_enters_once_and_twice(case in cases(), seed in 0.0..6.0f64) {
        let surface = surface(&case);
        let rows = case.network.weights.iter().zip(&case.network.gains);
        let gains: Vec<f64> = rows
            .flat_map(|(rows, gains)| rows.iter().zip(gains).flat_map(|(row, &g)| vec![g; row.len()]))
            .collect();
        let times_gain = |v: &[f64]| -> Vec<f64> { v.iter().zip(&gains).map(|(v, g)| v * g).collect() };
        let v = direction(surface.size(), seed);
        let (in_w, effective) = (Coordinates::Weights, Coordinates::Effective);
        prop_assert_eq!(surface.gradient(in_w), times_gain(&surface.gradient(effective)));
        prop_assert_eq!(
            surface.hessian_times(in_w, &v).unwrap(),
            times_gain(&surface.hessian_times(effective, &times_gain(&v)).unwrap())
        );
        prop_assert_eq!(
            surface.loss_along(in_w, &v, 0.25).unwrap(),
            surface.loss_along(effective, &times_gain(&v), 0.25).unwrap()
        );
    }

    /// The loss along a direction has the gradient's slope and the Hessian's curvature.
    #[test]
    fn the_landscape_has_the_slope_and_curvature_of_its_derivatives(case in cases(), seed in 0.0..6.0f64) {
        prop_assume!(case.network.pass(&case.samples).margin > 1e-2);
        let surface = surface(&case);
        let v = direction(surface.size(), seed);
        let along = |step| surface.loss_along(Coordinates::Weights, &v, step).unwrap();
        prop_assert!((along(0.0) - surface.loss()).abs() <= 1e-13 * (1.0 + surface.loss()));
        let step = 1e-4;
        let slope = (along(step) - along(-step)) / (2.0 * step);
        let expected = dot(&surface.gradient(Coordinates::Weights), &v);
        prop_assert!((slope - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{} for {}", slope, expected);
        let curvature = (along(step) + along(-step) - 2.0 * along(0.0)) / (step * step);
        let expected = dot(&surface.hessian_times(Coordinates::Weights, &v).unwrap(), &v);
        prop_assert!((curvature - expected).abs() <= 1e-3 * (1.0 + expected.abs()), "{} for {}", curvature, expected);
    }
}

/// One layer has no kink: its Hessian is exactly (1/m)·Σ (diag p − p·pᵀ) ⊗ x·xᵀ.
#[test]
fn one_layer_has_the_hessian_of_softmax_regression() {
    let inputs = vec![vec![1.0, -0.5], vec![0.25, 2.0], vec![-1.5, 0.75]];
    let layer = LayerWeights {
        weights: vec![0.5, -0.25, 1.0, 0.75, -0.5, 0.125],
        gains: vec![1.0; 3],
    };
    let surface = MlpSurface::new(vec![layer.clone()], &inputs, &[0, 2, 1]).unwrap();
    let mut expected = vec![vec![0.0; 6]; 6];
    for x in &inputs {
        let z: Vec<f64> = layer.weights.chunks(2).map(|row| dot(row, x)).collect();
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let p: Vec<f64> = z.iter().map(|z| z.exp() / total).collect();
        for (row, expected) in expected.iter_mut().enumerate() {
            for (column, expected) in expected.iter_mut().enumerate() {
                let (o, c) = (row / 2, column / 2);
                let block = p[o] * (f64::from(u8::from(o == c)) - p[c]);
                *expected += block * x[row % 2] * x[column % 2] / 3.0;
            }
        }
    }
    for (found, expected) in hessian(&surface, Coordinates::Effective)
        .iter()
        .zip(&expected)
    {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-15, "{found} for {expected}");
        }
    }
}

/// The largest eigenvalues from products alone agree with those of the whole Hessian by Jacobi's rotations.
#[test]
fn top_eigenvalues_are_those_of_the_whole_hessian() {
    let case = Case {
        network: reference::Network {
            weights: vec![
                vec![
                    vec![0.5, -0.25, 0.375],
                    vec![0.125, 0.75, -0.5],
                    vec![-0.5, 0.25, 1.0],
                ],
                vec![
                    vec![1.0, -0.5, 0.25],
                    vec![0.25, 1.5, -0.75],
                    vec![-0.75, 0.5, 1.0],
                ],
            ],
            gains: vec![vec![1.5, 2.0, 0.75], vec![1.25, 1.0, 3.0]],
        },
        samples: reference::DeviceDataset {
            inputs: vec![
                vec![1.0, 0.5, -0.25],
                vec![0.25, 2.0, 0.5],
                vec![-1.0, 0.75, 1.0],
            ],
            labels: vec![0, 1, 2],
        },
    };
    let surface = surface(&case);
    for coordinates in [Coordinates::Weights, Coordinates::Effective] {
        let expected = jacobi::eigenvalues(hessian(&surface, coordinates));
        let found = surface
            .largest_eigenpairs(coordinates, 4, 1e-12, 18)
            .unwrap();
        assert_eq!(found.len(), 4);
        assert!(expected[0] > 0.1, "a flat loss shows nothing: {expected:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found.value - expected).abs() <= 1e-11,
                "{} for {expected}",
                found.value
            );
        }
    }
}

/// On a network trained by NGM-SGD all neurons have one gain g: λ_eff = λ/g², at rest and right after
/// a switch, where the gain is larger.
#[test]
fn on_a_trained_network_eigenvalues_carry_the_gain_squared() {
    let overrides = [
        "network.hidden=[12]",
        "stream.iterations=30",
        "evaluation.every=30",
    ];
    let settings = Settings::preset("split-digits")
        .unwrap()
        .with_overrides(&overrides)
        .unwrap();
    let (samples, backend) = (digits::load(), Cpu::new().unwrap());
    let experiment = Experiment::new(&settings, &samples, &backend).unwrap();
    assert_eq!(settings.methods[0].name, "ngm-sgd");
    let snapshots = experiment
        .snapshots(&settings.methods[0], 1, &[30, 35])
        .unwrap();
    let pixels = samples.train.pixels().chunks(64).take(40);
    let inputs: Vec<Vec<f64>> = pixels
        .map(|image| {
            image
                .iter()
                .map(|&p| (f64::from(p) / 16.0 - 0.3) / 0.4)
                .collect()
        })
        .collect();
    let mut gains = Vec::new();
    for snapshot in snapshots {
        let gain = snapshot.layers[0].gains[0];
        assert!(
            snapshot
                .layers
                .iter()
                .flat_map(|l| &l.gains)
                .all(|&g| g == gain)
        );
        let surface =
            MlpSurface::new(snapshot.layers, &inputs, &samples.train.labels()[..40]).unwrap();
        let top = |of| surface.largest_eigenpairs(of, 1, 1e-10, 200).unwrap()[0].value;
        let (in_w, effective) = (top(Coordinates::Weights), top(Coordinates::Effective));
        assert!(effective > 0.1, "{effective}");
        let found = effective_eigenvalue(in_w, gain);
        assert!(
            (found - effective).abs() <= 1e-8 * effective,
            "{found} for {effective}, g = {gain}"
        );
        gains.push(gain);
    }
    assert!(gains[0] > 1.0 && gains[1] > gains[0] + 0.1, "{gains:?}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let layer = |weights: usize, gains: usize| LayerWeights {
        weights: vec![0.5; weights],
        gains: vec![1.0; gains],
    };
    let inputs = vec![vec![1.0, 2.0]];
    type Attempt<'a> = (Vec<LayerWeights>, &'a [Vec<f64>], &'a [u8]);
    let attempts: [Attempt; 7] = [
        (vec![], &inputs, &[0]),
        (vec![layer(5, 3)], &inputs, &[0]),
        (vec![layer(6, 3), layer(6, 3)], &inputs, &[0]),
        (vec![layer(0, 0)], &inputs, &[0]),
        (vec![layer(6, 3)], &[], &[]),
        (vec![layer(6, 3)], &inputs, &[0, 1]),
        (vec![layer(6, 3)], &inputs, &[3]),
    ];
    for (layers, inputs, labels) in attempts {
        let error = MlpSurface::new(layers.clone(), inputs, labels)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("loss surface: expected"), "{error}");
    }
    let surface = MlpSurface::new(vec![layer(6, 3)], &inputs, &[2]).unwrap();
    assert!(
        surface
            .hessian_times(Coordinates::Weights, &[0.0; 5])
            .is_err()
    );
    assert!(
        surface
            .loss_along(Coordinates::Weights, &[0.0; 7], 1.0)
            .is_err()
    );
}
