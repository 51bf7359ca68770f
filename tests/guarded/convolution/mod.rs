//! Convolution: against an f64 reference within its bound, as the derivative of its forward pass,
//! with the same bits on every instruction set and number of threads, and on wrong shapes.

mod reference;
mod winograd;

use crate::cases_at_most;
use crate::images::{
    Awkward, allocations, backends, bits, difference, same_everywhere, unwritten, upload,
};
use neurogain::Error;
use neurogain::backend::{
    Conv2dDims, Convolutions, Cpu, MatmulDims, Memory, Products, Update, Window,
};
use proptest::prelude::*;
use reference::{Case, check, close, grid, kernels};

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop::sample::select(vec![1usize, 2, 15, 16, 17, 31, 33, 48, 49]);
    let channels =
        || prop::sample::select(vec![1usize, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 17, 20, 23]);
    let sides = (1..9usize, 1..9usize);
    let windows = (1..6usize, 1..4usize, 0..3usize);
    (
        samples,
        channels(),
        channels(),
        sides,
        windows,
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(
            |(samples, inputs, outputs, (height, width), (size, stride, padding), gain, seed)| {
                let window = Window {
                    size,
                    stride,
                    padding,
                };
                let dimensions = Conv2dDims {
                    blocks: samples.div_ceil(16),
                    height,
                    width,
                    inputs,
                    outputs,
                    window,
                };
                Case {
                    samples,
                    dimensions,
                    gain,
                    seed,
                }
            },
        )
        .prop_filter("the window fits", |case| case.dimensions.output().is_ok())
}

proptest! {
    #![proptest_config(cases_at_most(64))]
    #[test]
    fn every_sum_is_within_its_bound_and_has_the_same_bits_everywhere(case in cases()) {
        check(&case);
    }
}

#[test]
fn layers_of_the_slim_resnet() {
    for (inputs, outputs, side, size, stride, padding) in [
        (3, 20, 12, 3, 1, 1),
        (20, 20, 9, 3, 1, 1),
        (20, 40, 8, 3, 2, 1),
        (20, 40, 8, 1, 2, 0),
        (40, 80, 4, 3, 2, 1),
        (160, 160, 4, 3, 1, 1),
        // Rows longer than a chunk of the gradient's sum.
        (2, 3, 37, 3, 1, 1),
    ] {
        let samples = 35;
        check(&Case {
            samples,
            dimensions: Conv2dDims {
                blocks: 3,
                height: side,
                width: side,
                inputs,
                outputs,
                window: Window {
                    size,
                    stride,
                    padding,
                },
            },
            gain: true,
            seed: 7,
        });
    }
}

const SMALL: Conv2dDims = Conv2dDims {
    blocks: 2,
    height: 5,
    width: 4,
    inputs: 3,
    outputs: 6,
    window: Window {
        size: 3,
        stride: 2,
        padding: 1,
    },
};

fn small() -> Case {
    Case {
        samples: 19,
        dimensions: SMALL,
        gain: true,
        seed: 3,
    }
}

/// L = Σ r·y has dL/dy = r; its derivatives to x and w by central differences in f64.
#[test]
fn gradients_are_the_derivatives_of_the_forward_pass() {
    let case = small();
    let data = case.data();
    let loss = |x: &[f64], w: &[f64]| {
        let mut sum = 0.0;
        case.products(|o, wi, xi, yi| {
            let gain = data.gain.as_ref().map_or(1.0, |g| f64::from(g[o]));
            for lane in 0..16 {
                sum += gain * w[wi] * x[xi * 16 + lane] * f64::from(data.dy[yi * 16 + lane]);
            }
        });
        sum
    };
    let [mut x, mut w] =
        [&data.x, &data.w].map(|n| n.iter().map(|&n| f64::from(n)).collect::<Vec<_>>());
    let [_, dx, dw, _] = kernels(&Cpu::new().unwrap(), &case, &data);
    let mut awkward = Awkward::new(11);
    for _ in 0..40 {
        let i = awkward.bits() as usize % x.len();
        let (block, lane) = (i / (x.len() / 2), i % 16);
        if block * 16 + lane < case.samples {
            let found = f64::from(dx.as_slice()[i]);
            close(found, difference(&mut x, i, 0.5, |x| loss(x, &w)));
        }
        let i = awkward.bits() as usize % w.len();
        close(
            f64::from(dw.as_slice()[i]),
            difference(&mut w, i, 0.5, |w| loss(&x, w)),
        );
    }
}

