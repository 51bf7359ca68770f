//! Batches from datasets on the device.

use alloc::format;

use super::check::{lengths, numbers};
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Batches from the rows of a dataset.
pub trait Gathers: Memory {
    /// Rows of a byte matrix as a block-layout batch: `out[s][f] = table[f mod channels][byte]`,
    /// where row `indices[s]` of `pixels`, `[rows][features]`, gives the bytes. `table` is
    /// `[channels][256]`. Padding lanes become zero.
    ///
    /// Without `maps` the byte is number f of the row. With them a row is an image of features/pixels
    /// channels, and the byte is channel c of its pixel `sources[of[s]][p]` for f = p·channels + c, 0 if the
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

    /// [`gather`](Gathers::gather) of images, each shifted and mirrored:
    /// `out[s][y][x][c] = table[c mod tables][byte]`, where the byte is channel c of pixel (y + down, x' + right)
    /// of image `indices[s]`, 0 outside of it, with x' = x or, mirrored, width − 1 − x.
    ///
    /// `pixels` is `[images][height][width][channels]`, `shape` is height, width and channels, `table`
    /// holds one table of 256 for each channel or one for all, and `placements` one for each sample. With
    /// `maps` the image that is shifted and mirrored is the mapped one.
    #[allow(clippy::too_many_arguments)]
    fn gather_images(
        &self,
        pixels: &Self::Bytes,
        shape: [usize; 3],
        table: &Self::Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Self::Bytes>>,
        placements: &[Placement],
        out: &mut Self::Floats,
    ) -> Result<()>;
}

/// Which pixel of its image each pixel of a gathered sample shows: a rotation or a permutation, one map for
/// each sample.
#[derive(Debug)]
pub struct PixelMaps<'a, Bytes> {
    /// `[maps][pixels]`, four bytes a number, the lowest first: the number of a pixel of the image as it is
    /// stored. Any number that is not one means the byte 0.
    pub sources: &'a Bytes,
    /// Pixels of an image: height · width.
    pub pixels: usize,
    /// The map of each sample, `[samples]`.
    pub of: &'a [u32],
}

/// Where a sample's pixels are taken from, in [`Gathers::gather_images`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placement {
    /// Rows that the window lies below the image's top; negative above it.
    pub down: i16,
    /// Columns that the window lies right of the image's left edge; negative left of it.
    pub right: i16,
    /// Whether the window is mirrored left to right.
    pub mirrored: bool,
}

/// The maps of a gathering; `sources` is the length of their list.
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

/// The operands of a gathering of rows.
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

/// The operands of a gathering of images; gives the number of tables: one may serve all channels.
pub(super) fn check_gather_images(
    pixels: usize,
    shape: [usize; 3],
    table: usize,
    indices: &[u32],
    placements: &[Placement],
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

/// Refuses an index that is not below `count`.
pub(super) fn check_indices(operation: &'static str, indices: &[u32], count: usize) -> Result<()> {
    match indices.iter().find(|&&index| index as usize >= count) {
        Some(index) => {
            let expected = format!("an index below {count}");
            Err(Error::shape(operation, expected, index))
        }
        None => Ok(()),
    }
}
