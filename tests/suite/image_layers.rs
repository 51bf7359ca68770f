//! Convolution and average pooling as layers: every output and gradient within the proved rounding bound of
//! the reference, and the reference's gradients are the slopes of its outputs.

use crate::reference::image_layers::{check, empty, slopes, tensor, values, weighed, with};
use crate::reference::layers::{Taps, average, average_backward};
use crate::reference::resnet_library::{Numbers, narrow};
use crate::reference::{self, Bounded, exact};
use neurogain::backend::{Pool, Update, Window};
use neurogain::nn::{GainConvolution, Init, Parameter, SpatialPool};
use neurogain::{Cpu, Memory, Shape, Tensor};

/// 3×3 and 1×1 kernels, strides 1 and 2, even and odd sides, with and without gains, and a dx that is
/// added to. The layer is linear in x and in W, so a step of any length gives the slope.
#[test]
fn convolution() {
    let backend = Cpu::new().unwrap();
    for (seed, (samples, side, size, stride)) in (1..).zip([
        (3, 5, 3, 1),
        (17, 4, 3, 2),
        (2, 5, 3, 2),
        (16, 3, 1, 1),
        (5, 7, 1, 2),
    ]) {
        let taps = Taps {
            outputs: 3,
            inputs: 2,
            size,
            stride,
        };
        let mut numbers = Numbers::new(seed);
        let x = numbers.images([samples, side, 2]);
        let dy = numbers.images([samples, taps.side(side), 3]);
        let before = numbers.images(x.shape());
        let w: Vec<f64> = (0..3 * size * size * 2)
            .map(|_| numbers.next(-1.0, 1.0))
            .collect();
        for gains in [None, Some([0.5, 1.25, 3.0])] {
            let of = |o: usize| gains.map_or(1.0, |gains: [f64; 3]| gains[o]);
            let row = w.len() / 3;
            let effective: Vec<Bounded> = (0..w.len())
                .map(|i| match gains {
                    Some(gains) => exact(gains[i / row]) * exact(w[i]),
                    None => exact(w[i]),
                })
                .collect();
            let initial = Init::Constant(0.0);
            let kernel = Shape::kernel(3, size, 2);
            let mut weight = Parameter::new(&backend, "w", kernel, initial, 0, 0).unwrap();
            backend
                .upload(&narrow(&w), weight.value.floats_mut())
                .unwrap();
            if let Some(gains) = gains {
                let mut gain = Tensor::zeros(&backend, Shape::vector(3)).unwrap();
                backend.upload(&narrow(&gains), gain.floats_mut()).unwrap();
                weight.gain = Some(gain);
            }
            let window = Window {
                size,
                stride,
                padding: size / 2,
            };
            let mut layer = GainConvolution::new(weight, window).unwrap();
            let (given, mut y) = (tensor(&backend, &x), empty(&backend));
            layer.forward(&backend, &given, &mut y).unwrap();
            let expected = taps.forward(&effective, &x.to::<Bounded>());
            check(&backend, "y", &y, &expected.numbers);

            let (mut dx, mut added) = (empty(&backend), tensor(&backend, &before));
            let upstream = tensor(&backend, &dy);
            for (update, dx) in [(Update::Overwrite, &mut dx), (Update::Add, &mut added)] {
                layer
                    .backward(&backend, &given, &upstream, Some((update, dx)))
                    .unwrap();
            }
            let wide_dy = dy.to::<Bounded>();
            let expected_dx = taps.to_input(&effective, x.shape(), &wide_dy);
            check(&backend, "dx", &dx, &expected_dx.numbers);
            let pairs = expected_dx.numbers.iter().zip(&before.numbers);
            // The chain starts from the existing value, which is part of each of its roundings.
            let sums: Vec<Bounded> = pairs
                .map(|(&dx, &before)| {
                    let mut sum = dx + exact(before);
                    sum.error += reference::U * (size * size * 3) as f64 * before.abs();
                    sum
                })
                .collect();
            check(&backend, "added dx", &added, &sums);
            let effective_dw = taps.to_weights(&x.to(), &wide_dy);
            let dw: Vec<Bounded> = effective_dw
                .into_iter()
                .enumerate()
                .map(|(i, dw)| exact(of(i / row)) * dw)
                .collect();
            check(&backend, "dw", &layer.weight.gradient, &dw);

            let scaled = |w: &[f64]| -> Vec<f64> {
                w.iter().enumerate().map(|(i, w)| of(i / row) * w).collect()
            };
            slopes(
                "dx",
                &x.numbers,
                &values(&expected_dx.numbers),
                0.5,
                |numbers| weighed(&taps.forward(&scaled(&w), &with(&x, numbers)), &dy),
            );
            slopes("dw", &w, &values(&dw), 0.5, |w| {
                weighed(&taps.forward(&scaled(w), &x), &dy)
            });
        }
    }
}

#[test]
fn average_pooling() {
    let backend = Cpu::new().unwrap();
    for (samples, side) in [(3, 4), (17, 3), (16, 1)] {
        let mut numbers = Numbers::new(side as u64);
        let x = numbers.images([samples, side, 5]);
        let dy = numbers.images([samples, 1, 5]);
        let window = Window {
            size: side,
            stride: side,
            padding: 0,
        };
        let pool = SpatialPool {
            pool: Pool::Average,
            window,
        };
        let (mut y, mut dx) = (empty(&backend), empty(&backend));
        let given = tensor(&backend, &x);
        pool.forward(&backend, &given, &mut y).unwrap();
        check(&backend, "y", &y, &average(&x.to::<Bounded>()).numbers);
        pool.backward(&backend, &given, &tensor(&backend, &dy), &mut dx)
            .unwrap();
        let expected = average_backward(x.shape(), &dy.to::<Bounded>()).numbers;
        check(&backend, "dx", &dx, &expected);
        slopes("dx", &x.numbers, &values(&expected), 0.5, |numbers| {
            weighed(&average(&with(&x, numbers)), &dy)
        });
    }
}
