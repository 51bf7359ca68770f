//! Gathers batches from rows of bytes.

use alloc::vec::Vec;

use super::simd::Block;
use super::{Cpu, Floats};
use crate::backend::gathers::{check_gather, check_gather_images, check_pixel_maps};
use crate::backend::{CropFlip, Gathers, PixelMaps};
use crate::error::Result;
use crate::shape::LANES;

impl Gathers for Cpu {
    fn gather(
        &self,
        pixels: &Vec<u8>,
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Vec<u8>>>,
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        let (table_length, out_length) = (table.as_slice().len(), out.as_slice().len());
        check_gather(pixels.len(), table_length, indices, features, out_length)?;
        let sources = sources("gather", &maps, indices.len(), features)?;
        if indices.is_empty() {
            return Ok(());
        }
        let rows = Rows { pixels, features };
        let (tables, _) = table.as_slice().as_chunks::<256>();
        let out = out.as_mut_blocks();
        match &sources {
            None => gather_rows(rows, tables, indices, out),
            Some(sources) => gather_mapped_rows(rows, tables, indices, sources, out),
        }
        Ok(())
    }

    fn gather_images(
        &self,
        pixels: &Vec<u8>,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Vec<u8>>>,
        placements: &[CropFlip],
        out: &mut Floats,
    ) -> Result<()> {
        check_gather_images(
            pixels.len(),
            shape,
            table.as_slice().len(),
            indices,
            placements,
            out.as_slice().len(),
        )?;
        let [height, width, channels] = shape;
        let sources = sources(
            "gather images",
            &maps,
            indices.len(),
            height * width * channels,
        )?;
        let (table, out) = (table.as_slice(), out.as_mut_blocks());
        place_images(pixels, shape, table, indices, &sources, placements, out);
        Ok(())
    }
}

/// `[rows][features]`.
#[derive(Clone, Copy)]
struct Rows<'a> {
    pixels: &'a [u8],
    features: usize,
}

impl<'a> Rows<'a> {
    /// The rows of a block. Lanes without a sample repeat the first one's row; they are cleared afterwards.
    fn of(&self, indices: &[u32]) -> [&'a [u8]; LANES] {
        core::array::from_fn(|lane| {
            let index = *indices.get(lane).unwrap_or(&indices[0]);
            &self.pixels[index as usize * self.features..][..self.features]
        })
    }
}

/// Pixel maps, already checked.
struct Sources<'a> {
    /// `[maps][pixels]`.
    all: &'a [[u8; 4]],
    pixels: usize,
    of: &'a [u32],
}

impl<'a> Sources<'a> {
    /// The map of a sample.
    fn map(&self, sample: usize) -> &'a [[u8; 4]] {
        &self.all[self.of[sample] as usize * self.pixels..][..self.pixels]
    }
}

fn sources<'a>(
    operation: &'static str,
    maps: &Option<PixelMaps<'a, Vec<u8>>>,
    samples: usize,
    features: usize,
) -> Result<Option<Sources<'a>>> {
    let Some(maps) = maps else { return Ok(None) };
    check_pixel_maps(operation, maps, maps.sources.len(), samples, features)?;
    let (all, _) = maps.sources.as_chunks::<4>();
    let (pixels, of) = (maps.pixels, maps.of);
    Ok(Some(Sources { all, pixels, of }))
}

/// Builds each block from its 16 rows together, so that memory is written in order.
fn gather_rows(rows: Rows, tables: &[[f32; 256]], indices: &[u32], out: &mut [Block]) {
    for (indices, out) in indices
        .chunks(LANES)
        .zip(out.chunks_exact_mut(rows.features))
    {
        block(rows.of(indices), tables, out);
        clear_padding(indices.len(), out);
    }
}

fn gather_mapped_rows(
    rows: Rows,
    tables: &[[f32; 256]],
    indices: &[u32],
    sources: &Sources,
    out: &mut [Block],
) {
    let channels = rows.features / sources.pixels;
    let blocks = out.chunks_exact_mut(rows.features);
    for (number, (indices, out)) in indices.chunks(LANES).zip(blocks).enumerate() {
        let first = number * LANES;
        let maps = core::array::from_fn(|lane| {
            sources.map(first + if lane < indices.len() { lane } else { 0 })
        });
        match (tables, channels) {
            ([table], 1) => mapped_block(rows.of(indices), maps, table, out),
            _ => mapped_pixels(rows.of(indices), maps, tables, channels, out),
        }
        clear_padding(indices.len(), out);
    }
}

fn clear_padding(samples: usize, out: &mut [Block]) {
    for lane in samples..LANES {
        out.iter_mut().for_each(|out| out[lane] = 0.0);
    }
}

