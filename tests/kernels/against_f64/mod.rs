//! Every kernel against f64, within bounds that are theorems.
//!
//! A sum of n products in any order, with or without fused multiply-adds, has an error of at most
//! γ_n·Σ|a·b| with γ_n = n·u/(1 − n·u), u = 2⁻²⁴, and n·2⁻¹⁴⁹ more where products underflow (Higham,
//! Accuracy and Stability of Numerical Algorithms, §3.1 and §2.2). The references take f32 operands,
//! whose products are exact in f64, so that their own error is some 2²⁹ times smaller.

mod activations;
mod activity;
mod layer_norm;
mod learning;
mod modulations;

use std::cell::Cell;

use crate::kernel_support::{
    Case, GAIN, KERNELS, Kernel, LANES, MOMENTUM, Numbers, Outcome, RATE, case, runner, same_bits,
};
use activations::{activations, neuron_statistics};
use layer_norm::{layer_norm, layer_norm_backward};
use learning::{adam, loss};
use modulations::modulations;
use neurogain::backend::{Binary, Cpu, Elementwise, Memory, Unary, sums};
use proptest::prelude::*;

/// The unit roundoff of f32.
const U: f64 = 1.0 / 16_777_216.0;
/// The smallest positive f32: twice the error of an operation whose result underflows.
const TINY: f64 = 1.401_298_464_324_817e-45;

/// γ_n.
fn gamma(n: usize) -> f64 {
    let n = n as f64 * U;
    n / (1.0 - n)
}

/// A reference value and the largest error that the kernel may have.
#[derive(Debug, Clone, Copy, Default)]
struct Bounded {
    value: f64,
    error: f64,
}

/// A sum of `terms` with its bound, each term having been rounded `more` further times.
fn sum(terms: impl Iterator<Item = f64>, more: usize) -> Bounded {
    let (mut value, mut magnitude, mut n) = (0.0, 0.0, 0);
    for term in terms {
        value += term;
        magnitude += term.abs();
        n += 1;
    }
    let error = gamma(n + more) * magnitude + (n + more) as f64 * TINY;
    Bounded { value, error }
}

/// One operation on exact operands.
fn rounded(value: f64, times: usize) -> Bounded {
    sum([value].into_iter(), times)
}

/// The index of feature `f` of sample `s` in `[blocks][features][16]`.
fn at(features: usize, s: usize, f: usize) -> usize {
    (s / LANES * features + f) * LANES + s % LANES
}

/// Converts `[samples][features]` to the block layout, with zeros in the padding lanes.
fn blocked(case: &Case, features: usize, value: impl Fn(usize, usize) -> Bounded) -> Vec<Bounded> {
    let mut all = vec![Bounded::default(); case.blocks() * features * LANES];
    for s in 0..case.samples {
        for f in 0..features {
            all[at(features, s, f)] = value(s, f);
        }
    }
    all
}

