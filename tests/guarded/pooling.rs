//! Pooling: against an f64 reference within its bound, as the derivative of its forward pass, with the
//! same bits on every instruction set and number of threads, and on wrong shapes.

use crate::cases_at_most;
use crate::images::{Awkward, backends, bits, gamma, same_everywhere, unwritten, upload};
use neurogain::Error;
use neurogain::backend::cpu::Floats;
use neurogain::backend::{Cpu, Memory, Pool, Pool2dDims, Poolings, Window};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    samples: usize,
    dimensions: Pool2dDims,
    seed: u64,
}

impl Case {
    /// x with many equal numbers, and dy.
    fn data(&self) -> [Vec<f32>; 2] {
        let mut awkward = Awkward::new(self.seed);
        let dimensions = self.dimensions;
        let [rows, columns] = dimensions.output().unwrap();
        let pixels = dimensions.height * dimensions.width;
        let mut x = awkward.samples(self.samples, pixels * dimensions.channels);
        if self.seed.is_multiple_of(2) {
            x.iter_mut().for_each(|x| *x = x.clamp(-1.0, 1.0).round());
        }
        [
            x,
            awkward.samples(self.samples, rows * columns * dimensions.channels),
        ]
    }

    /// The pixels of x that are pooled for each element of y, in row-major order.
    fn windows(&self) -> Vec<Vec<usize>> {
        let Pool2dDims {
            blocks,
            height,
            width,
            channels,
            window,
        } = self.dimensions;
        let [rows, columns] = self.dimensions.output().unwrap();
        let covered = |number: usize, size: usize| {
            let begin = number * window.stride;
            (begin..begin + window.size)
                .filter(move |&p| p >= window.padding && p - window.padding < size)
                .map(|p| p - window.padding)
                .collect::<Vec<_>>()
        };
        let mut windows = Vec::new();
        for number in 0..blocks * rows * columns * channels * 16 {
            let (lane, channel) = (number % 16, number / 16 % channels);
            let pixel = number / 16 / channels;
            let (column, row) = (pixel % columns, pixel / columns % rows);
            let block = pixel / columns / rows;
            let mut window = Vec::new();
            for iy in covered(row, height) {
                for ix in covered(column, width) {
                    let pixel = (block * height + iy) * width + ix;
                    window.push((pixel * channels + channel) * 16 + lane);
                }
            }
            windows.push(window);
        }
        windows
    }
}

fn kernels(cpu: &Cpu, pool: Pool, case: &Case, [x, dy]: &[Vec<f32>; 2]) -> [Floats; 2] {
    let (mut y, mut dx) = (unwritten(cpu, dy.len()), unwritten(cpu, x.len()));
    let (x, dy) = (upload(cpu, x), upload(cpu, dy));
    cpu.pool(pool, case.dimensions, &x, &mut y).unwrap();
    cpu.pool_backward(pool, case.dimensions, &x, &dy, &mut dx)
        .unwrap();
    [y, dx]
}

/// The first of the largest.
fn largest(x: &[f32], window: &[usize]) -> usize {
    let mut best = window[0];
    for &pixel in window {
        if x[pixel] > x[best] {
            best = pixel;
        }
    }
    best
}

