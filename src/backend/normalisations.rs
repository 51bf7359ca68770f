//! Batch and layer normalisation.

use alloc::format;

use super::check::{operands, too_large, volume};
use super::memory::Memory;
use super::summation;
use crate::error::{Error, Result};
use crate::shape::{LANES, Shape};

/// Batch and layer normalisation, and their gradients.
pub trait Normalisations: Memory {
    /// Computes each channel's statistics over samples and pixels, without the padding lanes, and updates their running
    /// averages.
    ///
    /// The order of summation is that of [`conv2d_backward_weights`](super::Convolutions::conv2d_backward_weights):
    /// every pixel of every block of samples is one block of [`summation`](super::summation). With n = samples·pixels,
    /// rounded to f32, and K the mean over the first chunk (its sum, divided):
    /// d = x − K, D = Σ d, V = Σ d² (`fma(d, d, ·)`), m = fl(D/n), mean = K + m,
    /// S = max(V − fl(D·m), 0), r = 1/√(S/n + ε). K lies within the range of the data, so the
    /// cancellation in S stays harmless however far the mean is from 0.
    ///
    /// `statistics`, `[2][channels]`, receives mean and r. `running`, `[2][channels]`, holds running averages of
    /// the mean and of the unbiased variance S/(n − 1), and is updated in place:
    /// `a ← fma(momentum, new, fl((1 − momentum)·a))`. Fails for n = 1.
    fn batch_statistics(
        &self,
        dimensions: NormDims,
        settings: BatchNormConfig,
        x: &Self::Floats,
        running: &mut Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;

    /// The statistics for inference: the running mean, and r = 1/√(running variance + ε).
    fn running_statistics(
        &self,
        epsilon: f32,
        running: &Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;

    /// `y = fma(x − mean, fl(γ·r), β)`. Then the residual is added and ReLU applied (as in
    /// [`Unary::Relu`](super::Unary::Relu)), if requested. Padding lanes become +0. Training passes the batch
    /// statistics, inference the running ones.
    fn normalize(&self, operands: Normalize<'_, Self::Floats>, y: &mut Self::Floats) -> Result<()>;

    /// The gradient of [`normalize`](Normalisations::normalize) with the batch statistics, including the gradient
    /// through the statistics.
    ///
    /// With dŷ = dy where the ReLU's output is positive ([`ReluMask`]), else +0 (dy itself without ReLU), and the order of summation of
    /// [`batch_statistics`](Normalisations::batch_statistics):
    /// dβ = Σ dŷ, dγ = r·Σ dŷ·(x − mean) (`fma(dŷ, x − mean, ·)`), and
    /// `dx = fl(γ·r)·fma(mean − x, fl(fl(r·dγ)/n), dŷ − fl(dβ/n))`. Padding lanes become +0.
    ///
    /// In place: dx overwrites dy. `residual`, if given, receives dŷ, the residual's gradient.
    fn normalize_backward(
        &self,
        operands: NormalizeBackward<'_, Self::Floats>,
        dy: &mut Self::Floats,
        residual: Option<&mut Self::Floats>,
        dgamma: &mut Self::Floats,
        dbeta: &mut Self::Floats,
    ) -> Result<()>;

    /// Layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450): over the n channels of each pixel
    /// (row) of each sample.
    ///
    /// mean = fl(Σ x/n) (a chain of additions from +0, channels ascending), d = x − mean,
    /// r = 1/√(V/n + ε) with V = Σ d² (`fma(d, d, ·)`), x̂ = fl(d·r) and `y = fma(x̂, γ[c], β[c])`. Padding lanes
    /// become +0. `statistics`, `[blocks][pixels][2][16]`, receives mean and r for the backward pass.
    fn layer_normalise(
        &self,
        operands: LayerNormalise<'_, Self::Floats>,
        statistics: &mut Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// The gradient of [`layer_normalise`](Normalisations::layer_normalise).
    ///
    /// With g = fl(dy·γ\[c\]), A = Σ_c g (a chain of additions from +0) and B = Σ_c g·x̂ (`fma(g, x̂, ·)`):
    /// `dx = fl(r·fma(x̂, 0 − fl(B/n), g − fl(A/n)))` overwrites dy; padding lanes become +0. dβ = Σ dy and
    /// dγ = Σ dy·x̂ (`fma(dy, x̂, ·)`) over samples and pixels, in the order of
    /// [`batch_statistics`](Normalisations::batch_statistics). The padding lanes of dy must be zero.
    fn layer_normalise_backward(
        &self,
        operands: LayerNormaliseBackward<'_, Self::Floats>,
        dy: &mut Self::Floats,
        dgamma: &mut Self::Floats,
        dbeta: &mut Self::Floats,
    ) -> Result<()>;
}

/// The inputs of [`Normalisations::layer_normalise`].
#[derive(Debug, Clone, Copy)]
pub struct LayerNormalise<'a, F> {
    /// The dimensions of x and y.
    pub dimensions: NormDims,
    /// ε, added to the variance.
    pub epsilon: f32,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// β, `[channels]`.
    pub beta: &'a F,
    /// The input.
    pub x: &'a F,
}

/// The inputs of [`Normalisations::layer_normalise_backward`].
#[derive(Debug, Clone, Copy)]
pub struct LayerNormaliseBackward<'a, F> {
    /// The dimensions of x and dy.
    pub dimensions: NormDims,
    /// The statistics from the forward pass.
    pub statistics: &'a F,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// The input of the forward pass.
    pub x: &'a F,
}

/// The dimensions of a normalisation over samples and pixels:
/// `[⌈samples/16⌉][pixels][channels][16]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormDims {
    /// Samples, without the padding lanes.
    pub samples: usize,
    /// Pixels of an image; 1 for plain features.
    pub pixels: usize,
    /// Channels; each has its own statistics.
    pub channels: usize,
}

impl NormDims {
    /// The dimensions of an activation; `None` for parameters.
    pub(crate) fn of(shape: Shape) -> Option<Self> {
        match shape {
            Shape::Blocked {
                samples,
                height,
                width,
                channels,
            } => Some(NormDims {
                samples,
                pixels: height.saturating_mul(width),
                channels,
            }),
            Shape::Dense(_) => None,
        }
    }

