//! The kernels on images, at the layers of the slim ResNet-18.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::kernels::numbers;
use super::{Benchmark, Work, done};
use crate::backend::{
    Backend, BatchNormConfig, Conv2dDims, NormDims, Normalize, NormalizeBackward, Pool, Pool2dDims,
    ReluMask, Update, Window,
};
use crate::error::Result;
use crate::shape::LANES;

/// The distinct convolutions of the slim ResNet-18 on 32×32 images: input channels, output channels, side of x in
/// pixels, side of the window, stride.
pub const CONVOLUTIONS: [[usize; 5]; 11] = [
    [3, 20, 32, 3, 1],
    [20, 20, 32, 3, 1],
    [20, 40, 32, 3, 2],
    [20, 40, 32, 1, 2],
    [40, 40, 16, 3, 1],
    [40, 80, 16, 3, 2],
    [40, 80, 16, 1, 2],
    [80, 80, 8, 3, 1],
    [80, 160, 8, 3, 2],
    [80, 160, 8, 1, 2],
    [160, 160, 4, 3, 1],
];

/// How often each of [`CONVOLUTIONS`] occurs in the network.
const TIMES: [usize; 11] = [1, 4, 1, 1, 3, 1, 1, 3, 1, 1, 3];

/// Multiply-adds of the slim ResNet-18 for one 32×32 image: forward pass, and training step (the stem needs no
/// gradient of its input).
pub(super) fn multiply_adds_of_slim_resnet(classes: usize) -> [usize; 2] {
    let layers = CONVOLUTIONS.iter().zip(TIMES);
    let convolutions = layers.map(|(&[inputs, outputs, side, size, stride], times)| {
        let padding = size / 2;
        let window = Window {
            size,
            stride,
            padding,
        };
        times * taps(window, side) * inputs * outputs
    });
    let each: Vec<usize> = convolutions.collect();
    let forward = each.iter().sum::<usize>() + 160 * classes;
    [forward, 3 * forward - each[0]]
}

/// Every kernel on images at the layers of the slim ResNet-18, batch 256.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if memory is insufficient for the operands.
pub fn images<B: Backend>(backend: &B) -> Result<Vec<Benchmark<'_>>> {
    let mut benchmarks = Vec::new();
    for layer in CONVOLUTIONS {
        convolution(backend, layer, &mut benchmarks)?;
    }
    for (channels, side) in [(20, 32), (40, 16), (80, 8), (160, 4)] {
        normalisation(backend, channels, side, &mut benchmarks)?;
    }
    pooling(backend, Pool::Average, [160, 4, 4, 4], &mut benchmarks)?;
    pooling(backend, Pool::Max, [20, 32, 2, 2], &mut benchmarks)?;
    Ok(benchmarks)
}

/// Samples per batch.
const BATCH: usize = 256;

/// Multiply-adds per image and pair of channels. Taps in the padding are skipped and do not count.
fn taps(window: Window, side: usize) -> usize {
    let inside = |at: usize| (window.padding..side + window.padding).contains(&at);
    let axis: usize = (0..window.outputs(side).unwrap_or(0))
        .map(|o| {
            (0..window.size)
                .filter(|t| inside(o * window.stride + t))
                .count()
        })
        .sum();
    axis * axis
}

fn convolution<'a, B: Backend>(
    backend: &'a B,
    [inputs, outputs, side, size, stride]: [usize; 5],
    benchmarks: &mut Vec<Benchmark<'a>>,
) -> Result<()> {
    let window = Window {
        size,
        stride,
        padding: size / 2,
    };
    let dimensions = Conv2dDims {
        blocks: BATCH / LANES,
        height: side,
        width: side,
        inputs,
        outputs,
        window,
    };
    let [w_length, x_length, y_length] = dimensions.lengths()?;
    let operations = 2 * taps(window, side) * inputs * outputs * BATCH;
    let amount = Work::Operations(operations as f64);
    let operands = || -> Result<_> {
        Ok((
            numbers(backend, w_length)?,
            numbers(backend, x_length)?,
            numbers(backend, y_length)?,
        ))
    };
    let layer = format!("{size}×{size} {inputs}→{outputs} at {side}, stride {stride}");
    let (w, x, mut y) = operands()?;
    benchmarks.push(Benchmark {
        name: format!("convolution forward {layer}"),
        amount,
        call: Box::new(move || done(backend.conv2d_forward(dimensions, None, &w, &x, &mut y))),
    });
    let (w, mut dx, dy) = operands()?;
    benchmarks.push(Benchmark {
        name: format!("convolution to input {layer}"),
        amount,
        call: Box::new(move || {
            let update = Update::Overwrite;
            done(backend.conv2d_backward_data(dimensions, None, &w, &dy, update, &mut dx))
        }),
    });
    let (mut dw, x, dy) = operands()?;
    benchmarks.push(Benchmark {
        name: format!("convolution to weights {layer}"),
        amount,
        call: Box::new(move || {
            done(backend.conv2d_backward_weights(dimensions, None, &dy, &x, &mut dw))
        }),
    });
    Ok(())
}

