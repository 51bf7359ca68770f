//! Launches of `kernels/modulation.cu` and `neuron_attention.cu`.
#![allow(unsafe_code)]

use super::buffer::Floats;
use super::launch::Argument;
use super::normalisation::{CHANNELS, THREADS};
use super::{Cuda, Scratch};
use crate::backend::modulations::{check_modulation, check_modulation_backward};
use crate::backend::neuron_attention::{
    check_input_attention, check_input_attention_backward, check_neuron_attention,
    check_neuron_attention_backward,
};
use crate::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept, Modulation,
    ModulationKept, Modulations, NeuronAttention, NormDims,
};
use crate::error::Result;
use crate::shape::LANES;

impl Modulations for Cuda {
    fn neuron_attention(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Floats>,
        output: AttentionOutput<'_, Floats>,
    ) -> Result<()> {
        check_neuron_attention(self, dims, &input, &output)?;
        let AttentionOutput {
            shares,
            log_sums,
            out,
        } = output;
        let (pairs, rows, features) = (shares.length(), log_sums.length(), out.length());
        let d = heads(dims, None)?;
        let [q, k, v] = [input.q, input.k, input.v].map(Argument::from);
        let (shares, out) = (Argument::written(shares)?, Argument::written(out)?);
        let scores = &[d, Argument::count(pairs)?, q, k, shares];
        let softmax = &[
            d,
            Argument::count(rows)?,
            shares,
            Argument::written(log_sums)?,
        ];
        let mix = &[d, Argument::count(features)?, shares, v, out];
        // SAFETY: all have the lengths that the dimensions give, as checked; one thread per element of shares,
        // log_sums and out.
        unsafe {
            self.each("neuron_scores", pairs, scores)?;
            self.each("neuron_shares", rows, softmax)?;
            self.each("neuron_mix", features, mix)
        }
    }

    fn neuron_attention_backward(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Floats>,
        kept: AttentionKept<'_, Floats>,
        given: AttentionGiven<'_, Floats>,
        gradients: AttentionGradients<'_, Floats>,
    ) -> Result<()> {
        check_neuron_attention_backward(self, dims, &input, &kept, &given, &gradients)?;
        let AttentionGradients { dq, dk, dv } = gradients;
        let (pairs, features) = (kept.shares.length(), dq.length());
        let d = heads(dims, None)?;
        let [q, k, v] = [input.q, input.k, input.v].map(Argument::from);
        let [shares, out] = [kept.shares, kept.out].map(Argument::from);
        let [dout, dlog_sums] = [given.dout, given.dlog_sums].map(Argument::from);
        let (dk, dv) = (Argument::written(dk)?, Argument::written(dv)?);
        let dq = Argument::written(dq)?;
        self.with_scratch(|scratch| {
            scratch.partials.resize(&self.owner, pairs)?;
            let slopes = Argument::written(&mut scratch.partials)?;
            let count = Argument::count(pairs)?;
            let to_scores = &[d, count, v, shares, out, dout, dlog_sums, slopes];
            let mix = &[d, Argument::count(features)?, slopes, k, dq];
            let groups = features / LANES;
            let number = Argument::count(groups)?;
            let keys = &[d, number, q, shares, slopes, dout, dk, dv];
            // SAFETY: all have the lengths that the dimensions give, as checked; slopes is as long as shares; one
            // group of the last kernel is one feature of 16 neurons, for dk and then for dv.
            unsafe {
                self.each("neuron_slopes", pairs, to_scores)?;
                self.each("neuron_mix", features, mix)?;
                self.launch("neuron_keys", 2 * groups, THREADS, keys)
            }
        })
    }

