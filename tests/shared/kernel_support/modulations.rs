//! Attention among neurons, and modulation: dimensions, operands and calls of a case.

use super::{Case, Kernel, LANES, LEFT_ALONE, Numbers, Random};
use neurogain::Result;
use neurogain::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput, Backend,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept,
    ModulatedActivity, Modulation, ModulationKept, NeuronAttention,
};

impl Case {
    /// The dimensions of attention to the input, and of attention among the neurons.
    pub fn input_attention(&self) -> InputAttention {
        let own = matches!(
            self.kernel,
            Kernel::InputAttention | Kernel::InputAttentionBackward
        );
        let samples = (own && self.gain).then_some(self.samples);
        let neurons = samples.map_or(self.samples, |_| self.outputs);
        InputAttention {
            attention: NeuronAttention {
                neurons,
                heads: 1 + self.inputs / 9 % 3,
                width: 1 + self.inputs % 9,
            },
            samples,
        }
    }

    /// The dimensions of the modulation of a layer.
    pub fn modulation(&self) -> Modulation {
        let number = (self.seed >> 8) as usize;
        let first = number % 37;
        let activity = [
            None,
            Some(ModulatedActivity::Linearity),
            Some(ModulatedActivity::Offset),
            Some(ModulatedActivity::LinearityOffset),
        ];
        Modulation {
            layer: self.normalisation(),
            first,
            neurons: first + self.outputs + number % 19,
            per_sample: self.gain,
            activity: activity[self.seed as usize % 4],
        }
    }

    /// Numbers of at most 1 if they are finite, so that scores have useful bounds.
    fn small(&self, random: &mut Random, length: usize) -> Vec<f32> {
        let mut all = self.numbers(random, length);
        for x in &mut all {
            if self.numbers == Numbers::Finite && x.abs() > 1.0 {
                *x *= 1e-4;
            }
        }
        all
    }

    /// `[⌈count/16⌉][features][16]`, with zeros in the padding.
    fn padded(&self, random: &mut Random, count: usize, features: usize, small: bool) -> Vec<f32> {
        let length = count.div_ceil(LANES) * features * LANES;
        let mut x = if small {
            self.small(random, length)
        } else {
            self.numbers(random, length)
        };
        let last = count % LANES;
        if last > 0 {
            let start = count / LANES * features * LANES;
            for block in x[start..].chunks_mut(LANES) {
                block[last..].fill(0.0);
            }
        }
        x
    }

    pub(super) fn modulation_operands(&self, random: &mut Random) -> Vec<Vec<f32>> {
        let InputAttention { attention, samples } = self.input_attention();
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = attention;
        let features = heads * width;
        let mut tokens = |features, small| self.padded(random, neurons, features, small);
        match self.kernel {
            Kernel::NeuronAttention => {
                let mut q = tokens(features, true);
                q.iter_mut().for_each(|q| *q *= 4.0);
                vec![q, tokens(features, true), tokens(features, false)]
            }
            Kernel::NeuronAttentionBackward => vec![
                tokens(features, false),
                tokens(features, false),
                tokens(features, false),
                tokens(heads * neurons, true),
                tokens(features, false),
                tokens(features, false),
                tokens(heads, false),
            ],
            Kernel::InputAttention | Kernel::InputAttentionBackward => {
                let backward = self.kernel == Kernel::InputAttentionBackward;
                let mut operands = vec![tokens(features, !backward)];
                if !backward {
                    operands.push(tokens(heads, true));
                    operands[1].iter_mut().for_each(|x| *x *= 30.0);
                }
                operands.push(tokens(features, false));
                for small in [!backward, false] {
                    operands.push(match samples {
                        None => self.padded(random, features, 1, small)[..features].to_vec(),
                        Some(samples) => self.padded(random, samples, features, small),
                    });
                }
                if backward {
                    for (each, small) in [(heads, true), (features, false)] {
                        operands.push(match samples {
                            None => self.padded(random, neurons, each, small),
                            Some(samples) => self.padded(random, samples, neurons * each, small),
                        });
                    }
                }
                operands
            }
            _ => {
                let Modulation {
                    layer,
                    neurons,
                    per_sample,
                    ..
                } = self.modulation();
                let signals = if per_sample {
                    self.padded(random, self.samples, neurons * 4, false)
                } else {
                    self.padded(random, neurons, 4, false)
                };
                let count = if self.kernel == Kernel::Modulation {
                    2
                } else {
                    4
                };
                let mut operands = vec![signals];
                operands.extend((0..count).map(|_| {
                    self.padded(random, self.samples, layer.pixels * layer.channels, false)
                }));
                operands
            }
        }
    }

