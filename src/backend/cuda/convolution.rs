//! Launches of `kernels/convolution.cu` and `to_weights.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use crate::backend::convolutions::check_convolution;
use crate::backend::{Conv2dDims, Convolutions, Update, summation};
use crate::error::Result;
use crate::shape::LANES;

/// Results per thread in `convolve`.
const RESULTS: usize = 8;
/// Threads per 16 samples: each takes 4.
const THREADS: usize = 4;

impl Convolutions for Cuda {
    fn conv2d_forward(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        check_convolution(self, "convolution forward", dimensions, gain, [w, x, y])?;
        forward(self, dimensions, gain, [w, x], y)
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
        check_convolution(self, "convolution to input", dimensions, gain, [w, dx, dy])?;
        to_input(self, dimensions, gain, [w, dy], update, dx)
    }

    fn conv2d_backward_weights(
        &self,
        dimensions: Conv2dDims,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        check_convolution(
            self,
            "convolution to weights",
            dimensions,
            gain,
            [dw, x, dy],
        )?;
        to_weights(self, dimensions, gain, [dy, x], dw)
    }
}

/// The tile of a thread block: blocks of samples, and rows of 8 results. Results do not depend on it.
fn tile(blocks: usize, pixels: usize, results: usize, parallel: usize) -> [usize; 2] {
    let mut tile = [blocks.clamp(1, 4), results.div_ceil(RESULTS).clamp(1, 8)];
    // Uses smaller tiles if large ones would not keep the device busy.
    while tile != [1, 1] && grid(blocks, pixels, results, tile) < parallel {
        let halved = if tile[1] >= tile[0] { 1 } else { 0 };
        tile[halved] = tile[halved].div_ceil(2);
    }
    tile
}

/// The number of thread blocks for a tile.
fn grid(blocks: usize, pixels: usize, results: usize, tile: [usize; 2]) -> usize {
    blocks.div_ceil(tile[0]) * pixels * results.div_ceil(tile[1] * RESULTS)
}

/// The forward pass of a convolution whose lengths are checked.
pub fn forward(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [w, x]: [&Floats; 2],
    y: &mut Floats,
) -> Result<()> {
    if y.length() == 0 {
        return Ok(());
    }
    let [rows, columns] = dimensions.output()?;
    let pixels = rows * columns;
    let (blocks, results) = (dimensions.blocks, dimensions.outputs);
    let tile = tile(blocks, pixels, results, cuda.owner.device.parallel());
    let threads = [(tile[0] * THREADS) as u32, tile[1] as u32];
    let arguments = &[
        (dimensions, [rows, columns]).try_into()?,
        Argument::optional(gain),
        w.into(),
        x.into(),
        Argument::written(y)?,
    ];
    let grid = grid(blocks, pixels, results, tile);
    // SAFETY: gain, w, x and y have the lengths that the dimensions give, as the caller checked.
    unsafe { cuda.launch("conv2d_forward", grid, threads, arguments) }
}

/// The gradient to the input of a convolution whose lengths are checked.
pub fn to_input(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [w, dy]: [&Floats; 2],
    update: Update,
    dx: &mut Floats,
) -> Result<()> {
    if dx.length() == 0 {
        return Ok(());
    }
    let output = dimensions.output()?;
    let pixels = dimensions.height * dimensions.width;
    let (blocks, results) = (dimensions.blocks, dimensions.inputs);
    let tile = tile(blocks, pixels, results, cuda.owner.device.parallel());
    let threads = [(tile[0] * THREADS) as u32, tile[1] as u32];
    let arguments = &[
        (dimensions, output).try_into()?,
        Argument::optional(gain),
        w.into(),
        dy.into(),
        u32::from(update == Update::Add).into(),
        Argument::written(dx)?,
    ];
    let grid = grid(blocks, pixels, results, tile);
    // SAFETY: gain, w, dy and dx have the lengths that the dimensions give, as the caller checked.
    unsafe { cuda.launch("conv2d_backward_data", grid, threads, arguments) }
}

/// The gradient to the weights of a convolution whose lengths are checked.
pub fn to_weights(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [dy, x]: [&Floats; 2],
    dw: &mut Floats,
) -> Result<()> {
    if dw.length() == 0 || dy.length() == 0 {
        let bytes = dw.length() * size_of::<f32>();
        return dw.own()?.clear(bytes);
    }
    /// Outputs, and inputs, in a tile.
    const SIDE: usize = 4;
    /// Maximum number of parallel chunks, of all tiles of a thread block.
    const SLOTS: usize = 16;
    let [rows, columns] = dimensions.output()?;
    let taps = dimensions.window.size * dimensions.window.size;
    let tiles = dimensions.outputs.div_ceil(SIDE) * dimensions.inputs.div_ceil(SIDE);
    let chunks = (dimensions.blocks * rows * columns).div_ceil(summation::CHUNK);
    let slots = chunks.min(SLOTS);
    let (threads, at_once) = (slots * LANES, SLOTS / slots);
    let arguments = &[
        (dimensions, [rows, columns]).try_into()?,
        Argument::optional(gain),
        dy.into(),
        x.into(),
        Argument::written(dw)?,
    ];
    // SAFETY: gain, dy, x and dw have the lengths that the dimensions give, as the caller checked.
    unsafe {
        cuda.launch(
            "conv2d_backward_weights",
            (tiles * taps).div_ceil(at_once),
            [threads as u32, at_once as u32],
            arguments,
        )
    }
}
