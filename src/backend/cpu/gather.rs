//! Batches from rows of bytes.

use super::simd::Block;
use crate::shape::LANES;

/// `out[s][f] = table[f mod channels][byte]`; see
/// [`Backend::gather`](crate::backend::Backend::gather). The lengths have been checked.
///
/// A block is made from its 16 rows side by side, so that memory is written in order.
pub fn gather(pixels: &[u8], table: &[f32], indices: &[u32], features: usize, out: &mut [Block]) {
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
    let rows = rows.map(|row| &row[..out.len()]);
    for (channel, table) in tables.iter().enumerate() {
        for feature in (channel..out.len()).step_by(tables.len()) {
            out[feature] = rows.map(|row| table[usize::from(row[feature])]);
        }
    }
}
