//! Batch normalisation over samples and pixels, fused with the residual addition and ReLU; layer normalisation.

mod layer;
mod normalize;
mod statistics;

use super::spread::Spread;
use super::sums::ChannelSums;
use super::{Cpu, Floats, scratch};
use crate::backend::normalisations::{
    check_batch_statistics, check_layer_normalise, check_layer_normalise_backward, check_normalise,
    check_normalise_backward,
};
use crate::backend::{
    BatchNormConfig, LayerNormalise, LayerNormaliseBackward, NormDims, Normalisations, Normalize,
    NormalizeBackward, ReluMask, check,
};
use crate::error::Result;
use crate::shape::LANES;
use normalize::{Backward, Channel, Forward, Gradients, Mask};
use statistics::{Running, Statistics};

impl Normalisations for Cpu {
    fn batch_statistics(
        &self,
        dimensions: NormDims,
        settings: BatchNormConfig,
        x: &Floats,
        running: &mut Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check_batch_statistics(self, dimensions, x, running, statistics)?;
        let channels = dimensions.channels;
        if channels == 0 {
            return Ok(());
        }
        let (mean, inverse_deviation) = statistics.as_mut_slice().split_at_mut(channels);
        let (running_mean, running_variance) = running.as_mut_slice().split_at_mut(channels);
        self.threads.run(Statistics {
            set: self.set,
            dimensions,
            settings,
            x: x.as_blocks(),
            first: 0,
            mean,
            inverse_deviation,
            running_mean,
            running_variance,
        });
        Ok(())
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
        let (running, statistics) = (running.as_slice(), statistics.as_mut_slice());
        let channels = running.len() / 2;
        statistics[..channels].copy_from_slice(&running[..channels]);
        self.set.run(Running {
            epsilon,
            variance: &running[channels..],
            inverse_deviation: &mut statistics[channels..],
        });
        Ok(())
    }

    fn normalize(&self, operands: Normalize<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_normalise(self, &operands, y)?;
        let Normalize {
            dimensions,
            relu,
            statistics,
            gamma,
            beta,
            x,
            residual,
        } = operands;
        let channels = dimensions.channels;
        if channels == 0 {
            return Ok(());
        }
        let (mean, inverse_deviation) = statistics.as_slice().split_at(channels);
        scratch::with(channels.div_ceil(LANES), |scale| {
            let scale = &mut scale.as_flattened_mut()[..channels];
            scales(gamma, inverse_deviation, scale);
            let kernel = Forward {
                dimensions,
                relu,
                mean,
                scale,
                beta: beta.as_slice(),
            };
            let read = [x.as_blocks(), residual.map_or(&[][..], Floats::as_blocks)];
            let written = [y.as_mut_blocks()];
            self.threads
                .run(Spread::pixels(self.set, dimensions, kernel, read, written));
        });
        Ok(())
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
        let NormalizeBackward {
            dimensions,
            statistics,
            gamma,
            x,
            relu,
        } = operands;
        let channels = dimensions.channels;
        if channels == 0 {
            return Ok(());
        }
        let (mean, inverse_deviation) = statistics.as_slice().split_at(channels);
        let [beta, y] = ReluMask::split(&relu);
        let beta = beta.map(Floats::as_slice);
        let y = y.map(Floats::as_blocks);
        let n = (dimensions.samples * dimensions.pixels) as f32;
        scratch::with((6 * channels).div_ceil(LANES), |scratch| {
            let (scale, constants) = scratch.as_flattened_mut().split_at_mut(channels);
            scales(gamma, inverse_deviation, scale);
            let terms = Gradients {
                dimensions,
                mean,
                inverse_deviation,
                x: x.as_blocks(),
                relu: match (beta, y) {
                    (Some(beta), _) => Mask::Recomputed { scale, beta },
                    (None, Some(y)) => Mask::Output(y),
                    (None, None) => Mask::Everywhere,
                },
                dy: dy.as_blocks(),
            };
            let results = [&mut *dbeta, &mut *dgamma].map(|d| Some(d.as_mut_slice()));
            self.threads
                .run(ChannelSums::new(self.set, dimensions, terms, results));
            let (constants, _) = constants.as_chunks_mut();
            let constants: &mut [Channel] = &mut constants[..channels];
            let given = mean.iter().zip(inverse_deviation).zip(&*scale);
            let sums = dgamma.as_slice().iter().zip(dbeta.as_slice());
            for (constants, (((mean, inverse), scale), (dgamma, dbeta))) in
                constants.iter_mut().zip(given.zip(sums))
            {
                *constants = [*mean, *scale, dbeta / n, inverse * dgamma / n, 0.0];
            }
            for (constants, beta) in constants.iter_mut().zip(beta.unwrap_or_default()) {
                constants[4] = *beta;
            }
            let kernel = Backward {
                dimensions,
                channels: constants,
                recompute: beta.is_some(),
            };
            let read = [x.as_blocks(), y.unwrap_or_default()];
            let written = [
                dy.as_mut_blocks(),
                residual.map_or(&mut [][..], Floats::as_mut_blocks),
            ];
            self.threads
                .run(Spread::pixels(self.set, dimensions, kernel, read, written));
        });
        Ok(())
    }

    fn layer_normalise(
        &self,
        operands: LayerNormalise<'_, Floats>,
        statistics: &mut Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check_layer_normalise(self, &operands, statistics, y)?;
        let dimensions = operands.dimensions;
        if dimensions.channels == 0 {
            return Ok(());
        }
        let kernel = layer::Forward {
            dimensions,
            epsilon: operands.epsilon,
            gamma: operands.gamma.as_slice(),
            beta: operands.beta.as_slice(),
        };
        let read = [operands.x.as_blocks()];
        let written = [statistics, y].map(Floats::as_mut_blocks);
        self.threads
            .run(Spread::pixels(self.set, dimensions, kernel, read, written));
        Ok(())
    }

    fn layer_normalise_backward(
        &self,
        operands: LayerNormaliseBackward<'_, Floats>,
        dy: &mut Floats,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        check_layer_normalise_backward(self, &operands, dy, dgamma, dbeta)?;
        let dimensions = operands.dimensions;
        if dimensions.channels == 0 {
            return Ok(());
        }
        let read = [operands.statistics, operands.x].map(Floats::as_blocks);
        let [statistics, x] = read;
        let terms = layer::Gradients {
            dimensions,
            statistics: statistics.as_chunks().0,
            x,
            dy: dy.as_blocks(),
        };
        let results = [dbeta, dgamma].map(|d| Some(d.as_mut_slice()));
        self.threads
            .run(ChannelSums::new(self.set, dimensions, terms, results));
        let kernel = layer::Backward {
            dimensions,
            gamma: operands.gamma.as_slice(),
        };
        let written = [dy.as_mut_blocks()];
        self.threads
            .run(Spread::pixels(self.set, dimensions, kernel, read, written));
        Ok(())
    }
}

/// γ·r.
fn scales(gamma: &Floats, inverse_deviation: &[f32], scale: &mut [f32]) {
    let factors = gamma.as_slice().iter().zip(inverse_deviation);
    for (scale, (gamma, inverse)) in scale.iter_mut().zip(factors) {
        *scale = gamma * inverse;
    }
}
