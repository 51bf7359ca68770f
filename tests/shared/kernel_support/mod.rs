//! Every kernel behind one function, on awkward numbers: what the tests of the kernel contract share.
#![allow(dead_code)]

use neurogain::Result;
use neurogain::backend::cpu::InstructionSet;
use neurogain::backend::{
    AdamStep, Backend, Binary, Cpu, LayerNormalise, LayerNormaliseBackward, Normalisation,
    PixelMaps, Product, SampleProduct, ScaleGradient, ScaleShift, Unary, sums,
};
use proptest::prelude::*;

/// Samples a block.
pub const LANES: usize = 16;

/// Sizes around every boundary of the blocking, primes, and 1.
pub fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        1usize..=20,
        prop::sample::select(vec![
            23, 31, 32, 33, 37, 47, 48, 49, 53, 61, 64, 97, 127, 128
        ]),
        prop::sample::select(vec![143, 144, 145, 191, 193, 287, 288, 289]),
    ]
}

/// Blocks of 16 samples, around the boundaries of the tiles (3), chunks of a product (24) and of a
/// sum (32).
pub fn blocks() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1usize..=8,
        1 => prop::sample::select(vec![23, 24, 25, 31, 32, 33, 48, 49, 65]),
    ]
}

/// A stream of pseudo-random bits (xorshift64*), so that a case is repeated from its seed.
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// An index below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// A number: mostly of the order of 1, of either sign; at times a zero of either sign, a
    /// subnormal number or one of another order; never so large that a sum overflows.
    pub fn number(&mut self) -> f32 {
        let unit = self.bits() as f32 / u32::MAX as f32 * 2.0 - 1.0;
        match self.below(16) {
            0 => [0.0, -0.0][self.below(2)],
            1 => unit * 1e-39,
            2 => unit * 1e-20,
            3 => unit * 1e4,
            _ => unit,
        }
    }

    /// Any number: now and then an infinity, NaN, or the largest finite number.
    pub fn any_number(&mut self) -> f32 {
        match self.below(64) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => f32::NEG_INFINITY,
            3 => f32::MAX,
            _ => self.number(),
        }
    }
}

/// Which numbers a case is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// [`Random::number`].
    Finite,
    /// [`Random::any_number`].
    Any,
}

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    Forward,
    ToInput,
    ToWeights,
    Relu,
    ReluBackward,
    Multiply,
    Loss,
    GainUpdate,
    Sgd,
    Momentum,
    Adam,
    Gather,
    AbsoluteSum,
    MeanEntropy,
    Gelu,
    GeluBackward,
    Scale,
    Axpby,
    Copy,
    ScaleShift,
    ScaleShiftGradients,
    Softmax,
    SoftmaxBackward,
    SampleProduct,
    Rows,
    LayerNormalise,
    LayerNormaliseBackward,
    NeuronStatistics,
}

/// Every kernel.
pub const KERNELS: [Kernel; 28] = [
    Kernel::Forward,
    Kernel::ToInput,
    Kernel::ToWeights,
    Kernel::Relu,
    Kernel::ReluBackward,
    Kernel::Multiply,
    Kernel::Loss,
    Kernel::GainUpdate,
    Kernel::Sgd,
    Kernel::Momentum,
    Kernel::Adam,
    Kernel::Gather,
    Kernel::AbsoluteSum,
    Kernel::MeanEntropy,
    Kernel::Gelu,
    Kernel::GeluBackward,
    Kernel::Scale,
    Kernel::Axpby,
    Kernel::Copy,
    Kernel::ScaleShift,
    Kernel::ScaleShiftGradients,
    Kernel::Softmax,
    Kernel::SoftmaxBackward,
    Kernel::SampleProduct,
    Kernel::Rows,
    Kernel::LayerNormalise,
    Kernel::LayerNormaliseBackward,
    Kernel::NeuronStatistics,
];

/// A kernel with its sizes and the seed of its numbers: enough to repeat it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub kernel: Kernel,
    pub samples: usize,
    pub outputs: usize,
    pub inputs: usize,
    pub gain: bool,
    pub numbers: Numbers,
    pub seed: u64,
}

/// The operands of a case, and what the kernel made of them.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub gain: Option<Vec<f32>>,
    /// Operands in the order of the kernel's arguments, as they were before.
    pub operands: Vec<Vec<f32>>,
    pub labels: Vec<u8>,
    pub pixels: Vec<u8>,
    pub indices: Vec<u32>,
    /// Pixels of an image in its maps, the maps, and the map of each sample; none where nothing is mapped.
    pub size: usize,
    pub sources: Vec<u32>,
    pub maps: Vec<u32>,
    /// Outputs in the order of the kernel's arguments.
    pub results: Vec<Vec<f32>>,
}

/// The constants that the updates are tested with.
pub const RATE: f32 = 0.01;
pub const MOMENTUM: f32 = 0.9;
/// ε of layer normalisation.
pub const EPSILON: f32 = 1e-5;
pub const AXPBY: Binary = Binary::Axpby { a: 0.4, b: 0.9 };
pub const GAIN: [f32; 3] = [0.9, 1.0, 0.4];
pub const ADAM: AdamStep = AdamStep {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    rate: 0.003,
    correction: 7.0,
};

