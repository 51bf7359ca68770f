//! Launches of `kernels/winograd.cu`.
#![allow(unsafe_code)]

use alloc::vec;

use super::Cuda;
use super::buffer::Floats;
use super::launch::{Argument, THREADS};
use crate::backend::winograd::{CHUNK, PRODUCTS, TILE};
use crate::backend::{Conv2dDims, Update};
use crate::error::Result;

/// Tiles of a thread block of the forward pass and the gradient to the input.
const TILES: usize = 2;

/// Channels of a thread block, of each side.
const PART: usize = 20;

/// Maximum elements of the chunks' sums: 32 MB.
const CACHED: usize = 8 << 20;

/// Tiles of all blocks of samples.
fn tiles(dimensions: &Conv2dDims) -> usize {
    let Conv2dDims {
        blocks,
        height,
        width,
        ..
    } = *dimensions;
    blocks * height.div_ceil(TILE) * width.div_ceil(TILE)
}

/// The products of all pairs of channels, of which the kernels count one product's in 32 bits.
fn products(dimensions: &Conv2dDims) -> Result<usize> {
    let pairs = dimensions.outputs * dimensions.inputs;
    Argument::count(pairs)?;
    Ok(PRODUCTS * pairs)
}

/// The forward pass, of a convolution whose lengths are checked.
pub fn forward(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [w, x]: [&Floats; 2],
    y: &mut Floats,
) -> Result<()> {
    let kernel = ("winograd_forward", dimensions.outputs);
    let operands = &[x.into(), Argument::written(y)?];
    on_tiles(cuda, kernel, dimensions, (gain, w), operands)
}

/// The gradient to the input, of a convolution whose lengths are checked.
pub fn to_input(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [w, dy]: [&Floats; 2],
    update: Update,
    dx: &mut Floats,
) -> Result<()> {
    let kernel = ("winograd_backward_data", dimensions.inputs);
    let add = u32::from(update == Update::Add);
    let operands = &[dy.into(), add.into(), Argument::written(dx)?];
    on_tiles(cuda, kernel, dimensions, (gain, w), operands)
}

/// Transforms the weights, then launches a kernel. Its arguments are the dimensions, the transformed weights and `operands`;
/// `results` is its number of result channels.
fn on_tiles(
    cuda: &Cuda,
    (kernel, results): (&'static str, usize),
    dimensions: Conv2dDims,
    (gain, w): (Option<&Floats>, &Floats),
    operands: &[Argument],
) -> Result<()> {
    let all = tiles(&dimensions);
    if all == 0 {
        return Ok(());
    }
    let d = (dimensions, [dimensions.height, dimensions.width]).try_into()?;
    let (outputs, inputs) = (dimensions.outputs, dimensions.inputs);
    let length = products(&dimensions)?;
    cuda.with_scratch(|scratch| {
        scratch.partials.resize(&cuda.owner, length)?;
        let weights = Argument::written(&mut scratch.partials)?;
        let transform = &[
            Argument::count(outputs)?,
            Argument::count(inputs)?,
            Argument::optional(gain),
            w.into(),
            weights,
        ];
        let mut arguments = vec![d, weights];
        arguments.extend_from_slice(operands);
        let pairs = (outputs * inputs).div_ceil(THREADS);
        let grid = all.div_ceil(TILES) * results.div_ceil(PART);
        // SAFETY: the buffers have the lengths that the dimensions give, as the caller checked; the transformed weights
        // have 16 elements per pair of channels.
        unsafe {
            cuda.launch("winograd_kernels", pairs, [THREADS as u32, 1], transform)?;
            cuda.launch(kernel, grid, [THREADS as u32, 1], &arguments)
        }
    })
}

/// The gradient to the weights, of a convolution whose lengths are checked and not 0: the sums of each chunk, as many at a time as
/// stay in a GPU's cache, then their sum.
pub fn to_weights(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    gain: Option<&Floats>,
    [dy, x]: [&Floats; 2],
    dw: &mut Floats,
) -> Result<()> {
    let d = (dimensions, [dimensions.height, dimensions.width]).try_into()?;
    let (outputs, inputs) = (dimensions.outputs, dimensions.inputs);
    let sums = products(&dimensions)?;
    let chunks = tiles(&dimensions).div_ceil(CHUNK);
    // Launches of equal size.
    let launches = chunks.div_ceil((CACHED / sums).max(1));
    let at_once = chunks.div_ceil(launches);
    let parts = outputs.div_ceil(PART) * inputs.div_ceil(PART) * PRODUCTS;
    let threads = [THREADS as u32, 1];
    cuda.with_scratch(|scratch| {
        let (partials, totals) = (&mut scratch.partials, &mut scratch.sums);
        partials.resize(&cuda.owner, at_once * sums)?;
        let partials = Argument::written(partials)?;
        totals.resize(&cuda.owner, sums)?;
        let totals = Argument::written(totals)?;
        for begin in (0..chunks).step_by(at_once) {
            let number = at_once.min(chunks - begin);
            let chunk = &[d, Argument::count(begin)?, dy.into(), x.into(), partials];
            let add = &[
                Argument::count(number)?,
                Argument::count(sums)?,
                u32::from(begin == 0).into(),
                partials,
                totals,
            ];
            // SAFETY: dy and x have the lengths that the dimensions give, as the caller checked; partials has 16 elements per
            // pair of channels and chunk of a launch, totals 16 per pair.
            unsafe {
                cuda.launch("winograd_weight_partials", number * parts, threads, chunk)?;
                let blocks = sums.div_ceil(THREADS);
                cuda.launch("winograd_add_weight_partials", blocks, threads, add)?;
            }
        }
        let finish = &[
            Argument::count(outputs)?,
            Argument::count(inputs)?,
            Argument::optional(gain),
            totals,
            Argument::written(dw)?,
        ];
        let blocks = (outputs * inputs).div_ceil(THREADS);
        // SAFETY: gain and dw have the lengths that the dimensions give, as the caller checked; totals as above.
        unsafe { cuda.launch("winograd_kernel_gradients", blocks, threads, finish) }
    })
}
