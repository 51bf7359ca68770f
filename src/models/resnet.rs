//! The slim ResNet-18 of arXiv 2507.14056 (after Lopez-Paz & Ranzato 2017).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu, Pool, Window};
use crate::error::{Error, Result};
use crate::models::Network;
use crate::models::backbone::{Backbone, BackboneConfig, Builder, STAGES, Stem};
use crate::nn::{GainLinear, Init, Parameter, SpatialPool};
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// The sizes of a [`SlimResNet`], and which layers have gains.
#[derive(Debug, Clone, PartialEq)]
pub struct SlimResNetConfig {
    /// Rows and columns of an image: 32 for CIFAR, 84 for mini-ImageNet.
    pub side: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Outputs.
    pub classes: usize,
    /// Channels of the first stage, doubled at each further stage: 20 in the paper.
    pub width: usize,
    /// The standard deviation of the head's initial weights, drawn from N(0, this²): 0.05 in the paper.
    pub head_standard_deviation: f32,
    /// The layers that have gains, each given by its name or by the name of a group that contains it: `head` in the
    /// paper, `stem`, `stage1` … `stage4`, `stage2.block1`, `stage2.block1.first`. A convolution is followed by batch
    /// normalisation, which cancels a gain above 0 in training, up to its ε. Such gains change the learning rate, and
    /// inference as far as the running statistics lag. Gains of the head change the logits.
    pub modulated: Vec<String>,
}

/// [`Backbone`] with a 3×3 stem and four stages, average over all pixels, linear head.
///
/// Images of 32×32 pixels reach the pooling as 4×4, images of 84×84 as 11×11; either way the
/// head's input is 8 · width features (160 in the paper). Convolutions and head have no bias; the
/// convolutions have PyTorch's initialisation ([`Init::KaimingUniform`]).
#[derive(Debug, Clone)]
pub struct SlimResNet<B: Backend = Cpu> {
    backbone: Backbone<B>,
    pool: SpatialPool,
    head: GainLinear<B>,
    /// The pooled features and the logits.
    training: [Tensor<B>; 2],
    inference: [Tensor<B>; 2],
    /// The gradient to the pooled features.
    gradient: Tensor<B>,
}

impl<B: Backend> SlimResNet<B> {
    /// Weights drawn from `seed`; the gains of the modulated layers are 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0 or a name in `modulated` that matches no layer,
    /// [`Error::Memory`] if there is not enough memory.
    pub fn new(backend: &B, shape: &SlimResNetConfig, seed: u64) -> Result<Self> {
        let sizes = [shape.side, shape.channels, shape.classes, shape.width];
        if sizes.contains(&0) {
            let expected = "side, channels, classes and width above 0";
            return Err(Error::setting("network", format!("{sizes:?}"), expected));
        }
        let mut builder = Builder::new(backend, &shape.modulated, seed);
        let of = BackboneConfig {
            side: shape.side,
            channels: shape.channels,
            width: shape.width,
            stages: STAGES,
            stem: Stem::Small,
        };
        let backbone = Backbone::build(&mut builder, &of)?;
        let initial = Init::Normal {
            standard_deviation: shape.head_standard_deviation,
        };
        let matrix = Shape::matrix(shape.classes, of.output_channels());
        let head = builder.parameter("head", matrix, initial)?;
        if let Some(found) = builder.unused() {
            let expected = "stem, head, stage1 to stage4, or a block or layer in one, as in stage2.block1.first";
            return Err(Error::setting("network.modulated", found, expected));
        }
        let empty = || builder.empty();
        Ok(SlimResNet {
            backbone,
            pool: SpatialPool {
                pool: Pool::Average,
                window: Window {
                    size: of.output_side(),
                    stride: of.output_side(),
                    padding: 0,
                },
            },
            head: GainLinear::new(head),
            training: [empty()?, empty()?],
            inference: [empty()?, empty()?],
            gradient: empty()?,
        })
    }

    /// Every parameter, in the order of the forward pass.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let head = core::iter::once(&mut self.head.weight);
        self.backbone.parameters().chain(head)
    }
}

impl<B: Backend> Network<B> for SlimResNet<B> {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        let [pooled, logits] = &mut self.training;
        let maps = self.backbone.forward(backend, x)?;
        self.pool.forward(backend, maps, pooled)?;
        self.head.forward(backend, pooled, logits)?;
        Ok(logits)
    }

    fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        let [pooled, logits] = &mut self.inference;
        let maps = self.backbone.infer(backend, x)?;
        self.pool.forward(backend, maps, pooled)?;
        self.head.forward(backend, pooled, logits)?;
        Ok(logits)
    }

    fn backward(&mut self, backend: &B, x: &Tensor<B>, dlogits: &Tensor<B>) -> Result<()> {
        let [pooled, _] = &self.training;
        self.head
            .backward(backend, pooled, dlogits, Some(&mut self.gradient))?;
        let (maps, dy) = self.backbone.output_and_gradient();
        self.pool.backward(backend, maps, &self.gradient, dy)?;
        self.backbone.backward(backend, x)
    }

    fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        self.parameters().try_for_each(visit)
    }

    fn layers(&mut self) -> Vec<&mut Parameter<B>> {
        self.parameters()
            .filter(|parameter| parameter.role == Role::Weight)
            .collect()
    }
}

impl<B: Backend> State<B> for SlimResNet<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.parameters()
            .try_for_each(|p| p.visit(backend, visitor))?;
        self.backbone.visit_statistics(visitor)
    }
}
