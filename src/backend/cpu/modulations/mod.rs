//! Attention among neurons, and the modulation of their weights and activity: see
//! [`Modulations`].

mod activity;
mod input;
mod keys;
mod neurons;

use super::simd::{Block, Simd};
use super::spread::Spread;
use super::sums::ChannelSums;
use super::{Cpu, Floats, scratch};
use crate::backend::modulations::{SIGNALS, check_modulation, check_modulation_backward};
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

/// The work of an exponential and a division, in multiply-adds.
const EXPONENTIAL: usize = 20;

impl Modulations for Cpu {
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
        self.threads.run(Spread {
            set: self.set,
            kernel: neurons::Forward {
                dims,
                k: input.k.as_blocks(),
                v: input.v.as_blocks(),
            },
            first: 0,
            count: dims.blocks(),
            work: dims.heads * dims.neurons * LANES * (2 * dims.width + EXPONENTIAL),
            read: [input.q.as_blocks()],
            written: [shares, log_sums, out].map(Floats::as_mut_blocks),
        });
        Ok(())
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
        let [q, k, v] = [input.q, input.k, input.v].map(Floats::as_blocks);
        let [shares, out] = [kept.shares, kept.out].map(Floats::as_blocks);
        let [dout, dlog_sums] = [given.dout, given.dlog_sums].map(Floats::as_blocks);
        let work = dims.heads * dims.neurons * LANES * (2 * dims.width + 4);
        scratch::with(shares.len(), |slopes| {
            self.threads.run(Spread {
                set: self.set,
                kernel: neurons::Backward { dims, k, v },
                first: 0,
                count: dims.blocks(),
                work,
                read: [shares, out, dout, dlog_sums],
                written: [&mut *slopes, dq.as_mut_blocks()],
            });
            self.threads.run(Spread {
                set: self.set,
                kernel: keys::Keys {
                    dims,
                    q,
                    shares,
                    slopes,
                    dout,
                },
                first: 0,
                count: dims.blocks(),
                work,
                read: [],
                written: [dk, dv].map(Floats::as_mut_blocks),
            });
        });
        Ok(())
    }

    fn input_attention(
        &self,
        dims: InputAttention,
        input: InputAttentionInput<'_, Floats>,
        w: &mut Floats,
        mixed: &mut Floats,
    ) -> Result<()> {
        check_input_attention(self, dims, &input, w, mixed)?;
        let attention = dims.attention;
        let [q, log_sums, out] = [input.q, input.log_sums, input.out].map(Floats::as_blocks);
        let written = [w, mixed].map(Floats::as_mut_blocks);
        let work = attention.heads * LANES * (2 * attention.width + EXPONENTIAL);
        match dims.samples {
            None => self.threads.run(Spread {
                set: self.set,
                kernel: input::Shared {
                    attention,
                    k: input.k.as_slice(),
                    v: input.v.as_slice(),
                },
                first: 0,
                count: attention.blocks(),
                work,
                read: [q, log_sums, out],
                written,
            }),
            Some(samples) => self.threads.run(Spread {
                set: self.set,
                kernel: input::PerSample {
                    attention,
                    samples,
                    q,
                    log_sums,
                    out,
                },
                first: 0,
                count: samples.div_ceil(LANES),
                work: attention.neurons * work,
                read: [input.k, input.v].map(Floats::as_blocks),
                written,
            }),
        }
        Ok(())
    }

    fn input_attention_backward(
        &self,
        dims: InputAttention,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) -> Result<()> {
        check_input_attention_backward(self, dims, &kept, &gradients)?;
        match dims.samples {
            None => self.shared_backward(dims.attention, kept, gradients),
            Some(samples) => self.per_sample_backward(dims.attention, samples, kept, gradients),
        }
        Ok(())
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
        if dims.layer.channels > 0 {
            let kernel = activity::Forward(activity::Signals::new(dims, signals));
            let read = [u, v].map(Floats::as_blocks);
            let h = h.map_or(&mut [][..], Floats::as_mut_blocks);
            let written = [z.as_mut_blocks(), h];
            self.threads
                .run(Spread::pixels(self.set, dims.layer, kernel, read, written));
        }
        Ok(())
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
        if dims.layer.channels == 0 {
            return Ok(());
        }
        let signals = activity::Signals::new(dims, kept.signals);
        let [u, v, z, dh] = [kept.u, kept.v, kept.z, kept.dh].map(Floats::as_blocks);
        let written = [du, dv].map(Floats::as_mut_blocks);
        self.threads.run(Spread::pixels(
            self.set,
            dims.layer,
            activity::Backward(signals),
            [z, dh],
            written,
        ));
        let kernel = activity::Gradients {
            signals,
            read: activity::Kept { u, v, z, dh },
        };
        let all = dims.layer.all_pixels() * dims.layer.channels * LANES;
        let (units, blocks) = if dims.per_sample {
            let units = 0..dims.layer.samples.div_ceil(LANES);
            (units, dsignals.as_mut_blocks())
        } else {
            // The blocks of neurons that this layer has a part in.
            let first = dims.first / LANES;
            let last = (dims.first + dims.layer.channels).div_ceil(LANES);
            let width = SIGNALS;
            let blocks = &mut dsignals.as_mut_blocks()[first * width..last * width];
            (first..last, blocks)
        };
        self.threads.run(Spread {
            set: self.set,
            kernel,
            first: units.start,
            count: units.len(),
            work: 2 * all / units.len().max(1),
            read: [],
            written: [blocks],
        });
        Ok(())
    }
}

