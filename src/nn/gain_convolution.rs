//! The gain-modulated 2-D convolution, without bias; its output channels are the neurons.

use alloc::format;

use crate::backend::{Backend, Conv2dDims, Cpu, Update, Window};
use crate::error::{Error, Result};
use crate::nn::Parameter;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y[oy][ox][o] = Σ W_eff[o][ty][tx][c]·x[oy·stride + ty − padding][ox·stride + tx − padding][c]`
/// with `W_eff[o] = g[o]·W[o]`; g ≡ 1 if the parameter has no gains.
///
/// Backward: y is linear in W_eff and in x, so every y that depends on a weight or an input contributes
/// its dy times the other factor. Hence `dW[o][ty][tx][c] = g[o]·Σ dy[oy][ox][o]·x[…][c]` over
/// samples and output pixels, and dx is the sum of W_eff·dy over the windows that contain
/// the pixel and over o. Inference is the same as `forward`.
#[derive(Debug, Clone)]
pub struct GainConvolution<B: Backend = Cpu> {
    /// W, `[outputs][size][size][inputs]`, with its gains.
    pub weight: Parameter<B>,
    window: Window,
}

impl<B: Backend> GainConvolution<B> {
    /// A layer over weights `[outputs][size][size][inputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the weights do not have the window's size.
    pub fn new(weight: Parameter<B>, window: Window) -> Result<Self> {
        match weight.value.shape() {
            Shape::Dense([_, h, w, _]) if h == window.size && w == window.size => {
                Ok(GainConvolution { weight, window })
            }
            other => {
                let size = window.size;
                let expected = format!("weights of outputs×{size}×{size}×inputs");
                Err(Error::shape("convolution", expected, other))
            }
        }
    }

    /// Computes the convolution of `x` in `y`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit, [`Error::Memory`] if there is not enough memory for `y`.
    pub fn forward(&self, backend: &B, x: &Tensor<B>, y: &mut Tensor<B>) -> Result<()> {
        let (dimensions, shape) = self.dimensions(x.shape())?;
        y.reshape(backend, shape)?;
        backend.conv2d_forward(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            self.weight.value.floats(),
            x.floats(),
            y.floats_mut(),
        )
    }

    /// Computes dW in the parameter's gradient and, unless the layer is the first, dx, which is overwritten or added
    /// to.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` or `dy` does not fit, [`Error::Memory`] if there is not enough memory for
    /// `dx`.
    pub fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: Option<(Update, &mut Tensor<B>)>,
    ) -> Result<()> {
        let dimensions = self.backward_dimensions(x.shape(), dy)?;
        backend.conv2d_backward_weights(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            dy.floats(),
            x.floats(),
            self.weight.gradient.floats_mut(),
        )?;
        match dx {
            Some(dx) => self.to_input(backend, x.shape(), dy, dx),
            None => Ok(()),
        }
    }

    /// Computes only dx, for frozen weights; `x` is the shape of the input of `forward`.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    pub fn to_input(
        &self,
        backend: &B,
        x: Shape,
        dy: &Tensor<B>,
        (update, dx): (Update, &mut Tensor<B>),
    ) -> Result<()> {
        let dimensions = self.backward_dimensions(x, dy)?;
        match update {
            Update::Overwrite => dx.reshape(backend, x)?,
            Update::Add if dx.shape() == x => {}
            Update::Add => return Err(Error::shape("convolution backward", x, dx.shape())),
        }
        backend.conv2d_backward_data(
            dimensions,
            self.weight.gain.as_ref().map(Tensor::floats),
            self.weight.value.floats(),
            dy.floats(),
            update,
            dx.floats_mut(),
        )
    }

    /// The shape of the convolution of `x`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` does not fit.
    pub fn output(&self, x: Shape) -> Result<Shape> {
        Ok(self.dimensions(x)?.1)
    }

    fn backward_dimensions(&self, x: Shape, dy: &Tensor<B>) -> Result<Conv2dDims> {
        let (dimensions, shape) = self.dimensions(x)?;
        if dy.shape() != shape {
            return Err(Error::shape("convolution backward", shape, dy.shape()));
        }
        Ok(dimensions)
    }

    fn dimensions(&self, found: Shape) -> Result<(Conv2dDims, Shape)> {
        let weight = self.weight.value.shape();
        let (outputs, inputs) = match weight {
            Shape::Dense([outputs, _, _, inputs]) => (outputs, inputs),
            Shape::Blocked { .. } => return Err(Error::shape("convolution", "weights", weight)),
        };
        match found {
            Shape::Blocked {
                samples,
                height,
                width,
                channels,
            } if channels == inputs && samples > 0 => {
                let dimensions = Conv2dDims {
                    blocks: found.blocks(),
                    height,
                    width,
                    inputs,
                    outputs,
                    window: self.window,
                };
                let [rows, columns] = dimensions.output()?;
                Ok((dimensions, Shape::images(samples, rows, columns, outputs)))
            }
            _ => {
                let expected = format!("at least one image of {inputs} channels");
                Err(Error::shape("convolution", expected, found))
            }
        }
    }
}
