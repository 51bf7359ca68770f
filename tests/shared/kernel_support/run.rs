//! One function that runs any kernel on the operands of a case.

use super::{
    ADAM, AXPBY, Case, EPSILON, GAIN, Kernel, LANES, MOMENTUM, Numbers, Outcome, RATE, Random,
};
use neurogain::Result;
use neurogain::backend::{
    Backend, Binary, LayerNormalise, LayerNormaliseBackward, PixelMaps, ScaleGradient, ScaleShift,
    Unary, sums,
};

impl Case {
    pub(super) fn numbers(&self, random: &mut Random, length: usize) -> Vec<f32> {
        let mut next = || match self.numbers {
            Numbers::Finite => random.number(),
            Numbers::Any => random.any_number(),
        };
        (0..length).map(|_| next()).collect()
    }

    /// `[blocks][features][16]`, with zeros in the padding.
    fn activations(&self, random: &mut Random, features: usize) -> Vec<f32> {
        let mut x = self.numbers(random, self.blocks() * features * LANES);
        let last = self.samples % LANES;
        if last > 0 {
            let start = (self.blocks() - 1) * features * LANES;
            for block in x[start..].chunks_mut(LANES) {
                block[last..].fill(0.0);
            }
        }
        x
    }

    /// The kernel's operands, in the order of its arguments.
    fn operands(&self, random: &mut Random) -> Vec<Vec<f32>> {
        let (n, k) = (self.outputs, self.inputs);
        let (d, p) = (self.normalisation(), self.sample_product());
        let length = n * k;
        match self.kernel {
            Kernel::Forward => vec![self.numbers(random, length), self.activations(random, k)],
            Kernel::ToInput => vec![self.numbers(random, length), self.activations(random, n)],
            Kernel::ToWeights => vec![self.activations(random, n), self.activations(random, k)],
            Kernel::Relu | Kernel::BatchStats => vec![self.activations(random, n)],
            Kernel::ReluBackward | Kernel::Multiply => {
                vec![self.activations(random, n), self.activations(random, n)]
            }
            Kernel::GainUpdate => vec![
                self.numbers(random, if self.gain { 1 } else { n }),
                self.numbers(random, n),
            ],
            Kernel::Sgd => (0..2).map(|_| self.numbers(random, length)).collect(),
            Kernel::Momentum => (0..3).map(|_| self.numbers(random, length)).collect(),
            Kernel::Adam => {
                let mut operands: Vec<_> = (0..4).map(|_| self.numbers(random, length)).collect();
                operands[2].iter_mut().for_each(|v| *v = v.abs());
                operands
            }
            Kernel::Gather => vec![self.numbers(random, 256 * (1 + n % 3))],
            Kernel::AbsoluteSum | Kernel::SquaredSum => vec![self.numbers(random, length)],
            Kernel::MeanEntropy => vec![self.numbers(random, sums::COUNT)],
            Kernel::Gelu | Kernel::BoundedTanh | Kernel::Scale | Kernel::Rows => {
                vec![self.activations(random, n)]
            }
            Kernel::GeluBackward
            | Kernel::BoundedTanhBackward
            | Kernel::Axpby
            | Kernel::Copy
            | Kernel::CopyBlocks => {
                vec![self.activations(random, n), self.activations(random, n)]
            }
            Kernel::NeuronAttention
            | Kernel::NeuronAttentionBackward
            | Kernel::InputAttention
            | Kernel::InputAttentionBackward
            | Kernel::Modulation
            | Kernel::ModulationBackward => self.modulation_operands(random),
            Kernel::ScaleShift => vec![
                self.numbers(random, n),
                self.numbers(random, n),
                self.activations(random, n * d.pixels),
                self.activations(random, n * d.pixels),
            ],
            Kernel::ScaleShiftGradients | Kernel::SoftmaxBackward => {
                let mut one = || self.activations(random, n * d.pixels);
                vec![one(), one()]
            }
            Kernel::LayerNormalise | Kernel::LayerNormaliseBackward => vec![
                self.numbers(random, n),
                self.numbers(random, n),
                self.activations(random, n * d.pixels),
                self.activations(random, n * d.pixels),
            ],
            Kernel::Softmax | Kernel::NeuronStatistics => {
                vec![self.activations(random, n * d.pixels)]
            }
            Kernel::SampleProduct => vec![
                self.activations(random, p.rows * p.terms),
                self.activations(random, p.terms * p.columns),
            ],
        }
    }

