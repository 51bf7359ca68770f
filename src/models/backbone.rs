//! A residual network without its head: from images to feature maps.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu, Pool, Window};
use crate::error::{Error, Result};
use crate::models::basic_block::{BasicBlock, Scratch};
use crate::nn::{AfterRelu, BatchNorm2d, GainConvolution, Init, Parameter, SpatialPool};
use crate::shape::{LANES, Shape};
use crate::state::{Role, Visitor};
use crate::tensor::Tensor;

/// Blocks per stage, as in ResNet-18.
const BLOCKS: usize = 2;

/// Stages in ResNet-18.
pub const STAGES: usize = 4;

settings! {
    /// The first layers of a [`Backbone`].
    pub enum Stem {
        /// A 3×3 convolution, for small images: Lopez-Paz & Ranzato 2017.
        Small = "small",
        /// A 7×7 convolution with stride 2, then 3×3 max pooling with stride 2, for large images: He et al.
        /// 2016, and torchvision.
        Large = "large",
    }
}

/// The sizes of a [`Backbone`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackboneConfig {
    /// Rows and columns of an image.
    pub side: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Channels of the first stage, doubled at each further stage: 20 in the slim ResNet-18, 64 in the full
    /// one.
    pub width: usize,
    /// Number of stages of two blocks, 1 to [`STAGES`]; all but the first have stride 2.
    pub stages: usize,
    /// The first layers.
    pub stem: Stem,
}

impl BackboneConfig {
    /// Rows and columns of the output maps.
    pub fn output_side(&self) -> usize {
        let begins = match self.stem {
            Stem::Small => self.side,
            Stem::Large => self.side.div_ceil(2).div_ceil(2),
        };
        (1..self.stages).fold(begins, |side, _| side.div_ceil(2))
    }

    /// Channels of the output maps.
    pub fn output_channels(&self) -> usize {
        self.width
            .saturating_mul(1 << (self.stages.clamp(1, STAGES) - 1))
    }
}

/// A stem, then stages of two residual blocks with 1, 2, 4, 8 times the width and strides 1, 2, 2, 2.
///
/// Convolutions have no bias and PyTorch's initialisation ([`Init::KaimingUniform`]); each is followed by
/// batch normalisation.
#[derive(Debug, Clone)]
pub struct Backbone<B: Backend = Cpu> {
    side: usize,
    stem: GainConvolution<B>,
    stem_norm: BatchNorm2d<B>,
    stem_pool: Option<SpatialPool>,
    blocks: Vec<BasicBlock<B>>,
    /// The output of the stem's convolution, of its normalisation and of its pooling.
    training: [Tensor<B>; 3],
    gradients: Scratch<B>,
    inference: Inference<B>,
}

/// The activations of inference.
#[derive(Debug, Clone)]
struct Inference<B: Backend> {
    /// The outputs of all samples of stages 1, 3, ... and 2, 4, ...
    maps: [Tensor<B>; 2],
    /// The input and the output of a stage for a group of samples.
    group: [Tensor<B>; 2],
    /// The output of the stem, and of a stage's first block.
    between: [Tensor<B>; 2],
    scratch: Scratch<B>,
}

/// Creates layers with initial weights, and numbers their parameters in order.
pub(super) struct Builder<'a, B: Backend> {
    backend: &'a B,
    modulated: &'a [String],
    used: Vec<bool>,
    seed: u64,
    index: u64,
}

impl<'a, B: Backend> Builder<'a, B> {
    /// `modulated` names the layers, or groups of layers, that have gains.
    pub(super) fn new(backend: &'a B, modulated: &'a [String], seed: u64) -> Self {
        Builder {
            backend,
            modulated,
            used: alloc::vec![false; modulated.len()],
            seed,
            index: 0,
        }
    }

    /// The first name in `modulated` that matches no layer.
    pub(super) fn unused(&self) -> Option<&'a String> {
        let unused = self.used.iter().position(|used| !used)?;
        self.modulated.get(unused)
    }

    pub(super) fn parameter(
        &mut self,
        name: &str,
        shape: Shape,
        initial: Init,
    ) -> Result<Parameter<B>> {
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
        let weight = self.parameter(name, shape, Init::KaimingUniform)?;
        GainConvolution::new(weight, window)
    }

    pub(super) fn norm(&self, name: &str, channels: usize) -> Result<BatchNorm2d<B>> {
        BatchNorm2d::new(self.backend, name, channels)
    }

    pub(super) fn empty(&self) -> Result<Tensor<B>> {
        Tensor::zeros(self.backend, Shape::features(0, 1))
    }
}