fn normalisation<'a, B: Backend>(
    backend: &'a B,
    channels: usize,
    side: usize,
    benchmarks: &mut Vec<Benchmark<'a>>,
) -> Result<()> {
    let dimensions = NormDims {
        samples: BATCH,
        pixels: side * side,
        channels,
    };
    let length = dimensions.length()?;
    let of = |passes: usize| Work::Bytes((length * passes * 4) as f64);
    let layer = format!("{channels} at {side}");
    let x = numbers(backend, length)?;
    let (mut running, mut statistics) = (
        numbers(backend, 2 * channels)?,
        numbers(backend, 2 * channels)?,
    );
    benchmarks.push(Benchmark {
        name: format!("batch statistics {layer}"),
        amount: of(1),
        call: Box::new(move || {
            let settings = BatchNormConfig::default();
            let outputs = (&mut running, &mut statistics);
            done(backend.batch_statistics(dimensions, settings, &x, outputs.0, outputs.1))
        }),
    });
    let statistics = numbers(backend, 2 * channels)?;
    let (gamma, beta) = (numbers(backend, channels)?, numbers(backend, channels)?);
    let (x, residual) = (numbers(backend, length)?, numbers(backend, length)?);
    let mut y = numbers(backend, length)?;
    benchmarks.push(Benchmark {
        name: format!("normalise, add, ReLU {layer}"),
        amount: of(3),
        call: Box::new(move || {
            let operands = Normalize {
                dimensions,
                relu: true,
                statistics: &statistics,
                gamma: &gamma,
                beta: &beta,
                x: &x,
                residual: Some(&residual),
            };
            done(backend.normalize(operands, &mut y))
        }),
    });
    let statistics = numbers(backend, 2 * channels)?;
    let gamma = numbers(backend, channels)?;
    let (mut dgamma, mut dbeta) = (numbers(backend, channels)?, numbers(backend, channels)?);
    let (x, y) = (numbers(backend, length)?, numbers(backend, length)?);
    let (mut dy, mut residual) = (numbers(backend, length)?, numbers(backend, length)?);
    benchmarks.push(Benchmark {
        name: format!("normalise backward {layer}"),
        // dy, y and x are read twice; dx and the residual's gradient are written.
        amount: of(8),
        call: Box::new(move || {
            let operands = NormalizeBackward {
                dimensions,
                statistics: &statistics,
                gamma: &gamma,
                x: &x,
                relu: Some(ReluMask::Output(&y)),
            };
            let residual = Some(&mut residual);
            done(backend.normalize_backward(operands, &mut dy, residual, &mut dgamma, &mut dbeta))
        }),
    });
    Ok(())
}

fn pooling<'a, B: Backend>(
    backend: &'a B,
    pool: Pool,
    [channels, side, size, stride]: [usize; 4],
    benchmarks: &mut Vec<Benchmark<'a>>,
) -> Result<()> {
    let dimensions = Pool2dDims {
        blocks: BATCH / LANES,
        height: side,
        width: side,
        channels,
        window: Window {
            size,
            stride,
            padding: 0,
        },
    };
    let [x_length, y_length] = dimensions.lengths()?;
    let layer = format!("{pool:?} {size}×{size}, {channels} at {side}");
    let (x, mut y) = (numbers(backend, x_length)?, numbers(backend, y_length)?);
    benchmarks.push(Benchmark {
        name: format!("pool {layer}"),
        amount: Work::Bytes(4.0 * (x_length + y_length) as f64),
        call: Box::new(move || done(backend.pool(pool, dimensions, &x, &mut y))),
    });
    let (x, dy, mut dx) = (
        numbers(backend, x_length)?,
        numbers(backend, y_length)?,
        numbers(backend, x_length)?,
    );
    let read = if pool == Pool::Max { x_length } else { 0 };
    benchmarks.push(Benchmark {
        name: format!("pool backward {layer}"),
        amount: Work::Bytes(4.0 * (x_length + y_length + read) as f64),
        call: Box::new(move || done(backend.pool_backward(pool, dimensions, &x, &dy, &mut dx))),
    });
    Ok(())
}
