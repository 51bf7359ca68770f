//! Dimensions and operands of attention among neurons, and their checks.

use alloc::format;

use super::check::{lengths, too_large, volume};
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// The dimensions of attention among neurons. A neuron's features are `[⌈neurons/16⌉][heads·width][16]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeuronAttention {
    /// N: neurons, without the padding lanes.
    pub neurons: usize,
    /// Heads.
    pub heads: usize,
    /// Features of a head.
    pub width: usize,
}

/// The dimensions of the attention of neurons to the current input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputAttention {
    /// The neurons, and their heads.
    pub attention: NeuronAttention,
    /// `None`: one input for all samples. `Some(S)`: one input for each of S samples.
    pub samples: Option<usize>,
}

/// The inputs of [`Modulations::neuron_attention`](super::Modulations::neuron_attention), each
/// `[⌈N/16⌉][F][16]`.
#[derive(Debug, Clone, Copy)]
pub struct AttentionInput<'a, F> {
    /// Queries.
    pub q: &'a F,
    /// Keys.
    pub k: &'a F,
    /// Values.
    pub v: &'a F,
}

/// The outputs of [`Modulations::neuron_attention`](super::Modulations::neuron_attention).
#[derive(Debug)]
pub struct AttentionOutput<'a, F> {
    /// The softmax p, `[⌈N/16⌉][heads][N][16]`.
    pub shares: &'a mut F,
    /// The logarithm of the sum of exp(s), `[⌈N/16⌉][heads][16]`.
    pub log_sums: &'a mut F,
    /// `[⌈N/16⌉][F][16]`.
    pub out: &'a mut F,
}

/// The outputs of the forward pass that
/// [`Modulations::neuron_attention_backward`](super::Modulations::neuron_attention_backward) reads.
#[derive(Debug, Clone, Copy)]
pub struct AttentionKept<'a, F> {
    /// The softmax p.
    pub shares: &'a F,
    /// The output.
    pub out: &'a F,
}

/// The gradients given to
/// [`Modulations::neuron_attention_backward`](super::Modulations::neuron_attention_backward).
#[derive(Debug, Clone, Copy)]
pub struct AttentionGiven<'a, F> {
    /// With respect to out. The padding lanes must be zero.
    pub dout: &'a F,
    /// With respect to log_sums. The padding lanes must be zero.
    pub dlog_sums: &'a F,
}

/// The outputs of [`Modulations::neuron_attention_backward`](super::Modulations::neuron_attention_backward),
/// each `[⌈N/16⌉][F][16]`.
#[derive(Debug)]
pub struct AttentionGradients<'a, F> {
    /// With respect to the queries.
    pub dq: &'a mut F,
    /// With respect to the keys.
    pub dk: &'a mut F,
    /// With respect to the values.
    pub dv: &'a mut F,
}

/// The inputs of [`Modulations::input_attention`](super::Modulations::input_attention).
#[derive(Debug, Clone, Copy)]
pub struct InputAttentionInput<'a, F> {
    /// The queries of the neurons, `[⌈N/16⌉][F][16]`.
    pub q: &'a F,
    /// The logarithms of the neurons' sums, `[⌈N/16⌉][heads][16]`.
    pub log_sums: &'a F,
    /// The output of the attention among neurons, `[⌈N/16⌉][F][16]`.
    pub out: &'a F,
    /// The key of the input: `[F]` or, per sample, `[⌈S/16⌉][F][16]`.
    pub k: &'a F,
    /// The value of the input, as `k`.
    pub v: &'a F,
}

/// The inputs of [`Modulations::input_attention_backward`](super::Modulations::input_attention_backward).
#[derive(Debug, Clone, Copy)]
pub struct InputAttentionKept<'a, F> {
    /// The queries of the neurons.
    pub q: &'a F,
    /// The output of the attention among neurons.
    pub out: &'a F,
    /// The key of the input.
    pub k: &'a F,
    /// The value of the input.
    pub v: &'a F,
    /// The weight of the input, from the forward pass.
    pub w: &'a F,
    /// The gradient with respect to mixed. The padding lanes must be zero.
    pub dmixed: &'a F,
}

/// The outputs of [`Modulations::input_attention_backward`](super::Modulations::input_attention_backward).
#[derive(Debug)]
pub struct InputAttentionGradients<'a, F> {
    /// With respect to q, `[⌈N/16⌉][F][16]`.
    pub dq: &'a mut F,
    /// With respect to out, `[⌈N/16⌉][F][16]`.
    pub dout: &'a mut F,
    /// With respect to log_sums, `[⌈N/16⌉][heads][16]`.
    pub dlog_sums: &'a mut F,
    /// With respect to k, as k.
    pub dk: &'a mut F,
    /// With respect to v, as v.
    pub dv: &'a mut F,
}

impl NeuronAttention {
    /// F: the features of a neuron.
    pub(super) fn features(&self) -> usize {
        self.heads * self.width
    }

    /// Blocks of 16 neurons.
    pub(super) fn blocks(&self) -> usize {
        self.neurons.div_ceil(LANES)
    }

    /// The factor of the scores: 1/√width, computed in f64 and rounded once.
    pub(super) fn scale(&self) -> f32 {
        (1.0 / libm::sqrt(self.width as f64)) as f32
    }