/// [`mapped_pixels`] for one channel and one table.
fn mapped_block(
    rows: [&[u8]; LANES],
    maps: [&[[u8; 4]]; LANES],
    table: &[f32; 256],
    out: &mut [Block],
) {
    // Eight pixels at a time, so that the bounds of the maps are checked once per eight.
    let (chunks, rest) = out.as_chunks_mut::<8>();
    let mut done = 0;
    for out in chunks {
        for (lane, (row, map)) in rows.iter().zip(&maps).enumerate() {
            let sources = map[done..].first_chunk::<8>().unwrap_or(&[[0; 4]; 8]);
            for (out, &source) in out.iter_mut().zip(sources) {
                let byte = row.get(u32::from_le_bytes(source) as usize).unwrap_or(&0);
                out[lane] = table[usize::from(*byte)];
            }
        }
        done += 8;
    }
    mapped_pixels(
        rows,
        maps.map(|map| &map[done..]),
        core::slice::from_ref(table),
        1,
        rest,
    );
}

fn mapped_pixels(
    rows: [&[u8]; LANES],
    maps: [&[[u8; 4]]; LANES],
    tables: &[[f32; 256]],
    channels: usize,
    out: &mut [Block],
) {
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        for (lane, (row, map)) in rows.iter().zip(&maps).enumerate() {
            let shown = shown(row, map[pixel], channels);
            for (channel, out) in out.iter_mut().enumerate() {
                let byte = shown.map_or(0, |shown| shown[channel]);
                let table = &tables[(pixel * channels + channel) % tables.len()];
                out[lane] = table[usize::from(byte)];
            }
        }
    }
}

/// The channels of pixel number `source` of `image`.
fn shown(image: &[u8], source: [u8; 4], channels: usize) -> Option<&[u8]> {
    let source = u32::from_le_bytes(source) as usize;
    let first = source.checked_mul(channels)?;
    image.get(first..)?.get(..channels)
}

fn block(rows: [&[u8]; LANES], tables: &[[f32; 256]], out: &mut [Block]) {
    match tables {
        [table] => {
            // Eight features at a time, so that the bounds of the rows are checked once per eight.
            let (chunks, rest) = out.as_chunks_mut::<8>();
            let mut done = 0;
            for out in chunks {
                let bytes = rows.map(|row| *row[done..].first_chunk::<8>().unwrap_or(&[0; 8]));
                for (feature, out) in out.iter_mut().enumerate() {
                    for (out, bytes) in out.iter_mut().zip(&bytes) {
                        *out = table[usize::from(bytes[feature])];
                    }
                }
                done += 8;
            }
            for (feature, out) in (done..).zip(rest) {
                *out = rows.map(|row| table[usize::from(row[feature])]);
            }
        }
        _ => {
            for (feature, out) in out.iter_mut().enumerate() {
                let table = &tables[feature % tables.len()];
                *out = rows.map(|row| table[usize::from(row[feature])]);
            }
        }
    }
}

fn place_images(
    pixels: &[u8],
    [height, width, channels]: [usize; 3],
    table: &[f32],
    indices: &[u32],
    sources: &Option<Sources>,
    placements: &[CropFlip],
    out: &mut [Block],
) {
    let features = height * width * channels;
    if features == 0 {
        return;
    }
    let (tables, _) = table.as_chunks::<256>();
    let samples = indices.chunks(LANES).zip(placements.chunks(LANES));
    let blocks = samples.zip(out.chunks_exact_mut(features));
    for (number, ((indices, placements), out)) in blocks.enumerate() {
        out.fill([0.0; LANES]);
        for (lane, (&index, placement)) in indices.iter().zip(placements).enumerate() {
            let image = &pixels[index as usize * features..][..features];
            let map = sources.as_ref().map(|s| s.map(number * LANES + lane));
            for (place, out) in out.chunks_exact_mut(channels).enumerate() {
                let (y, x) = (place / width, place % width);
                let x = if placement.mirrored { width - 1 - x } else { x };
                let y = y
                    .checked_add_signed(placement.down.into())
                    .filter(|&y| y < height);
                let x = x
                    .checked_add_signed(placement.right.into())
                    .filter(|&x| x < width);
                let pixel = y.zip(x).and_then(|(y, x)| match map {
                    None => image.get((y * width + x) * channels..),
                    Some(map) => shown(image, map[y * width + x], channels),
                });
                for (channel, out) in out.iter_mut().enumerate() {
                    let byte = pixel.map_or(0, |pixel| pixel[channel]);
                    out[lane] = tables[channel % tables.len()][usize::from(byte)];
                }
            }
        }
    }
}