impl Case {
    /// Blocks of samples.
    pub fn blocks(&self) -> usize {
        self.samples.div_ceil(LANES)
    }

    /// The dimensions of a product.
    pub fn product(&self) -> Product {
        Product {
            blocks: self.blocks(),
            outputs: self.outputs,
            inputs: self.inputs,
        }
    }

    /// The dimensions of what goes over samples and pixels, or over the channels of each pixel.
    pub fn normalisation(&self) -> Normalisation {
        Normalisation {
            samples: self.samples,
            pixels: 1 + self.inputs % 3,
            channels: self.outputs,
        }
    }

    /// The dimensions of a product within each sample.
    pub fn sample_product(&self) -> SampleProduct {
        SampleProduct {
            blocks: self.blocks(),
            rows: 1 + self.outputs % 6,
            columns: 1 + self.inputs % 11,
            terms: (self.outputs + self.inputs) % 9,
            transpose_a: self.gain,
            transpose_b: self.seed.is_multiple_of(2),
        }
    }

    /// Whether a scale and shift has a scale, a shift, a residual and ReLU.
    pub fn affine(&self) -> [bool; 4] {
        let bits = self.seed / 2;
        [
            self.gain,
            !bits.is_multiple_of(3),
            bits.is_multiple_of(2),
            bits % 5 < 2,
        ]
    }

    fn numbers(&self, random: &mut Random, length: usize) -> Vec<f32> {
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
        outcome.operands = match self.kernel {
            Kernel::Forward => vec![self.numbers(random, length), self.activations(random, k)],
            Kernel::ToInput => vec![self.numbers(random, length), self.activations(random, n)],
            Kernel::ToWeights => vec![self.activations(random, n), self.activations(random, k)],
            Kernel::Relu | Kernel::Loss => vec![self.activations(random, n)],
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
            Kernel::AbsoluteSum => vec![self.numbers(random, length)],
            Kernel::MeanEntropy => vec![self.numbers(random, sums::COUNT)],
            Kernel::Gelu | Kernel::Scale | Kernel::Rows => vec![self.activations(random, n)],
            Kernel::GeluBackward | Kernel::Axpby | Kernel::Copy => {
                vec![self.activations(random, n), self.activations(random, n)]
            }
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
        };
        let mut devices = outcome
            .operands
            .iter()
            .map(|operand| upload(operand))
            .collect::<Result<Vec<_>>>()?;
        let results = match (self.kernel, &mut devices[..]) {
            (Kernel::Forward, [w, x]) => {
                let mut y = nan(stored(n))?;
                backend.product_forward(self.product(), gain, w, x, &mut y)?;
                vec![y]
            }
            (Kernel::ToInput, [w, dy]) => {
                let mut dx = nan(stored(k))?;
                backend.product_to_input(self.product(), gain, w, dy, &mut dx)?;
                vec![dx]
            }
            (Kernel::ToWeights, [dy, x]) => {
                let mut dw = nan(length)?;
                backend.product_to_weights(self.product(), gain, dy, x, &mut dw)?;
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
            (Kernel::Loss, [logits]) => {
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
                    // Some pixels show what is outside of the image.
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
            (Kernel::MeanEntropy, [totals]) => {
                let mut drive = nan(1)?;
                backend.mean_entropy(self.samples, totals, &mut drive)?;
                vec![drive]
            }
            (Kernel::Gelu, [x]) => {
                backend.unary(Unary::Gelu, x)?;
                vec![x.clone()]
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

/// Cases of a kernel whose products take at most `most` multiply-adds.
pub fn case(kernel: Kernel, numbers: Numbers, most: usize) -> impl Strategy<Value = Case> {
    let samples = (blocks(), 0..LANES).prop_map(|(blocks, missing)| blocks * LANES - missing);
    (samples, size(), size(), any::<bool>(), any::<u64>()).prop_map(
        move |(samples, outputs, inputs, gain, seed)| {
            let mut case = Case {
                kernel,
                samples,
                outputs,
                inputs,
                gain,
                numbers,
                seed,
            };
            // In half of the cases the samples keep their boundaries and the features give way, in
            // the other half whichever is largest gives way.
            while case.samples * case.outputs * case.inputs > most {
                let features = case.outputs.max(case.inputs);
                let keep = seed % 2 == 0 && features > 4;
                let largest = if keep {
                    features
                } else {
                    features.max(case.samples)
                };
                for size in [&mut case.outputs, &mut case.inputs, &mut case.samples] {
                    if *size == largest {
                        *size = size.div_ceil(2);
                        break;
                    }
                }
            }
            case
        },
    )
}

/// A processor of each available instruction set, one thread each.
pub fn processors() -> Vec<Cpu> {
    InstructionSet::available()
        .map(|set| Cpu::with(set, 1).expect("one thread"))
        .collect()
}

/// A test runner whose failures print the case and are not written to a file.
pub fn runner(cases: u32) -> proptest::test_runner::TestRunner {
    proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// Equal in bits; NaN equals NaN, as which one it is is not fixed.
pub fn same_bits(a: &[f32], b: &[f32]) -> std::result::Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("{} and {} numbers", a.len(), b.len()));
    }
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
            return Err(format!("at {i}: {a:e} and {b:e}"));
        }
    }
    Ok(())
}