#[test]
fn on_single_pixels_it_is_the_product() {
    let case = Case {
        samples: 600,
        dimensions: Conv2dDims {
            blocks: 38,
            height: 1,
            width: 1,
            inputs: 13,
            outputs: 11,
            window: Window {
                size: 1,
                stride: 1,
                padding: 0,
            },
        },
        gain: true,
        seed: 5,
    };
    let data = case.data();
    let cpu = Cpu::new().unwrap();
    let [y, dx, dw, _] = kernels(&cpu, &case, &data);
    let product = MatmulDims {
        blocks: 38,
        outputs: 11,
        inputs: 13,
    };
    let gain = data.gain.as_ref().map(|gain| upload(&cpu, gain));
    let [w, x, dy] = [&data.w, &data.x, &data.dy].map(|numbers| upload(&cpu, numbers));
    let mut other = unwritten(&cpu, data.dy.len());
    cpu.matmul_forward(product, gain.as_ref(), &w, &x, &mut other)
        .unwrap();
    assert_eq!(bits(&y), bits(&other));
    let mut other = unwritten(&cpu, data.x.len());
    cpu.matmul_backward_data(product, gain.as_ref(), &w, &dy, &mut other)
        .unwrap();
    assert_eq!(bits(&dx), bits(&other));
    let mut other = unwritten(&cpu, data.w.len());
    cpu.matmul_backward_weights(product, gain.as_ref(), &dy, &x, &mut other)
        .unwrap();
    assert_eq!(bits(&dw), bits(&other));
}

/// An infinite weight under the padding takes no part; under a pixel it does.
#[test]
fn padding_is_skipped_and_not_multiplied() {
    let case = small();
    let mut data = case.data();
    data.gain = None;
    data.w.fill(1.0);
    data.w[..3].fill(f32::INFINITY); // output 0, tap row 0, tap column 0
    data.x.fill(0.0);
    data.dy.fill(1.0);
    for cpu in backends() {
        let [y, dx, dw, _] = kernels(&cpu, &case, &data);
        let [rows, columns] = case.dimensions.output().unwrap();
        for (b, row, column) in grid(2, rows, columns) {
            let pixel = ((b * rows + row) * columns + column) * 6 * 16;
            // Only a window that lies inside at the top and left meets an infinite weight: 0·∞.
            assert_eq!(y.as_slice()[pixel].is_nan(), row > 0 && column > 0);
        }
        assert_eq!(dx.as_slice()[0], 6.0, "the corner is not under tap (0, 0)");
        assert!(dw.as_slice().iter().all(|&dw| dw == 0.0));
    }
}

#[test]
fn a_pixel_in_no_window_gets_no_gradient() {
    let mut case = small();
    case.dimensions.window = Window {
        size: 1,
        stride: 3,
        padding: 0,
    };
    let data = case.data();
    for cpu in backends() {
        let [_, dx, _, _] = kernels(&cpu, &case, &data);
        for (b, row, column) in grid(2, 5, 4) {
            let pixel = ((b * 5 + row) * 4 + column) * 3 * 16;
            let reached = row % 3 == 0 && column % 3 == 0;
            let found = &dx.as_slice()[pixel..][..48];
            assert!(reached || found.iter().all(|dx| dx.to_bits() == 0));
        }
    }
}

