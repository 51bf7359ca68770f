//! Batch normalisation over samples and pixels, with the addition of a residual and ReLU fused.

mod layer;
mod normalise;
mod statistics;
pub mod sums;

use super::{Cpu, Floats, scratch};
use crate::backend::normalisations::{
    check_batch_statistics, check_layer_normalise, check_normalise, check_normalise_backward,
};
use crate::backend::{
    BatchNorm, LayerNormalise, LayerNormaliseBackward, Normalisation, Normalisations, Normalise,
    NormaliseBackward, check,
};
use crate::error::Result;
use crate::shape::LANES;
use normalise::{Backward, Channel, Forward, Sums};
use statistics::{Running, Statistics};

impl Normalisations for Cpu {
    fn batch_statistics(
        &self,
        dimensions: Normalisation,
        settings: BatchNorm,
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

    fn normalise(&self, operands: Normalise<'_, Floats>, y: &mut Floats) -> Result<()> {
        check_normalise(self, &operands, y)?;
        let Normalise {
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
            let factors = gamma.as_slice().iter().zip(inverse_deviation);
            for (scale, (gamma, inverse)) in scale.iter_mut().zip(factors) {
                *scale = gamma * inverse;
            }
            self.threads.run(Forward {
                set: self.set,
                dimensions,
                relu,
                mean,
                scale,
                beta: beta.as_slice(),
                x: x.as_blocks(),
                residual: residual.map(Floats::as_blocks),
                first: 0,
                y: y.as_mut_blocks(),
            });
        });
        Ok(())
    }

    fn normalise_backward(
        &self,
        operands: NormaliseBackward<'_, Floats>,
        dy: &mut Floats,
        residual: Option<&mut Floats>,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        check_normalise_backward(self, &operands, dy, residual.as_deref(), dgamma, dbeta)?;
        let NormaliseBackward {
            dimensions,
            statistics,
            gamma,
            x,
            y,
        } = operands;
        let channels = dimensions.channels;
        if channels == 0 {
            return Ok(());
        }
        let (mean, inverse_deviation) = statistics.as_slice().split_at(channels);
        self.threads.run(Sums {
            set: self.set,
            dimensions,
            mean,
            inverse_deviation,
            x: x.as_blocks(),
            y: y.map(Floats::as_blocks),
            dy: dy.as_blocks(),
            first: 0,
            dgamma: dgamma.as_mut_slice(),
            dbeta: dbeta.as_mut_slice(),
        });
        let n = (dimensions.samples * dimensions.pixels) as f32;
        scratch::with((4 * channels).div_ceil(LANES), |constants| {
            let (constants, _) = constants.as_flattened_mut()[..4 * channels].as_chunks_mut();
            let given = mean.iter().zip(inverse_deviation).zip(gamma.as_slice());
            let sums = dgamma.as_slice().iter().zip(dbeta.as_slice());
            for (constants, (((mean, inverse), gamma), (dgamma, dbeta))) in
                constants.iter_mut().zip(given.zip(sums))
            {
                let constants: &mut Channel = constants;
                *constants = [*mean, gamma * inverse, dbeta / n, inverse * dgamma / n];
            }
            self.threads.run(Backward {
                set: self.set,
                dimensions,
                channels: constants,
                x: x.as_blocks(),
                y: y.map(Floats::as_blocks),
                first: 0,
                dy: dy.as_mut_blocks(),
                residual: residual.map(Floats::as_mut_blocks),
            });
        });
        Ok(())
    }

    fn layer_normalise(
        &self,
        operands: LayerNormalise<'_, Floats>,
        statistics: &mut Floats,
        y: &mut Floats,
    ) -> Result<()> {
        let LayerNormalise {
            dimensions,
            epsilon,
            gamma,
            beta,
            x,
        } = operands;
        let each = [("gamma", gamma), ("beta", beta)];
        check_layer_normalise(self, dimensions, statistics, [("x", x), ("y", y)], &each)?;
        if dimensions.channels == 0 {
            return Ok(());
        }
        let (statistics, _) = statistics.as_mut_blocks().as_chunks_mut();
        self.threads.run(layer::Forward {
            set: self.set,
            dimensions,
            epsilon,
            gamma: gamma.as_slice(),
            beta: beta.as_slice(),
            x: x.as_blocks(),
            first: 0,
            statistics,
            y: y.as_mut_blocks(),
        });
        Ok(())
    }

    fn layer_normalise_backward(
        &self,
        operands: LayerNormaliseBackward<'_, Floats>,
        dy: &mut Floats,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        let LayerNormaliseBackward {
            dimensions,
            statistics,
            gamma,
            x,
        } = operands;
        let each = [("gamma", gamma), ("dgamma", &*dgamma), ("dbeta", &*dbeta)];
        check_layer_normalise(self, dimensions, statistics, [("x", x), ("dy", dy)], &each)?;
        if dimensions.channels == 0 {
            return Ok(());
        }
        let (statistics, _) = statistics.as_blocks().as_chunks();
        self.threads.run(layer::Sums {
            set: self.set,
            dimensions,
            statistics,
            x: x.as_blocks(),
            dy: dy.as_blocks(),
            first: 0,
            dgamma: dgamma.as_mut_slice(),
            dbeta: dbeta.as_mut_slice(),
        });
        self.threads.run(layer::Backward {
            set: self.set,
            dimensions,
            statistics,
            gamma: gamma.as_slice(),
            x: x.as_blocks(),
            first: 0,
            dy: dy.as_mut_blocks(),
        });
        Ok(())
    }
}
