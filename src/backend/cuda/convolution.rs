//! Launches of `kernels/convolution.cu` and `to_weights.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::{Argument, THREADS};
use super::winograd;
use crate::backend::convolutions::check_convolution;
use crate::backend::winograd::serves;
use crate::backend::{Conv2dDims, Convolutions, Update, summation};
use crate::error::Result;
use crate::shape::LANES;

/// Threads of a thread block along the lanes, in `convolve`.
const ACROSS: u32 = 16;

/// A tile of `convolve`: what one thread block computes, and the kernels that do.
struct Tile {
    forward: &'static str,
    backward_data: &'static str,
    /// Groups of 16 lanes.
    groups: usize,
    /// Result channels.
    results: usize,
    /// Rows of threads.
    rows: u32,
    /// Warps that the device must have, for each of the thread blocks that keep it busy, so that the tile is chosen.
    least: usize,
}

/// The tile of kernels named after the channels of a thread and the rows of threads.
macro_rules! tile {
    ($channels:literal x $rows:literal, $groups:literal groups, $least:literal warps) => {
        Tile {
            forward: concat!("conv2d_forward_", $channels, "x", $rows),
            backward_data: concat!("conv2d_backward_data_", $channels, "x", $rows),
            groups: $groups,
            results: $channels * $rows,
            rows: $rows,
            least: $least,
        }
    };
}

/// The tiles, the largest per thread first: the larger, the fewer loads for a multiply-add, and the fewer threads.
const TILES: [Tile; 6] = [
    tile!(10 x 8, 8 groups, 3 warps),
    tile!(10 x 4, 8 groups, 3 warps),
    tile!(10 x 2, 8 groups, 3 warps),
    tile!(5 x 8, 4 groups, 2 warps),
    tile!(5 x 4, 4 groups, 2 warps),
    tile!(1 x 8, 4 groups, 0 warps),
];

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
        if serves(&dimensions) {
            return winograd::forward(self, dimensions, gain, [w, x], y);
        }
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
        if serves(&dimensions) {
            return winograd::to_input(self, dimensions, gain, [w, dy], update, dx);
        }
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
        if serves(&dimensions) && dimensions.blocks > 0 {
            return winograd::to_weights(self, dimensions, gain, [dy, x], dw);
        }
        to_weights(self, dimensions, gain, [dy, x], dw)
    }
}

impl Tile {
    /// The tile for `results` channels of `pixels` pixels of `blocks` blocks of samples, on a device that
    /// `parallel` thread blocks keep busy. Results do not depend on it.
    fn of(blocks: usize, pixels: usize, results: usize, parallel: usize) -> &'static Tile {
        let warps = |tile: &Tile| tile.grid(blocks, pixels, results) * tile.rows as usize / 2;
        let busy = |tile: &&Tile| warps(tile) >= tile.least * parallel;
        // Of the tiles with as large a part per thread, the one that computes the fewest channels in vain.
        let computed = |tile: &&Tile| results.next_multiple_of(tile.results);
        let [large, small] = [8, 4].map(|groups| {
            let of_size = TILES
                .iter()
                .filter(move |tile| tile.groups == groups && tile.least > 0);
            of_size.filter(busy).min_by_key(computed)
        });
        large.or(small).unwrap_or(&TILES[TILES.len() - 1])
    }

    /// The number of thread blocks.
    fn grid(&self, blocks: usize, pixels: usize, results: usize) -> usize {
        // Groups are numbered in up to four blocks of samples at a time.
        let groups = blocks.next_multiple_of(blocks.clamp(1, 4)) * pixels;
        groups.div_ceil(self.groups) * results.div_ceil(self.results)
    }

    fn threads(&self) -> [u32; 2] {
        [ACROSS, self.rows]
    }
}