#[test]
fn not_a_number_stays_where_it_belongs() {
    let case = small();
    let mut data = case.data();
    data.x[18] = f32::NAN; // block 0, pixel (0, 0), channel 1, sample 2
    for cpu in backends() {
        let [y, _, dw, _] = kernels(&cpu, &case, &data);
        for (i, y) in y.as_slice().iter().enumerate() {
            let (pixel, sample) = (i / 96, i % 16);
            assert_eq!(y.is_nan(), pixel == 0 && sample == 2, "y[{i}] = {y}");
        }
        for (i, dw) in dw.as_slice().iter().enumerate() {
            // Pixel (0, 0) is under the tap (1, 1) alone.
            let (tap, channel) = (i / 3 % 9, i % 3);
            assert_eq!(dw.is_nan(), tap == 4 && channel == 1, "dw[{i}] = {dw}");
        }
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let cpu = Cpu::new().unwrap();
    let [w, x, y] = SMALL.lengths().unwrap();
    let floats = |length| cpu.zeros(length).unwrap();
    let refused = |dimensions: Conv2dDims, gain: usize, w: usize, x: usize, y: usize| {
        let (gain, mut w, mut x, mut y) = (floats(gain), floats(w), floats(x), floats(y));
        let all = [
            cpu.conv2d_forward(dimensions, Some(&gain), &w, &x, &mut y),
            cpu.conv2d_backward_data(dimensions, Some(&gain), &w, &y, Update::Add, &mut x),
            cpu.conv2d_backward_weights(dimensions, Some(&gain), &y, &x, &mut w),
        ];
        assert_eq!(
            all.iter()
                .filter(|r| matches!(r, Err(Error::Shape { .. })))
                .count(),
            if all[0].is_ok() { 0 } else { 3 }
        );
        all[0].is_err()
    };
    assert!(!refused(SMALL, 6, w, x, y));
    assert!(refused(SMALL, 5, w, x, y));
    assert!(refused(SMALL, 6, w + 1, x, y));
    assert!(refused(SMALL, 6, w, x - 16, y));
    assert!(refused(SMALL, 6, w, x, y + 16));
    let large = usize::MAX / 2;
    for (size, stride, padding) in [
        (0, 1, 0),
        (3, 0, 1),
        (8, 1, 1),
        (large, 1, large),
        (1, large, 0),
        (1, 1, large),
        (1, 1, 60_000),
    ] {
        let window = Window {
            size,
            stride,
            padding,
        };
        assert!(refused(Conv2dDims { window, ..SMALL }, 6, w, x, y));
    }
    for (blocks, height, width, inputs, outputs) in [
        (large, 5, 4, 3, 6),
        (2, large, 4, 3, 6),
        (2, 5, large, 3, 6),
        (2, 5, 4, large, 6),
        (2, 5, 4, 3, large),
        (2, 0, 4, 3, 6),
    ] {
        let window = SMALL.window;
        assert!(refused(
            Conv2dDims {
                blocks,
                height,
                width,
                inputs,
                outputs,
                window
            },
            6,
            w,
            x,
            y
        ));
    }
}

/// More blocks than threads, and work for seven of them by the cost model.
#[test]
fn many_blocks_over_threads() {
    let case = Case {
        samples: 461,
        dimensions: Conv2dDims {
            blocks: 29,
            height: 12,
            width: 11,
            inputs: 9,
            outputs: 11,
            window: Window {
                stride: 1,
                ..SMALL.window
            },
        },
        gain: false,
        seed: 13,
    };
    let data = case.data();
    same_everywhere(|cpu| kernels(cpu, &case, &data).map(|floats| bits(&floats)));
}

#[test]
fn a_second_call_allocates_nothing() {
    let case = small();
    let data = case.data();
    for cpu in backends() {
        let [w, mut x, mut dy] = [&data.w, &data.x, &data.dy].map(|numbers| upload(&cpu, numbers));
        let mut dw = w.clone();
        let mut call = || {
            cpu.conv2d_forward(SMALL, None, &w, &x, &mut dy).unwrap();
            cpu.conv2d_backward_data(SMALL, None, &w, &dy, Update::Add, &mut x)
                .unwrap();
            cpu.conv2d_backward_weights(SMALL, None, &dy, &x, &mut dw)
                .unwrap();
        };
        call();
        assert_eq!(allocations(call), 0);
    }
}

/// Nothing to do is no error, and what has no terms is zero.
#[test]
fn empty_dimensions() {
    for (blocks, inputs, outputs) in [(0, 3, 6), (2, 0, 6), (2, 3, 0), (0, 0, 0)] {
        let case = Case {
            samples: blocks * 16,
            dimensions: Conv2dDims {
                blocks,
                inputs,
                outputs,
                ..SMALL
            },
            gain: false,
            seed: 1,
        };
        for cpu in backends() {
            let [y, dx, dw, _] = kernels(&cpu, &case, &case.data());
            for floats in [y, dx, dw] {
                assert!(floats.as_slice().iter().all(|&number| number == 0.0));
            }
        }
    }
}
