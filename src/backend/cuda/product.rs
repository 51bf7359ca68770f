//! Products, launched as convolutions of images of one pixel.

use super::buffer::Floats;
use super::{Cuda, convolution};
use crate::backend::products::check_product;
use crate::backend::{Conv2dDims, MatmulDims, Products, Update, Window};
use crate::error::Result;

impl Products for Cuda {
    fn matmul_forward(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check_product(self, "product forward", dimensions, gain, [w, x, y])?;
        convolution::forward(self, dimensions.into(), gain, [w, x], y)
    }

    fn matmul_backward_data(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        check_product(self, "product to input", dimensions, gain, [w, dx, dy])?;
        let update = Update::Overwrite;
        convolution::to_input(self, dimensions.into(), gain, [w, dy], update, dx)
    }

    fn matmul_backward_weights(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        check_product(self, "product to weights", dimensions, gain, [dw, x, dy])?;
        convolution::to_weights(self, dimensions.into(), gain, [dy, x], dw)
    }
}

/// A product is a convolution of images of one pixel.
impl From<MatmulDims> for Conv2dDims {
    fn from(product: MatmulDims) -> Self {
        Conv2dDims {
            blocks: product.blocks,
            height: 1,
            width: 1,
            inputs: product.inputs,
            outputs: product.outputs,
            window: Window {
                size: 1,
                stride: 1,
                padding: 0,
            },
        }
    }
}
