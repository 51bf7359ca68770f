//! Launches of `kernels/normalisation.cu` and `layer_norm.cu`.
#![allow(unsafe_code)]

use super::buffer::Floats;
use super::launch::Argument;
use super::{Cuda, Scratch};
use crate::backend::normalisations::{
    check_batch_statistics, check_layer_normalise, check_layer_normalise_backward, check_normalise,
    check_normalise_backward,
};
use crate::backend::{
    BatchNormConfig, LayerNormalise, LayerNormaliseBackward, NormDims, Normalisations, Normalize,
    NormalizeBackward, ReluMask, check, summation,
};
use crate::error::Result;
use crate::shape::LANES;

/// Channels per thread block, with 16 lanes each.
pub const CHANNELS: usize = 16;
pub const THREADS: [u32; 2] = [(CHANNELS * LANES) as u32, 1];

impl NormDims {
    pub(super) fn chunks(&self) -> usize {
        self.all_pixels().div_ceil(summation::CHUNK)
    }
}

impl Normalisations for Cuda {
    fn batch_statistics(
        &self,
        dimensions: NormDims,
        settings: BatchNormConfig,
        x: &Floats,
        running: &mut Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check_batch_statistics(self, dimensions, x, running, statistics)?;
        let (channels, chunks) = (dimensions.channels, dimensions.chunks());
        let groups = channels.div_ceil(CHANNELS);
        self.with_scratch(|scratch| {
            let Scratch { partials, sums, .. } = scratch;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            sums.resize(&self.owner, channels)?;
            let d = Argument::try_from(dimensions)?;
            let counted = dimensions.first_chunk()[1] as f32;
            let (partials, shift) = (Argument::written(partials)?, Argument::written(sums)?);
            let average = &[d, counted.into(), x.into(), shift];
            let moments = &[d, x.into(), shift, partials];
            let finish = &[
                d,
                Argument::count(chunks)?,
                settings.epsilon.into(),
                settings.momentum.into(),
                shift,
                partials,
                Argument::written(running)?,
                Argument::written(statistics)?,
            ];
            // SAFETY: x, running and statistics have the lengths that the dimensions give, as checked; shift
            // has `channels` elements, partials 2·channels·16 per chunk.
            unsafe {
                self.launch("batch_shift", groups, THREADS, average)?;
                self.launch("batch_moments", groups * chunks, THREADS, moments)?;
                self.launch("batch_statistics", channels, THREADS, finish)
            }
        })
    }

    fn running_statistics(
        &self,
        epsilon: f32,
        running: &Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check::as_long_as(
            self,
            "running statistics",
            running,
            &[("statistics", statistics)],
        )?;
        let length = running.length();
        let arguments = &[
            Argument::count(length)?,
            epsilon.into(),
            running.into(),
            Argument::written(statistics)?,
        ];
        // SAFETY: both have `length` elements, as just checked.
        unsafe { self.each("running_statistics", length, arguments) }
    }

