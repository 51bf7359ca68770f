//! Launches of `kernels/elementwise.cu`.
#![allow(unsafe_code)]

use core::ops::Range;

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use crate::backend::elementwise::{check_copy_blocks, check_gain_update};
use crate::backend::{Binary, Elementwise, Unary, check};
use crate::error::Result;
use crate::shape::LANES;

impl Elementwise for Cuda {
    fn unary(&self, f: Unary, x: &mut Floats) -> Result<()> {
        let (kernel, constant) = match f {
            Unary::Relu => ("relu", None),
            Unary::Gelu => ("gelu", None),
            Unary::BoundedTanh => ("bounded_tanh", None),
            Unary::Scale(a) => ("scale", Some(a)),
        };
        let length = x.length();
        let mut arguments = alloc::vec![Argument::count(length)?];
        arguments.extend(constant.map(Argument::from));
        arguments.push(Argument::written(x)?);
        // SAFETY: x has `length` elements.
        unsafe { self.each(kernel, length, &arguments) }
    }

    fn binary(&self, f: Binary, x: &Floats, y: &mut Floats) -> Result<()> {
        let y = &mut [("y", y)];
        match f {
            Binary::ReluBackward => update(self, ("relu_backward", f.name()), [], x, y),
            Binary::GeluBackward => update(self, ("gelu_backward", f.name()), [], x, y),
            Binary::BoundedTanhBackward => {
                update(self, ("bounded_tanh_backward", f.name()), [], x, y)
            }
            Binary::Multiply => update(self, ("multiply", f.name()), [], x, y),
            Binary::Axpby { a, b } => update(self, ("axpby", f.name()), [a, b], x, y),
            Binary::Copy => update(self, ("copy_floats", f.name()), [], x, y),
        }
    }

    fn copy_blocks(
        &self,
        x: &Floats,
        range: Range<usize>,
        y: &mut Floats,
        at: usize,
    ) -> Result<()> {
        check_copy_blocks(self, x, &range, y, at)?;
        let length = range.len() * LANES;
        let arguments = &[
            Argument::count(length)?,
            Argument::count(range.start * LANES)?,
            Argument::count(at * LANES)?,
            x.into(),
            Argument::written(y)?,
        ];
        // SAFETY: x has `length` elements from the first offset on, y from the second on, as just checked.
        unsafe { self.each("copy_blocks", length, arguments) }
    }

    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Floats,
        g: &mut Floats,
    ) -> Result<()> {
        check_gain_update(self, drive, g)?;
        let (drives, length) = (drive.length(), g.length());
        let arguments = &[
            Argument::count(length)?,
            gamma.into(),
            baseline.into(),
            eta.into(),
            Argument::count(drives)?,
            drive.into(),
            Argument::written(g)?,
        ];
        // SAFETY: g has `length` elements, drive one or as many, as just checked.
        unsafe { self.each("gain_update", length, arguments) }
    }
}

/// Launches `kernel` with the arguments `constants`, then the buffers it reads, then those it writes, all of equal
/// length.
pub fn update<const N: usize>(
    cuda: &Cuda,
    (kernel, operation): (&'static str, &'static str),
    constants: [f32; N],
    read: &Floats,
    written: &mut [(&str, &mut Floats)],
) -> Result<()> {
    for (name, floats) in &*written {
        check::as_long_as(cuda, operation, read, &[(name, floats)])?;
    }
    let length = read.length();
    let mut arguments = alloc::vec![Argument::count(length)?];
    arguments.extend(constants.map(Argument::from));
    arguments.push(read.into());
    for (_, floats) in written {
        arguments.push(Argument::written(floats)?);
    }
    // SAFETY: all buffers have `length` elements, as just checked.
    unsafe { cuda.each(kernel, length, &arguments) }
}
