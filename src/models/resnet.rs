//! The slim ResNet-18 of arXiv 2507.14056 (after Lopez-Paz & Ranzato 2017).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu, Window};
use crate::error::{Error, Result};
use crate::models::Network;
use crate::models::basic_block::{BasicBlock, Scratch};
use crate::nn::{AveragePool, BatchNormalisation, GainConvolution, GainLinear, Initial, Parameter};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Blocks a stage, as in ResNet-18.
const BLOCKS: usize = 2;

/// The sizes of a [`SlimResNet`], and which of its layers have gains.
#[derive(Debug, Clone, PartialEq)]
pub struct SlimResNetShape {
    /// Rows and columns of an image: 32 for CIFAR, 84 for mini-ImageNet.
    pub side: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Outputs.
    pub classes: usize,
    /// Channels of the first stage, doubled by each further one: 20 in the paper.
    pub width: usize,
    /// The head's weights are drawn from N(0, this²): 0.05 in the paper.
    pub head_standard_deviation: f32,
    /// The layers that have gains. Behind a convolution stands a batch normalisation, which takes a gain
    /// above 0 out again in training, up to its ε: such gains change the rate of learning, and inference as far
    /// as running statistics lag; the head's change the logits. Layers are given by name or by the name of what holds them: `head` in the paper,
    /// `stem`, `stage1` … `stage4`, `stage2.block1`, `stage2.block1.first`.
    pub modulated: Vec<String>,
}

/// Stem 3×3, four stages of two residual blocks at 1, 2, 4, 8 times the width with strides 1, 2, 2, 2,
/// average over all pixels, linear head.
///
/// Images of 32×32 pixels arrive at the pooling as 4×4, images of 84×84 as 11×11; either way the
/// head's input is 8 · width features (160 in the paper). Convolutions and head have no bias; the
/// convolutions start as PyTorch's ([`Initial::KaimingUniform`]).
#[derive(Debug, Clone)]
pub struct SlimResNet<B: Backend = Cpu> {
    /// Rows and columns of an image.
    side: usize,
    stem: GainConvolution<B>,
    stem_norm: BatchNormalisation<B>,
    blocks: Vec<BasicBlock<B>>,
    pool: AveragePool,
    head: GainLinear<B>,
    /// The stem's convolution, its output, the pooled features, the logits.
    training: [Tensor<B>; 4],
    gradients: Scratch<B>,
    inference: Scratch<B>,
    activations: [Tensor<B>; 2],
}

/// Makes layers with their initial weights, numbered in order.
pub(super) struct Builder<'a, B: Backend> {
    backend: &'a B,
    modulated: &'a [String],
    used: Vec<bool>,
    seed: u64,
    index: u64,
}

impl<B: Backend> Builder<'_, B> {
    fn parameter(&mut self, name: &str, shape: Shape, initial: Initial) -> Result<Parameter<B>> {
        let parameter = Parameter::new(self.backend, name, shape, initial, self.seed, self.index)?;
        self.index += 1;
        let mut modulated = false;
        for (entry, used) in self.modulated.iter().zip(&mut self.used) {
            let rest = name.strip_prefix(entry.as_str());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                (*used, modulated) = (true, true);
            }
        }
        match modulated {
            true => parameter.with_gain(self.backend, 1.0),
            false => Ok(parameter),
        }
    }

    pub(super) fn convolution(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
        window: Window,
    ) -> Result<GainConvolution<B>> {
        let shape = Shape::kernel(outputs, window.size, inputs);
        let weight = self.parameter(name, shape, Initial::KaimingUniform)?;
        GainConvolution::new(weight, window)
    }

    pub(super) fn norm(&self, name: &str, channels: usize) -> Result<BatchNormalisation<B>> {
        BatchNormalisation::new(self.backend, name, channels)
    }

    pub(super) fn empty(&self) -> Result<Tensor<B>> {
        Tensor::zeros(self.backend, Shape::features(0, 1))
    }
}

