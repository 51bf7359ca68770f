//! The network of arXiv 2311.15053: a backbone, a modulated encoder, a decoder with gains.

mod backward;

use alloc::format;

use crate::backend::{Backend, Binary, Cpu, Pool, Window};
use crate::error::{Error, Result};
use crate::models::backbone::{Backbone, BackboneConfig, Builder};
use crate::nn::{ChannelScale, GainConvolution, GainLinear, Init, Relu, SpatialPool};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub use backward::Trainable;

settings! {
    /// The convolutions of the encoder that are modulated.
    pub enum ModulatedLayers {
        /// The first; its modulation passes through the second.
        First = "first",
        /// The second.
        Second = "second",
        /// Both, with a separate coupling for each channel.
        Both = "both",
    }
}

/// The sizes of a [`Comodulated`] network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComodulatedConfig {
    /// The backbone.
    pub backbone: BackboneConfig,
    /// Channels of each of the encoder's two convolutions: 128 in the paper.
    pub encoder: usize,
    /// Which of them are modulated.
    pub modulated: ModulatedLayers,
    /// Neurons of the decoder, the layer with gains: 256 in the paper.
    pub decoder: usize,
    /// Whether there are residual connections around the second convolution and around the decoder.
    pub residual: bool,
}

/// Gains of the decoder's neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DecoderGains<'a> {
    /// One gain per neuron, for all images.
    Neurons(&'a [f32]),
    /// One gain per neuron and image, `[images][neurons]`.
    Images(&'a [f32]),
}

/// ```text
/// x → backbone → h₁ = s₁ ⊙ ReLU(conv3×3) → h₂ = s₂ ⊙ ReLU(conv3×3 [+ h₁]) → average over pixels p
///   → decoder activity h = ReLU(W·p) → y = g ⊙ h [+ P·p]
/// ```
///
/// s₁ and s₂ are the modulator's scales of the encoder's neurons, one per channel; g are the decoder's
/// gains. Without modulation of a layer, s ≡ 1. In brackets: residual connections. The backbone has batch
/// normalisations, which use the batch's statistics only if the whole network is trained; encoder and
/// decoder have none. The readout of y, one per task, is a separate layer.
///
/// *Known* (arXiv 2311.15053): two 3×3 convolutions of 128 channels, the decoder 128 → 256 with gains, the
/// positions of the residual connections. *Inferred*: modulation after the ReLU, of both convolutions. *Our
/// choice*: no biases, weights from N(0, 2/inputs) (He et al. 2015), average pooling between encoder and decoder,
/// the matrix P.
#[derive(Debug, Clone)]
pub struct Comodulated<B: Backend = Cpu> {
    shape: ComodulatedConfig,
    backbone: Backbone<B>,
    encoder: [GainConvolution<B>; 2],
    scales: [ChannelScale<B>; 2],
    pool: SpatialPool,
    decoder: GainLinear<B>,
    gains: ChannelScale<B>,
    image_gains: Option<Tensor<B>>,
    skip: Option<GainLinear<B>>,
    /// The output of the ReLU after each convolution, before the modulation.
    rectified: [Tensor<B>; 2],
    /// The same after the modulation.
    modulated: [Tensor<B>; 2],
    pooled: Tensor<B>,
    activity: Tensor<B>,
    skipped: Tensor<B>,
    output: Tensor<B>,
    /// Gradients; each tensor is reused during the backward pass.
    gradients: [Tensor<B>; 3],
}

impl<B: Backend> Comodulated<B> {
    /// Weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0, [`Error::Memory`] if there is not enough memory.
    pub fn new(backend: &B, shape: &ComodulatedConfig, seed: u64) -> Result<Self> {
        if [shape.encoder, shape.decoder].contains(&0) {
            let expected = "channels and neurons above 0";
            return Err(Error::setting("network", format!("{shape:?}"), expected));
        }
        let mut builder = Builder::new(backend, &[], seed);
        let backbone = Backbone::build(&mut builder, &shape.backbone)?;
        let he = |inputs: usize| Init::Normal {
            standard_deviation: libm::sqrtf(2.0 / inputs as f32),
        };
        let window = Window {
            size: 3,
            stride: 1,
            padding: 1,
        };
        let convolution = |builder: &mut Builder<'_, B>, name, inputs: usize| {
            let kernel = Shape::kernel(shape.encoder, window.size, inputs);
            let initial = he(inputs.saturating_mul(window.size * window.size));
            let weight = builder.parameter(name, kernel, initial)?;
            GainConvolution::new(weight, window)
        };
        let encoder = [
            convolution(&mut builder, "encoder1", shape.backbone.output_channels())?,
            convolution(&mut builder, "encoder2", shape.encoder)?,
        ];
        let matrix = Shape::matrix(shape.decoder, shape.encoder);
        let decoder = builder.parameter("decoder", matrix, he(shape.encoder))?;
        let skip = match shape.residual {
            true => {
                let weight = builder.parameter("decoder_skip", matrix, he(shape.encoder))?;
                Some(GainLinear::new(weight))
            }
            false => None,
        };
        let side = shape.backbone.output_side();
        let scale = |channels| ChannelScale::new(backend, channels);
        let empty = || builder.empty();
        Ok(Comodulated {
            shape: *shape,
            backbone,
            encoder,
            scales: [scale(shape.encoder)?, scale(shape.encoder)?],
            pool: SpatialPool {
                pool: Pool::Average,
                window: Window {
                    size: side,
                    stride: side,
                    padding: 0,
                },
            },
            decoder: GainLinear::new(decoder),
            gains: scale(shape.decoder)?,
            image_gains: None,
            skip,
            rectified: [empty()?, empty()?],
            modulated: [empty()?, empty()?],
            pooled: empty()?,
            activity: empty()?,
            skipped: empty()?,
            output: empty()?,
            gradients: [empty()?, empty()?, empty()?],
        })
    }

    /// The network's sizes.
    pub fn shape(&self) -> &ComodulatedConfig {
        &self.shape
    }

    pub(in crate::models) fn backbone_mut(&mut self) -> &mut Backbone<B> {
        &mut self.backbone
    }

    /// The number of modulated neurons in the encoder, which is the number of couplings.
    pub fn couplings(&self) -> usize {
        match self.shape.modulated {
            ModulatedLayers::First | ModulatedLayers::Second => self.shape.encoder,
            ModulatedLayers::Both => 2 * self.shape.encoder,
        }
    }

    /// Computes the part of the network before the modulation: the backbone, the first convolution and, if
    /// only the second is modulated, the second too.
    /// `learnt` says whether the backbone uses the batch's statistics and keeps what `backward` needs.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit.
    pub fn encode(&mut self, backend: &B, x: &Tensor<B>, learnt: bool) -> Result<()> {
        let maps = match learnt {
            true => self.backbone.forward(backend, x)?,
            false => self.backbone.infer(backend, x)?,
        };
        let [rectified, _] = &mut self.rectified;
        self.encoder[0].forward(backend, maps, rectified)?;
        Relu.forward(backend, rectified)?;
        match self.shape.modulated {
            ModulatedLayers::Second => self.second_convolution(backend),
            ModulatedLayers::First | ModulatedLayers::Both => Ok(()),
        }
    }

    /// The number of images in the last input.
    pub fn images(&self) -> usize {
        self.rectified[0].shape().rows()
    }

    /// From the first convolution to the ReLU after the second.
    fn second_convolution(&mut self, backend: &B) -> Result<()> {
        let [first, second] = &mut self.rectified;
        let [h1, _] = &mut self.modulated;
        self.scales[0].forward(backend, first, None, false, h1)?;
        self.encoder[1].forward(backend, h1, second)?;
        if self.shape.residual {
            add(backend, h1, second)?;
        }
        Relu.forward(backend, second)
    }

    /// The decoder's activity h for the last input. `scales` are the modulator's scales of
    /// the modulated neurons: s₁, then s₂.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one scale for each of [`couplings`](Self::couplings).
    pub fn decode(&mut self, backend: &B, scales: &[f32]) -> Result<&Tensor<B>> {
        if scales.len() != self.couplings() {
            return Err(Error::shape("modulation", self.couplings(), scales.len()));
        }
        let mut scales = scales.chunks_exact(self.shape.encoder);
        for &layer in self.modulated_layers() {
            if let Some(scales) = scales.next() {
                backend.upload(scales, self.scales[layer].scale.floats_mut())?;
            }
        }
        if self.shape.modulated != ModulatedLayers::Second {
            self.second_convolution(backend)?;
        }
        let ([_, second], [_, h2]) = (&self.rectified, &mut self.modulated);
        self.scales[1].forward(backend, second, None, false, h2)?;
        self.pool.forward(backend, h2, &mut self.pooled)?;
        self.decoder
            .forward(backend, &self.pooled, &mut self.activity)?;
        Relu.forward(backend, &mut self.activity)?;
        Ok(&self.activity)
    }

    /// y for the last response with these gains.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one gain per neuron, or one per neuron and image.
    pub fn readout(&mut self, backend: &B, gains: DecoderGains<'_>) -> Result<&Tensor<B>> {
        let shape = self.activity.shape();
        match gains {
            DecoderGains::Neurons(gains) => {
                backend.upload(gains, self.gains.scale.floats_mut())?;
                self.image_gains = None;
                self.gains
                    .forward(backend, &self.activity, None, false, &mut self.output)?;
            }
            DecoderGains::Images(gains) => {
                let gains = Tensor::from_rows(backend, shape, gains)?;
                copy(backend, &self.activity, &mut self.output)?;
                backend.binary(Binary::Multiply, gains.floats(), self.output.floats_mut())?;
                self.image_gains = Some(gains);
            }
        }
        if let Some(skip) = &self.skip {
            skip.forward(backend, &self.pooled, &mut self.skipped)?;
            add(backend, &self.skipped, &mut self.output)?;
        }
        Ok(&self.output)
    }

    /// y of the last [`readout`](Self::readout).
    pub fn decision(&self) -> &Tensor<B> {
        &self.output
    }

    /// The indices of the modulated convolutions.
    fn modulated_layers(&self) -> &'static [usize] {
        match self.shape.modulated {
            ModulatedLayers::First => &[0],
            ModulatedLayers::Second => &[1],
            ModulatedLayers::Both => &[0, 1],
        }
    }
}

/// `y ← x + y`.
fn add<B: Backend>(backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
    let sum = Binary::Axpby { a: 1.0, b: 1.0 };
    backend.binary(sum, x.floats(), y.floats_mut())
}

/// `y ← x`.
fn copy<B: Backend>(backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
    y.reshape(backend, x.shape())?;
    backend.binary(Binary::Copy, x.floats(), y.floats_mut())
}