    /// Runs one of these kernels; returns its results.
    pub(super) fn modulations<B: Backend>(
        &self,
        backend: &B,
        operands: &mut [B::Floats],
    ) -> Result<Vec<B::Floats>> {
        let filled = |length: usize, value: f32| {
            let mut device = backend.zeros(length)?;
            backend.upload(&vec![value; length], &mut device)?;
            Ok(device)
        };
        let nan = |length: usize| filled(length, f32::NAN);
        let like = |floats: &B::Floats| nan(backend.length(floats));
        let dims = self.input_attention();
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = dims.attention;
        let blocks = neurons.div_ceil(LANES);
        match (self.kernel, operands) {
            (Kernel::NeuronAttention, [q, k, v]) => {
                let mut shares = nan(blocks * heads * neurons * LANES)?;
                let (mut log_sums, mut out) = (nan(blocks * heads * LANES)?, like(q)?);
                let output = AttentionOutput {
                    shares: &mut shares,
                    log_sums: &mut log_sums,
                    out: &mut out,
                };
                backend.neuron_attention(dims.attention, AttentionInput { q, k, v }, output)?;
                Ok(vec![shares, log_sums, out])
            }
            (Kernel::NeuronAttentionBackward, [q, k, v, shares, out, dout, dlog_sums]) => {
                let (mut dq, mut dk, mut dv) = (like(q)?, like(k)?, like(v)?);
                backend.neuron_attention_backward(
                    dims.attention,
                    AttentionInput { q, k, v },
                    AttentionKept { shares, out },
                    AttentionGiven { dout, dlog_sums },
                    AttentionGradients {
                        dq: &mut dq,
                        dk: &mut dk,
                        dv: &mut dv,
                    },
                )?;
                Ok(vec![dq, dk, dv])
            }
            (Kernel::InputAttention, [q, log_sums, out, k, v]) => {
                let stored = match dims.samples {
                    None => blocks,
                    Some(samples) => samples.div_ceil(LANES) * neurons,
                };
                let mut w = nan(stored * heads * LANES)?;
                let mut mixed = nan(stored * heads * width * LANES)?;
                let input = InputAttentionInput {
                    q,
                    log_sums,
                    out,
                    k,
                    v,
                };
                backend.input_attention(dims, input, &mut w, &mut mixed)?;
                Ok(vec![w, mixed])
            }
            (Kernel::InputAttentionBackward, [q, out, k, v, w, dmixed]) => {
                let (mut dq, mut dout, mut dk, mut dv) = (like(q)?, like(out)?, like(k)?, like(v)?);
                let mut dlog_sums = nan(blocks * heads * LANES)?;
                let kept = InputAttentionKept {
                    q,
                    out,
                    k,
                    v,
                    w,
                    dmixed,
                };
                let gradients = InputAttentionGradients {
                    dq: &mut dq,
                    dout: &mut dout,
                    dlog_sums: &mut dlog_sums,
                    dk: &mut dk,
                    dv: &mut dv,
                };
                backend.input_attention_backward(dims, kept, gradients)?;
                Ok(vec![dq, dout, dlog_sums, dk, dv])
            }
            (Kernel::Modulation, [signals, u, v]) => {
                let dims = self.modulation();
                let (mut z, mut h) = (like(u)?, like(u)?);
                let to = dims.activity.map(|_| &mut h);
                backend.modulation(dims, signals, u, v, &mut z, to)?;
                Ok(match dims.activity {
                    None => vec![z],
                    Some(_) => vec![z, h],
                })
            }
            (Kernel::ModulationBackward, [signals, u, v, z, dh]) => {
                let (mut du, mut dv) = (like(u)?, like(v)?);
                let mut dsignals = filled(backend.length(signals), LEFT_ALONE)?;
                let kept = ModulationKept {
                    signals,
                    u,
                    v,
                    z,
                    dh,
                };
                backend.modulation_backward(
                    self.modulation(),
                    kept,
                    &mut du,
                    &mut dv,
                    &mut dsignals,
                )?;
                Ok(vec![du, dv, dsignals])
            }
            (kernel, operands) => unreachable!("{kernel:?} has not {} operands", operands.len()),
        }
    }
}