    fn input_attention(
        &self,
        dims: InputAttention,
        input: InputAttentionInput<'_, Floats>,
        w: &mut Floats,
        mixed: &mut Floats,
    ) -> Result<()> {
        check_input_attention(self, dims, &input, w, mixed)?;
        let length = w.length();
        let arguments = &[
            heads(dims.attention, dims.samples)?,
            Argument::count(length)?,
            input.q.into(),
            input.log_sums.into(),
            input.out.into(),
            input.k.into(),
            input.v.into(),
            Argument::written(w)?,
            Argument::written(mixed)?,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; one thread per element of w.
        unsafe { self.each("input_weights", length, arguments) }
    }

    fn input_attention_backward(
        &self,
        dims: InputAttention,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) -> Result<()> {
        check_input_attention_backward(self, dims, &kept, &gradients)?;
        self.with_scratch(|scratch| {
            let Scratch { partials, sums, .. } = scratch;
            let length = kept.w.length();
            sums.resize(&self.owner, length)?;
            let d = heads(dims.attention, dims.samples)?;
            let slopes = Argument::written(sums)?;
            let arguments = &[
                d,
                Argument::count(length)?,
                kept.out.into(),
                kept.v.into(),
                kept.w.into(),
                kept.dmixed.into(),
                slopes,
            ];
            // SAFETY: all have the lengths that the dimensions give, as checked; slopes is as long as w; one thread
            // per element of w.
            unsafe { self.each("input_slopes", length, arguments)? };
            if dims.samples.is_some() {
                self.per_sample_backward(dims.attention, d, slopes, kept, gradients)
            } else {
                self.shared_backward(dims.attention, (d, partials), slopes, kept, gradients)
            }
        })
    }

    fn modulation(
        &self,
        dims: Modulation,
        signals: &Floats,
        u: &Floats,
        v: &Floats,
        z: &mut Floats,
        h: Option<&mut Floats>,
    ) -> Result<()> {
        check_modulation(self, dims, signals, [u, v, z], h.as_deref())?;
        let length = z.length();
        let h = match h {
            Some(h) => Argument::written(h)?,
            None => Argument::address(0),
        };
        let arguments = &[
            dims.try_into()?,
            Argument::count(length)?,
            signals.into(),
            u.into(),
            v.into(),
            Argument::written(z)?,
            h,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; h is there if there is an activity.
        unsafe { self.each("modulation", length, arguments) }
    }

    fn modulation_backward(
        &self,
        dims: Modulation,
        kept: ModulationKept<'_, Floats>,
        du: &mut Floats,
        dv: &mut Floats,
        dsignals: &mut Floats,
    ) -> Result<()> {
        check_modulation_backward(self, dims, &kept, [du, dv, dsignals])?;
        let (channels, chunks, length) = (dims.layer.channels, dims.layer.chunks(), du.length());
        if channels == 0 {
            return Ok(());
        }
        let d = Argument::try_from(dims)?;
        let all = [kept.signals, kept.u, kept.v, kept.z, kept.dh];
        let [signals, u, v, z, dh] = all.map(Argument::from);
        let (du, dv) = (Argument::written(du)?, Argument::written(dv)?);
        let dsignals = Argument::written(dsignals)?;
        let arguments = &[d, Argument::count(length)?, signals, z, dh, du, dv];
        // SAFETY: all have the lengths that the dimensions give, as checked.
        unsafe { self.each("modulation_backward", length, arguments)? };
        if dims.per_sample {
            let threads = dims.layer.samples.div_ceil(LANES) * channels * LANES;
            let arguments = &[d, signals, u, v, z, dh, dsignals];
            // SAFETY: as above; one thread per channel of a sample.
            return unsafe { self.each("sample_signals", threads, arguments) };
        }
        let groups = channels.div_ceil(CHANNELS);
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            let partials = Argument::written(partials)?;
            for second in [0u32, 1] {
                let second = second.into();
                let sums = &[d, second, signals, u, v, z, dh, partials];
                let finish = &[d, second, Argument::count(chunks)?, partials, dsignals];
                // SAFETY: as above; partials has 2·channels·16 elements per chunk.
                unsafe {
                    self.launch("signal_sums", groups * chunks, THREADS, sums)?;
                    self.launch("signal_gradients", channels, THREADS, finish)?;
                }
            }
            Ok(())
        })
    }
}