    /// The lengths of a tensor of features and of one number per head, and of the shares.
    fn lengths(&self, operation: &'static str) -> Result<[usize; 3]> {
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = *self;
        if neurons == 0 || heads == 0 || width == 0 {
            let expected = "at least one neuron, one head and one feature of a head";
            return Err(Error::shape(operation, expected, format!("{self:?}")));
        }
        let blocks = self.blocks();
        let [features, log_sums, shares] = [
            &[blocks, heads, width, LANES][..],
            &[blocks, heads, LANES],
            &[blocks, heads, neurons, LANES],
        ]
        .map(volume);
        let all = (features, log_sums, shares);
        let (Some(features), Some(log_sums), Some(shares)) = all else {
            return Err(too_large(operation, format!("{self:?}")));
        };
        Ok([features, log_sums, shares])
    }
}

/// Checks the operands of the attention among neurons.
pub(super) fn check_neuron_attention<B: Memory>(
    backend: &B,
    dims: NeuronAttention,
    input: &AttentionInput<'_, B::Floats>,
    output: &AttentionOutput<'_, B::Floats>,
) -> Result<()> {
    let operation = "attention among neurons";
    let [features, log_sums, shares] = dims.lengths(operation)?;
    for (name, floats, expected) in [
        ("q", input.q, features),
        ("k", input.k, features),
        ("v", input.v, features),
        ("shares", &*output.shares, shares),
        ("log_sums", &*output.log_sums, log_sums),
        ("out", &*output.out, features),
    ] {
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}

/// Checks the operands of the gradient of the attention among neurons.
pub(super) fn check_neuron_attention_backward<B: Memory>(
    backend: &B,
    dims: NeuronAttention,
    input: &AttentionInput<'_, B::Floats>,
    kept: &AttentionKept<'_, B::Floats>,
    given: &AttentionGiven<'_, B::Floats>,
    gradients: &AttentionGradients<'_, B::Floats>,
) -> Result<()> {
    let operation = "attention among neurons backward";
    let [features, log_sums, shares] = dims.lengths(operation)?;
    for (name, floats, expected) in [
        ("q", input.q, features),
        ("k", input.k, features),
        ("v", input.v, features),
        ("shares", kept.shares, shares),
        ("out", kept.out, features),
        ("dout", given.dout, features),
        ("dlog_sums", given.dlog_sums, log_sums),
        ("dq", &*gradients.dq, features),
        ("dk", &*gradients.dk, features),
        ("dv", &*gradients.dv, features),
    ] {
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}

impl InputAttention {
    /// The lengths of a neuron tensor of features and of one number per head, of the input's key, and of w and mixed.
    fn lengths(&self, operation: &'static str) -> Result<[usize; 5]> {
        let [features, log_sums, _] = self.attention.lengths(operation)?;
        let Some(samples) = self.samples else {
            let key = self.attention.features();
            return Ok([features, log_sums, key, log_sums, features]);
        };
        if samples == 0 {
            let expected = "at least one sample";
            return Err(Error::shape(operation, expected, format!("{self:?}")));
        }
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = self.attention;
        let blocks = samples.div_ceil(LANES);
        let [key, w, mixed] = [
            &[blocks, heads, width, LANES][..],
            &[blocks, neurons, heads, LANES],
            &[blocks, neurons, heads, width, LANES],
        ]
        .map(volume);
        let (Some(key), Some(w), Some(mixed)) = (key, w, mixed) else {
            return Err(too_large(operation, format!("{self:?}")));
        };
        Ok([features, log_sums, key, w, mixed])
    }
}

/// Checks the operands of the attention to the input.
pub(super) fn check_input_attention<B: Memory>(
    backend: &B,
    dims: InputAttention,
    input: &InputAttentionInput<'_, B::Floats>,
    w: &B::Floats,
    mixed: &B::Floats,
) -> Result<()> {
    let operation = "attention to the input";
    let [features, log_sums, key, of_w, of_mixed] = dims.lengths(operation)?;
    for (name, floats, expected) in [
        ("q", input.q, features),
        ("log_sums", input.log_sums, log_sums),
        ("out", input.out, features),
        ("k", input.k, key),
        ("v", input.v, key),
        ("w", w, of_w),
        ("mixed", mixed, of_mixed),
    ] {
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}

/// Checks the operands of the gradient of the attention to the input.
pub(super) fn check_input_attention_backward<B: Memory>(
    backend: &B,
    dims: InputAttention,
    kept: &InputAttentionKept<'_, B::Floats>,
    gradients: &InputAttentionGradients<'_, B::Floats>,
) -> Result<()> {
    let operation = "attention to the input backward";
    let [features, log_sums, key, of_w, of_mixed] = dims.lengths(operation)?;
    for (name, floats, expected) in [
        ("q", kept.q, features),
        ("out", kept.out, features),
        ("k", kept.k, key),
        ("v", kept.v, key),
        ("w", kept.w, of_w),
        ("dmixed", kept.dmixed, of_mixed),
        ("dq", &*gradients.dq, features),
        ("dout", &*gradients.dout, features),
        ("dlog_sums", &*gradients.dlog_sums, log_sums),
        ("dk", &*gradients.dk, key),
        ("dv", &*gradients.dv, key),
    ] {
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}
