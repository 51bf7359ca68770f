//! The backend's kernels: checks of the lengths, then the launches.

use super::buffer::{Bytes, Floats};
use super::{Cuda, elementwise, gather, images, normalisation};
use crate::backend::{
    AdamStep, Backend, BatchNorm, Convolution, Normalisation, Normalise, NormaliseBackward,
    PixelMaps, Placement, Pool, Pooling, Product, Update, check,
};
use crate::error::Result;

impl Backend for Cuda {
    type Floats = Floats;
    type Bytes = Bytes;

    fn zeros(&self, length: usize) -> Result<Floats> {
        Floats::zeros(&self.owner, length)
    }

    fn resize(&self, floats: &mut Floats, length: usize) -> Result<()> {
        floats.resize(&self.owner, length)
    }

    fn length(&self, floats: &Floats) -> usize {
        floats.length()
    }

    fn upload(&self, host: &[f32], device: &mut Floats) -> Result<()> {
        check::lengths("upload", &[("host", host.len(), device.length())])?;
        device.own()?.write(bytemuck::cast_slice(host))
    }

    fn download(&self, device: &Floats, host: &mut [f32]) -> Result<()> {
        check::lengths("download", &[("host", host.len(), device.length())])?;
        device.read(host)
    }

    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Floats> + Clone,
        host: &mut [f32],
    ) -> Result<()> {
        check::download_each(self, parts.clone(), host.len())?;
        Floats::read_each(&self.owner, parts, host)
    }

    fn bytes(&self, host: &[u8]) -> Result<Bytes> {
        Bytes::new(&self.owner, host)
    }

    fn upload_bytes(&self, host: &[u8], device: &mut Bytes) -> Result<()> {
        device.write(&self.owner, host)
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
        images::forward(self, dimensions.into(), gain, [w, x], y)
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
        let update = Update::Overwrite;
        images::to_input(self, dimensions.into(), gain, [w, dy], update, dx)
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
        images::to_weights(self, dimensions.into(), gain, [dy, x], dw)
    }

    fn convolution_forward(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check::convolution(self, "convolution forward", dimensions, gain, [w, x, y])?;
        images::forward(self, dimensions, gain, [w, x], y)
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
        check::convolution(self, "convolution to input", dimensions, gain, [w, dx, dy])?;
        images::to_input(self, dimensions, gain, [w, dy], update, dx)
    }

    fn convolution_to_weights(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        check::convolution(
            self,
            "convolution to weights",
            dimensions,
            gain,
            [dw, x, dy],
        )?;
        images::to_weights(self, dimensions, gain, [dy, x], dw)
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
        images::pool(self, pool, dimensions, x, y)
    }

    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pooling,
        x: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        images::pool_backward(self, pool, dimensions, [x, dy], dx)
    }

    fn relu(&self, x: &mut Floats) -> Result<()> {
        elementwise::relu(self, x)
    }

    fn relu_backward(&self, y: &Floats, dy: &mut Floats) -> Result<()> {
        let names = ("relu_backward", "relu backward");
        elementwise::update(self, names, [], y, &mut [("dy", dy)])
    }

    fn multiply(&self, x: &Floats, y: &mut Floats) -> Result<()> {
        let names = ("multiply", "multiply");
        elementwise::update(self, names, [], x, &mut [("y", y)])
    }

    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Floats,
        labels: &Bytes,
        gradient: Option<&mut Floats>,
        totals: &mut Floats,
    ) -> Result<()> {
        let sizes = [samples, classes];
        elementwise::softmax_cross_entropy(self, sizes, logits, labels, gradient, totals)
    }

    fn mean_entropy(&self, samples: usize, totals: &Floats, drive: &mut Floats) -> Result<()> {
        elementwise::mean_entropy(self, samples, totals, drive)
    }

    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Floats,
        g: &mut Floats,
    ) -> Result<()> {
        elementwise::gain_update(self, [gamma, baseline, eta], drive, g)
    }

    fn sgd(&self, learning_rate: f32, dw: &Floats, w: &mut Floats) -> Result<()> {
        elementwise::update(self, ("sgd", "sgd"), [learning_rate], dw, &mut [("w", w)])
    }

    fn momentum(
        &self,
        learning_rate: f32,
        momentum: f32,
        dw: &Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        let (names, constants) = (("momentum", "momentum"), [learning_rate, momentum]);
        elementwise::update(self, names, constants, dw, &mut [("v", v), ("w", w)])
    }

    fn adam(
        &self,
        step: AdamStep,
        dw: &Floats,
        m: &mut Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        elementwise::adam(self, step, dw, [m, v, w])
    }

    fn gather(
        &self,
        pixels: &Bytes,
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Bytes>>,
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        gather::gather(self, pixels, table, indices, maps, features, out)
    }

    fn gather_images(
        &self,
        pixels: &Bytes,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Bytes>>,
        placements: &[Placement],
        out: &mut Floats,
    ) -> Result<()> {
        gather::gather_images(self, pixels, shape, table, indices, maps, placements, out)
    }

    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        elementwise::absolute_sum(self, x, sum)
    }
}
