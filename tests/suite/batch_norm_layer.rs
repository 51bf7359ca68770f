//! Batch normalisation as a layer, with and without residual and ReLU: outputs, gradients and running
//! statistics are within the proved rounding bound of the definition, and the definition's gradients are the
//! slopes of its outputs.

use crate::reference::image_layers::{check, empty, slopes, tensor, values, weighed, with};
use crate::reference::layers::{
    EPSILON, Images, normalize, normalize_backward, relu, relu_backward,
};
use crate::reference::resnet_library::{Numbers, narrow};
use crate::reference::{self, Bounded, dot, exact};
use neurogain::backend::summation;
use neurogain::nn::{AfterRelu, BatchNorm2d};
use neurogain::{Cpu, Memory};

/// Batch normalisation by the formula of the kernel contract (shifted sums), to which the bound belongs; its
/// values are checked against the two-pass definition.
struct Formula {
    y: Vec<Bounded>,
    dx: Vec<Bounded>,
    masked: Vec<Bounded>,
    dgamma: Vec<Bounded>,
    dbeta: Vec<Bounded>,
    running: [Vec<Bounded>; 2],
}

fn formula(
    x: &Images<f64>,
    dy: &Images<f64>,
    residual: Option<&Images<f64>>,
    gamma: &[f64],
    beta: &[f64],
    with_relu: bool,
) -> Formula {
    let pixels = x.side * x.side;
    assert!(
        pixels * x.samples.div_ceil(16) <= summation::CHUNK,
        "the shift is the mean of all"
    );
    let count = x.samples * pixels;
    let n = exact(count as f64);
    let zero = exact(0.0);
    let mut all = Formula {
        y: vec![zero; x.numbers.len()],
        dx: vec![zero; x.numbers.len()],
        masked: vec![zero; x.numbers.len()],
        dgamma: Vec::new(),
        dbeta: Vec::new(),
        running: [Vec::new(), Vec::new()],
    };
    for c in 0..x.channels {
        let own: Vec<usize> = (0..count).map(|i| i * x.channels + c).collect();
        let sum = |terms: &dyn Fn(usize) -> (Bounded, Bounded)| dot(own.iter().map(|&i| terms(i)));
        let one = exact(1.0);
        let shift = sum(&|i| (exact(x.numbers[i]), one)) / n;
        let away = |i: usize| exact(x.numbers[i]) - shift;
        let (d, v) = (sum(&|i| (away(i), one)), sum(&|i| (away(i), away(i))));
        let offset = d / n;
        let mean = shift + offset;
        let squares = v - d * offset;
        let inverse = one / (squares / n + rounded(EPSILON)).sqrt();
        let scale = exact(gamma[c]) * inverse;
        let unbiased = squares / exact(count as f64 - 1.0);
        let [momentum, keep] = [rounded(0.1), rounded(0.9)];
        all.running[0].push(momentum * mean);
        all.running[1].push(momentum * unbiased + keep);
        for &i in &own {
            let mut y = (exact(x.numbers[i]) - mean).fma(scale, exact(beta[c]));
            if let Some(residual) = residual {
                y = y + exact(residual.numbers[i]);
            }
            let dy = exact(dy.numbers[i]);
            (all.y[i], all.masked[i]) = match with_relu {
                true => (reference::relu(y), reference::relu_backward(y, dy)),
                false => (y, dy),
            };
        }
        let centred = |i: usize| exact(x.numbers[i]) - mean;
        let dbeta = sum(&|i| (all.masked[i], one));
        let dgamma = sum(&|i| (all.masked[i], centred(i))) * inverse;
        let (b, slope) = (dbeta / n, inverse * dgamma / n);
        for &i in &own {
            let against = zero - centred(i);
            all.dx[i] = scale * against.fma(slope, all.masked[i] - b);
        }
        all.dgamma.push(dgamma);
        all.dbeta.push(dbeta);
    }
    all
}

/// A constant that the library stores as the nearest f32.
fn rounded(number: f64) -> Bounded {
    Bounded {
        value: number,
        error: reference::U * number,
    }
}

