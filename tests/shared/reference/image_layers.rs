//! Shared by the tests of single layers on images.

use neurogain::{Cpu, Shape, Tensor};

use super::Bounded;
use super::layers::Images;
use super::resnet_library::{narrow, wide};

pub fn shape_of([samples, side, channels]: [usize; 3]) -> Shape {
    Shape::images(samples, side, side, channels)
}

pub fn tensor(backend: &Cpu, images: &Images<f64>) -> Tensor {
    let shape = shape_of(images.shape());
    Tensor::from_rows(backend, shape, &narrow(&images.numbers)).unwrap()
}

pub fn empty(backend: &Cpu) -> Tensor {
    Tensor::zeros(backend, Shape::features(0, 1)).unwrap()
}

#[track_caller]
pub fn check(backend: &Cpu, what: &str, found: &Tensor, expected: &[Bounded]) {
    let found = wide(backend, found);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        expected.check(*found, format!("{what}[{i}]"));
        // The bound is not so wide that a wrong number would pass.
        assert!(
            expected.error < 1e-3 * (1.0 + expected.value.abs()),
            "{what}: {expected:?}"
        );
    }
}

pub fn values(numbers: &[Bounded]) -> Vec<f64> {
    numbers.iter().map(|x| x.value).collect()
}

/// Σ dy·y: the function whose gradients are tested.
pub fn weighed(y: &Images<f64>, dy: &Images<f64>) -> f64 {
    y.numbers
        .iter()
        .zip(&dy.numbers)
        .map(|(y, dy)| y * dy)
        .sum()
}

/// Checks that every third element of `gradient` is the slope of `f` at `x`.
#[track_caller]
pub fn slopes(what: &str, x: &[f64], gradient: &[f64], step: f64, f: impl Fn(&[f64]) -> f64) {
    assert_eq!(x.len(), gradient.len());
    for i in (0..x.len()).step_by(3) {
        let moved = |by: f64| {
            let mut x = x.to_vec();
            x[i] += by;
            f(&x)
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        let error = (slope - gradient[i]).abs();
        assert!(
            error < 1e-7 * (1.0 + slope.abs()),
            "{what}[{i}]: {} is no slope {slope}",
            gradient[i]
        );
    }
}

pub fn with(images: &Images<f64>, numbers: &[f64]) -> Images<f64> {
    Images {
        numbers: numbers.to_vec(),
        ..images.clone()
    }
}
