//! Products of weights and blocks of samples.
//!
//! The effective weights fl(g·w) are computed during packing, once for every 24 blocks of
//! samples. [`multiply`] is the forward product and the gradient to the input, [`to_weights`] the gradient to the
//! weights.

mod multiply;
mod one_block;
mod tile;
mod to_weights;

use multiply::{Multiply, Sum};
use to_weights::ToWeights;

use super::{Cpu, Floats};
use crate::backend::products::check_product;
use crate::backend::{MatmulDims, Products};
use crate::error::Result;

impl Products for Cpu {
    fn matmul_forward(
        &self,
        dimensions: MatmulDims,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check_product(self, "product forward", dimensions, gain, [w, x, y])?;
        let job = Multiply {
            set: self.set,
            sum: Sum::Inputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        };
        self.threads.run(job.into_job());
        Ok(())
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
        let job = Multiply {
            set: self.set,
            sum: Sum::Outputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: dy.as_blocks(),
            y: dx.as_mut_blocks(),
        };
        self.threads.run(job.into_job());
        Ok(())
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
        self.threads.run(ToWeights {
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
}