#[test]
fn batch_normalisation() {
    let backend = Cpu::new().unwrap();
    let cases = [(5, 4), (16, 3), (19, 2), (33, 1)].into_iter().zip(1..);
    for ((samples, side), seed) in cases {
        for (with_relu, with_residual) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let mut numbers = Numbers::new(seed);
            let x = numbers.images([samples, side, 3]);
            let dy = numbers.images(x.shape());
            let other = numbers.images(x.shape());
            let residual = with_residual.then_some(&other);
            let (gamma, beta) = ([0.5, 1.0, 1.5], [0.25, -0.5, 0.0]);
            let expected = formula(&x, &dy, residual, &gamma, &beta, with_relu);

            // The definition, in two passes.
            let output =
                |x: &Images<f64>, residual: Option<&Images<f64>>, gamma: &[f64], beta: &[f64]| {
                    let y = normalize(x, gamma, beta).y;
                    let y = residual.map_or(y.clone(), |residual| y.plus(residual));
                    if with_relu { relu(&y) } else { y }
                };
            let normalised = normalize(&x, &gamma, &beta);
            let sum = residual.map_or(normalised.y.clone(), |r| normalised.y.plus(r));
            let margin = sum
                .numbers
                .iter()
                .fold(1.0f64, |least, y| least.min(y.abs()));
            assert!(
                !with_relu || margin > 1e-5,
                "ReLU's kink is within rounding: {margin}"
            );
            let masked = if with_relu {
                relu_backward(&sum, &dy)
            } else {
                dy.clone()
            };
            let (dx, dgamma, dbeta) = normalize_backward(&x, &normalised, &gamma, &masked);
            let y = output(&x, residual, &gamma, &beta);
            for (formula, definition) in [
                (&expected.y, &y.numbers),
                (&expected.dx, &dx.numbers),
                (&expected.dgamma, &dgamma),
                (&expected.dbeta, &dbeta),
                (&expected.masked, &masked.numbers),
            ] {
                let pairs = values(formula).into_iter().zip(definition);
                assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12));
            }
            let n = (samples * side * side) as f64;
            for c in 0..3 {
                let unbiased = normalised.variance[c] * n / (n - 1.0);
                let definition = [0.1 * normalised.mean[c], 0.9 + 0.1 * unbiased];
                for (formula, definition) in expected.running.iter().zip(definition) {
                    assert!((formula[c].value - definition).abs() < 1e-12);
                }
            }
            let of = |y: &Images<f64>| weighed(y, &dy);
            let step = 1e-6;
            slopes("dx", &x.numbers, &dx.numbers, step, |x2| {
                of(&output(&with(&x, x2), residual, &gamma, &beta))
            });
            slopes("dγ", &gamma, &dgamma, step, |gamma| {
                of(&output(&x, residual, gamma, &beta))
            });
            slopes("dβ", &beta, &dbeta, step, |beta| {
                of(&output(&x, residual, &gamma, beta))
            });
            if let Some(residual) = residual {
                slopes("dr", &residual.numbers, &masked.numbers, step, |r| {
                    of(&output(&x, Some(&with(residual, r)), &gamma, &beta))
                });
            }

            let mut layer = BatchNorm2d::new(&backend, "norm", 3).unwrap();
            backend
                .upload(&narrow(&gamma), layer.gamma.value.floats_mut())
                .unwrap();
            backend
                .upload(&narrow(&beta), layer.beta.value.floats_mut())
                .unwrap();
            let given = tensor(&backend, &x);
            let beside = residual.map(|residual| tensor(&backend, residual));
            let (mut y, mut dx) = (empty(&backend), tensor(&backend, &dy));
            let mut dr = empty(&backend);
            layer
                .forward(&backend, &given, beside.as_ref(), with_relu, &mut y)
                .unwrap();
            check(&backend, "y", &y, &expected.y);
            check(
                &backend,
                "running",
                &layer.running,
                &expected.running.concat(),
            );
            let after = match residual {
                None => AfterRelu::Alone,
                Some(_) => AfterRelu::WithResidual(&y),
            };
            let (relu, into) = (with_relu.then_some(after), with_residual.then_some(&mut dr));
            layer
                .backward(&backend, &given, relu, &mut dx, into)
                .unwrap();
            check(&backend, "dx", &dx, &expected.dx);
            check(&backend, "dγ", &layer.gamma.gradient, &expected.dgamma);
            check(&backend, "dβ", &layer.beta.gradient, &expected.dbeta);
            if with_residual {
                check(&backend, "dr", &dr, &expected.masked);
            }
            // A second batch: a ← 0.9·a + 0.1·new, with the same new values.
            layer
                .forward(&backend, &given, beside.as_ref(), with_relu, &mut y)
                .unwrap();
            let keep = rounded(0.9);
            let [mean, variance] = &expected.running;
            let twice = mean.iter().map(|&m| keep * m + m);
            let variances = variance.iter().map(|&v| keep * v + (v - keep));
            let twice: Vec<Bounded> = twice.chain(variances).collect();
            check(&backend, "running, twice", &layer.running, &twice);
        }
    }
}
