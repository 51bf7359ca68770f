//! Batch normalisation: statistics, output and gradients against f64 references within their bounds,
//! the gradients as derivatives, the same bits on every instruction set and number of threads, and
//! wrong shapes.

mod reference;

use crate::cases_at_most;
use crate::images::{allocations, backends, difference, same_everywhere, unwritten, upload};
use neurogain::Error;
use neurogain::backend::{
    BatchNormConfig, Cpu, Memory, NormDims, Normalisations, Normalize, NormalizeBackward, ReluMask,
};
use proptest::prelude::*;
use reference::{Case, Data, check, kernels, within};

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop::sample::select(vec![1usize, 2, 15, 16, 17, 31, 33, 49]);
    let channels = prop::sample::select(vec![1usize, 3, 8, 15, 16, 17, 20, 33]);
    let pixels = prop::sample::select(vec![1usize, 2, 9, 16, 31, 32, 33, 47]);
    let offset = prop::sample::select(vec![0.0f32, 3.0, -1000.0]);
    (
        samples,
        channels,
        pixels,
        offset,
        any::<(bool, bool, u64)>(),
    )
        .prop_map(
            |(samples, channels, pixels, offset, (relu, residual, seed))| Case {
                dimensions: NormDims {
                    samples,
                    pixels,
                    channels,
                },
                relu,
                residual,
                offset,
                seed,
            },
        )
        .prop_filter("a variance", |case| case.n() > 1)
}

proptest! {
    #![proptest_config(cases_at_most(64))]
    #[test]
    fn every_number_is_within_its_bound_and_has_the_same_bits_everywhere(case in cases()) {
        check(&case);
    }
}

const SMALL: NormDims = NormDims {
    samples: 19,
    pixels: 6,
    channels: 3,
};

/// L = Σ dy·y through statistics, normalisation, residual and ReLU, by central differences in f64.
#[test]
fn gradients_are_the_derivatives_of_the_forward_pass() {
    for (relu, residual) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = Case {
            dimensions: SMALL,
            relu,
            residual,
            offset: 2.0,
            seed: 9,
        };
        let data = case.data();
        let found = kernels(&Cpu::new().unwrap(), &case, &data);
        let wide = |numbers: &[f32]| numbers.iter().map(|&n| f64::from(n)).collect::<Vec<_>>();
        let (mut x, mut r) = (wide(&data.x), wide(&data.residual));
        let (mut g, mut b) = (wide(&data.gamma), wide(&data.beta));
        let close = |name: &str, found: f32, expected: f64| {
            within(name, found, expected, 2e-4 * (1.0 + expected.abs()));
        };
        for i in case.present().into_iter().step_by(7) {
            close(
                "dx",
                found.dx.as_slice()[i],
                difference(&mut x, i, 1e-6, |x| loss(&case, &data, x, &r, &g, &b)),
            );
            if residual {
                close(
                    "dr",
                    found.residual.as_slice()[i],
                    difference(&mut r, i, 1e-6, |r| loss(&case, &data, &x, r, &g, &b)),
                );
            }
        }
        for c in 0..3 {
            close(
                "dγ",
                found.dgamma.as_slice()[c],
                difference(&mut g, c, 1e-6, |g| loss(&case, &data, &x, &r, g, &b)),
            );
            close(
                "dβ",
                found.dbeta.as_slice()[c],
                difference(&mut b, c, 1e-6, |b| loss(&case, &data, &x, &r, &g, b)),
            );
        }
    }
}

fn loss(case: &Case, data: &Data, x: &[f64], residual: &[f64], gamma: &[f64], beta: &[f64]) -> f64 {
    let mut sum = 0.0;
    for channel in 0..case.dimensions.channels {
        let own: Vec<usize> = case
            .present()
            .into_iter()
            .filter(|&i| case.channel(i) == channel)
            .collect();
        let n = own.len() as f64;
        let mean = own.iter().map(|&i| x[i]).sum::<f64>() / n;
        let variance = own.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / n;
        for i in own {
            let mut y = gamma[channel] * (x[i] - mean) / (variance + 1e-5).sqrt() + beta[channel];
            if case.residual {
                y += residual[i];
            }
            if case.relu {
                y = y.max(0.0);
            }
            sum += y * f64::from(data.dy[i]);
        }
    }
    sum
}

#[test]
fn inference_uses_the_running_statistics() {
    let running = [0.5, -2.0, 3.0, 4.0, 0.25, 0.0];
    for cpu in backends() {
        let mut statistics = unwritten(&cpu, 6);
        cpu.running_statistics(1e-5, &upload(&cpu, &running), &mut statistics)
            .unwrap();
        let found = statistics.as_slice();
        assert_eq!(found[..3], running[..3]);
        for (found, variance) in found[3..].iter().zip(&running[3..]) {
            assert_eq!(*found, 1.0 / (variance + 1e-5f32).sqrt());
        }
    }
}

/// A constant batch has no variance, whatever the constant.
#[test]
fn constant_channels() {
    for value in [0.0, 1.0, -3.3e7, 1e-20] {
        let case = Case {
            dimensions: SMALL,
            relu: false,
            residual: false,
            offset: 0.0,
            seed: 1,
        };
        let mut data = case.data();
        for i in case.present() {
            data.x[i] = value;
        }
        for cpu in backends() {
            let found = kernels(&cpu, &case, &data);
            for channel in 0..3 {
                assert_eq!(found.statistics.as_slice()[channel], value);
                assert_eq!(
                    found.statistics.as_slice()[3 + channel],
                    1.0 / 1e-5f32.sqrt()
                );
            }
            for i in case.present() {
                assert_eq!(found.y.as_slice()[i], data.beta[case.channel(i)]);
            }
        }
    }
}

