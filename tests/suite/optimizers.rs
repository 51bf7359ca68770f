//! Every optimizer follows its published recurrence: several steps on random gradients lie within the
//! proved rounding bound of the recurrence in f64.

use crate::reference::{Bounded, exact};
use neurogain::nn::Parameter;
use neurogain::optim::{Optimizer, OptimizerState};
use neurogain::{Cpu, Memory, Shape, Tensor};
use proptest::prelude::*;

/// Weights, and a gradient for each step.
fn cases() -> impl Strategy<Value = (Vec<f32>, Vec<Vec<f32>>)> {
    (1..=50usize, 1..=12usize).prop_flat_map(|(n, steps)| {
        let gradient = prop::collection::vec(-3.0..3.0f32, n);
        (
            prop::collection::vec(-2.0..2.0f32, n),
            prop::collection::vec(gradient, steps),
        )
    })
}

/// The weights after each step of the library.
fn library(rule: Optimizer, rate: f32, start: &[f32], gradients: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let backend = Cpu::new().unwrap();
    let shape = Shape::vector(start.len());
    let mut parameter = Parameter {
        name: "w".into(),
        role: neurogain::state::Role::Weight,
        value: Tensor::from_rows(&backend, shape, start).unwrap(),
        gradient: Tensor::zeros(&backend, shape).unwrap(),
        gain: None,
        initial: neurogain::nn::Init::Constant(0.0),
    };
    let mut state = OptimizerState::default();
    gradients
        .iter()
        .map(|gradient| {
            let room = parameter.gradient.floats_mut();
            backend.upload(gradient, room).unwrap();
            rule.update(&backend, rate, &mut parameter, &mut state)
                .unwrap();
            parameter.value.to_rows(&backend).unwrap()
        })
        .collect()
}

/// Checks every weight after every step against `step(t, gradient, weight, first, second)`, the
/// recurrence of one weight with its two moments.
fn check(
    rule: Optimizer,
    rate: f32,
    case: &(Vec<f32>, Vec<Vec<f32>>),
    step: impl Fn(i32, Bounded, &mut Bounded, &mut Bounded, &mut Bounded),
) {
    let (start, gradients) = case;
    let found = library(rule, rate, start, gradients);
    for (i, &start) in start.iter().enumerate() {
        let (mut w, mut first, mut second) = (exact(start), exact(0.0), exact(0.0));
        for (t, gradient) in gradients.iter().enumerate() {
            step(
                t as i32 + 1,
                exact(gradient[i]),
                &mut w,
                &mut first,
                &mut second,
            );
            w.check(found[t][i], format!("weight {i} after step {}", t + 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sgd(case in cases(), rate in 1e-3..1.0f32) {
        check(Optimizer::Sgd, rate, &case, |_, dw, w, _, _| *w = exact(-rate).fma(dw, *w));
    }

    #[test]
    fn momentum(case in cases(), rate in 1e-3..1.0f32, momentum in 0.0..0.99f32) {
        check(Optimizer::Momentum { momentum }, rate, &case, |_, dw, w, v, _| {
            *v = exact(momentum).fma(*v, dw);
            *w = exact(-rate).fma(*v, *w);
        });
    }

    #[test]
    fn adam(
        case in cases(), rate in 1e-3..0.1f32, beta1 in 0.0..0.99f32, beta2 in 0.5..0.9999f32,
    ) {
        let epsilon = 1e-8;
        let rule = Optimizer::Adam { beta1, beta2, epsilon };
        check(rule, rate, &case, |t, dw, w, m, v| {
            // 1 − β is rounded to f32 by the kernel; 1 − βᵗ is computed in f64.
            let keep = |beta: f32| exact(beta);
            let take = |beta: f32| exact(1.0) - exact(beta);
            let remaining = |beta: f32| 1.0 - f64::from(beta).powi(t);
            *m = keep(beta1).fma(*m, take(beta1) * dw);
            *v = keep(beta2).fma(*v, take(beta2) * dw * dw);
            let rate = exact(f64::from(rate) / remaining(beta1)) * exact(1.0);
            let correction = exact(1.0 / remaining(beta2).sqrt()) * exact(1.0);
            let scale = v.sqrt().fma(correction, exact(epsilon));
            *w = *w - rate * *m / scale;
        });
    }
}

/// The first three steps of each optimizer on w = 1, dw = 0.5, 0.25, −1, by hand.
#[test]
fn by_hand() {
    let gradients = [vec![0.5], vec![0.25], vec![-1.0]];
    let last = |rule| library(rule, 0.5, &[1.0], &gradients).pop().unwrap()[0];
    assert_eq!(last(Optimizer::Sgd), 1.0 - 0.25 - 0.125 + 0.5);
    // v: 0.5, 0.5, −0.75.
    assert_eq!(
        last(Optimizer::Momentum { momentum: 0.5 }),
        1.0 - 0.25 - 0.25 + 0.375
    );
    // Adam's first step is α·sign(dw), apart from ε.
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let first = library(adam, 0.5, &[1.0, 1.0], &[vec![0.5, -7.0]]);
    assert!((first[0][0] - 0.5).abs() < 1e-6, "{first:?}");
    assert!((first[0][1] - 1.5).abs() < 1e-6, "{first:?}");
}

#[test]
fn constants_out_of_range_are_refused() {
    for rule in [
        Optimizer::Momentum { momentum: 1.0 },
        Optimizer::Momentum { momentum: f32::NAN },
        Optimizer::Adam {
            beta1: -0.1,
            beta2: 0.9,
            epsilon: 1e-8,
        },
        Optimizer::Adam {
            beta1: 0.9,
            beta2: 1.0,
            epsilon: 1e-8,
        },
        Optimizer::Adam {
            beta1: 0.9,
            beta2: 0.9,
            epsilon: 0.0,
        },
    ] {
        assert!(rule.validate().is_err(), "{rule:?}");
    }
}