impl Cpu {
    /// The gradient of the attention to one input for all samples.
    fn shared_backward(
        &self,
        attention: NeuronAttention,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) {
        let [q, out, w, dmixed] = [kept.q, kept.out, kept.w, kept.dmixed].map(Floats::as_blocks);
        let InputAttentionGradients {
            dq,
            dout,
            dlog_sums,
            dk,
            dv,
        } = gradients;
        scratch::with(w.len(), |slopes| {
            self.threads.run(Spread {
                set: self.set,
                kernel: input::SharedBackward {
                    attention,
                    k: kept.k.as_slice(),
                    v: kept.v.as_slice(),
                },
                first: 0,
                count: attention.blocks(),
                work: attention.heads * LANES * 4 * attention.width,
                read: [out, w, dmixed],
                written: [
                    &mut *slopes,
                    dq.as_mut_blocks(),
                    dout.as_mut_blocks(),
                    dlog_sums.as_mut_blocks(),
                ],
            });
            let dimensions = NormDims {
                samples: attention.neurons,
                pixels: 1,
                channels: attention.features(),
            };
            let terms = input::SharedTerms {
                attention,
                scale: attention.scale(),
                q,
                w,
                dmixed,
                slopes,
            };
            let results = [dk, dv].map(|d| Some(d.as_mut_slice()));
            self.threads
                .run(ChannelSums::new(self.set, dimensions, terms, results));
        });
    }

    /// The gradient of the attention to one input per sample.
    fn per_sample_backward(
        &self,
        attention: NeuronAttention,
        samples: usize,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) {
        let [q, out, k, v] = [kept.q, kept.out, kept.k, kept.v].map(Floats::as_blocks);
        let [w, dmixed] = [kept.w, kept.dmixed].map(Floats::as_blocks);
        let InputAttentionGradients {
            dq,
            dout,
            dlog_sums,
            dk,
            dv,
        } = gradients;
        let blocks = samples.div_ceil(LANES);
        let work = attention.heads * LANES * 4 * attention.width;
        scratch::with(w.len(), |slopes| {
            self.threads.run(Spread {
                set: self.set,
                kernel: input::PerSampleBackward {
                    attention,
                    samples,
                    q,
                    out,
                },
                first: 0,
                count: blocks,
                work: attention.neurons * work,
                read: [k, v, w, dmixed],
                written: [&mut *slopes, dk.as_mut_blocks(), dv.as_mut_blocks()],
            });
            self.threads.run(Spread {
                set: self.set,
                kernel: input::OverSamples {
                    attention,
                    blocks,
                    k,
                    w,
                    dmixed,
                    slopes,
                },
                first: 0,
                count: attention.blocks(),
                work: blocks * LANES * work,
                read: [],
                written: [dq, dout, dlog_sums].map(Floats::as_mut_blocks),
            });
        });
    }
}

/// Sets the lanes from `count` on to +0.
#[inline(always)]
fn clear_from(count: usize, blocks: &mut [Block]) {
    if count < LANES {
        for block in blocks {
            block[count..].fill(0.0);
        }
    }
}

/// The number of items in block `block` of 16.
#[inline(always)]
fn in_block(all: usize, block: usize) -> usize {
    LANES.min(all - block * LANES)
}

/// The lanes of `N` long sums, in the order of [`summation`](crate::backend::summation).
struct LongSums<S: Simd, const N: usize> {
    totals: [S::Vector; N],
    /// The sums of the current chunk.
    chunk: [S::Vector; N],
}

impl<S: Simd, const N: usize> LongSums<S, N> {
    #[inline(always)]
    fn new(s: S) -> Self {
        LongSums {
            totals: [s.splat(0.0); N],
            chunk: [s.splat(0.0); N],
        }
    }

    /// Before the terms of this block: begins a new chunk where one ends.
    #[inline(always)]
    fn enter(&mut self, s: S, block: usize) {
        if block > 0 && block.is_multiple_of(crate::backend::summation::CHUNK) {
            self.totals = self.after(s, block);
            self.chunk = [s.splat(0.0); N];
        }
    }

    /// The lanes after this many blocks.
    #[inline(always)]
    fn after(&self, s: S, blocks: usize) -> [S::Vector; N] {
        let mut sums = self.chunk;
        // The first chunk's sums become the totals.
        if blocks > crate::backend::summation::CHUNK {
            for (sum, total) in sums.iter_mut().zip(self.totals) {
                *sum = s.add(total, *sum);
            }
        }
        sums
    }
}