    /// The length of an activation.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are no samples or no pixels, or if the length overflows.
    pub fn length(&self) -> Result<usize> {
        if self.samples == 0 || self.pixels == 0 {
            return Err(Error::shape(
                "normalisation",
                "at least one sample and one pixel",
                format!("{self:?}"),
            ));
        }
        let blocks = self.samples.div_ceil(LANES);
        volume(&[blocks, self.pixels, self.channels, LANES])
            .ok_or_else(|| too_large("normalisation", format!("{self:?}")))
    }

    /// Pixels in all blocks of samples.
    pub(super) fn all_pixels(&self) -> usize {
        self.samples.div_ceil(LANES) * self.pixels
    }

    /// The number of samples in the block of a pixel; pixels are numbered through all blocks.
    #[inline(always)]
    pub(super) fn count(&self, pixel: usize) -> usize {
        LANES.min(self.samples - pixel / self.pixels * LANES)
    }

    /// The number of pixels in the first chunk of a sum, and of a channel's elements in them, without the padding
    /// lanes.
    pub(super) fn first_chunk(&self) -> [usize; 2] {
        let pixels = self.all_pixels().min(summation::CHUNK);
        [pixels, (0..pixels).map(|pixel| self.count(pixel)).sum()]
    }
}

/// The settings of [`Normalisations::batch_statistics`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormConfig {
    /// ε, added to the variance.
    pub epsilon: f32,
    /// The weight of the new batch in the running averages.
    pub momentum: f32,
}

impl Default for BatchNormConfig {
    /// ε = 10⁻⁵ and momentum 0.1, as in PyTorch.
    fn default() -> Self {
        BatchNormConfig {
            epsilon: 1e-5,
            momentum: 0.1,
        }
    }
}

/// The inputs of [`Normalisations::normalize`].
#[derive(Debug, Clone, Copy)]
pub struct Normalize<'a, F> {
    /// The dimensions of x, the residual and y.
    pub dimensions: NormDims,
    /// Whether ReLU is applied at the end.
    pub relu: bool,
    /// Mean and inverse standard deviation, `[2][channels]`.
    pub statistics: &'a F,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// β, `[channels]`.
    pub beta: &'a F,
    /// The input.
    pub x: &'a F,
    /// Added before ReLU.
    pub residual: Option<&'a F>,
}

/// The inputs of [`Normalisations::normalize_backward`].
#[derive(Debug, Clone, Copy)]
pub struct NormalizeBackward<'a, F> {
    /// The dimensions of x, y and dy.
    pub dimensions: NormDims,
    /// Mean and inverse standard deviation of the batch, `[2][channels]`.
    pub statistics: &'a F,
    /// γ, `[channels]`.
    pub gamma: &'a F,
    /// The input of the forward pass.
    pub x: &'a F,
    /// Where the ReLU's output is positive, if the forward pass applied ReLU.
    pub relu: Option<ReluMask<'a, F>>,
}

