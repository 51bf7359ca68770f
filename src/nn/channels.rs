//! The dimensions of an activation whose channels are neurons.

use alloc::format;

use crate::backend::NormDims;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// The dimensions of an activation of `channels`; `operation` names the layer in the error.
pub(super) fn dimensions(
    operation: &'static str,
    channels: usize,
    found: Shape,
) -> Result<NormDims> {
    match found {
        Shape::Blocked {
            samples,
            height,
            width,
            channels: given,
        } if given == channels => Ok(NormDims {
            samples,
            pixels: height.saturating_mul(width),
            channels,
        }),
        _ => {
            let expected = format!("images of {channels} channels");
            Err(Error::shape(operation, expected, found))
        }
    }
}

/// The same for a gradient, which must have the shape of the layer's input.
pub(super) fn of_gradient(
    operation: &'static str,
    channels: usize,
    x: Shape,
    dy: Shape,
) -> Result<NormDims> {
    match dy == x {
        true => dimensions(operation, channels, x),
        false => Err(Error::shape(operation, x, dy)),
    }
}
