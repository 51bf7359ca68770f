//! Convolution on blocks of samples: no im2col, no transposes.
//!
//! Directly, [`multiply`] is the forward pass and the gradient to the input, [`to_weights`] the gradient to the weights.
//! [`winograd`] has the same three for the windows that Winograd's algorithm serves.

pub mod axis;
mod chunk;
mod cut;
mod multiply;
mod pack;
mod to_weights;
mod winograd;

use super::{Cpu, Floats, scratch};
use axis::Direction;
use chunk::Pixels;
use multiply::Multiply;
use pack::{Pack, Pass};
use to_weights::ToWeights;

use crate::backend::convolutions::check_convolution;
use crate::backend::winograd::serves;
use crate::backend::{Conv2dDims, Convolutions, Update};
use crate::error::Result;
use crate::shape::LANES;

impl Convolutions for Cpu {
    fn conv2d_forward(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        let output = check_convolution(self, "convolution forward", dimensions, gain, [w, x, y])?;
        if serves(&dimensions) {
            let pass = (Direction::Forward, Update::Overwrite);
            winograd::convolve(self, pass, &dimensions, gain, w, x, y);
            return Ok(());
        }
        let pass = Pass::new(Direction::Forward, &dimensions, output);
        convolve(self, pass, gain, w, x, y)
    }

    fn conv2d_backward_data(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        update: Update,
        dx: &mut Floats,
    ) -> Result<()> {
        let output =
            check_convolution(self, "convolution to input", dimensions, gain, [w, dx, dy])?;
        if serves(&dimensions) {
            let pass = (Direction::ToInput, update);
            winograd::convolve(self, pass, &dimensions, gain, w, dy, dx);
            return Ok(());
        }
        let mut pass = Pass::new(Direction::ToInput, &dimensions, output);
        pass.update = update;
        convolve(self, pass, gain, w, dy, dx)
    }

    fn conv2d_backward_weights(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        let image = check_convolution(
            self,
            "convolution to weights",
            dimensions,
            gain,
            [dw, x, dy],
        )?;
        if dw.as_slice().is_empty() || dy.as_slice().is_empty() {
            dw.as_mut_slice().fill(0.0);
            return Ok(());
        }
        if serves(&dimensions) {
            winograd::to_weights(self, &dimensions, gain, dy, x, dw);
            return Ok(());
        }
        self.threads.run(ToWeights {
            set: self.set,
            pixels: Pixels { dimensions, image },
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

fn convolve(
    cpu: &Cpu,
    pass: Pass,
    gain: Option<&Floats>,
    w: &Floats,
    x: &Floats,
    y: &mut Floats,
) -> Result<()> {
    let [results, sources] = pass.strides();
    if results == 0 || sources == 0 {
        if pass.update == Update::Overwrite {
            y.as_mut_slice().fill(0.0);
        }
        return Ok(());
    }
    let length = pass.panels_length(cpu.set);
    scratch::with(length.div_ceil(LANES), |panels| {
        let panels = panels.as_flattened_mut();
        cpu.set.run(Pack {
            pass,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            panels: &mut panels[..length],
        });
        cpu.threads.run(Multiply {
            set: cpu.set,
            pass,
            panels: &panels[..length],
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        });
    });
    Ok(())
}