impl Cuda {
    /// The rest of the gradient with one input for all samples; `slopes` are dt.
    fn shared_backward(
        &self,
        attention: NeuronAttention,
        (d, partials): (Argument, &mut Floats),
        slopes: Argument,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) -> Result<()> {
        let length = kept.w.length();
        let [q, k, w, dmixed] = [kept.q, kept.k, kept.w, kept.dmixed].map(Argument::from);
        let of_neurons = &[
            d,
            Argument::count(length)?,
            k,
            w,
            dmixed,
            slopes,
            Argument::written(gradients.dq)?,
            Argument::written(gradients.dout)?,
            Argument::written(gradients.dlog_sums)?,
        ];
        let n = NormDims {
            samples: attention.neurons,
            pixels: 1,
            channels: attention.features(),
        };
        let (chunks, groups) = (n.chunks(), n.channels.div_ceil(CHANNELS));
        partials.resize(&self.owner, chunks * 2 * n.channels * LANES)?;
        let partials = Argument::written(partials)?;
        let n = Argument::try_from(n)?;
        let sums = &[n, d, q, w, dmixed, slopes, partials];
        let (dk, dv) = (
            Argument::written(gradients.dk)?,
            Argument::written(gradients.dv)?,
        );
        // A scale's gradient is the second sum, a shift's the first.
        let finish = &[n, Argument::count(chunks)?, partials, dv, dk];
        // SAFETY: all have the lengths that the dimensions give, as checked; slopes is as long as w; partials has
        // 2·features·16 elements per chunk of blocks of neurons.
        unsafe {
            self.each("shared_input_backward", length, of_neurons)?;
            self.launch("shared_input_sums", groups * chunks, THREADS, sums)?;
            self.launch(
                "scale_shift_gradients",
                attention.features(),
                THREADS,
                finish,
            )
        }
    }

    /// The rest of the gradient with one input per sample; `slopes` are dt.
    fn per_sample_backward(
        &self,
        attention: NeuronAttention,
        d: Argument,
        slopes: Argument,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) -> Result<()> {
        let length = kept.k.length();
        let [q, k, w, dmixed] = [kept.q, kept.k, kept.w, kept.dmixed].map(Argument::from);
        let of_inputs = &[
            d,
            Argument::count(length)?,
            q,
            w,
            dmixed,
            slopes,
            Argument::written(gradients.dk)?,
            Argument::written(gradients.dv)?,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; slopes is as long as w; one thread per
        // element of k.
        unsafe { self.each("sample_keys", length, of_inputs)? };
        let groups = attention.blocks() * attention.features();
        let of_heads = attention.blocks() * attention.heads;
        for (which, groups, to) in [
            (0u32, groups, gradients.dq),
            (1, groups, gradients.dout),
            (2, of_heads, gradients.dlog_sums),
        ] {
            let to = Argument::written(to)?;
            let arguments = &[d, which.into(), k, w, dmixed, slopes, to];
            // SAFETY: as above; one thread block per feature, or per head, of 16 neurons.
            unsafe { self.launch("over_samples", groups, THREADS, arguments)? };
        }
        Ok(())
    }
}

/// The struct `Heads` of kernels/neuron_attention.cu.
fn heads(dims: NeuronAttention, samples: Option<usize>) -> Result<Argument> {
    let sizes = [dims.neurons, dims.heads, dims.width, samples.unwrap_or(0)];
    Argument::sizes(sizes, [dims.scale().to_bits()])
}

/// As the struct `Modulated` of kernels/modulation.cu.
impl TryFrom<Modulation> for Argument {
    type Error = crate::Error;
    fn try_from(d: Modulation) -> Result<Self> {
        let layer = d.layer;
        let sizes = [
            layer.samples,
            layer.pixels,
            layer.channels,
            d.first,
            d.neurons,
        ];
        let activity = d.activity.map_or(0, |activity| activity as u32 + 1);
        Argument::sizes(sizes, [u32::from(d.per_sample), activity])
    }
}
