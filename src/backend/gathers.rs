//! Gathers batches from datasets on the device.

use alloc::format;

use super::check::{lengths, numbers};
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Gathers batches from the rows of a dataset.
pub trait Gathers: Memory {
    /// Gathers rows of a byte matrix as a batch in block layout: `out[s][f] = table[f mod channels][byte]`,
    /// where the bytes come from row `indices[s]` of `pixels`, `[rows][features]`. `table` is
    /// `[channels][256]`. Padding lanes become zero.
    ///
    /// Without `maps`, the byte is element f of the row. With `maps`, a row is an image of features/pixels
    /// channels, and for f = p·channels + c the byte is channel c of its pixel `sources[of[s]][p]`, or 0 if the
    /// image has no such pixel.
    fn gather(
        &self,
        pixels: &Self::Bytes,
        table: &Self::Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Self::Bytes>>,
        features: usize,
        out: &mut Self::Floats,
    ) -> Result<()>;

    /// [`gather`](Gathers::gather) of images, each shifted and optionally flipped horizontally:
    /// `out[s][y][x][c] = table[c mod tables][byte]`, where the byte is channel c of pixel (y + down, x' + right)
    /// of image `indices[s]`, or 0 outside the image. x' = width − 1 − x if flipped, else x.
    ///
    /// `pixels` is `[images][height][width][channels]` and `shape` is height, width and channels. `table`
    /// holds one table of 256 per channel, or one for all. `placements` holds one entry per sample. `maps` are applied
    /// before the shift and flip.
    #[allow(clippy::too_many_arguments)]
    fn gather_images(
        &self,
        pixels: &Self::Bytes,
        shape: [usize; 3],
        table: &Self::Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Self::Bytes>>,
        placements: &[CropFlip],
        out: &mut Self::Floats,
    ) -> Result<()>;
}

/// Pixel maps such as rotations and permutations. The map of a sample gives, for each pixel of the output, the
/// source pixel of its image.
#[derive(Debug)]
pub struct PixelMaps<'a, Bytes> {
    /// `[maps][pixels]`, four bytes per number, little-endian: the index of a pixel of the stored image. An index
    /// out of range gives the byte 0.
    pub sources: &'a Bytes,
    /// Pixels in an image: height · width.
    pub pixels: usize,
    /// The map of each sample, `[samples]`.
    pub of: &'a [u32],
}

/// The shift and horizontal flip of one sample, in [`Gathers::gather_images`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CropFlip {
    /// Rows from the image's top down to the window's top; negative if the window starts above the image.
    pub down: i16,
    /// Columns from the image's left edge to the window's; negative if the window starts left of the image.
    pub right: i16,
    /// Whether the window is flipped horizontally.
    pub mirrored: bool,
}

/// Checks the pixel maps of a gather; `sources` is the length of `maps.sources` in bytes.
pub(super) fn check_pixel_maps<B>(
    operation: &'static str,
    maps: &PixelMaps<'_, B>,
    sources: usize,
    samples: usize,
    features: usize,
) -> Result<()> {
    lengths(operation, &[("maps", maps.of.len(), samples)])?;
    let map = numbers(operation, &[maps.pixels, 4])?;
    if map == 0 || !features.is_multiple_of(maps.pixels) || !sources.is_multiple_of(map) {
        let expected = format!("maps of pixels that divide {features} features, four bytes each");
        let found = format!("{} pixels, {sources} bytes", maps.pixels);
        return Err(Error::shape(operation, expected, found));
    }
    check_indices(operation, maps.of, sources / map)
}

/// Checks the operands of a gather of rows.
pub(super) fn check_gather(
    pixels: usize,
    table: usize,
    indices: &[u32],
    features: usize,
    out: usize,
) -> Result<()> {
    let stored = numbers("gather", &[indices.len().div_ceil(LANES), LANES, features])?;
    lengths("gather", &[("out", out, stored)])?;
    if table == 0 || !table.is_multiple_of(256) {
        return Err(Error::shape("gather", "a table of channels × 256", table));
    }
    let rows = pixels.checked_div(features).unwrap_or(0);
    check_indices("gather", indices, rows)
}

/// Checks the operands of a gather of images. Returns the number of tables: one per channel, or 1 for all.
pub(super) fn check_gather_images(
    pixels: usize,
    shape: [usize; 3],
    table: usize,
    indices: &[u32],
    placements: &[CropFlip],
    out: usize,
) -> Result<usize> {
    let operation = "gather images";
    let features = numbers(operation, &shape)?;
    let tables = if table == 256 { 1 } else { shape[2] };
    let blocks = indices.len().div_ceil(LANES);
    lengths(
        operation,
        &[
            ("table", table, numbers(operation, &[tables, 256])?),
            ("placements", placements.len(), indices.len()),
            ("out", out, numbers(operation, &[blocks, LANES, features])?),
        ],
    )?;
    let images = pixels.checked_div(features).unwrap_or(0);
    check_indices(operation, indices, images)?;
    Ok(tables)
}

/// Fails if an index is not below `count`.
pub(super) fn check_indices(operation: &'static str, indices: &[u32], count: usize) -> Result<()> {
    match indices.iter().find(|&&index| index as usize >= count) {
        Some(index) => {
            let expected = format!("an index below {count}");
            Err(Error::shape(operation, expected, index))
        }
        None => Ok(()),
    }
}