impl<B: Backend> Backbone<B> {
    /// The number of residual blocks.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn build(builder: &mut Builder<'_, B>, shape: &BackboneConfig) -> Result<Self> {
        let BackboneConfig {
            side,
            channels,
            width,
            stages,
            stem,
        } = *shape;
        if [side, channels, width].contains(&0) || !(1..=STAGES).contains(&stages) {
            let expected = "side, channels and width above 0, one to four stages";
            return Err(Error::setting("network", format!("{shape:?}"), expected));
        }
        let window = |size, stride| Window {
            size,
            stride,
            padding: size / 2,
        };
        let (stem_window, stem_pool) = match stem {
            Stem::Small => (window(3, 1), None),
            Stem::Large => {
                let pool = SpatialPool {
                    pool: Pool::Max,
                    window: window(3, 2),
                };
                (window(7, 2), Some(pool))
            }
        };
        let stem = builder.convolution("stem", width, channels, stem_window)?;
        let stem_norm = builder.norm("stem_norm", width)?;
        let mut blocks = Vec::new();
        let mut inputs = width;
        for stage in 0..stages {
            let outputs = width.saturating_mul(1 << stage);
            for block in 0..BLOCKS {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("stage{}.block{}", stage + 1, block + 1);
                blocks.push(BasicBlock::new(builder, &name, inputs, outputs, stride)?);
                inputs = outputs;
            }
        }
        Ok(Backbone {
            side,
            stem,
            stem_norm,
            stem_pool,
            blocks,
            training: [builder.empty()?, builder.empty()?, builder.empty()?],
            gradients: [builder.empty()?, builder.empty()?, builder.empty()?],
            inference: Inference {
                maps: [builder.empty()?, builder.empty()?],
                group: [builder.empty()?, builder.empty()?],
                between: [builder.empty()?, builder.empty()?],
                scratch: [builder.empty()?, builder.empty()?, builder.empty()?],
            },
        })
    }

    /// Fails unless `x` is images of the network's size. The layers would accept other sizes too, but the
    /// pooling after them would then read only part of the pixels.
    fn check(&self, x: &Tensor<B>) -> Result<()> {
        match x.shape() {
            Shape::Blocked { height, width, .. } if [height, width] == [self.side; 2] => Ok(()),
            found => {
                let expected = format!("images of {0}×{0}", self.side);
                Err(Error::shape("residual network", expected, found))
            }
        }
    }

    /// The feature maps of a training batch; keeps what `backward` needs.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit the network.
    pub fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.check(x)?;
        let [convolved, output, pooled] = &mut self.training;
        self.stem.forward(backend, x, convolved)?;
        self.stem_norm
            .forward(backend, convolved, None, true, output)?;
        let mut input: &Tensor<B> = match self.stem_pool {
            None => output,
            Some(pool) => {
                pool.forward(backend, output, pooled)?;
                pooled
            }
        };
        for block in &mut self.blocks {
            block.forward(backend, input)?;
            input = &block.output;
        }
        Ok(input)
    }

    /// The feature maps of `x` with running statistics, without modifying training state.
    ///
    /// Each stage, the first with the stem, goes through the samples in groups whose activations stay in cache
    /// ([`blocks_in_cache`](crate::backend::Memory::blocks_in_cache)).
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit the network.
    pub fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        self.check(x)?;
        let Inference {
            maps,
            group,
            between,
            scratch,
        } = &mut self.inference;
        for (stage, blocks) in self
            .blocks
            .as_chunks_mut::<BLOCKS>()
            .0
            .iter_mut()
            .enumerate()
        {
            // Every call uses each buffer for the same purpose as the last.
            let [even, odd] = &mut *maps;
            let (input, output) = match stage {
                0 => (x, even),
                _ if stage % 2 == 0 => (&*odd, even),
                _ => (&*even, odd),
            };
            let [first, second] = blocks;
            let largest = match stage {
                0 => self.stem.output(input.shape())?,
                _ => first.shape(input.shape())?,
            };
            in_groups(backend, largest, input, output, group, |x, y| {
                let [stem, inner] = &mut *between;
                let mut x = x;
                if stage == 0 {
                    let [convolved, normalised, _] = &mut *scratch;
                    self.stem.forward(backend, x, convolved)?;
                    let to = match self.stem_pool {
                        None => &mut *stem,
                        Some(_) => &mut *normalised,
                    };
                    self.stem_norm.infer(backend, convolved, None, true, to)?;
                    if let Some(pool) = self.stem_pool {
                        pool.forward(backend, normalised, stem)?;
                    }
                    x = stem;
                }
                first.infer(backend, x, scratch, inner)?;
                second.infer(backend, inner, scratch, y)
            })?;
        }
        let [even, odd] = &self.inference.maps;
        let stages = self.blocks.len() / BLOCKS;
        Ok(if stages.is_multiple_of(2) { odd } else { even })
    }

    /// The maps of the last [`forward`](Self::forward), and the tensor from which [`backward`](Self::backward) reads
    /// their gradient.
    pub fn output_and_gradient(&mut self) -> (&Tensor<B>, &mut Tensor<B>) {
        let [_, output, pooled] = &self.training;
        let first = if self.stem_pool.is_some() {
            pooled
        } else {
            output
        };
        let last = self.blocks.last().map_or(first, |block| &block.output);
        (last, &mut self.gradients[0])
    }

    /// The gradient of every parameter, from the gradient in [`output_and_gradient`](Self::output_and_gradient),
    /// which is overwritten; `x` is the input of `forward`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` or the gradient does not fit.
    pub fn backward(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        let [convolved, output, pooled] = &self.training;
        let first = if self.stem_pool.is_some() {
            pooled
        } else {
            output
        };
        for index in (0..self.blocks.len()).rev() {
            let (before, rest) = self.blocks.split_at_mut(index);
            let input = before.last().map_or(first, |block| &block.output);
            rest[0].backward(backend, input, &mut self.gradients)?;
        }
        let [dy, spare, _] = &mut self.gradients;
        if let Some(pool) = self.stem_pool {
            pool.backward(backend, output, dy, spare)?;
            core::mem::swap(dy, spare);
        }
        self.stem_norm
            .backward(backend, convolved, Some(AfterRelu::Alone), dy, None)?;
        self.stem.backward(backend, x, dy, None)
    }

    /// Every parameter, in the order of the forward pass.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let norm = &mut self.stem_norm;
        let stem = [&mut self.stem.weight, &mut norm.gamma, &mut norm.beta];
        let blocks = self.blocks.iter_mut().flat_map(BasicBlock::parameters);
        stem.into_iter().chain(blocks)
    }

    /// The layer name and the running statistics of every normalisation, in the same order.
    pub fn statistics(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<B>)> {
        let blocks = self.blocks.iter_mut().flat_map(BasicBlock::statistics);
        core::iter::once(self.stem_norm.statistics()).chain(blocks)
    }

    /// Shows `visitor` the running statistics of every normalisation, in the same order.
    pub(super) fn visit_statistics(&mut self, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.statistics().try_for_each(|(layer, running)| {
            visitor.tensor(Role::Statistics, &format!("{layer}.running"), running)
        })
    }
}

/// Computes y from x by `layers`, which treat every sample alike: in groups of samples, if not all activations of the
/// shape `largest` stay in cache. `group` holds a group's input and output.
fn in_groups<B: Backend>(
    backend: &B,
    largest: Shape,
    x: &Tensor<B>,
    y: &mut Tensor<B>,
    group: &mut [Tensor<B>; 2],
    mut layers: impl FnMut(&Tensor<B>, &mut Tensor<B>) -> Result<()>,
) -> Result<()> {
    let blocks = x.shape().blocks();
    let together = backend.blocks_in_cache(largest.columns().saturating_mul(LANES));
    if together >= blocks {
        return layers(x, y);
    }
    let [input, output] = group;
    for first in (0..blocks).step_by(together) {
        input.take_blocks(backend, x, first..blocks.min(first + together))?;
        layers(input, output)?;
        y.reshape(backend, output.shape().with_samples(x.shape().rows())?)?;
        y.put_blocks(backend, first, output)?;
    }
    Ok(())
}