#[test]
fn not_a_number_stays_in_its_channel() {
    let case = Case {
        dimensions: SMALL,
        relu: true,
        residual: true,
        offset: 0.0,
        seed: 4,
    };
    let mut data = case.data();
    for bad in [f32::NAN, f32::INFINITY] {
        data.x[16] = bad; // block 0, pixel 0, channel 1, sample 0
        for cpu in backends() {
            let found = kernels(&cpu, &case, &data);
            for i in 0..data.x.len() {
                let padding = case.sample(i) >= SMALL.samples;
                let expected = case.channel(i) == 1 && !padding;
                assert_eq!(found.y.as_slice()[i].is_nan(), expected, "y[{i}]");
                assert_eq!(found.dx.as_slice()[i].is_nan(), expected, "dx[{i}]");
            }
        }
    }
}

/// Work for three of seven threads by the cost model.
#[test]
fn many_samples_over_threads() {
    let case = Case {
        dimensions: NormDims {
            samples: 211,
            pixels: 980,
            channels: 17,
        },
        relu: true,
        residual: true,
        offset: 1.0,
        seed: 2,
    };
    let data = case.data();
    same_everywhere(|cpu| kernels(cpu, &case, &data).bits());
}

#[test]
fn a_second_call_allocates_nothing() {
    let length = SMALL.length().unwrap();
    for cpu in backends() {
        let floats = |length| cpu.zeros(length).unwrap();
        let (x, mut y, mut dy) = (floats(length), floats(length), floats(length));
        let (mut running, mut statistics) = (floats(6), floats(6));
        let (gamma, mut dgamma, mut dbeta) = (floats(3), floats(3), floats(3));
        let mut call = || {
            let settings = BatchNormConfig::default();
            cpu.batch_statistics(SMALL, settings, &x, &mut running, &mut statistics)
                .unwrap();
            let operands = Normalize {
                dimensions: SMALL,
                relu: true,
                statistics: &statistics,
                gamma: &gamma,
                beta: &gamma,
                x: &x,
                residual: None,
            };
            cpu.normalize(operands, &mut y).unwrap();
            let operands = NormalizeBackward {
                dimensions: SMALL,
                statistics: &statistics,
                gamma: &gamma,
                x: &x,
                relu: Some(ReluMask::Recomputed(&gamma)),
            };
            cpu.normalize_backward(operands, &mut dy, None, &mut dgamma, &mut dbeta)
                .unwrap();
        };
        call();
        assert_eq!(allocations(call), 0);
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let cpu = Cpu::new().unwrap();
    let floats = |length| cpu.zeros(length).unwrap();
    let run = |dimensions: NormDims, x: usize, channels: usize| {
        let (x, c, mut c2) = (floats(x), floats(channels), floats(2 * channels));
        let mut other = c2.clone();
        let statistics = cpu.batch_statistics(
            dimensions,
            BatchNormConfig::default(),
            &x,
            &mut c2,
            &mut other,
        );
        let operands = Normalize {
            dimensions,
            relu: true,
            statistics: &c2,
            gamma: &c,
            beta: &c,
            x: &x,
            residual: Some(&x),
        };
        let forward = cpu.normalize(operands, &mut x.clone());
        let [backward, recomputed] = [ReluMask::Output(&x), ReluMask::Recomputed(&c)].map(|mask| {
            let operands = NormalizeBackward {
                dimensions,
                statistics: &c2,
                gamma: &c,
                x: &x,
                relu: Some(mask),
            };
            let [mut dy, mut residual] = [x.clone(), x.clone()];
            let [mut dgamma, mut dbeta] = [c.clone(), c.clone()];
            cpu.normalize_backward(
                operands,
                &mut dy,
                Some(&mut residual),
                &mut dgamma,
                &mut dbeta,
            )
        });
        for result in [&statistics, &forward, &backward, &recomputed] {
            assert!(matches!(result, Ok(()) | Err(Error::Shape { .. })));
        }
        assert_eq!(backward.is_ok(), recomputed.is_ok());
        [statistics.is_ok(), forward.is_ok(), backward.is_ok()]
    };
    let length = SMALL.length().unwrap();
    assert_eq!(run(SMALL, length, 3), [true; 3]);
    assert_eq!(run(SMALL, length + 16, 3), [false; 3]);
    assert_eq!(run(SMALL, length, 2), [false; 3]);
    let large = usize::MAX / 2;
    for (samples, pixels, channels) in [
        (0, 6, 3),
        (19, 0, 3),
        (large, 6, 3),
        (19, large, 3),
        (19, large, 0),
    ] {
        let dimensions = NormDims {
            samples,
            pixels,
            channels,
        };
        assert_eq!(run(dimensions, length, 3), [false; 3]);
    }
    let one = NormDims {
        samples: 1,
        pixels: 1,
        channels: 3,
    };
    assert_eq!(run(one, 48, 3), [false, true, true]);
    assert_eq!(
        run(
            NormDims {
                channels: 0,
                ..SMALL
            },
            0,
            0
        ),
        [true; 3]
    );
    assert!(
        cpu.running_statistics(1e-5, &floats(6), &mut floats(4))
            .is_err()
    );
}
