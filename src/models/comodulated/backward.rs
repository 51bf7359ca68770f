//! Gradients through the modulated encoder, to its modulation or to all weights.

use alloc::vec::Vec;

use super::{Comodulated, ComodulatedConfig, add, copy};
use crate::backend::{Backend, Binary, Update};
use crate::error::Result;
use crate::nn::{ChannelScale, Parameter, Relu};
use crate::shape::Shape;
use crate::state::{State, Visitor};
use crate::tensor::Tensor;

settings! {
    /// The trained part of the network, for which gradients are computed.
    pub enum Trainable {
        /// The modulation only; the weights are frozen.
        Modulation = "modulation",
        /// All weights.
        Weights = "weights",
    }
}

impl<B: Backend> Comodulated<B> {
    /// From `dy`, the gradient of the last decision, computes the gradient of the scales of the last response and, if
    /// the weights are learnt, that of every weight. `x` is the last input of [`encode`](Self::encode).
    ///
    /// The decoder's gains are constants: no gradient flows through them.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `x` or `dy` does not fit.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        learnt: Trainable,
    ) -> Result<Vec<f32>> {
        let weights = learnt == Trainable::Weights;
        let [one, two, three] = &mut self.gradients;
        // dh into `two`.
        match &self.image_gains {
            None => self.gains.forward(backend, dy, None, false, two)?,
            Some(gains) => {
                copy(backend, dy, two)?;
                backend.binary(Binary::Multiply, gains.floats(), two.floats_mut())?;
            }
        }
        Relu.backward(backend, &self.activity, two)?;
        // dp into `one`, or dh₂ if the decoder keeps places.
        let [modulated1, modulated2] = &self.modulated;
        let pooled = match &self.pool {
            Some(_) => &self.pooled,
            None => modulated2,
        };
        let output = match pooled.shape() {
            Shape::Blocked {
                samples,
                height,
                width,
                ..
            } => Shape::images(samples, height, width, self.shape.decoder),
            dense => dense,
        };
        two.view_as(output)?;
        match weights {
            true => self
                .decoder
                .backward(backend, pooled, two, Some((Update::Overwrite, one)))?,
            false => {
                self.decoder
                    .to_input(backend, pooled.shape(), two, (Update::Overwrite, one))?
            }
        }
        if let Some(skip) = &mut self.skip {
            copy(backend, dy, three)?;
            three.view_as(output)?;
            match weights {
                true => skip.backward(backend, pooled, three, Some((Update::Overwrite, two)))?,
                false => skip.to_input(backend, pooled.shape(), three, (Update::Overwrite, two))?,
            }
            add(backend, two, one)?;
        }
        // dh₂ into `two`, then s₂⊙dh₂ into `three`, then through ReLU.
        match &self.pool {
            Some(pool) => pool.backward(backend, modulated2, one, two)?,
            None => core::mem::swap(one, two),
        }
        let shape = &self.shape;
        let [scales1, scales2] = &mut self.scales;
        let [rectified1, rectified2] = &mut self.rectified;
        modulation_backward(backend, shape, scales2, rectified2, two, three)?;
        Relu.backward(backend, rectified2, three)?;
        // dh₁ into `one`: through the convolution, and around it.
        let update = match self.shape.residual {
            true => {
                copy(backend, three, one)?;
                Update::Add
            }
            false => Update::Overwrite,
        };
        let second = &mut self.encoder[1];
        match weights {
            true => second.backward(backend, modulated1, three, Some((update, one)))?,
            false => second.to_input(backend, modulated1.shape(), three, (update, one))?,
        }
        modulation_backward(backend, shape, scales1, rectified1, one, two)?;
        if weights {
            Relu.backward(backend, rectified1, two)?;
            let (maps, gradient) = self.backbone.output_and_gradient();
            self.encoder[0].backward(backend, maps, two, Some((Update::Overwrite, gradient)))?;
            self.backbone.backward(backend, x)?;
        }
        let mut scales = Vec::with_capacity(self.couplings());
        for &layer in self.modulated_layers() {
            scales.extend(self.scales[layer].gradient.to_rows(backend)?);
        }
        Ok(scales)
    }

    /// Every weight, in the order of the forward pass.
    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter<B>> {
        let [first, second] = &mut self.encoder;
        let encoder = [&mut first.weight, &mut second.weight];
        let skip = self.skip.iter_mut().map(|skip| &mut skip.weight);
        self.backbone
            .parameters()
            .chain(encoder)
            .chain([&mut self.decoder.weight])
            .chain(skip)
    }

    /// The running statistics of the backbone's normalisations.
    pub fn statistics(&mut self) -> impl Iterator<Item = (&str, &mut Tensor<B>)> {
        self.backbone.statistics()
    }
}

/// dx and ds of a modulated convolution, `x` being its rectified output: [`ChannelScale::backward`].
fn modulation_backward<B: Backend>(
    backend: &B,
    shape: &ComodulatedConfig,
    scales: &mut ChannelScale<B>,
    x: &mut Tensor<B>,
    dy: &mut Tensor<B>,
    dx: &mut Tensor<B>,
) -> Result<()> {
    let maps = x.shape();
    let view = shape.scaled(maps);
    x.view_as(view)?;
    dy.view_as(view)?;
    let done = scales.backward(backend, x, dy, dx);
    x.view_as(maps)?;
    done?;
    dy.view_as(maps)?;
    dx.view_as(maps)
}

impl<B: Backend> State<B> for Comodulated<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.parameters()
            .try_for_each(|p| p.visit(backend, visitor))?;
        self.backbone.visit_statistics(visitor)
    }
}