/// The reference for each output of a kernel.
fn reference(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let (n, k, m) = (case.outputs, case.inputs, case.samples);
    let operands = &outcome.operands;
    let gain = |o: usize| outcome.gain.as_ref().map_or(1.0, |gain| gain[o]);
    // The effective weight is an f32 by the contract.
    let weight = |o: usize, i: usize| f64::from(gain(o) * operands[0][o * k + i]);
    let value = |operand: usize, i: usize| f64::from(operands[operand][i]);
    let each = |operand: usize, f: &dyn Fn(usize) -> Bounded| -> Vec<Bounded> {
        (0..operands[operand].len()).map(f).collect()
    };
    match case.kernel {
        Kernel::Forward => vec![blocked(case, n, |s, o| {
            sum((0..k).map(|i| weight(o, i) * value(1, at(k, s, i))), 0)
        })],
        Kernel::ToInput => vec![blocked(case, k, |s, i| {
            sum((0..n).map(|o| weight(o, i) * value(1, at(n, s, o))), 0)
        })],
        Kernel::ToWeights => {
            let one = |o: usize, i: usize| {
                let g = f64::from(gain(o));
                let products = (0..m).map(|s| value(0, at(n, s, o)) * value(1, at(k, s, i)));
                let sum = sum(products, 1);
                Bounded {
                    value: g * sum.value,
                    error: g.abs() * sum.error + TINY,
                }
            };
            let all = (0..n).flat_map(|o| (0..k).map(move |i| (o, i)));
            vec![all.map(|(o, i)| one(o, i)).collect()]
        }
        Kernel::Relu => vec![each(0, &|i| Bounded {
            value: value(0, i).max(0.0),
            error: 0.0,
        })],
        Kernel::ReluBackward => vec![each(0, &|i| Bounded {
            value: if value(0, i) > 0.0 { value(1, i) } else { 0.0 },
            error: 0.0,
        })],
        // One rounding: to nearest, an error of u·|x·y|, or half of the smallest number.
        Kernel::Multiply => vec![each(0, &|i| {
            let product = value(0, i) * value(1, i);
            Bounded {
                value: product,
                error: f64::max(U * product.abs(), TINY / 2.0),
            }
        })],
        Kernel::BatchStats => loss(case, outcome),
        Kernel::GainUpdate => {
            let [gamma, baseline, eta] = GAIN.map(f64::from);
            let drive = |i: usize| value(0, i % operands[0].len());
            let terms = |i: usize| [gamma * value(1, i), eta * drive(i), baseline];
            vec![each(1, &|i| sum(terms(i).into_iter(), 0))]
        }
        Kernel::Sgd => vec![each(0, &|i| {
            sum([value(1, i), -f64::from(RATE) * value(0, i)].into_iter(), 0)
        })],
        Kernel::Momentum => {
            let (rate, momentum) = (f64::from(RATE), f64::from(MOMENTUM));
            let terms = |i: usize| [momentum * value(1, i), value(0, i)];
            let velocity = |i: usize| sum(terms(i).into_iter(), 0);
            let weight = |i: usize| {
                let v = velocity(i);
                let mut bounded = sum([value(2, i), -rate * v.value].into_iter(), 0);
                bounded.error += rate * v.error * (1.0 + 2.0 * U);
                bounded
            };
            vec![each(0, &velocity), each(0, &weight)]
        }
        Kernel::Adam => adam(operands),
        Kernel::Gather => vec![blocked(case, k, |s, f| {
            let row = &outcome.pixels[outcome.indices[s] as usize * k..][..k];
            let byte = match k.checked_div(outcome.size) {
                None => row[f],
                Some(channels) => {
                    let map = outcome.maps[s] as usize * outcome.size;
                    let source = outcome.sources[map + f / channels] as usize;
                    let shown = source < outcome.size;
                    if shown {
                        row[source * channels + f % channels]
                    } else {
                        0
                    }
                }
            };
            let channel = f % (operands[0].len() / 256);
            Bounded {
                value: value(0, channel * 256 + usize::from(byte)),
                error: 0.0,
            }
        })],
        Kernel::AbsoluteSum => vec![vec![sum(operands[0].iter().map(|x| f64::from(x.abs())), 0)]],
        // Each square is rounded before it is added.
        Kernel::SquaredSum => vec![vec![sum(
            operands[0].iter().map(|&x| f64::from(x).powi(2)),
            1,
        )]],
        // A quotient of two f32 numbers rounded to f64 and then to f32 equals the quotient rounded once.
        Kernel::MeanEntropy => vec![vec![Bounded {
            value: f64::from((value(0, sums::ENTROPY) / m as f64) as f32),
            error: 0.0,
        }]],
        Kernel::Gelu
        | Kernel::GeluBackward
        | Kernel::BoundedTanh
        | Kernel::BoundedTanhBackward
        | Kernel::Scale
        | Kernel::Axpby
        | Kernel::Copy
        | Kernel::CopyBlocks
        | Kernel::ScaleShift
        | Kernel::ScaleShiftGradients
        | Kernel::Softmax
        | Kernel::SoftmaxBackward
        | Kernel::SampleProduct
        | Kernel::Rows => activations(case, outcome),
        Kernel::NeuronStatistics => vec![neuron_statistics(case, &operands[0])],
        Kernel::NeuronAttention
        | Kernel::NeuronAttentionBackward
        | Kernel::InputAttention
        | Kernel::InputAttentionBackward
        | Kernel::Modulation
        | Kernel::ModulationBackward => modulations(case, outcome),
        Kernel::LayerNormalise => layer_norm(case, outcome),
        Kernel::LayerNormaliseBackward => layer_norm_backward(case, outcome),
    }
}

#[test]
fn within_the_proved_bounds() {
    let cpu = Cpu::new().expect("an instruction set");
    eprintln!("instruction set: {}", cpu.instruction_set().name());
    for kernel in KERNELS {
        let largest = Cell::new(0.0);
        runner(60)
            .run(&case(kernel, Numbers::Finite, 1 << 21), |case| {
                let fail = |problem| TestCaseError::fail(format!("{problem}; {case:?}"));
                let outcome = case.run(&cpu).map_err(|error| fail(error.to_string()))?;
                let expected = reference(&case, &outcome);
                prop_assert_eq!(expected.len(), outcome.results.len());
                for (expected, found) in expected.iter().zip(&outcome.results) {
                    prop_assert_eq!(expected.len(), found.len());
                    for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
                        let error = (f64::from(*found) - expected.value).abs();
                        // A NaN error exceeds any bound.
                        if error.is_nan() || error > expected.error {
                            return Err(fail(format!("at {i}: {found:e}, not {expected:?}")));
                        }
                        if expected.error > 0.0 {
                            largest.set(f64::max(largest.get(), error / expected.error));
                        }
                    }
                }
                Ok(())
            })
            .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
        eprintln!("{kernel:?}: at most {:.3} of the bound", largest.get());
    }
}