impl<B: Backend> SlimResNet<B> {
    /// Weights drawn from `seed`; the gains of the modulated layers are 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0 or a name in `modulated` that is no layer's,
    /// [`Error::Memory`] if there is no room.
    pub fn new(backend: &B, shape: &SlimResNetShape, seed: u64) -> Result<Self> {
        let sizes = [shape.side, shape.channels, shape.classes, shape.width];
        if sizes.contains(&0) {
            let expected = "side, channels, classes and width above 0";
            return Err(Error::setting("network", format!("{sizes:?}"), expected));
        }
        let mut builder = Builder {
            backend,
            modulated: &shape.modulated,
            used: alloc::vec![false; shape.modulated.len()],
            seed,
            index: 0,
        };
        let window = Window {
            size: 3,
            stride: 1,
            padding: 1,
        };
        let stem = builder.convolution("stem", shape.width, shape.channels, window)?;
        let stem_norm = builder.norm("stem_norm", shape.width)?;
        let mut blocks = Vec::new();
        let (mut inputs, mut side) = (shape.width, shape.side);
        for stage in 0..4 {
            let outputs = shape.width.saturating_mul(1 << stage);
            for block in 0..BLOCKS {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("stage{}.block{}", stage + 1, block + 1);
                blocks.push(BasicBlock::new(
                    &mut builder,
                    &name,
                    inputs,
                    outputs,
                    stride,
                )?);
                (inputs, side) = (outputs, side.div_ceil(stride));
            }
        }
        let initial = Initial::Normal {
            standard_deviation: shape.head_standard_deviation,
        };
        let head = builder.parameter("head", Shape::matrix(shape.classes, inputs), initial)?;
        if let Some(unused) = builder.used.iter().position(|used| !used) {
            let found = &shape.modulated[unused];
            let expected = "stem, head, stage1 to stage4, or a block or layer in one, as in stage2.block1.first";
            return Err(Error::setting("network.modulated", found, expected));
        }
        let empty = || Tensor::zeros(backend, Shape::features(0, 1));
        Ok(SlimResNet {
            side: shape.side,
            stem,
            stem_norm,
            blocks,
            pool: AveragePool {
                window: Window {
                    size: side,
                    stride: side,
                    padding: 0,
                },
            },
            head: GainLinear::new(head),
            training: [empty()?, empty()?, empty()?, empty()?],
            gradients: [empty()?, empty()?, empty()?],
            inference: [empty()?, empty()?, empty()?],
            activations: [empty()?, empty()?],
        })
    }
}

impl<B: Backend> SlimResNet<B> {
    /// Fails unless `x` is images of the network's size. The layers would take some others as well, and
    /// pool only a part of their pixels.
    fn check(&self, x: &Tensor<B>) -> Result<()> {
        match x.shape() {
            Shape::Blocked { height, width, .. } if [height, width] == [self.side; 2] => Ok(()),
            found => {
                let expected = format!("images of {0}×{0}", self.side);
                Err(Error::shape("slim ResNet-18", expected, found))
            }
        }
    }
}

impl<B: Backend> Network<B> for SlimResNet<B> {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.check(x)?;
        let [convolved, output, pooled, logits] = &mut self.training;
        self.stem.forward(backend, x, convolved)?;
        self.stem_norm
            .forward(backend, convolved, None, true, output)?;
        let mut input: &Tensor<B> = output;
        for block in &mut self.blocks {
            block.forward(backend, input)?;
            input = &block.output;
        }
        self.pool.forward(backend, input, pooled)?;
        self.head.forward(backend, pooled, logits)?;
        Ok(logits)
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.check(x)?;
        let [input, output] = &mut self.activations;
        self.stem.forward(backend, x, output)?;
        self.stem_norm.infer(backend, output, None, true, input)?;
        for block in &mut self.blocks {
            block.infer(backend, input, &mut self.inference, output)?;
            core::mem::swap(input, output);
        }
        self.pool.forward(backend, input, output)?;
        self.head.forward(backend, output, input)?;
        Ok(input)
    }

    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        let [convolved, output, pooled, _] = &self.training;
        let last = self.blocks.last().map_or(output, |block| &block.output);
        let [dy, spare, _] = &mut self.gradients;
        self.head.backward(backend, pooled, dlogits, Some(spare))?;
        self.pool.backward(backend, last, spare, dy)?;
        for index in (0..self.blocks.len()).rev() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let input = before.last().map_or(output, |block| &block.output);
            rest[0].backward(backend, input, &mut self.gradients)?;
        }
        let [dy, ..] = &mut self.gradients;
        self.stem_norm
            .backward(backend, convolved, Some(output), dy, None)?;
        self.stem.backward(backend, x, dy, None)
    }

    fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let norm = &mut self.stem_norm;
        let stem = [&mut self.stem.weight, &mut norm.gamma, &mut norm.beta];
        let blocks = self.blocks.iter_mut().flat_map(BasicBlock::parameters);
        stem.into_iter()
            .chain(blocks)
            .chain([&mut self.head.weight])
    }

    fn statistics(&mut self) -> impl Iterator<Item = (String, &mut Tensor<B>)> {
        let blocks = self.blocks.iter_mut().flat_map(BasicBlock::statistics);
        core::iter::once(self.stem_norm.statistics()).chain(blocks)
    }
}
