//! The network of arXiv 2311.15053: a backbone, a modulated encoder, a decoder with gains.

mod backbone;
mod backward;

use alloc::format;

use crate::backend::{Backend, Binary, Cpu, Pool, Window};
use crate::error::{Error, Result};
use crate::models::backbone::Builder;
use crate::nn::{ChannelScale, GainConvolution, Init, Relu, SpatialPool};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub(in crate::models) use backbone::Layers;
pub use backbone::{CellsConfig, ComodulatedBackbone};
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

settings! {
    /// The neurons that share a coupling to the modulator.
    pub enum CouplingGranularity {
        /// All neurons of a channel.
        Channel = "channel",
        /// None: each neuron, a channel at a place, has a coupling.
        Neuron = "neuron",
    }
}

/// The sizes of a [`Comodulated`] network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComodulatedConfig {
    /// The layers before the encoder.
    pub backbone: ComodulatedBackbone,
    /// Channels of the encoder's two convolutions: 128 and 128 in the paper.
    pub encoder: [usize; 2],
    /// Which of them are modulated.
    pub modulated: ModulatedLayers,
    /// Which of their neurons share a coupling.
    pub couplings: CouplingGranularity,
    /// Neurons of the decoder, the layer with gains: 256 in the paper. If the decoder keeps places, neurons at each
    /// place.
    pub decoder: usize,
    /// Whether the decoder keeps places: it has neurons at each pixel of the encoder's maps, with shared weights.
    /// Otherwise the maps are averaged over pixels first.
    pub places: bool,
    /// Whether there are residual connections around the second convolution and around the decoder.
    pub residual: bool,
}

impl ComodulatedConfig {
    /// Rows and columns of the maps after each convolution of the encoder.
    fn encoder_sides(&self) -> [usize; 2] {
        let input = self.backbone.output_side();
        let after = |side: usize, window: Window| {
            (side + 2 * window.padding + 1).saturating_sub(window.size)
        };
        let [first, second] = self.backbone.encoder_windows();
        [after(input, first), after(after(input, first), second)]
    }

    /// The number of couplings of a convolution of the encoder, if it is modulated.
    fn layer_couplings(&self, layer: usize) -> usize {
        let side = self.encoder_sides()[layer];
        match self.couplings {
            CouplingGranularity::Channel => self.encoder[layer],
            CouplingGranularity::Neuron => self.encoder[layer]
                .saturating_mul(side)
                .saturating_mul(side),
        }
    }

    /// Maps as the layer of scales sees them: with a coupling for each neuron, neurons are its channels.
    fn scaled(&self, maps: Shape) -> Shape {
        match self.couplings {
            CouplingGranularity::Channel => maps,
            CouplingGranularity::Neuron => Shape::features(maps.rows(), maps.columns()),
        }
    }