/// Effective weights, products and sums of non-finite numbers follow IEEE 754.
#[test]
fn infinities_and_nan_go_where_they_should() {
    let cpu = Cpu::new().expect("an instruction set");
    for kernel in [Kernel::Forward, Kernel::ToInput, Kernel::ToWeights] {
        runner(40)
            .run(&case(kernel, Numbers::Any, 1 << 14), |case| {
                let outcome = case.run(&cpu).expect("it fits");
                // Overflow in f32 is not overflow in f64, so compare only with what must be NaN or
                // infinite: a NaN, 0·∞ or ∞ − ∞ among the terms, or infinities of one sign.
                for (expected, found) in reference(&case, &outcome)[0]
                    .iter()
                    .zip(&outcome.results[0])
                {
                    if expected.value.is_nan() {
                        prop_assert!(found.is_nan(), "{:?}: {} for NaN", case, found);
                    } else if expected.value.is_infinite() {
                        let same = f64::from(*found) == expected.value || found.is_nan();
                        prop_assert!(same, "{:?}: {} for {}", case, found, expected.value);
                    }
                }
                Ok(())
            })
            .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
    }
}

/// ReLU and its derivative at error-prone values.
#[test]
fn relu_of_zeros_nan_and_infinities() {
    let cpu = Cpu::new().expect("an instruction set");
    let inputs = [
        0.0,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-45,
        -1e-45,
    ];
    let mut x = cpu.zeros(inputs.len()).expect("room");
    let mut y = vec![0.0; inputs.len()];
    cpu.upload(&inputs, &mut x).expect("it fits");
    cpu.unary(Unary::Relu, &mut x).expect("it fits");
    cpu.download(&x, &mut y).expect("it fits");
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(y[2].is_nan());
    y[2] = 0.0;
    assert_eq!(
        bits(&y),
        bits(&[0.0, 0.0, 0.0, f32::INFINITY, 0.0, 1e-45, 0.0])
    );

    let mut dy = cpu.zeros(inputs.len()).expect("room");
    cpu.upload(&[7.0; 7], &mut dy).expect("it fits");
    cpu.upload(&inputs, &mut x).expect("it fits");
    cpu.binary(Binary::ReluBackward, &x, &mut dy)
        .expect("it fits");
    cpu.download(&dy, &mut y).expect("it fits");
    assert_eq!(bits(&y), bits(&[0.0, 0.0, 0.0, 7.0, 0.0, 7.0, 0.0]));
}

/// A product of two f32 is exact in f64, so rounding it once more is the kernel's rounding: every bit agrees,
/// including infinities, NaN and zeros of either sign.
#[test]
fn multiply_rounds_once() {
    let cpu = Cpu::new().expect("an instruction set");
    runner(60)
        .run(&case(Kernel::Multiply, Numbers::Any, 1 << 16), |case| {
            let outcome = case.run(&cpu).expect("it fits");
            let pairs = outcome.operands[0].iter().zip(&outcome.operands[1]);
            let expected: Vec<f32> = pairs
                .map(|(x, y)| (f64::from(*x) * f64::from(*y)) as f32)
                .collect();
            same_bits(&expected, &outcome.results[0])
                .map_err(|problem| TestCaseError::fail(format!("{problem}; {case:?}")))
        })
        .unwrap_or_else(|problem| panic!("{problem}"));
}

/// A sum over no sample, input or output is +0, whatever the output held before.
#[test]
fn empty_sums_are_zero() {
    let cpu = Cpu::new().expect("an instruction set");
    for (samples, outputs, inputs) in [(16, 3, 0), (0, 3, 2), (16, 0, 2), (0, 0, 0), (33, 0, 5)] {
        for kernel in [
            Kernel::Forward,
            Kernel::ToInput,
            Kernel::ToWeights,
            Kernel::Gather,
        ] {
            let case = Case {
                kernel,
                samples,
                outputs,
                inputs,
                gain: true,
                numbers: Numbers::Finite,
                seed: 1,
            };
            let outcome = match case.run(&cpu) {
                // There are no rows to gather from.
                Err(_) if kernel == Kernel::Gather && inputs == 0 => continue,
                outcome => outcome.expect("it fits"),
            };
            let zero = samples == 0
                || match kernel {
                    Kernel::Forward => inputs == 0,
                    Kernel::ToInput => outputs == 0,
                    _ => false,
                };
            let all = &outcome.results[0];
            assert!(!zero || all.iter().all(|x| x.to_bits() == 0), "{case:?}");
            assert!(all.iter().all(|x| !x.is_nan()), "{case:?}");
        }
    }
}