    /// Runs the kernel; outputs that it must overwrite start as NaN.
    pub fn run<B: Backend>(&self, backend: &B) -> Result<Outcome> {
        let random = &mut Random::new(self.seed);
        let upload = |host: &[f32]| {
            let mut device = backend.zeros(host.len())?;
            backend.upload(host, &mut device)?;
            Ok(device)
        };
        let mut outcome = Outcome::default();
        let (n, k) = (self.outputs, self.inputs);
        let (d, p) = (self.normalisation(), self.sample_product());
        let length = n * k;
        if self.gain {
            outcome.gain = Some(self.numbers(random, n));
        }
        let gain = outcome.gain.as_deref().map(upload).transpose()?;
        let gain = gain.as_ref();
        let stored = |features: usize| self.blocks() * features * LANES;
        let nan = |length: usize| upload(&vec![f32::NAN; length]);
        outcome.operands = self.operands(random);
        let mut devices = outcome
            .operands
            .iter()
            .map(|operand| upload(operand))
            .collect::<Result<Vec<_>>>()?;
        let results = match (self.kernel, &mut devices[..]) {
            (Kernel::Forward, [w, x]) => {
                let mut y = nan(stored(n))?;
                backend.matmul_forward(self.product(), gain, w, x, &mut y)?;
                vec![y]
            }
            (Kernel::ToInput, [w, dy]) => {
                let mut dx = nan(stored(k))?;
                backend.matmul_backward_data(self.product(), gain, w, dy, &mut dx)?;
                vec![dx]
            }
            (Kernel::ToWeights, [dy, x]) => {
                let mut dw = nan(length)?;
                backend.matmul_backward_weights(self.product(), gain, dy, x, &mut dw)?;
                vec![dw]
            }
            (Kernel::Relu, [x]) => {
                backend.unary(Unary::Relu, x)?;
                vec![x.clone()]
            }
            (Kernel::ReluBackward, [y, dy]) => {
                backend.binary(Binary::ReluBackward, y, dy)?;
                vec![dy.clone()]
            }
            (Kernel::Multiply, [x, y]) => {
                backend.binary(Binary::Multiply, x, y)?;
                vec![y.clone()]
            }
            (Kernel::BatchStats, [logits]) => {
                let labels = (0..self.samples).map(|_| random.below(n.min(256)) as u8);
                outcome.labels = labels.collect();
                let labels = backend.bytes(&outcome.labels)?;
                let (mut gradient, mut totals) = (nan(stored(n))?, nan(sums::COUNT)?);
                let gradient = &mut gradient;
                backend.softmax_cross_entropy(
                    self.samples,
                    n,
                    logits,
                    &labels,
                    Some(gradient),
                    &mut totals,
                )?;
                vec![gradient.clone(), totals]
            }
            (Kernel::GainUpdate, [drive, g]) => {
                backend.gain_update(GAIN[0], GAIN[1], GAIN[2], drive, g)?;
                vec![g.clone()]
            }
            (Kernel::Sgd, [dw, w]) => {
                backend.sgd(RATE, dw, w)?;
                vec![w.clone()]
            }
            (Kernel::Momentum, [dw, v, w]) => {
                backend.momentum(RATE, MOMENTUM, dw, v, w)?;
                vec![v.clone(), w.clone()]
            }
            (Kernel::Adam, [dw, m, v, w]) => {
                backend.adam(ADAM, dw, m, v, w)?;
                vec![m.clone(), v.clone(), w.clone()]
            }
            (Kernel::Gather, [table]) => {
                outcome.pixels = (0..37 * k).map(|_| random.bits() as u8).collect();
                outcome.indices = (0..self.samples).map(|_| random.below(37) as u32).collect();
                let pixels = backend.bytes(&outcome.pixels)?;
                let mut out = nan(stored(k))?;
                let mut maps = None;
                let sources;
                if self.gain && k > 0 {
                    let size = if k.is_multiple_of(2) { k / 2 } else { k };
                    // Some pixels show positions outside the image.
                    let mut source = || match random.below(9) {
                        0 => u32::MAX - random.below(2) as u32,
                        1 => size as u32,
                        _ => random.below(size) as u32,
                    };
                    outcome.size = size;
                    outcome.sources = (0..5 * size).map(|_| source()).collect();
                    outcome.maps = (0..self.samples).map(|_| random.below(5) as u32).collect();
                    let bytes = outcome.sources.iter().flat_map(|s| s.to_le_bytes());
                    sources = backend.bytes(&bytes.collect::<Vec<u8>>())?;
                    maps = Some(PixelMaps {
                        sources: &sources,
                        pixels: size,
                        of: &outcome.maps,
                    });
                }
                backend.gather(&pixels, table, &outcome.indices, maps, k, &mut out)?;
                vec![out]
            }
            (Kernel::AbsoluteSum, [x]) => {
                let mut sum = nan(1)?;
                backend.absolute_sum(x, &mut sum)?;
                vec![sum]
            }
            (Kernel::SquaredSum, [x]) => {
                let mut sum = nan(1)?;
                backend.squared_sum(x, &mut sum)?;
                vec![sum]
            }
            (Kernel::MeanEntropy, [totals]) => {
                let mut drive = nan(1)?;
                backend.mean_entropy(self.samples, totals, &mut drive)?;
                vec![drive]
            }
            (Kernel::Gelu, [x]) => {
                backend.unary(Unary::Gelu, x)?;
                vec![x.clone()]
            }
            (Kernel::BoundedTanh, [x]) => {
                backend.unary(Unary::BoundedTanh, x)?;
                vec![x.clone()]
            }
            (Kernel::BoundedTanhBackward, [x, dy]) => {
                backend.binary(Binary::BoundedTanhBackward, x, dy)?;
                vec![dy.clone()]
            }
            (Kernel::Scale, [x]) => {
                backend.unary(Unary::Scale(RATE), x)?;
                vec![x.clone()]
            }
            (Kernel::GeluBackward, [x, dy]) => {
                backend.binary(Binary::GeluBackward, x, dy)?;
                vec![dy.clone()]
            }
            (Kernel::Axpby, [x, y]) => {
                backend.binary(AXPBY, x, y)?;
                vec![y.clone()]
            }
            (Kernel::Copy, [x, y]) => {
                backend.binary(Binary::Copy, x, y)?;
                vec![y.clone()]
            }
            (Kernel::CopyBlocks, [x, y]) => {
                let [from, count, to] = self.copied();
                backend.copy_blocks(x, from..from + count, y, to)?;
                vec![y.clone()]
            }
            (Kernel::ScaleShift, [scale, shift, x, residual]) => {
                let [scaled, shifted, added, relu] = self.affine();
                // In place without a scale.
                let mut y = if scaled {
                    nan(stored(n * d.pixels))?
                } else {
                    x.clone()
                };
                let operands = ScaleShift {
                    dimensions: d,
                    relu,
                    scale: scaled.then_some(&*scale),
                    shift: shifted.then_some(&*shift),
                    x: scaled.then_some(&*x),
                    residual: added.then_some(&*residual),
                };
                backend.scale_shift(operands, &mut y)?;
                vec![y]
            }
            (Kernel::ScaleShiftGradients, [x, dy]) => {
                let (mut dscale, mut dshift, mut alone) = (nan(n)?, nan(n)?, nan(n)?);
                let gradient = ScaleGradient {
                    x,
                    dscale: &mut dscale,
                };
                backend.scale_shift_gradients(d, dy, Some(gradient), Some(&mut dshift))?;
                backend.scale_shift_gradients(d, dy, None, Some(&mut alone))?;
                vec![dscale, dshift, alone]
            }
            (Kernel::Softmax, [x]) => {
                backend.softmax(d, x)?;
                vec![x.clone()]
            }
            (Kernel::NeuronStatistics, [x]) => {
                let mut statistics = nan(4 * n)?;
                backend.neuron_statistics(d, x, &mut statistics)?;
                vec![statistics]
            }
            (Kernel::SoftmaxBackward, [y, dy]) => {
                backend.softmax_backward(d, y, dy)?;
                vec![dy.clone()]
            }
            (Kernel::SampleProduct, [a, b]) => {
                let mut c = nan(stored(p.rows * p.columns))?;
                backend.sample_product(p, a, b, &mut c)?;
                vec![c]
            }
            (Kernel::Rows, [x]) => {
                let (mut rows, mut back) = (nan(self.samples * n)?, nan(stored(n))?);
                backend.to_rows(self.samples, n, x, &mut rows)?;
                backend.to_blocked(self.samples, n, &rows, &mut back)?;
                vec![rows, back]
            }
            (Kernel::LayerNormalise | Kernel::LayerNormaliseBackward, [gamma, beta, x, dy]) => {
                let (mut statistics, mut y) =
                    (nan(stored(2 * d.pixels))?, nan(stored(n * d.pixels))?);
                let operands = LayerNormalise {
                    dimensions: d,
                    epsilon: EPSILON,
                    gamma,
                    beta,
                    x,
                };
                backend.layer_normalise(operands, &mut statistics, &mut y)?;
                if self.kernel == Kernel::LayerNormalise {
                    vec![statistics, y]
                } else {
                    let (mut dgamma, mut dbeta) = (nan(n)?, nan(n)?);
                    let operands = LayerNormaliseBackward {
                        dimensions: d,
                        statistics: &statistics,
                        gamma,
                        x,
                    };
                    backend.layer_normalise_backward(operands, dy, &mut dgamma, &mut dbeta)?;
                    vec![statistics, dy.clone(), dgamma, dbeta]
                }
            }
            (
                Kernel::NeuronAttention
                | Kernel::NeuronAttentionBackward
                | Kernel::InputAttention
                | Kernel::InputAttentionBackward
                | Kernel::Modulation
                | Kernel::ModulationBackward,
                operands,
            ) => self.modulations(backend, operands)?,
            (kernel, operands) => unreachable!("{kernel:?} has not {} operands", operands.len()),
        };
        outcome.results = results
            .iter()
            .map(|result| {
                let mut host = vec![0.0; backend.length(result)];
                backend.download(result, &mut host)?;
                Ok(host)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(outcome)
    }
}
