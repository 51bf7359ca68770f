//! NeuroSync's forward pass.

use super::dense::{Rows, add};
use super::neurosync::{Layers, NeuroSync, Pass, SIGNALS};
use super::statistics::ActivityStatistics;
use super::{GivenSignals, SignalBound};
use crate::backend::{
    AttentionInput, AttentionOutput, Backend, InputAttention, InputAttentionInput, NeuronAttention,
    ScaleShift, Unary,
};
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What the passes of training and inference share.
struct Forward<'a, B: Backend> {
    backend: &'a B,
    layers: &'a Layers<B>,
    attention: NeuronAttention,
    per_sample: bool,
}

impl<B: Backend> NeuroSync<B> {
    /// The signals for a training batch, or for inference on `x`. Training keeps what `backward` needs.
    ///
    /// Signals are `[⌈N/16⌉][4][16]` or, per sample, `[⌈samples/16⌉][N][4][16]`.
    pub(super) fn forward(&mut self, backend: &B, x: &Tensor<B>, training: bool) -> Result<()> {
        let rows = self.signal_rows(x.shape().rows());
        let pass = match training {
            true => &mut self.training,
            false => &mut self.inference,
        };
        let forward = Forward {
            backend,
            layers: &self.layers,
            attention: self.attention,
            per_sample: self.per_sample,
        };
        forward.tokens(&self.positions, &mut self.statistics, pass)?;
        forward.attend(pass)?;
        if forward.layers.input.is_some() {
            forward.attend_to_input(x, pass)?;
        }
        forward.decode(rows, pass)?;
        if self.bound == SignalBound::Tanh {
            backend.unary(Unary::BoundedTanh, pass.signals.floats_mut())?;
        }
        hold_at_zero(backend, rows, self.mask.as_ref(), &mut pass.signals)
    }

    /// The signals of the last pass of this kind.
    pub(super) fn signals(&self, training: bool) -> GivenSignals<'_, B> {
        GivenSignals {
            signals: match training {
                true => &self.training.signals,
                false => &self.inference.signals,
            },
            per_sample: self.per_sample,
        }
    }
}

/// Multiplies the signals, or their gradients, by 0 where they are held at 0.
pub(super) fn hold_at_zero<B: Backend>(
    backend: &B,
    rows: Rows,
    mask: Option<&Tensor<B>>,
    signals: &mut Tensor<B>,
) -> Result<()> {
    let Some(mask) = mask else {
        return Ok(());
    };
    let operands = ScaleShift {
        dimensions: rows.dims(SIGNALS),
        relu: false,
        scale: Some(mask.floats()),
        shift: None,
        x: None,
        residual: None,
    };
    backend.scale_shift(operands, signals.floats_mut())
}