fn check(case: &Case) {
    let data = case.data();
    let [x, dy] = &data;
    let windows = case.windows();
    for pool in [Pool::Average, Pool::Max] {
        same_everywhere(|cpu| kernels(cpu, pool, case, &data).map(|floats| bits(&floats)));
        let [y, dx] = kernels(&Cpu::new().unwrap(), pool, case, &data);
        let mut expected = vec![0.0; x.len()];
        let mut absolute = vec![0.0; x.len()];
        let mut terms = vec![0; x.len()];
        for (i, window) in windows.iter().enumerate() {
            let found = y.as_slice()[i];
            let n = window.len();
            match pool {
                Pool::Max => assert_eq!(found.to_bits(), x[largest(x, window)].to_bits()),
                Pool::Average => {
                    let sum: f64 = window.iter().map(|&p| f64::from(x[p])).sum();
                    let all: f64 = window.iter().map(|&p| f64::from(x[p].abs())).sum();
                    // n − 1 additions and a division.
                    let error = (f64::from(found) - sum / n as f64).abs();
                    assert!(error <= gamma(n) * all / n as f64, "y[{i}] = {found}");
                }
            }
            for &p in window {
                let share = match pool {
                    Pool::Average => f64::from(dy[i]) / n as f64,
                    Pool::Max if p == largest(x, window) => f64::from(dy[i]),
                    Pool::Max => 0.0,
                };
                expected[p] += share;
                absolute[p] += share.abs();
                terms[p] += 1;
            }
        }
        for (i, &found) in dx.as_slice().iter().enumerate() {
            let error = (f64::from(found) - expected[i]).abs();
            assert!(
                error <= gamma(terms[i]) * absolute[i],
                "{pool:?}: dx[{i}] = {found}, expected {}",
                expected[i]
            );
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop::sample::select(vec![1usize, 15, 16, 17, 33]);
    let channels = prop::sample::select(vec![1usize, 2, 3, 5, 20]);
    let sides = (1..9usize, 1..9usize);
    let windows = (1..5usize, 1..4usize, 0..3usize);
    (samples, channels, sides, windows, any::<u64>())
        .prop_map(
            |(samples, channels, (height, width), (size, stride, padding), seed)| {
                let dimensions = Pool2dDims {
                    blocks: samples.div_ceil(16),
                    height,
                    width,
                    channels,
                    window: Window {
                        size,
                        stride,
                        padding,
                    },
                };
                Case {
                    samples,
                    dimensions,
                    seed,
                }
            },
        )
        .prop_filter("the window fits", |case| case.dimensions.output().is_ok())
}

proptest! {
    #![proptest_config(cases_at_most(64))]
    #[test]
    fn every_number_is_within_its_bound_and_has_the_same_bits_everywhere(case in cases()) {
        check(&case);
    }
}

const SMALL: Pool2dDims = Pool2dDims {
    blocks: 2,
    height: 4,
    width: 5,
    channels: 3,
    window: Window {
        size: 3,
        stride: 2,
        padding: 1,
    },
};

/// Max pooling is linear while the same pixel stays the largest.
#[test]
fn gradients_are_the_derivatives_of_the_forward_pass() {
    let case = Case {
        samples: 19,
        dimensions: SMALL,
        seed: 5,
    };
    let data = case.data();
    let [mut x, dy] = data.clone();
    let windows = case.windows();
    let loss = |pool: Pool, x: &[f32]| -> f64 {
        let pooled = windows.iter().map(|window| match pool {
            Pool::Max => f64::from(x[largest(x, window)]),
            Pool::Average => {
                let sum: f64 = window.iter().map(|&p| f64::from(x[p])).sum();
                sum / window.len() as f64
            }
        });
        pooled.zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
    };
    // Distinct numbers, at least 2⁻¹² apart.
    for (i, x) in x.iter_mut().enumerate() {
        *x = (i * 7919 % 8191) as f32 / 4096.0;
    }
    for pool in [Pool::Average, Pool::Max] {
        let [_, dx] = kernels(&Cpu::new().unwrap(), pool, &case, &[x.clone(), dy.clone()]);
        for i in (0..x.len()).step_by(17) {
            let (value, h) = (x[i], 1.0 / 16384.0);
            x[i] = value + h;
            let above = loss(pool, &x);
            x[i] = value - h;
            let below = loss(pool, &x);
            x[i] = value;
            let expected = (above - below) / (2.0 * f64::from(h));
            let error = (f64::from(dx.as_slice()[i]) - expected).abs();
            assert!(error <= 1e-5 * (1.0 + expected.abs()), "dx[{i}]");
        }
    }
}

#[test]
fn ties_go_to_the_first_and_a_nan_wins() {
    let dimensions = Pool2dDims {
        blocks: 1,
        height: 2,
        width: 2,
        channels: 1,
        window: Window {
            size: 2,
            stride: 2,
            padding: 0,
        },
    };
    let case = Case {
        samples: 4,
        dimensions,
        seed: 0,
    };
    // Sample 0: all equal. 1: −0 and +0 are equal. 2: infinite. 3: a NaN.
    let samples = [
        [2.0, 2.0, 2.0, 2.0],
        [-1.0, -0.0, 0.0, -0.0],
        [f32::NEG_INFINITY, f32::INFINITY, 1.0, f32::INFINITY],
        [f32::INFINITY, f32::NAN, 5.0, f32::INFINITY],
    ];
    let mut x = vec![0.0; 64];
    for (lane, pixels) in samples.iter().enumerate() {
        for (pixel, &value) in pixels.iter().enumerate() {
            x[pixel * 16 + lane] = value;
        }
    }
    let mut dy = vec![0.0; 16];
    dy[..4].fill(1.0);
    for cpu in backends() {
        let [y, dx] = kernels(&cpu, Pool::Max, &case, &[x.clone(), dy.clone()]);
        let (y, dx) = (y.as_slice(), dx.as_slice());
        assert_eq!(y[..3], [2.0, 0.0, f32::INFINITY]);
        assert!(y[1].is_sign_negative() && y[3].is_nan());
        for (lane, winner) in [0, 1, 1, 1].into_iter().enumerate() {
            for pixel in 0..4 {
                let expected = if pixel == winner { 1.0 } else { 0.0 };
                assert_eq!(dx[pixel * 16 + lane], expected, "sample {lane}");
            }
        }
    }
}

/// Work for three of seven threads by the cost model.
#[test]
fn many_samples_over_threads() {
    let case = Case {
        samples: 211,
        dimensions: Pool2dDims {
            blocks: 14,
            height: 33,
            width: 31,
            channels: 14,
            window: SMALL.window,
        },
        seed: 2,
    };
    let data = case.data();
    for pool in [Pool::Average, Pool::Max] {
        same_everywhere(|cpu| kernels(cpu, pool, &case, &data).map(|floats| bits(&floats)));
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let cpu = Cpu::new().unwrap();
    let [x, y] = SMALL.lengths().unwrap();
    let floats = |length| cpu.zeros(length).unwrap();
    let accepted = |dimensions: Pool2dDims, x: usize, y: usize| {
        let (x, mut y, mut dx) = (floats(x), floats(y), floats(x));
        let forward = cpu.pool(Pool::Max, dimensions, &x, &mut y);
        let backward = cpu.pool_backward(Pool::Max, dimensions, &x, &y, &mut dx);
        assert_eq!(forward.is_ok(), backward.is_ok());
        assert!(matches!(forward, Ok(()) | Err(Error::Shape { .. })));
        forward.is_ok()
    };
    assert!(accepted(SMALL, x, y));
    assert!(!accepted(SMALL, x + 16, y));
    assert!(!accepted(SMALL, x, y - 16));
    let large = usize::MAX / 2;
    for (size, stride, padding) in [(0, 1, 0), (3, 0, 1), (9, 1, 1), (2, 2, 2), (large, 1, 0)] {
        let window = Window {
            size,
            stride,
            padding,
        };
        assert!(!accepted(Pool2dDims { window, ..SMALL }, x, y));
    }
    for (blocks, height, channels) in [(large, 4, 3), (2, large, 3), (2, 4, large), (2, 0, 3)] {
        let dimensions = Pool2dDims {
            blocks,
            height,
            channels,
            ..SMALL
        };
        assert!(!accepted(dimensions, x, y));
    }
    assert!(accepted(Pool2dDims { blocks: 0, ..SMALL }, 0, 0));
    assert!(accepted(
        Pool2dDims {
            channels: 0,
            ..SMALL
        },
        0,
        0
    ));
}