    /// The number of the decoder's neurons, which is the number of gains and of the readout's inputs.
    pub fn neurons(&self) -> usize {
        let side = self.encoder_sides()[1];
        match self.places {
            true => self.decoder.saturating_mul(side).saturating_mul(side),
            false => self.decoder,
        }
    }
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
/// s₁ and s₂ are the modulator's scales of the encoder's neurons, one per channel or one per neuron; g are the
/// decoder's gains. Without modulation of a layer, s ≡ 1. In brackets: residual connections. A residual backbone has
/// batch normalisations, which use the batch's statistics only if the whole network is trained; encoder and
/// decoder have none. A decoder that keeps places has no average: p are the pixels of h₂, W is shared by them, and
/// the decoder's neurons are all W·p in order of rows, columns, channels. The readout of y, one per task, is a
/// separate layer.
///
/// *Known* (arXiv 2311.15053): two 3×3 convolutions of 128 channels, the decoder 128 → 256 with gains, the
/// positions of the residual connections. *Inferred*: modulation after the ReLU; of one convolution in
/// the presets, as in the parent models. *Our
/// choice*: no biases, weights from N(0, 2/inputs) (He et al. 2015), average pooling between encoder and decoder,
/// the matrix P.
#[derive(Debug, Clone)]
pub struct Comodulated<B: Backend = Cpu> {
    shape: ComodulatedConfig,
    backbone: Layers<B>,
    encoder: [GainConvolution<B>; 2],
    scales: [ChannelScale<B>; 2],
    /// None: the decoder keeps places.
    pool: Option<SpatialPool>,
    decoder: GainConvolution<B>,
    gains: ChannelScale<B>,
    image_gains: Option<Tensor<B>>,
    skip: Option<GainConvolution<B>>,
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
        let [first, second] = shape.encoder;
        let windows = shape.backbone.encoder_windows();
        let kept = windows[1].size == 2 * windows[1].padding + 1;
        if [first, second, shape.decoder].contains(&0)
            || (shape.residual && !(kept && first == second))
        {
            let expected = "channels and neurons above 0; with residual connections, a second convolution of as many channels and pixels as the first";
            return Err(Error::setting("network", format!("{shape:?}"), expected));
        }
        let mut builder = Builder::new(backend, &[], seed);
        let backbone = Layers::build(&mut builder, &shape.backbone)?;
        let he = |inputs: usize| Init::Normal {
            standard_deviation: libm::sqrtf(2.0 / inputs as f32),
        };
        let point = Window {
            size: 1,
            stride: 1,
            padding: 0,
        };
        let mut convolution = |name, outputs: usize, inputs: usize, window: Window| {
            let kernel = Shape::kernel(outputs, window.size, inputs);
            let initial = he(inputs.saturating_mul(window.size * window.size));
            let weight = builder.parameter(name, kernel, initial)?;
            GainConvolution::new(weight, window)
        };
        let inputs = shape.backbone.output_channels();
        let encoder = [
            convolution("encoder1", first, inputs, windows[0])?,
            convolution("encoder2", second, first, windows[1])?,
        ];
        let decoder = convolution("decoder", shape.decoder, second, point)?;
        let skip = match shape.residual {
            true => Some(convolution("decoder_skip", shape.decoder, second, point)?),
            false => None,
        };
        let side = shape.encoder_sides()[1];
        let pool = SpatialPool {
            pool: Pool::Average,
            window: Window {
                size: side,
                stride: side,
                padding: 0,
            },
        };
        let scale = |channels| ChannelScale::new(backend, channels);
        let empty = || builder.empty();
        Ok(Comodulated {
            shape: *shape,
            backbone,
            encoder,
            scales: [
                scale(shape.layer_couplings(0))?,
                scale(shape.layer_couplings(1))?,
            ],
            pool: (!shape.places).then_some(pool),
            decoder,
            gains: scale(shape.neurons())?,
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

    pub(in crate::models) fn backbone_mut(&mut self) -> &mut Layers<B> {
        &mut self.backbone
    }

    /// The number of couplings to the modulator.
    pub fn couplings(&self) -> usize {
        let layers = self.modulated_layers().iter();
        layers.map(|&layer| self.shape.layer_couplings(layer)).sum()
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

    /// What [`encode`](Self::encode) computed for the last input: the maps before the modulation, after their ReLU. A
    /// network that is frozen gives the same maps for an image every time.
    pub fn encoded(&self) -> &Tensor<B> {
        match self.shape.modulated {
            ModulatedLayers::Second => &self.rectified[1],
            ModulatedLayers::First | ModulatedLayers::Both => &self.rectified[0],
        }
    }

    /// Continues from maps that [`encoded`](Self::encoded) gave, instead of from images.
    ///
    /// # Errors
    /// [`Error::Shape`] unless they have the size of these maps.
    pub fn set_encoded(&mut self, backend: &B, maps: &Tensor<B>) -> Result<()> {
        let layer = match self.shape.modulated {
            ModulatedLayers::Second => 1,
            ModulatedLayers::First | ModulatedLayers::Both => 0,
        };
        let samples = maps.shape().rows();
        let side = self.shape.encoder_sides()[layer];
        let expected = Shape::images(samples, side, side, self.shape.encoder[layer]);
        if maps.shape() != expected {
            return Err(Error::shape("encoded maps", expected, maps.shape()));
        }
        if layer == 1 {
            // The second convolution's input is not computed; its size is that of these images.
            let side = self.shape.encoder_sides()[0];
            let first = Shape::images(samples, side, side, self.shape.encoder[0]);
            self.rectified[0].reshape(backend, first)?;
            self.modulated[0].reshape(backend, first)?;
        }
        copy(backend, maps, &mut self.rectified[layer])
    }

    /// The number of images in the last input.
    pub fn images(&self) -> usize {
        self.rectified[0].shape().rows()
    }

    /// From the first convolution to the ReLU after the second.
    fn second_convolution(&mut self, backend: &B) -> Result<()> {
        self.modulate(backend, 0)?;
        let [_, second] = &mut self.rectified;
        let [h1, _] = &self.modulated;
        self.encoder[1].forward(backend, h1, second)?;
        if self.shape.residual {
            add(backend, h1, second)?;
        }
        Relu.forward(backend, second)
    }

    /// h of a convolution of the encoder, from its rectified output.
    fn modulate(&mut self, backend: &B, layer: usize) -> Result<()> {
        let (x, y) = (&mut self.rectified[layer], &mut self.modulated[layer]);
        let maps = x.shape();
        let view = self.shape.scaled(maps);
        x.view_as(view)?;
        let scaled = self.scales[layer].forward(backend, x, None, false, y);
        x.view_as(maps)?;
        scaled?;
        y.view_as(maps)
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
        let mut rest = scales;
        for &layer in self.modulated_layers() {
            let (scales, after) = rest.split_at(self.shape.layer_couplings(layer));
            backend.upload(scales, self.scales[layer].scale.floats_mut())?;
            rest = after;
        }
        if self.shape.modulated != ModulatedLayers::Second {
            self.second_convolution(backend)?;
        }
        self.modulate(backend, 1)?;
        let [_, h2] = &self.modulated;
        let pooled = match &self.pool {
            Some(pool) => {
                pool.forward(backend, h2, &mut self.pooled)?;
                &self.pooled
            }
            None => h2,
        };
        self.decoder.forward(backend, pooled, &mut self.activity)?;
        Relu.forward(backend, &mut self.activity)?;
        let maps = self.activity.shape();
        self.activity
            .view_as(Shape::features(maps.rows(), maps.columns()))?;
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
            let pooled = match &self.pool {
                Some(_) => &self.pooled,
                None => &self.modulated[1],
            };
            skip.forward(backend, pooled, &mut self.skipped)?;
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