/// Refuses tensors whose rows of 16 lanes, or weights, the kernels cannot count in 32 bits.
fn check_counts(weights: usize, rows: [&Floats; 2]) -> Result<()> {
    Argument::count(weights)?;
    for floats in rows {
        Argument::count(floats.length() / LANES)?;
    }
    Ok(())
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
    check_counts(w.length(), [x, y])?;
    let [rows, columns] = dimensions.output()?;
    let pixels = rows * columns;
    let (blocks, results) = (dimensions.blocks, dimensions.outputs);
    let tile = Tile::of(blocks, pixels, results, cuda.owner.device.parallel());
    let arguments = &[
        (dimensions, [rows, columns]).try_into()?,
        Argument::optional(gain),
        w.into(),
        x.into(),
        Argument::written(y)?,
    ];
    let grid = tile.grid(blocks, pixels, results);
    // SAFETY: gain, w, x and y have the lengths that the dimensions give, as the caller checked.
    unsafe { cuda.launch(tile.forward, grid, tile.threads(), arguments) }
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
    check_counts(w.length(), [dy, dx])?;
    let output = dimensions.output()?;
    let pixels = dimensions.height * dimensions.width;
    let (blocks, results) = (dimensions.blocks, dimensions.inputs);
    let tile = Tile::of(blocks, pixels, results, cuda.owner.device.parallel());
    let arguments = &[
        (dimensions, output).try_into()?,
        Argument::optional(gain),
        w.into(),
        dy.into(),
        u32::from(update == Update::Add).into(),
        Argument::written(dx)?,
    ];
    let grid = tile.grid(blocks, pixels, results);
    // SAFETY: gain, w, dy and dx have the lengths that the dimensions give, as the caller checked.
    unsafe { cuda.launch(tile.backward_data, grid, tile.threads(), arguments) }
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
    check_counts(dw.length(), [dy, x])?;
    let [rows, columns] = dimensions.output()?;
    let d = (dimensions, [rows, columns]).try_into()?;
    let chunks = (dimensions.blocks * rows * columns).div_ceil(summation::CHUNK);
    if dimensions.window.size == 3 {
        return in_two_steps(
            cuda,
            dimensions,
            [d, Argument::optional(gain)],
            chunks,
            [dy, x],
            dw,
        );
    }
    /// Outputs, and inputs, in a tile.
    const SIDE: usize = 5;
    /// Maximum number of parallel chunks, of all tiles of a thread block.
    const SLOTS: usize = 16;
    let taps = dimensions.window.size * dimensions.window.size;
    let tiles = dimensions.outputs.div_ceil(SIDE) * dimensions.inputs.div_ceil(SIDE);
    let slots = chunks.min(SLOTS);
    let (threads, at_once) = (slots * LANES, SLOTS / slots);
    let gain = Argument::optional(gain);
    let arguments = &[d, gain, dy.into(), x.into(), Argument::written(dw)?];
    let grid = (tiles * taps).div_ceil(at_once);
    let threads = [threads as u32, at_once as u32];
    // SAFETY: gain, dy, x and dw have the lengths that the dimensions give, as the caller checked.
    unsafe { cuda.launch("conv2d_backward_weights", grid, threads, arguments) }
}

/// The same for windows of 3×3: the sums of each chunk, then their sum, as many chunks at a time as
/// stay in a GPU's cache.
fn in_two_steps(
    cuda: &Cuda,
    dimensions: Conv2dDims,
    [d, gain]: [Argument; 2],
    chunks: usize,
    [dy, x]: [&Floats; 2],
    dw: &mut Floats,
) -> Result<()> {
    /// Outputs, and inputs, of a thread block.
    const PART: usize = 20;
    /// Rows of the window, and halves of the lanes: each has its own thread blocks.
    const PARTS: usize = 3 * 2;
    /// Threads of a thread block.
    const PART_THREADS: u32 = 128;
    /// Maximum elements of the chunks' sums: 32 MB.
    const CACHED: usize = 8 << 20;
    let weights = dw.length();
    // Launches of equal size.
    let launches = chunks.div_ceil((CACHED / (weights * LANES)).max(1));
    let at_once = chunks.div_ceil(launches);
    let parts = dimensions.outputs.div_ceil(PART) * dimensions.inputs.div_ceil(PART) * PARTS;
    cuda.with_scratch(|scratch| {
        let (partials, totals) = (&mut scratch.partials, &mut scratch.sums);
        partials.resize(&cuda.owner, at_once * weights * LANES)?;
        let partials = Argument::written(partials)?;
        totals.resize(&cuda.owner, weights * LANES)?;
        let totals = Argument::written(totals)?;
        let per_output = Argument::count(9 * dimensions.inputs)?;
        let dw = Argument::written(dw)?;
        for begin in (0..chunks).step_by(at_once) {
            let number = at_once.min(chunks - begin);
            let sums = &[d, Argument::count(begin)?, dy.into(), x.into(), partials];
            let is_first = u32::from(begin == 0);
            let is_last = u32::from(begin + number == chunks);
            let add = &[
                Argument::count(number)?,
                Argument::count(weights)?,
                per_output,
                is_first.into(),
                is_last.into(),
                partials,
                gain,
                totals,
                dw,
            ];
            // SAFETY: gain, dy, x and dw have the lengths that the dimensions give, as the caller checked; partials
            // has 16 elements per weight and chunk of a launch, totals 16 per weight.
            unsafe {
                cuda.launch(
                    "conv2d_weight_partials",
                    number * parts,
                    [PART_THREADS, 1],
                    sums,
                )?;
                let blocks = weights.div_ceil(THREADS / LANES);
                cuda.launch(
                    "conv2d_add_weight_partials",
                    blocks,
                    [THREADS as u32, 1],
                    add,
                )?;
            }
        }
        Ok(())
    })
}
