//! Launches of `kernels/pooling.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use crate::backend::poolings::check_pooling;
use crate::backend::{Conv2dDims, Pool, Pool2dDims, Poolings};
use crate::error::Result;

impl Poolings for Cuda {
    fn pool(&self, pool: Pool, dimensions: Pool2dDims, x: &Floats, y: &mut Floats) -> Result<()> {
        check_pooling(self, "pooling", dimensions, &[("x", x)], ("y", y))?;
        let length = y.length();
        if length == 0 {
            return Ok(());
        }
        let arguments = &[
            (dimensions.into(), dimensions.output()?).try_into()?,
            Argument::count(length)?,
            u32::from(pool == Pool::Max).into(),
            x.into(),
            Argument::written(y)?,
        ];
        // SAFETY: x and y have the lengths that the dimensions give, as checked.
        unsafe { self.each("pool", length, arguments) }
    }

    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pool2dDims,
        x: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        let of_x = &[("x", x), ("dx", &*dx)];
        check_pooling(self, "pooling backward", dimensions, of_x, ("dy", dy))?;
        let length = dx.length();
        if dy.length() == 0 {
            return Ok(());
        }
        let arguments = &[
            (dimensions.into(), dimensions.output()?).try_into()?,
            Argument::count(length)?,
            u32::from(pool == Pool::Max).into(),
            x.into(),
            dy.into(),
            Argument::written(dx)?,
        ];
        // SAFETY: x, dy and dx have the lengths that the dimensions give, as checked.
        unsafe { self.each("pool_backward", length, arguments) }
    }
}

/// A pooling uses the same windows as a convolution with equal numbers of input and output channels.
impl From<Pool2dDims> for Conv2dDims {
    fn from(pooling: Pool2dDims) -> Self {
        Conv2dDims {
            blocks: pooling.blocks,
            height: pooling.height,
            width: pooling.width,
            inputs: pooling.channels,
            outputs: pooling.channels,
            window: pooling.window,
        }
    }
}
