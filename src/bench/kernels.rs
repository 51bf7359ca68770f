//! The kernels at the models' shapes.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::{Benchmark, Work, done};
use crate::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput, Backend,
    Binary, MatmulDims, NeuronAttention, Unary,
};
use crate::error::Result;
use crate::shape::LANES;

/// The shapes of the matrix products: samples, outputs, inputs.
pub const PRODUCTS: [(usize, usize, usize); 9] = [
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (128, 400, 784),
    (128, 400, 400),
    (128, 10, 400),
    (2112, 400, 784),
    (2112, 400, 400),
    (16, 400, 784),
];

/// Every kernel at the shapes of the models.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if memory is insufficient for the operands.
pub fn kernels<B: Backend>(backend: &B) -> Result<Vec<Benchmark<'_>>> {
    let mut benchmarks = Vec::new();
    for (samples, outputs, inputs) in PRODUCTS {
        benchmarks.extend(products(backend, samples, outputs, inputs)?);
    }
    // A batch's hidden activations, which fit the L2 cache; and an array larger than every cache.
    for length in [51_200, 1 << 25] {
        elementwise(backend, length, &mut benchmarks)?;
    }
    gather(backend, &mut benchmarks)?;
    benchmarks.extend(attention(backend)?);
    Ok(benchmarks)
}

/// Different, mostly non-zero numbers, so that timings are those of ordinary data.
pub(super) fn numbers<B: Backend>(backend: &B, length: usize) -> Result<B::Floats> {
    let mut floats = backend.zeros(length)?;
    let numbers = (0..length).map(|i| ((i % 1013) as f32 - 506.0) / 512.0);
    backend.upload(&numbers.collect::<Vec<_>>(), &mut floats)?;
    Ok(floats)
}

/// The matrix products of a layer with gains: forward, gradient of the input, gradient of the weights.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if memory is insufficient for the operands.
pub fn products<B: Backend>(
    backend: &B,
    samples: usize,
    outputs: usize,
    inputs: usize,
) -> Result<[Benchmark<'_>; 3]> {
    let dimensions = MatmulDims {
        blocks: samples / LANES,
        outputs,
        inputs,
    };
    let amount = Work::Operations(2.0 * (samples * outputs * inputs) as f64);
    let operands = || -> Result<_> {
        Ok((
            numbers(backend, outputs)?,
            numbers(backend, outputs * inputs)?,
            numbers(backend, samples * inputs)?,
            numbers(backend, samples * outputs)?,
        ))
    };
    let (g, w, x, mut y) = operands()?;
    let forward = Benchmark {
        name: format!("product forward {samples}×{outputs}×{inputs}"),
        amount,
        call: Box::new(move || done(backend.matmul_forward(dimensions, Some(&g), &w, &x, &mut y))),
    };
    let (g, w, mut dx, dy) = operands()?;
    let to_input = Benchmark {
        name: format!("product to input {samples}×{outputs}×{inputs}"),
        amount,
        call: Box::new(move || {
            done(backend.matmul_backward_data(dimensions, Some(&g), &w, &dy, &mut dx))
        }),
    };
    let (g, mut dw, x, dy) = operands()?;
    let to_weights = Benchmark {
        name: format!("product to weights {samples}×{outputs}×{inputs}"),
        amount,
        call: Box::new(move || {
            done(backend.matmul_backward_weights(dimensions, Some(&g), &dy, &x, &mut dw))
        }),
    };
    Ok([forward, to_input, to_weights])
}

