//! The backend's kernels: checks of the lengths, then the work.

use alloc::vec::Vec;

use super::elementwise::{self, On};
use super::{Cpu, Floats, convolution, gather, loss, normalisation, pooling, product};
use crate::backend::{
    AdamStep, Backend, BatchNorm, Convolution, Normalisation, Normalise, NormaliseBackward,
    PixelMaps, Placement, Pool, Pooling, Product, Update, check, sums,
};
use crate::error::Result;

impl Backend for Cpu {
    type Floats = Floats;
    type Bytes = Vec<u8>;

    fn zeros(&self, length: usize) -> Result<Floats> {
        Floats::zeros(length)
    }

    fn resize(&self, floats: &mut Floats, length: usize) -> Result<()> {
        floats.resize(length)
    }

    fn length(&self, floats: &Floats) -> usize {
        floats.as_slice().len()
    }

    fn upload(&self, host: &[f32], device: &mut Floats) -> Result<()> {
        check::lengths("upload", &[("host", host.len(), device.as_slice().len())])?;
        device.as_mut_slice().copy_from_slice(host);
        Ok(())
    }

    fn download(&self, device: &Floats, host: &mut [f32]) -> Result<()> {
        check::lengths("download", &[("host", host.len(), device.as_slice().len())])?;
        host.copy_from_slice(device.as_slice());
        Ok(())
    }

    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Floats> + Clone,
        mut host: &mut [f32],
    ) -> Result<()> {
        check::download_each(self, parts.clone(), host.len())?;
        for part in parts {
            let (here, behind) = host.split_at_mut(part.as_slice().len());
            here.copy_from_slice(part.as_slice());
            host = behind;
        }
        Ok(())
    }

    fn bytes(&self, host: &[u8]) -> Result<Vec<u8>> {
        Ok(host.to_vec())
    }

    fn upload_bytes(&self, host: &[u8], device: &mut Vec<u8>) -> Result<()> {
        device.clear();
        device.extend_from_slice(host);
        Ok(())
    }

    fn product_forward(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check::product(self, "product forward", dimensions, gain, [w, x, y])?;
        let job = product::Multiply {
            set: self.set,
            sum: product::Sum::Inputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        };
        self.threads.run(job.into_job());
        Ok(())
    }

    fn product_to_input(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        check::product(self, "product to input", dimensions, gain, [w, dx, dy])?;
        let job = product::Multiply {
            set: self.set,
            sum: product::Sum::Outputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: dy.as_blocks(),
            y: dx.as_mut_blocks(),
        };
        self.threads.run(job.into_job());
        Ok(())
    }

    fn product_to_weights(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        check::product(self, "product to weights", dimensions, gain, [dw, x, dy])?;
        self.threads.run(product::ToWeights {
            set: self.set,
            dimensions,
            gain: gain.map(Floats::as_slice),
            dy: dy.as_blocks(),
            x: x.as_blocks(),
            first: 0,
            rows: dimensions.outputs,
            dw: dw.as_mut_slice(),
        });
        Ok(())
    }

    fn convolution_forward(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        convolution::forward(self, dimensions, gain, w, x, y)
    }

    fn convolution_to_input(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        update: Update,
        dx: &mut Floats,
    ) -> Result<()> {
        convolution::to_input(self, dimensions, gain, w, dy, update, dx)
    }

    fn convolution_to_weights(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        convolution::to_weights(self, dimensions, gain, dy, x, dw)
    }

    fn batch_statistics(
        &self,
        dimensions: Normalisation,
        settings: BatchNorm,
        x: &Floats,
        running: &mut Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        normalisation::batch_statistics(self, dimensions, settings, x, running, statistics)
    }

    fn running_statistics(
        &self,
        epsilon: f32,
        running: &Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        normalisation::running_statistics(self, epsilon, running, statistics)
    }

    fn normalise(&self, operands: Normalise<'_, Floats>, y: &mut Floats) -> Result<()> {
        normalisation::normalise(self, operands, y)
    }

    fn normalise_backward(
        &self,
        operands: NormaliseBackward<'_, Floats>,
        dy: &mut Floats,
        residual: Option<&mut Floats>,
        dgamma: &mut Floats,
        dbeta: &mut Floats,
    ) -> Result<()> {
        normalisation::normalise_backward(self, operands, dy, residual, dgamma, dbeta)
    }

    fn pool(&self, pool: Pool, dimensions: Pooling, x: &Floats, y: &mut Floats) -> Result<()> {
        pooling::forward(self, pool, dimensions, x, y)
    }

    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pooling,
        x: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        pooling::backward(self, pool, dimensions, x, dy, dx)
    }

    fn relu(&self, x: &mut Floats) -> Result<()> {
        self.threads.run(On(
            self.set,
            elementwise::Relu {
                x: x.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn relu_backward(&self, y: &Floats, dy: &mut Floats) -> Result<()> {
        check::as_long_as(self, "relu backward", y, &[("dy", dy)])?;
        self.threads.run(On(
            self.set,
            elementwise::ReluBackward {
                y: y.as_blocks(),
                dy: dy.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn multiply(&self, x: &Floats, y: &mut Floats) -> Result<()> {
        check::as_long_as(self, "multiply", x, &[("y", y)])?;
        self.threads.run(On(
            self.set,
            elementwise::Multiply {
                x: x.as_blocks(),
                y: y.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Floats,
        labels: &Vec<u8>,
        gradient: Option<&mut Floats>,
        totals: &mut Floats,
    ) -> Result<()> {
        check::softmax_cross_entropy(
            self,
            [samples, classes],
            logits,
            labels.len(),
            gradient.as_deref(),
            totals,
        )?;
        check::labels(labels, classes)?;
        let found = self.set.run(loss::SoftmaxCrossEntropy {
            samples,
            classes,
            logits: logits.as_blocks(),
            labels,
            gradient: gradient.map(Floats::as_mut_blocks),
        });
        totals.as_mut_slice().copy_from_slice(&found);
        Ok(())
    }

    fn mean_entropy(&self, samples: usize, totals: &Floats, drive: &mut Floats) -> Result<()> {
        check::mean_entropy(self, totals, drive)?;
        drive.as_mut_slice()[0] = totals.as_slice()[sums::ENTROPY] / samples as f32;
        Ok(())
    }

    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Floats,
        g: &mut Floats,
    ) -> Result<()> {
        check::gain_update(self, drive, g)?;
        let shared = match drive.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        self.set.run(elementwise::GainUpdate {
            gamma,
            baseline,
            eta,
            shared,
            drive: drive.as_blocks(),
            g: g.as_mut_blocks(),
        });
        g.clear_padding();
        Ok(())
    }

    fn sgd(&self, learning_rate: f32, dw: &Floats, w: &mut Floats) -> Result<()> {
        check::as_long_as(self, "sgd", dw, &[("w", w)])?;
        self.threads.run(On(
            self.set,
            elementwise::Sgd {
                learning_rate,
                dw: dw.as_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn momentum(
        &self,
        learning_rate: f32,
        momentum: f32,
        dw: &Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        check::as_long_as(self, "momentum", dw, &[("v", v), ("w", w)])?;
        self.threads.run(On(
            self.set,
            elementwise::Momentum {
                learning_rate,
                momentum,
                dw: dw.as_blocks(),
                v: v.as_mut_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn adam(
        &self,
        step: AdamStep,
        dw: &Floats,
        m: &mut Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        check::as_long_as(self, "adam", dw, &[("m", m), ("v", v), ("w", w)])?;
        self.threads.run(On(
            self.set,
            elementwise::Adam {
                step,
                dw: dw.as_blocks(),
                m: m.as_mut_blocks(),
                v: v.as_mut_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
        Ok(())
    }

    fn gather(
        &self,
        pixels: &Vec<u8>,
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Vec<u8>>>,
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        gather::gather(pixels, table, indices, maps, features, out)
    }

    fn gather_images(
        &self,
        pixels: &Vec<u8>,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Vec<u8>>>,
        placements: &[Placement],
        out: &mut Floats,
    ) -> Result<()> {
        gather::gather_images(pixels, shape, table, indices, maps, placements, out)
    }

    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        sum.as_mut_slice()[0] = self.set.run(elementwise::AbsoluteSum { x: x.as_blocks() });
        Ok(())
    }
}
