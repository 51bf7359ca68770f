//! Batches from rows of bytes.

use alloc::vec::Vec;

use super::simd::Block;
use super::{Cpu, Floats};
use crate::backend::gathers::{check_gather, check_gather_images, check_indices};
use crate::backend::{Gathers, Placement};
use crate::error::Result;
use crate::shape::LANES;

impl Gathers for Cpu {
    fn gather(
        &self,
        pixels: &Vec<u8>,
        table: &Floats,
        indices: &[u32],
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        let (table_length, out_length) = (table.as_slice().len(), out.as_slice().len());
        check_gather(pixels.len(), table_length, indices, features, out_length)?;
        if indices.is_empty() {
            return Ok(());
        }
        gather_rows(
            pixels,
            table.as_slice(),
            indices,
            features,
            out.as_mut_blocks(),
        );
        Ok(())
    }

    fn gather_images(
        &self,
        pixels: &Vec<u8>,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        placements: &[Placement],
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
        let (table, out) = (table.as_slice(), out.as_mut_blocks());
        place_images(pixels, shape, table, indices, placements, out);
        Ok(())
    }

    fn gather_labels(&self, labels: &Vec<u8>, indices: &[u32], out: &mut Vec<u8>) -> Result<()> {
        check_indices("gather labels", indices, labels.len())?;
        out.clear();
        out.extend(indices.iter().map(|&index| labels[index as usize]));
        Ok(())
    }
}

/// A block is made from its 16 rows side by side, so that memory is written in order.
fn gather_rows(pixels: &[u8], table: &[f32], indices: &[u32], features: usize, out: &mut [Block]) {
    let (tables, _) = table.as_chunks::<256>();
    for (indices, out) in indices.chunks(LANES).zip(out.chunks_exact_mut(features)) {
        // Lanes without a sample read the first one's row, and are cleared afterwards.
        let rows: [&[u8]; LANES] = core::array::from_fn(|lane| {
            let index = *indices.get(lane).unwrap_or(&indices[0]);
            &pixels[index as usize * features..][..features]
        });
        block(rows, tables, out);
        for lane in indices.len()..LANES {
            out.iter_mut().for_each(|out| out[lane] = 0.0);
        }
    }
}

fn block(rows: [&[u8]; LANES], tables: &[[f32; 256]], out: &mut [Block]) {
    match tables {
        [table] => {
            // Eight features at a time, so that the bounds of the rows are checked once for all.
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
    placements: &[Placement],
    out: &mut [Block],
) {
    let features = height * width * channels;
    if features == 0 {
        return;
    }
    let (tables, _) = table.as_chunks::<256>();
    let samples = indices.chunks(LANES).zip(placements.chunks(LANES));
    for ((indices, placements), out) in samples.zip(out.chunks_exact_mut(features)) {
        out.fill([0.0; LANES]);
        for (lane, (&index, placement)) in indices.iter().zip(placements).enumerate() {
            let image = &pixels[index as usize * features..][..features];
            for (place, out) in out.chunks_exact_mut(channels).enumerate() {
                let (y, x) = (place / width, place % width);
                let x = if placement.mirrored { width - 1 - x } else { x };
                let y = y
                    .checked_add_signed(placement.down.into())
                    .filter(|&y| y < height);
                let x = x
                    .checked_add_signed(placement.right.into())
                    .filter(|&x| x < width);
                let pixel = y.zip(x).map(|(y, x)| &image[(y * width + x) * channels..]);
                for (channel, out) in out.iter_mut().enumerate() {
                    let byte = pixel.map_or(0, |pixel| pixel[channel]);
                    out[lane] = tables[channel % tables.len()][usize::from(byte)];
                }
            }
        }
    }
}
