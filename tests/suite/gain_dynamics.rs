//! The gain follows its recurrence, stays within its bounds, and converges geometrically to its fixed point.

use neurogain::gain::GainDynamics;
use neurogain::{Cpu, Shape, Tensor};
use proptest::prelude::*;

fn dynamics() -> impl Strategy<Value = GainDynamics> {
    (0.0..0.99f32, 0.1..3.0f32, 0.0..1.0f32)
        .prop_map(|(gamma, g0, eta)| GainDynamics::new(gamma, g0, eta).unwrap())
}

proptest! {
    /// Once in [g0, g0 + η·ln C/(1−γ)], the gain stays there for all possible entropies of C classes.
    #[test]
    fn bounds_are_never_left(
        dynamics in dynamics(), classes in 1..1000usize, start in 0.0..=1.0f64,
        shares in prop::collection::vec(0.0..=1.0f64, 1..200),
    ) {
        let (low, high) = dynamics.bounds(classes);
        let most = (classes as f64).ln();
        let slack = 1e-12 * (1.0 + high);
        let mut gain = low + start * (high - low);
        for share in shares {
            gain = dynamics.step(gain, share * most);
            prop_assert!(low - slack <= gain && gain <= high + slack, "{low} {gain} {high}");
        }
    }

    /// For constant H the distance to the fixed point shrinks by γ each step, and by half in a half-life.
    #[test]
    fn fixed_point_is_reached_geometrically(
        dynamics in dynamics(), entropy in 0.0..7.0f64, start in 0.0..50.0f64,
    ) {
        let fixed = dynamics.fixed_point(entropy);
        let gamma = f64::from(dynamics.gamma());
        let mut gain = start;
        for _ in 0..50 {
            let next = dynamics.step(gain, entropy);
            let bound = 1e-12 * (1.0 + fixed.abs() + gain.abs());
            prop_assert!(((next - fixed) - gamma * (gain - fixed)).abs() <= bound);
            gain = next;
        }
        prop_assert!((dynamics.step(fixed, entropy) - fixed).abs() <= 1e-12 * (1.0 + fixed));
        if gamma > 0.0 {
            prop_assert!((gamma.powf(dynamics.half_life()) - 0.5).abs() < 1e-12);
        }
    }

    /// The kernel is the recurrence with three roundings, each at most u of a number of the result's
    /// size; with one drive per neuron or one for all.
    #[test]
    fn kernel_follows_the_recurrence(
        dynamics in dynamics(),
        neurons in prop::collection::vec((0.5..5.0f32, 0.0..3.0f32), 1..40),
        shared: bool,
    ) {
        let backend = Cpu::new().unwrap();
        let (gains, drives): (Vec<f32>, Vec<f32>) = neurons.into_iter().unzip();
        let drives = if shared { vec![drives[0]] } else { drives };
        let vector = |numbers: &[f32]| {
            Tensor::from_rows(&backend, Shape::vector(numbers.len()), numbers).unwrap()
        };
        let mut tensor = vector(&gains);
        dynamics.update(&backend, &vector(&drives), &mut tensor).unwrap();
        let found = tensor.to_rows(&backend).unwrap();
        for (i, (found, &gain)) in found.iter().zip(&gains).enumerate() {
            let drive = drives[if shared { 0 } else { i }];
            let expected = dynamics.step(f64::from(gain), f64::from(drive));
            // (1 − γ), its product with g0, the inner and the outer fma: four roundings, all terms ≥ 0.
            let bound = 4.0 * 2f64.powi(-24) * expected + 1e-45;
            prop_assert!((f64::from(*found) - expected).abs() <= bound, "neuron {i}: {found} {expected}");
        }
    }
}

#[test]
fn by_hand() {
    let dynamics = GainDynamics::new(0.5, 1.0, 0.25).unwrap();
    assert_eq!(dynamics.step(3.0, 2.0), 1.5 + 0.5 + 0.5);
    assert_eq!(dynamics.fixed_point(2.0), 2.0);
    assert_eq!(dynamics.half_life(), 1.0);
    assert_eq!(dynamics.bounds(1), (1.0, 1.0));
}

#[test]
fn constants_out_of_range_are_refused() {
    for (gamma, g0, eta) in [
        (1.0, 1.0, 0.1),
        (-0.1, 1.0, 0.1),
        (f32::NAN, 1.0, 0.1),
        (0.9, 0.0, 0.1),
        (0.9, f32::INFINITY, 0.1),
        (0.9, 1.0, -0.1),
        (0.9, 1.0, f32::NAN),
    ] {
        let error = GainDynamics::new(gamma, g0, eta).unwrap_err();
        assert!(error.is_usage(), "{error}");
    }
}

#[test]
fn a_drive_of_another_length_is_refused() {
    let backend = Cpu::new().unwrap();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).unwrap();
    let drive = Tensor::zeros(&backend, Shape::vector(2)).unwrap();
    let mut gain = Tensor::zeros(&backend, Shape::vector(3)).unwrap();
    let error = dynamics.update(&backend, &drive, &mut gain).unwrap_err();
    assert!(error.to_string().contains("drive"), "{error}");
}