/// What says where the output of [`normalize`](Normalisations::normalize) with ReLU is positive.
#[derive(Debug, Clone, Copy)]
pub enum ReluMask<'a, F> {
    /// β, `[channels]`, if there was no residual: where fma(x − mean, fl(γ·r), β) > 0, computed again. This reads one
    /// activation less.
    Recomputed(&'a F),
    /// The output y: where y > 0.
    Output(&'a F),
}

impl<'a, F> ReluMask<'a, F> {
    /// β and y, of which one is present.
    pub(super) fn split(given: &Option<Self>) -> [Option<&'a F>; 2] {
        match given {
            None => [None, None],
            Some(ReluMask::Recomputed(beta)) => [Some(beta), None],
            Some(ReluMask::Output(y)) => [None, Some(y)],
        }
    }
}

/// Checks the operands of the statistics of a batch.
pub(super) fn check_batch_statistics<B: Memory>(
    backend: &B,
    dimensions: NormDims,
    x: &B::Floats,
    running: &B::Floats,
    statistics: &B::Floats,
) -> Result<()> {
    let operation = "batch statistics";
    let channels = dimensions.channels;
    operands(
        backend,
        operation,
        &[
            ("x", Some(x), dimensions.length()?),
            ("running", Some(running), 2 * channels),
            ("statistics", Some(statistics), 2 * channels),
        ],
    )?;
    if dimensions.samples * dimensions.pixels < 2 {
        let expected = "at least two numbers in a channel, for a variance: a batch of at least 2 (training.batch), or larger images";
        let found = format!(
            "{} sample of {} pixel",
            dimensions.samples, dimensions.pixels
        );
        return Err(Error::shape(operation, expected, found));
    }
    Ok(())
}

/// Checks the operands of a batch normalisation.
pub(super) fn check_normalise<B: Memory>(
    backend: &B,
    given: &Normalize<'_, B::Floats>,
    y: &B::Floats,
) -> Result<()> {
    let length = given.dimensions.length()?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "normalise",
        &[
            ("statistics", Some(given.statistics), 2 * channels),
            ("gamma", Some(given.gamma), channels),
            ("beta", Some(given.beta), channels),
            ("x", Some(given.x), length),
            ("residual", given.residual, length),
            ("y", Some(y), length),
        ],
    )
}

/// Checks the operands of a batch normalisation's gradient.
pub(super) fn check_normalise_backward<B: Memory>(
    backend: &B,
    given: &NormalizeBackward<'_, B::Floats>,
    dy: &B::Floats,
    residual: Option<&B::Floats>,
    dgamma: &B::Floats,
    dbeta: &B::Floats,
) -> Result<()> {
    let length = given.dimensions.length()?;
    let channels = given.dimensions.channels;
    let [beta, y] = ReluMask::split(&given.relu);
    operands(
        backend,
        "normalise backward",
        &[
            ("statistics", Some(given.statistics), 2 * channels),
            ("gamma", Some(given.gamma), channels),
            ("x", Some(given.x), length),
            ("beta", beta, channels),
            ("y", y, length),
            ("dy", Some(dy), length),
            ("residual", residual, length),
            ("dgamma", Some(dgamma), channels),
            ("dbeta", Some(dbeta), channels),
        ],
    )
}

/// Checks the operands of a layer normalisation.
pub(super) fn check_layer_normalise<B: Memory>(
    backend: &B,
    given: &LayerNormalise<'_, B::Floats>,
    statistics: &B::Floats,
    y: &B::Floats,
) -> Result<()> {
    let [length, of_statistics] = layer_lengths(given.dimensions)?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "layer normalisation",
        &[
            ("statistics", Some(statistics), of_statistics),
            ("gamma", Some(given.gamma), channels),
            ("beta", Some(given.beta), channels),
            ("x", Some(given.x), length),
            ("y", Some(y), length),
        ],
    )
}

/// Checks the operands of a layer normalisation's gradient.
pub(super) fn check_layer_normalise_backward<B: Memory>(
    backend: &B,
    given: &LayerNormaliseBackward<'_, B::Floats>,
    dy: &B::Floats,
    dgamma: &B::Floats,
    dbeta: &B::Floats,
) -> Result<()> {
    let [length, of_statistics] = layer_lengths(given.dimensions)?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "layer normalisation backward",
        &[
            ("statistics", Some(given.statistics), of_statistics),
            ("gamma", Some(given.gamma), channels),
            ("x", Some(given.x), length),
            ("dy", Some(dy), length),
            ("dgamma", Some(dgamma), channels),
            ("dbeta", Some(dbeta), channels),
        ],
    )
}

/// The lengths of an activation and of the statistics of a layer normalisation.
fn layer_lengths(dimensions: NormDims) -> Result<[usize; 2]> {
    let length = dimensions.length()?;
    let blocks = dimensions.samples.div_ceil(LANES);
    volume(&[blocks, dimensions.pixels, 2, LANES])
        .map(|statistics| [length, statistics])
        .ok_or_else(|| too_large("layer normalisation", format!("{dimensions:?}")))
}