    fn normalize(&self, operands: Normalize<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_normalise(self, &operands, y)?;
        let length = y.length();
        let arguments = &[
            operands.dimensions.try_into()?,
            Argument::count(length)?,
            u32::from(operands.relu).into(),
            operands.statistics.into(),
            operands.gamma.into(),
            operands.beta.into(),
            operands.x.into(),
            Argument::optional(operands.residual),
            Argument::written(y)?,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; `length` is that of y.
        unsafe { self.each("normalise", length, arguments) }
    }

    fn normalize_backward(
        &self,
        operands: NormalizeBackward<'_, Floats>,
        dy: &mut Floats,
        residual: Option<&mut Floats>,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        check_normalise_backward(self, &operands, dy, residual.as_deref(), dgamma, dbeta)?;
        let dimensions = operands.dimensions;
        let (channels, chunks) = (dimensions.channels, dimensions.chunks());
        let groups = channels.div_ceil(CHANNELS);
        let length = dy.length();
        let d = Argument::try_from(dimensions)?;
        let (statistics, x) = (operands.statistics.into(), operands.x.into());
        let [beta, y] = ReluMask::split(&operands.relu).map(Argument::optional);
        let gamma = operands.gamma.into();
        let (dgamma, dbeta) = (Argument::written(dgamma)?, Argument::written(dbeta)?);
        let dy = Argument::written(dy)?;
        let residual = match residual {
            Some(residual) => Argument::written(residual)?,
            None => Argument::address(0),
        };
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            let partials = Argument::written(partials)?;
            let (count, numbers) = (Argument::count(chunks)?, Argument::count(length)?);
            let sums = &[d, statistics, gamma, beta, x, y, dy, partials];
            let parameters = &[d, count, statistics, partials, dgamma, dbeta];
            let input = &[
                d, numbers, statistics, gamma, beta, dgamma, dbeta, x, y, dy, residual,
            ];
            // SAFETY: all have the lengths that the dimensions give, as checked; partials has 2·channels·16
            // elements per chunk, and `length` is that of dy.
            unsafe {
                self.launch("normalise_backward_sums", groups * chunks, THREADS, sums)?;
                self.launch(
                    "normalise_backward_parameters",
                    channels,
                    THREADS,
                    parameters,
                )?;
                self.each("normalise_backward", length, input)
            }
        })
    }

    fn layer_normalise(
        &self,
        operands: LayerNormalise<'_, Floats>,
        statistics: &mut Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check_layer_normalise(self, &operands, statistics, y)?;
        let LayerNormalise { dimensions, x, .. } = operands;
        let (d, length) = (Argument::try_from(dimensions)?, y.length());
        if length == 0 {
            return Ok(());
        }
        let statistics = Argument::written(statistics)?;
        let estimate = &[d, operands.epsilon.into(), x.into(), statistics];
        let apply = &[
            d,
            Argument::count(length)?,
            statistics,
            operands.gamma.into(),
            operands.beta.into(),
            x.into(),
            Argument::written(y)?,
        ];
        // SAFETY: all have the lengths that the dimensions give, as checked; the first kernel has one thread per
        // pixel of a sample, `length` is that of y.
        unsafe {
            self.each(
                "layer_statistics",
                dimensions.all_pixels() * LANES,
                estimate,
            )?;
            self.each("layer_normalise", length, apply)
        }
    }

    fn layer_normalise_backward(
        &self,
        operands: LayerNormaliseBackward<'_, Floats>,
        dy: &mut Floats,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        check_layer_normalise_backward(self, &operands, dy, dgamma, dbeta)?;
        let LayerNormaliseBackward {
            dimensions,
            statistics,
            gamma,
            x,
        } = operands;
        let (channels, chunks) = (dimensions.channels, dimensions.chunks());
        let groups = channels.div_ceil(CHANNELS);
        if channels == 0 {
            return Ok(());
        }
        let d = Argument::try_from(dimensions)?;
        let (statistics, gamma, x) = (statistics.into(), gamma.into(), x.into());
        let (dy, dgamma) = (Argument::written(dy)?, Argument::written(dgamma)?);
        let dbeta = Argument::written(dbeta)?;
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            let partials = Argument::written(partials)?;
            let sums = &[d, statistics, x, dy, partials];
            let parameters = &[d, Argument::count(chunks)?, partials, dgamma, dbeta];
            let input = &[d, statistics, gamma, x, dy];
            // SAFETY: all have the lengths that the dimensions give, as checked; partials has 2·channels·16
            // elements per chunk; the last kernel has one thread per pixel of a sample.
            unsafe {
                self.launch("layer_backward_sums", groups * chunks, THREADS, sums)?;
                self.launch("scale_shift_gradients", channels, THREADS, parameters)?;
                self.each("layer_backward", dimensions.all_pixels() * LANES, input)
            }
        })
    }
}
