//! NeuroSync's backward pass.

use super::SignalBound;
use super::dense::{Rows, add};
use super::forward::{hold_at_zero, input_attention};
use super::neurosync::NeuroSync;
use crate::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, Backend, Binary,
    InputAttentionGradients, InputAttentionKept,
};
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;

impl<B: Backend> NeuroSync<B> {
    /// The gradient of every parameter, from those of the signals of the last training pass over `samples` samples;
    /// `dsignals` is overwritten.
    ///
    /// The layer norm, the keys' and the values' map serve neurons and input: their gradients are the neurons' plus the
    /// input's, in this order.
    pub(super) fn backward(
        &mut self,
        backend: &B,
        samples: usize,
        dsignals: &mut Tensor<B>,
    ) -> Result<()> {
        let rows = self.signal_rows(samples);
        let signals = &self.training.signals;
        hold_at_zero(backend, rows, self.mask.as_ref(), dsignals)?;
        if self.bound == SignalBound::Tanh {
            let slope = Binary::BoundedTanhBackward;
            backend.binary(slope, signals.floats(), dsignals.floats_mut())?;
        }
        self.decoder_backward(backend, rows, dsignals)?;
        self.attention_backward(backend, samples)?;
        self.tokens_backward(backend)?;
        self.input_backward(backend, samples)
    }

    /// From the raw signals to the mixed attention and, through the residual, the tokens.
    fn decoder_backward(&mut self, backend: &B, rows: Rows, draw: &Tensor<B>) -> Result<()> {
        let [neurons, width] = [self.attention.neurons, self.width()];
        let (layers, pass, given) = (&mut self.layers, &self.training, &mut self.gradients);
        let dx2 = &mut given.x2;
        layers
            .head
            .backward(backend, rows, &pass.normed3, draw, Some(dx2))?;
        let kept = (&pass.x2, &pass.moments3);
        layers.norm3.backward(backend, rows, kept, dx2, None)?;
        let dhidden = &mut given.hidden;
        layers
            .feed_forward
            .backward(backend, rows, &pass.hidden, dx2, Some(dhidden))?;
        let hidden = pass.hidden.floats();
        backend.binary(Binary::ReluBackward, hidden, dhidden.floats_mut())?;
        // With one set of signals, the residual gives the tokens dx₁ itself.
        let dx1 = match self.per_sample {
            true => &mut given.x1,
            false => &mut given.tokens,
        };
        layers
            .hidden
            .backward(backend, rows, &pass.normed2, dhidden, Some(dx1))?;
        let kept = (&pass.x1, &pass.moments2);
        layers.norm2.backward(backend, rows, kept, dx1, None)?;
        add(backend, dx2, dx1)?;
        let mixed = match layers.input {
            Some(_) => &pass.mixed,
            None => &pass.attended,
        };
        layers
            .out
            .backward(backend, rows, mixed, dx1, Some(&mut given.mixed))?;
        if !self.per_sample {
            return Ok(());
        }
        // The sum over the samples of each neuron's features.
        let token_rows = &mut given.token_rows;
        token_rows.reshape(backend, Shape::matrix(neurons, width))?;
        let dims = Rows::of(rows.samples).dims(neurons * width);
        let sums = token_rows.floats_mut();
        backend.scale_shift_gradients(dims, given.x1.floats(), None, Some(sums))?;
        let tokens = &mut given.tokens;
        tokens.reshape(backend, Rows::of(neurons).shape(width))?;
        let token_rows = given.token_rows.floats();
        backend.to_blocked(neurons, width, token_rows, tokens.floats_mut())
    }

