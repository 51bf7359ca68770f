//! Runs every kernel through one function, on awkward numbers: shared by the tests of the kernel contract.
#![allow(dead_code)]

mod modulations;
mod random;
mod run;

use neurogain::backend::cpu::InstructionSet;
use neurogain::backend::{AdamStep, Binary, Cpu, MatmulDims, NormDims, SampleProduct};
use proptest::prelude::*;

pub use random::{Numbers, Random, blocks, size};

/// Samples a block.
pub const LANES: usize = 16;

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    Forward,
    ToInput,
    ToWeights,
    Relu,
    ReluBackward,
    Multiply,
    BatchStats,
    GainUpdate,
    Sgd,
    Momentum,
    Adam,
    Gather,
    AbsoluteSum,
    SquaredSum,
    MeanEntropy,
    Gelu,
    GeluBackward,
    Scale,
    Axpby,
    Copy,
    CopyBlocks,
    ScaleShift,
    ScaleShiftGradients,
    Softmax,
    SoftmaxBackward,
    SampleProduct,
    Rows,
    LayerNormalise,
    LayerNormaliseBackward,
    NeuronStatistics,
    BoundedTanh,
    BoundedTanhBackward,
    NeuronAttention,
    NeuronAttentionBackward,
    InputAttention,
    InputAttentionBackward,
    Modulation,
    ModulationBackward,
}

/// Every kernel.
pub const KERNELS: [Kernel; 38] = [
    Kernel::Forward,
    Kernel::ToInput,
    Kernel::ToWeights,
    Kernel::Relu,
    Kernel::ReluBackward,
    Kernel::Multiply,
    Kernel::BatchStats,
    Kernel::GainUpdate,
    Kernel::Sgd,
    Kernel::Momentum,
    Kernel::Adam,
    Kernel::Gather,
    Kernel::AbsoluteSum,
    Kernel::SquaredSum,
    Kernel::MeanEntropy,
    Kernel::Gelu,
    Kernel::GeluBackward,
    Kernel::Scale,
    Kernel::Axpby,
    Kernel::Copy,
    Kernel::CopyBlocks,
    Kernel::ScaleShift,
    Kernel::ScaleShiftGradients,
    Kernel::Softmax,
    Kernel::SoftmaxBackward,
    Kernel::SampleProduct,
    Kernel::Rows,
    Kernel::LayerNormalise,
    Kernel::LayerNormaliseBackward,
    Kernel::NeuronStatistics,
    Kernel::BoundedTanh,
    Kernel::BoundedTanhBackward,
    Kernel::NeuronAttention,
    Kernel::NeuronAttentionBackward,
    Kernel::InputAttention,
    Kernel::InputAttentionBackward,
    Kernel::Modulation,
    Kernel::ModulationBackward,
];

/// A kernel with its sizes and the seed of its numbers: enough to repeat a case.
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

/// The operands of a case, and the kernel's results.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub gain: Option<Vec<f32>>,
    /// Operands in the order of the kernel's arguments, before the call.
    pub operands: Vec<Vec<f32>>,
    pub labels: Vec<u8>,
    pub pixels: Vec<u8>,
    pub indices: Vec<u32>,
    /// The pixels of an image, the maps, and the map of each sample; absent without maps.
    pub size: usize,
    pub sources: Vec<u32>,
    pub maps: Vec<u32>,
    /// Outputs in the order of the kernel's arguments.
    pub results: Vec<Vec<f32>>,
}

/// What the gradients of the signals hold before the call.
pub const LEFT_ALONE: f32 = 0.5;
/// The constants with which the updates are tested.
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
    pub fn product(&self) -> MatmulDims {
        MatmulDims {
            blocks: self.blocks(),
            outputs: self.outputs,
            inputs: self.inputs,
        }
    }

    /// The dimensions of operations over samples and pixels, or over the channels of each pixel.
    pub fn normalisation(&self) -> NormDims {
        NormDims {
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

    /// A copy between activations of `outputs` channels: its first block in x, its blocks, and its first block in y.
    pub fn copied(&self) -> [usize; 3] {
        let blocks = self.samples.div_ceil(LANES) * self.outputs;
        let [from, to] = [self.inputs, self.seed as usize].map(|number| number % (blocks + 1));
        [from, blocks - from.max(to), to]
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
            // In half of the cases the sample count is kept and the features are reduced; in
            // the other half the largest size is reduced.
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

/// A CPU backend for each available instruction set, with one thread.
pub fn processors() -> Vec<Cpu> {
    InstructionSet::available()
        .map(|set| Cpu::with(set, 1).expect("one thread"))
        .collect()
}

/// A test runner whose failures print the case and are not written to a file. `PROPTEST_CASES` limits the cases.
pub fn runner(cases: u32) -> proptest::test_runner::TestRunner {
    let default = ProptestConfig::default();
    proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: cases.min(default.cases),
        failure_persistence: None,
        ..default
    })
}

/// Equal in bits; any NaN equals any NaN, because sign and payload are unspecified.
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
