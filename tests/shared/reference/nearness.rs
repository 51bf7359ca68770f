//! The permitted error of single precision.
//!
//! A bound from running error analysis is useless here: each convolution turns the errors of its inputs
//! into Σ|w|·error, while its value is a sum that cancels, so over 17 convolutions the bound grows far beyond the
//! numbers. Instead the reference itself is run in f32, operation by operation, in the
//! plain order and with the two-pass variance. Its distance from f64 is the error of a straightforward
//! single-precision implementation on these numbers. The library must be within [`FACTOR`] of that distance, measured
//! as
//! the largest difference in a tensor relative to its largest number. The distance itself must be below
//! [`SMALL`], so that it cannot hide a wrong formula.

use super::layers::Number;

/// Both distances are maxima over tensors, each from one realisation of the roundings, so they scatter: the
/// library's is 0.06 to 1.7 times the reference's here.
pub const FACTOR: f64 = 4.0;
pub const SMALL: f64 = 5e-4;

pub fn values<T: Number>(numbers: &[T]) -> Vec<f64> {
    numbers.iter().map(|x| x.value()).collect()
}

/// Fails unless `found` is as close to the reference as the f32 reference is, over all tensors.
#[track_caller]
pub fn near<'a>(
    what: &str,
    tensors: impl Iterator<Item = (&'a str, Vec<f64>, Vec<f64>, Vec<f64>)>,
) {
    let tensors: Vec<_> = tensors.collect();
    let single = tensors
        .iter()
        .map(|(_, _, single, exact)| distance(single, exact));
    let single = single.fold(0.0, f64::max);
    assert!(single < SMALL, "{what}: f32 itself is {single:e} away");
    for (name, found, _, exact) in &tensors {
        let found = distance(found, exact);
        let bound = FACTOR * single;
        assert!(
            found <= bound,
            "{what} of {name}: {found:e} above {bound:e}"
        );
    }
}

/// The largest difference, relative to the largest number.
pub fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let pairs = found.iter().zip(expected);
    let difference = pairs.fold(0.0f64, |most, (a, b)| {
        // A NaN counts as infinitely far.
        if (a - b).is_finite() {
            most.max((a - b).abs())
        } else {
            f64::INFINITY
        }
    });
    difference / largest.max(f64::MIN_POSITIVE)
}