    /// From the mixed attention to queries, keys and values of neurons and input.
    fn attention_backward(&mut self, backend: &B, samples: usize) -> Result<()> {
        let (dims, width) = (self.attention, self.width());
        let (pass, given) = (&self.training, &mut self.gradients);
        let rows = Rows::of(dims.neurons);
        for tensor in [&mut given.q, &mut given.k, &mut given.v] {
            tensor.reshape(backend, rows.shape(width))?;
        }
        let dout = match self.layers.input {
            // Nothing reads the sums: their gradient stays 0.
            None => &given.mixed,
            Some(_) => {
                given.q_to_input.reshape(backend, rows.shape(width))?;
                given.attended.reshape(backend, rows.shape(width))?;
                let ((k, v), (dk, dv)) = match self.per_sample {
                    true => {
                        let of_inputs = Rows::of(samples).shape(width);
                        given.input_k.reshape(backend, of_inputs)?;
                        given.input_v.reshape(backend, of_inputs)?;
                        (
                            (&pass.input_k, &pass.input_v),
                            (&mut given.input_k, &mut given.input_v),
                        )
                    }
                    false => {
                        given.one_k.reshape(backend, Shape::vector(width))?;
                        given.one_v.reshape(backend, Shape::vector(width))?;
                        (
                            (&pass.one_k, &pass.one_v),
                            (&mut given.one_k, &mut given.one_v),
                        )
                    }
                };
                backend.input_attention_backward(
                    input_attention(dims, self.per_sample, samples),
                    InputAttentionKept {
                        q: pass.q.floats(),
                        out: pass.attended.floats(),
                        k: k.floats(),
                        v: v.floats(),
                        w: pass.w.floats(),
                        dmixed: given.mixed.floats(),
                    },
                    InputAttentionGradients {
                        dq: given.q_to_input.floats_mut(),
                        dout: given.attended.floats_mut(),
                        dlog_sums: given.log_sums.floats_mut(),
                        dk: dk.floats_mut(),
                        dv: dv.floats_mut(),
                    },
                )?;
                &given.attended
            }
        };
        backend.neuron_attention_backward(
            dims,
            AttentionInput {
                q: pass.q.floats(),
                k: pass.k.floats(),
                v: pass.v.floats(),
            },
            AttentionKept {
                shares: pass.shares.floats(),
                out: pass.attended.floats(),
            },
            AttentionGiven {
                dout: dout.floats(),
                dlog_sums: given.log_sums.floats(),
            },
            AttentionGradients {
                dq: given.q.floats_mut(),
                dk: given.k.floats_mut(),
                dv: given.v.floats_mut(),
            },
        )?;
        match self.layers.input {
            Some(_) => add(backend, &given.q_to_input, &mut given.q),
            None => Ok(()),
        }
    }

    /// From queries, keys, values and the residual to the features of the tokens.
    fn tokens_backward(&mut self, backend: &B) -> Result<()> {
        let (layers, pass, given) = (&mut self.layers, &self.training, &mut self.gradients);
        let rows = Rows::of(self.attention.neurons);
        let (dnormed, spare) = (&mut given.normed, &mut given.spare);
        let normed = &pass.normed1;
        layers
            .query
            .backward(backend, rows, normed, &given.q, Some(dnormed))?;
        layers
            .key
            .backward(backend, rows, normed, &given.k, Some(spare))?;
        add(backend, spare, dnormed)?;
        layers
            .value
            .backward(backend, rows, normed, &given.v, Some(spare))?;
        add(backend, spare, dnormed)?;
        let kept = (&pass.tokens, &pass.moments1);
        layers.norm1.backward(backend, rows, kept, dnormed, None)?;
        let dtokens = &mut given.tokens;
        add(backend, dnormed, dtokens)?;
        layers
            .position
            .backward(backend, rows, &self.positions, dtokens, None)?;
        layers
            .statistics
            .backward(backend, rows, &pass.statistics, dtokens, None)?;
        let Some(learnable) = &mut layers.learnable else {
            return Ok(());
        };
        let dfeatures = &mut given.learnable;
        learnable
            .map
            .backward(backend, rows, &pass.learnable, dtokens, Some(dfeatures))?;
        let features = learnable.features.value.shape().columns();
        let gradient = learnable.features.gradient.floats_mut();
        backend.to_rows(rows.samples, features, dfeatures.floats(), gradient)
    }

    /// From the input's key and value to its pooled image.
    fn input_backward(&mut self, backend: &B, samples: usize) -> Result<()> {
        let width = self.width();
        let (layers, pass, given) = (&mut self.layers, &self.training, &mut self.gradients);
        let Some(input) = &mut layers.input else {
            return Ok(());
        };
        let (rows, pooled) = match self.per_sample {
            true => (Rows::of(samples), &pass.pooled),
            false => {
                let gradients = [
                    (&given.one_k, &mut given.input_k),
                    (&given.one_v, &mut given.input_v),
                ];
                for (one, blocked) in gradients {
                    blocked.reshape(backend, Rows::of(1).shape(width))?;
                    backend.to_blocked(1, width, one.floats(), blocked.floats_mut())?;
                }
                (Rows::of(1), &pass.one_pooled)
            }
        };
        let (normed, spare) = (&pass.input_normed, &mut self.spare);
        let (dk, dv) = (&given.input_k, &given.input_v);
        layers.key.add_gradients(backend, rows, normed, dk, spare)?;
        layers
            .value
            .add_gradients(backend, rows, normed, dv, spare)?;
        let dinput = &mut given.input;
        layers.key.to_input(backend, rows, dk, dinput)?;
        layers
            .value
            .to_input(backend, rows, dv, &mut given.input_spare)?;
        add(backend, &given.input_spare, dinput)?;
        let kept = (&pass.input, &pass.input_moments);
        layers
            .norm1
            .backward(backend, rows, kept, dinput, Some(spare))?;
        input.map.backward(backend, rows, pooled, dinput, None)
    }
}