fn elementwise<'a, B: Backend>(
    backend: &'a B,
    length: usize,
    benchmarks: &mut Vec<Benchmark<'a>>,
) -> Result<()> {
    let of = |bytes: usize| Work::Bytes((length * bytes) as f64);
    let mut x = numbers(backend, length)?;
    benchmarks.push(Benchmark {
        name: format!("ReLU {length}"),
        amount: of(8),
        call: Box::new(move || done(backend.unary(Unary::Relu, &mut x))),
    });
    let (y, mut dy) = (numbers(backend, length)?, numbers(backend, length)?);
    benchmarks.push(Benchmark {
        name: format!("ReLU backward {length}"),
        amount: of(12),
        call: Box::new(move || done(backend.binary(Binary::ReluBackward, &y, &mut dy))),
    });
    let (dw, mut w) = (numbers(backend, length)?, numbers(backend, length)?);
    benchmarks.push(Benchmark {
        name: format!("SGD {length}"),
        amount: of(12),
        call: Box::new(move || done(backend.sgd(1e-9, &dw, &mut w))),
    });
    let (dw, mut v, mut w) = (
        numbers(backend, length)?,
        numbers(backend, length)?,
        numbers(backend, length)?,
    );
    benchmarks.push(Benchmark {
        name: format!("momentum {length}"),
        amount: of(20),
        call: Box::new(move || done(backend.momentum(1e-9, 0.5, &dw, &mut v, &mut w))),
    });
    let (x, mut sum) = (numbers(backend, length)?, numbers(backend, 1)?);
    benchmarks.push(Benchmark {
        name: format!("absolute sum {length}"),
        amount: of(4),
        call: Box::new(move || done(backend.absolute_sum(&x, &mut sum))),
    });
    Ok(())
}

fn gather<'a, B: Backend>(backend: &'a B, benchmarks: &mut Vec<Benchmark<'a>>) -> Result<()> {
    let (samples, features) = (128, 784);
    let pixels: Vec<u8> = (0..4096 * features).map(|i| (i * 7 % 251) as u8).collect();
    let pixels = backend.bytes(&pixels)?;
    let table = numbers(backend, 256)?;
    let indices: Vec<u32> = (0..samples as u32).map(|s| s * 1237 % 4096).collect();
    let mut out = numbers(backend, samples * features)?;
    benchmarks.push(Benchmark {
        name: "gather 128×784".into(),
        amount: Work::Bytes((samples * features * 5) as f64),
        call: Box::new(move || {
            done(backend.gather(&pixels, &table, &indices, None, features, &mut out))
        }),
    });
    Ok(())
}

/// Attention among the 210 neurons of an MLP 784-100-100-10, with 2 heads of width 8, and its gradient.
fn attention<B: Backend>(backend: &B) -> Result<[Benchmark<'_>; 2]> {
    let dims = NeuronAttention {
        neurons: 210,
        heads: 2,
        width: 8,
    };
    let blocks = dims.neurons.div_ceil(LANES);
    let tokens = |features: usize| numbers(backend, blocks * features * LANES);
    let features = dims.heads * dims.width;
    let product = 2.0 * (dims.neurons.pow(2) * features) as f64;
    let (q, k, v) = (tokens(features)?, tokens(features)?, tokens(features)?);
    let (mut shares, mut log_sums, mut out) = (
        tokens(dims.heads * dims.neurons)?,
        tokens(dims.heads)?,
        tokens(features)?,
    );
    let forward = Benchmark {
        name: "attention among 210 neurons".into(),
        amount: Work::Operations(2.0 * product),
        call: Box::new(move || {
            let input = AttentionInput {
                q: &q,
                k: &k,
                v: &v,
            };
            let output = AttentionOutput {
                shares: &mut shares,
                log_sums: &mut log_sums,
                out: &mut out,
            };
            done(backend.neuron_attention(dims, input, output))
        }),
    };
    let (q, k, v) = (tokens(features)?, tokens(features)?, tokens(features)?);
    let (shares, out) = (tokens(dims.heads * dims.neurons)?, tokens(features)?);
    let (dout, dlog_sums) = (tokens(features)?, tokens(dims.heads)?);
    let (mut dq, mut dk, mut dv) = (tokens(features)?, tokens(features)?, tokens(features)?);
    let backward = Benchmark {
        name: "attention among 210 neurons, backward".into(),
        amount: Work::Operations(4.0 * product),
        call: Box::new(move || {
            let input = AttentionInput {
                q: &q,
                k: &k,
                v: &v,
            };
            let kept = AttentionKept {
                shares: &shares,
                out: &out,
            };
            let given = AttentionGiven {
                dout: &dout,
                dlog_sums: &dlog_sums,
            };
            let gradients = AttentionGradients {
                dq: &mut dq,
                dk: &mut dk,
                dv: &mut dv,
            };
            done(backend.neuron_attention_backward(dims, input, kept, given, gradients))
        }),
    };
    Ok([forward, backward])
}
