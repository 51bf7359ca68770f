//! The residual block of ResNet-18 (He et al. 2016).

use alloc::format;

use crate::backend::{Backend, Cpu, Update, Window};
use crate::error::Result;
use crate::models::backbone::Builder;
use crate::nn::{AfterRelu, BatchNorm2d, GainConvolution, Parameter};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = ReLU(BN(conv3×3(ReLU(BN(conv3×3(x))))) + shortcut(x))`. The shortcut is the identity, or
/// `BN(conv1×1(x))` if the shape changes.
#[derive(Debug, Clone)]
pub(super) struct BasicBlock<B: Backend = Cpu> {
    first: GainConvolution<B>,
    first_norm: BatchNorm2d<B>,
    second: GainConvolution<B>,
    second_norm: BatchNorm2d<B>,
    shortcut: Option<Shortcut<B>>,
    /// Kept for the backward pass: the outputs of both convolutions, of the ReLU between them, and of the block.
    convolved: [Tensor<B>; 2],
    between: Tensor<B>,
    pub(super) output: Tensor<B>,
}

#[derive(Debug, Clone)]
struct Shortcut<B: Backend> {
    convolution: GainConvolution<B>,
    norm: BatchNorm2d<B>,
    convolved: Tensor<B>,
    output: Tensor<B>,
}

/// Tensors shared by all blocks, one block at a time: three gradients, or three activations of inference.
pub(super) type Scratch<B> = [Tensor<B>; 3];

impl<B: Backend> BasicBlock<B> {
    pub(super) fn new(
        builder: &mut Builder<'_, B>,
        name: &str,
        inputs: usize,
        outputs: usize,
        stride: usize,
    ) -> Result<Self> {
        let window = |size: usize, stride: usize| Window {
            size,
            stride,
            padding: size / 2,
        };
        let of = |layer: &str| format!("{name}.{layer}");
        let (three, strided) = (window(3, 1), window(3, stride));
        let first = builder.convolution(&of("first"), outputs, inputs, strided)?;
        let first_norm = builder.norm(&of("first_norm"), outputs)?;
        let second = builder.convolution(&of("second"), outputs, outputs, three)?;
        let second_norm = builder.norm(&of("second_norm"), outputs)?;
        let shortcut = match stride == 1 && inputs == outputs {
            true => None,
            false => Some(Shortcut {
                convolution: builder.convolution(
                    &of("shortcut"),
                    outputs,
                    inputs,
                    window(1, stride),
                )?,
                norm: builder.norm(&of("shortcut_norm"), outputs)?,
                convolved: builder.empty()?,
                output: builder.empty()?,
            }),
        };
        Ok(BasicBlock {
            first,
            first_norm,
            second,
            second_norm,
            shortcut,
            convolved: [builder.empty()?, builder.empty()?],
            between: builder.empty()?,
            output: builder.empty()?,
        })
    }

    /// The shape of the block's output for `x`.
    pub(super) fn shape(&self, x: Shape) -> Result<Shape> {
        self.first.output(x)
    }

    /// Computes the block's output for `x` in `self.output`.
    pub(super) fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        let [first, second] = &mut self.convolved;
        self.first.forward(backend, x, first)?;
        let between = &mut self.between;
        self.first_norm
            .forward(backend, first, None, true, between)?;
        self.second.forward(backend, between, second)?;
        let residual = match &mut self.shortcut {
            None => x,
            Some(shortcut) => {
                let convolved = &mut shortcut.convolved;
                shortcut.convolution.forward(backend, x, convolved)?;
                let output = &mut shortcut.output;
                shortcut
                    .norm
                    .forward(backend, convolved, None, false, output)?;
                output
            }
        };
        let output = &mut self.output;
        self.second_norm
            .forward(backend, second, Some(residual), true, output)
    }

    /// Computes the block's output for `x` with running statistics in `y`.
    pub(super) fn infer(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        scratch: &mut Scratch<B>,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        let [convolved, between, residual] = scratch;
        self.first.forward(backend, x, convolved)?;
        self.first_norm
            .infer(backend, convolved, None, true, between)?;
        self.second.forward(backend, between, convolved)?;
        let residual = match &mut self.shortcut {
            None => x,
            Some(shortcut) => {
                shortcut.convolution.forward(backend, x, between)?;
                shortcut
                    .norm
                    .infer(backend, between, None, false, residual)?;
                residual
            }
        };
        self.second_norm
            .infer(backend, convolved, Some(residual), true, y)
    }

    /// Computes every parameter's gradient, and overwrites dy, the first of `scratch`, with dx.
    ///
    /// The residual's gradient flows through the shortcut. dx is its sum with the gradient through
    /// the convolutions, which the last kernel adds directly.
    pub(super) fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        scratch: &mut Scratch<B>,
    ) -> Result<()> {
        let [dy, residual, between] = scratch;
        let [first, second] = &self.convolved;
        let relu = Some(AfterRelu::WithResidual(&self.output));
        self.second_norm
            .backward(backend, second, relu, dy, Some(residual))?;
        let into = Some((Update::Overwrite, &mut *between));
        self.second.backward(backend, &self.between, dy, into)?;
        let relu = Some(AfterRelu::Alone);
        self.first_norm
            .backward(backend, first, relu, between, None)?;
        match &mut self.shortcut {
            None => {
                let dx = Some((Update::Add, &mut *residual));
                self.first.backward(backend, x, between, dx)?;
                core::mem::swap(dy, residual);
            }
            Some(shortcut) => {
                let convolved = &shortcut.convolved;
                shortcut
                    .norm
                    .backward(backend, convolved, None, residual, None)?;
                let dx = Some((Update::Overwrite, &mut *dy));
                self.first.backward(backend, x, between, dx)?;
                let dx = Some((Update::Add, &mut *dy));
                shortcut.convolution.backward(backend, x, residual, dx)?;
            }
        }
        Ok(())
    }

    /// Every parameter, in the order of the forward pass.
    pub(super) fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let own = [
            &mut self.first.weight,
            &mut self.first_norm.gamma,
            &mut self.first_norm.beta,
            &mut self.second.weight,
            &mut self.second_norm.gamma,
            &mut self.second_norm.beta,
        ];
        let shortcut = self.shortcut.iter_mut().flat_map(|shortcut| {
            [
                &mut shortcut.convolution.weight,
                &mut shortcut.norm.gamma,
                &mut shortcut.norm.beta,
            ]
        });
        own.into_iter().chain(shortcut)
    }

    /// The running statistics of every normalisation, in the same order.
    pub(super) fn statistics(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<B>)> {
        let own = [&mut self.first_norm, &mut self.second_norm];
        let shortcut = self.shortcut.iter_mut().map(|shortcut| &mut shortcut.norm);
        own.into_iter().chain(shortcut).map(BatchNorm2d::statistics)
    }
}
