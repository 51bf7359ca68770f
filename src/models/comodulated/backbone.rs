//! What comes before the encoder: residual stages, or one layer that cells of the image share.

use alloc::boxed::Box;
use alloc::format;

use crate::backend::{Backend, Cpu, Window};
use crate::error::{Error, Result};
use crate::models::backbone::{Backbone, BackboneConfig, Builder};
use crate::nn::{GainConvolution, Init, Parameter, Relu};
use crate::shape::Shape;
use crate::state::Visitor;
use crate::tensor::Tensor;

/// The layers before the encoder of a [`Comodulated`](super::Comodulated) network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComodulatedBackbone {
    /// Residual stages: [`Backbone`].
    Residual(BackboneConfig),
    /// One layer that all cells of the image share.
    Cells(CellsConfig),
}

/// A layer that every cell of an image goes through separately, with the same weights: `ReLU(W·cell)`, without bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellsConfig {
    /// Rows and columns of an image.
    pub side: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Rows and columns of a cell; a divisor of `side`.
    pub cell: usize,
    /// Neurons for each cell.
    pub width: usize,
}

impl ComodulatedBackbone {
    /// Rows and columns of the output maps.
    pub fn output_side(&self) -> usize {
        match self {
            ComodulatedBackbone::Residual(config) => config.output_side(),
            ComodulatedBackbone::Cells(config) => config.side / config.cell.max(1),
        }
    }

    /// Channels of the output maps.
    pub fn output_channels(&self) -> usize {
        match self {
            ComodulatedBackbone::Residual(config) => config.output_channels(),
            ComodulatedBackbone::Cells(config) => config.width,
        }
    }

    /// The windows of the encoder's two convolutions: 3×3 on maps of residual stages; on cells, first each cell
    /// alone, then 2×2 neighbours.
    pub(super) fn encoder_windows(&self) -> [Window; 2] {
        let window = |size, padding| Window {
            size,
            stride: 1,
            padding,
        };
        match self {
            ComodulatedBackbone::Residual(_) => [window(3, 1); 2],
            ComodulatedBackbone::Cells(_) => [window(1, 0), window(2, 0)],
        }
    }
}

/// The layers that a [`ComodulatedBackbone`] describes.
#[derive(Debug, Clone)]
pub(in crate::models) enum Layers<B: Backend = Cpu> {
    Residual(Box<Backbone<B>>),
    Cells(Box<Cells<B>>),
}

/// See [`CellsConfig`].
#[derive(Debug, Clone)]
pub(in crate::models) struct Cells<B: Backend> {
    layer: GainConvolution<B>,
    side: usize,
    output: Tensor<B>,
    gradient: Tensor<B>,
}

impl<B: Backend> Layers<B> {
    pub(super) fn build(
        builder: &mut Builder<'_, B>,
        config: &ComodulatedBackbone,
    ) -> Result<Self> {
        let config = match config {
            ComodulatedBackbone::Residual(config) => {
                let backbone = Backbone::build(builder, config)?;
                return Ok(Layers::Residual(Box::new(backbone)));
            }
            ComodulatedBackbone::Cells(config) => config,
        };
        let CellsConfig {
            side,
            channels,
            cell,
            width,
        } = *config;
        if [side, channels, width].contains(&0) {
            let expected = "side, channels and width above 0";
            return Err(Error::setting("network", format!("{config:?}"), expected));
        }
        if cell == 0 || !side.is_multiple_of(cell) || side / cell < 2 {
            let expected = format!(
                "cells that divide the image of {side}×{side} pixels in 2×2 or more, such as {}",
                side / 2
            );
            return Err(Error::setting("network.cell", cell, expected));
        }
        let inputs = channels.saturating_mul(cell).saturating_mul(cell);
        let initial = Init::Normal {
            standard_deviation: libm::sqrtf(2.0 / inputs as f32),
        };
        let weight = builder.parameter("cells", Shape::kernel(width, cell, channels), initial)?;
        let window = Window {
            size: cell,
            stride: cell,
            padding: 0,
        };
        Ok(Layers::Cells(Box::new(Cells {
            layer: GainConvolution::new(weight, window)?,
            side,
            output: builder.empty()?,
            gradient: builder.empty()?,
        })))
    }

    /// The maps of a training batch; keeps what `backward` needs.
    pub(super) fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        match self {
            Layers::Residual(backbone) => backbone.forward(backend, x),
            Layers::Cells(cells) => cells.forward(backend, x),
        }
    }

    /// The maps of `x` with running statistics.
    pub(super) fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        match self {
            Layers::Residual(backbone) => backbone.infer(backend, x),
            Layers::Cells(cells) => cells.forward(backend, x),
        }
    }

    /// The maps of the last `forward`, and the tensor from which `backward` reads their gradient.
    pub(super) fn output_and_gradient(&mut self) -> (&Tensor<B>, &mut Tensor<B>) {
        match self {
            Layers::Residual(backbone) => backbone.output_and_gradient(),
            Layers::Cells(cells) => (&cells.output, &mut cells.gradient),
        }
    }

    /// The gradient of every parameter.
    pub(super) fn backward(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        match self {
            Layers::Residual(backbone) => backbone.backward(backend, x),
            Layers::Cells(cells) => {
                Relu.backward(backend, &cells.output, &mut cells.gradient)?;
                cells.layer.backward(backend, x, &cells.gradient, None)
            }
        }
    }

    pub(super) fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let (backbone, cells) = match self {
            Layers::Residual(backbone) => (Some(&mut **backbone), None),
            Layers::Cells(cells) => (None, Some(&mut cells.layer.weight)),
        };
        let backbone = backbone.into_iter().flat_map(Backbone::parameters);
        backbone.chain(cells)
    }

    pub(super) fn statistics(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<B>)> {
        let backbone = match self {
            Layers::Residual(backbone) => Some(&mut **backbone),
            Layers::Cells(_) => None,
        };
        backbone.into_iter().flat_map(Backbone::statistics)
    }

    pub(super) fn visit_statistics(&mut self, visitor: &mut dyn Visitor<B>) -> Result<()> {
        match self {
            Layers::Residual(backbone) => backbone.visit_statistics(visitor),
            Layers::Cells(_) => Ok(()),
        }
    }
}

impl<B: Backend> Cells<B> {
    fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<&Tensor<B>> {
        match x.shape() {
            Shape::Blocked { height, width, .. } if [height, width] == [self.side; 2] => {}
            found => {
                let expected = format!("images of {0}×{0}", self.side);
                return Err(Error::shape("cells", expected, found));
            }
        }
        self.layer.forward(backend, x, &mut self.output)?;
        Relu.forward(backend, &mut self.output)?;
        Ok(&self.output)
    }
}
