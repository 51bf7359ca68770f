//! The kernels on images: what they are given is checked, then cut into independent pieces.

use super::convolution::{Convolve, Pack, Pass};
use super::convolution_axis::Direction;
use super::convolution_weights::{Plan, ToWeights};
use super::{Cpu, Floats, check};
use crate::backend::Convolution;
use crate::error::Result;

impl Convolution {
    /// Rows and columns of y, once the lengths are known to fit.
    fn check(
        &self,
        operation: &'static str,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &Floats,
    ) -> Result<[usize; 2]> {
        let [w_length, x_length, y_length] = self.lengths()?;
        let gains = gain.map_or(self.outputs, |g| g.as_slice().len());
        check(
            operation,
            &[
                ("gain", gains, self.outputs),
                ("w", w.as_slice().len(), w_length),
                ("x", x.as_slice().len(), x_length),
                ("y", y.as_slice().len(), y_length),
            ],
        )?;
        self.output()
    }
}

pub fn convolution_forward(
    cpu: &Cpu,
    dimensions: Convolution,
    gain: Option<&Floats>,
    w: &Floats,
    x: &Floats,
    y: &mut Floats,
) -> Result<()> {
    let output = dimensions.check("convolution forward", gain, w, x, y)?;
    let pass = Pass::new(Direction::Forward, &dimensions, output);
    convolve(cpu, pass, gain, w, x, y)
}

pub fn convolution_to_input(
    cpu: &Cpu,
    dimensions: Convolution,
    gain: Option<&Floats>,
    w: &Floats,
    dy: &Floats,
    dx: &mut Floats,
) -> Result<()> {
    let output = dimensions.check("convolution to input", gain, w, dx, dy)?;
    let pass = Pass::new(Direction::ToInput, &dimensions, output);
    convolve(cpu, pass, gain, w, dy, dx)
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
        y.as_mut_slice().fill(0.0);
        return Ok(());
    }
    let mut panels = Floats::zeros(pass.panels_length(cpu.set))?;
    cpu.set.run(Pack {
        pass,
        gain: gain.map(Floats::as_slice),
        w: w.as_slice(),
        panels: panels.as_mut_slice(),
    });
    cpu.set.run(Convolve {
        pass,
        panels: panels.as_slice(),
        x: x.as_blocks(),
        y: y.as_mut_blocks(),
    });
    Ok(())
}

pub fn convolution_to_weights(
    cpu: &Cpu,
    dimensions: Convolution,
    gain: Option<&Floats>,
    dy: &Floats,
    x: &Floats,
    dw: &mut Floats,
) -> Result<()> {
    let image = dimensions.check("convolution to weights", gain, dw, x, dy)?;
    if dw.as_slice().is_empty() || dy.as_slice().is_empty() {
        dw.as_mut_slice().fill(0.0);
        return Ok(());
    }
    let cut = cpu.set.run(Plan {
        dimensions: &dimensions,
        units: 1,
    });
    let row = dw.as_slice().len() / dimensions.outputs;
    let mut totals = Floats::zeros(cut.totals(&dimensions) * crate::shape::LANES)?;
    for (range, dw) in dw
        .as_mut_slice()
        .chunks_mut(row * cut.outputs())
        .enumerate()
    {
        cpu.set.run(ToWeights {
            dimensions,
            image,
            cut,
            gain: gain.map(Floats::as_slice),
            dy: dy.as_blocks(),
            x: x.as_blocks(),
            totals: totals.as_mut_blocks(),
            first: range * cut.outputs(),
            dw,
        });
    }
    Ok(())
}