impl<B: Backend> Forward<'_, B> {
    /// Tokens, their normalisation, queries, keys and values.
    fn tokens(
        &self,
        positions: &Tensor<B>,
        statistics: &mut ActivityStatistics<B>,
        pass: &mut Pass<B>,
    ) -> Result<()> {
        let (backend, layers) = (self.backend, self.layers);
        let rows = Rows::of(self.attention.neurons);
        let (tokens, spare) = (&mut pass.tokens, &mut pass.spare);
        statistics.features(backend, &mut pass.statistics, spare)?;
        let none = (None, false);
        layers
            .statistics
            .forward(backend, rows, &pass.statistics, none, tokens)?;
        if let Some(learnable) = &layers.learnable {
            let features = learnable.features.value.shape().columns();
            let blocked = &mut pass.learnable;
            blocked.reshape(backend, rows.shape(features))?;
            let rows_of = learnable.features.value.floats();
            backend.to_blocked(rows.samples, features, rows_of, blocked.floats_mut())?;
            learnable.map.forward(backend, rows, blocked, none, spare)?;
            add(backend, spare, tokens)?;
        }
        layers
            .position
            .forward(backend, rows, positions, (Some(tokens), false), spare)?;
        core::mem::swap(tokens, spare);
        layers.norm1.forward(
            backend,
            rows,
            &pass.tokens,
            &mut pass.moments1,
            &mut pass.normed1,
        )?;
        let normed = &pass.normed1;
        layers
            .query
            .forward(backend, rows, normed, none, &mut pass.q)?;
        layers
            .key
            .forward(backend, rows, normed, none, &mut pass.k)?;
        layers
            .value
            .forward(backend, rows, normed, none, &mut pass.v)
    }

    /// The attention of neurons to neurons.
    fn attend(&self, pass: &mut Pass<B>) -> Result<()> {
        let (backend, dims) = (self.backend, self.attention);
        let rows = Rows::of(dims.neurons);
        pass.shares
            .reshape(backend, rows.shape(dims.heads * dims.neurons))?;
        pass.log_sums.reshape(backend, rows.shape(dims.heads))?;
        pass.attended
            .reshape(backend, rows.shape(dims.heads * dims.width))?;
        backend.neuron_attention(
            dims,
            AttentionInput {
                q: pass.q.floats(),
                k: pass.k.floats(),
                v: pass.v.floats(),
            },
            AttentionOutput {
                shares: pass.shares.floats_mut(),
                log_sums: pass.log_sums.floats_mut(),
                out: pass.attended.floats_mut(),
            },
        )
    }

    /// The input token, and the attention to it.
    fn attend_to_input(&self, x: &Tensor<B>, pass: &mut Pass<B>) -> Result<()> {
        let (backend, layers) = (self.backend, self.layers);
        let Some(input) = &layers.input else {
            return Ok(());
        };
        input.pool(backend, x, &mut pass.pooled)?;
        let samples = x.shape().rows();
        let (rows, pooled) = match self.per_sample {
            true => (Rows::of(samples), &pass.pooled),
            false => {
                let (mean, pixels) = (&mut pass.mean, input.pixels);
                mean.reshape(backend, Shape::vector(pixels))?;
                let dims = Rows::of(samples).dims(pixels);
                let sums = mean.floats_mut();
                backend.scale_shift_gradients(dims, pass.pooled.floats(), None, Some(sums))?;
                backend.unary(Unary::Scale((1.0 / samples as f64) as f32), sums)?;
                let one = &mut pass.one_pooled;
                one.reshape(backend, Rows::of(1).shape(pixels))?;
                backend.to_blocked(1, pixels, mean.floats(), one.floats_mut())?;
                (Rows::of(1), &pass.one_pooled)
            }
        };
        let none = (None, false);
        input
            .map
            .forward(backend, rows, pooled, none, &mut pass.input)?;
        layers.norm1.forward(
            backend,
            rows,
            &pass.input,
            &mut pass.input_moments,
            &mut pass.input_normed,
        )?;
        let normed = &pass.input_normed;
        layers
            .key
            .forward(backend, rows, normed, none, &mut pass.input_k)?;
        layers
            .value
            .forward(backend, rows, normed, none, &mut pass.input_v)?;
        let width = self.attention.heads * self.attention.width;
        let (k, v) = match self.per_sample {
            true => (&pass.input_k, &pass.input_v),
            false => {
                let keys = [
                    (&pass.input_k, &mut pass.one_k),
                    (&pass.input_v, &mut pass.one_v),
                ];
                for (blocked, one) in keys {
                    one.reshape(backend, Shape::vector(width))?;
                    backend.to_rows(1, width, blocked.floats(), one.floats_mut())?;
                }
                (&pass.one_k, &pass.one_v)
            }
        };
        let dims = input_attention(self.attention, self.per_sample, samples);
        let rows = match self.per_sample {
            true => Rows {
                samples,
                pixels: self.attention.neurons,
            },
            false => Rows::of(self.attention.neurons),
        };
        pass.w.reshape(backend, rows.shape(self.attention.heads))?;
        pass.mixed.reshape(backend, rows.shape(width))?;
        let operands = InputAttentionInput {
            q: pass.q.floats(),
            log_sums: pass.log_sums.floats(),
            out: pass.attended.floats(),
            k: k.floats(),
            v: v.floats(),
        };
        backend.input_attention(dims, operands, pass.w.floats_mut(), pass.mixed.floats_mut())
    }

    /// From the attention to the raw signals.
    ///
    /// Per sample, the residual of the tokens is the same for all samples: as a shift of N·d channels. Both additions
    /// round alike.
    fn decode(&self, rows: Rows, pass: &mut Pass<B>) -> Result<()> {
        let (backend, layers) = (self.backend, self.layers);
        let mixed = match layers.input {
            Some(_) => &pass.mixed,
            None => &pass.attended,
        };
        let x1 = &mut pass.x1;
        let out = &layers.out;
        let none = (None, false);
        match self.per_sample {
            false => out.forward(backend, rows, mixed, (Some(&pass.tokens), false), x1)?,
            true => {
                out.forward(backend, rows, mixed, none, x1)?;
                let width = self.attention.heads * self.attention.width;
                let neurons = self.attention.neurons;
                let token_rows = &mut pass.token_rows;
                token_rows.reshape(backend, Shape::matrix(neurons, width))?;
                let tokens = pass.tokens.floats();
                backend.to_rows(neurons, width, tokens, token_rows.floats_mut())?;
                let operands = ScaleShift {
                    dimensions: Rows::of(rows.samples).dims(neurons * width),
                    relu: false,
                    scale: None,
                    shift: Some(token_rows.floats()),
                    x: None,
                    residual: None,
                };
                backend.scale_shift(operands, x1.floats_mut())?;
            }
        }
        let (moments, normed) = (&mut pass.moments2, &mut pass.normed2);
        layers
            .norm2
            .forward(backend, rows, &pass.x1, moments, normed)?;
        let hidden = &mut pass.hidden;
        layers
            .hidden
            .forward(backend, rows, &pass.normed2, (None, true), hidden)?;
        let residual = (Some(&pass.x1), false);
        layers
            .feed_forward
            .forward(backend, rows, &pass.hidden, residual, &mut pass.x2)?;
        let (moments, normed) = (&mut pass.moments3, &mut pass.normed3);
        layers
            .norm3
            .forward(backend, rows, &pass.x2, moments, normed)?;
        layers
            .head
            .forward(backend, rows, &pass.normed3, none, &mut pass.signals)
    }
}

/// One input for all samples, or one per sample.
pub(super) fn input_attention(
    attention: NeuronAttention,
    per_sample: bool,
    samples: usize,
) -> InputAttention {
    InputAttention {
        attention,
        samples: per_sample.then_some(samples),
    }
}
