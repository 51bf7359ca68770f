//! Batches from rows of bytes.

use super::simd::Block;
use crate::shape::LANES;

/// `out[s][f] = table[f mod channels][byte]`; see
/// [`Backend::gather`](crate::backend::Backend::gather). The lengths have been checked.
pub fn gather(pixels: &[u8], table: &[f32], indices: &[u32], features: usize, out: &mut [Block]) {
    let channels = table.len() / 256;
    for (indices, out) in indices.chunks(LANES).zip(out.chunks_exact_mut(features)) {
        out.fill([0.0; LANES]);
        for (lane, &index) in indices.iter().enumerate() {
            let row = &pixels[index as usize * features..][..features];
            let mut channel = 0;
            for (pixel, out) in row.iter().zip(out.iter_mut()) {
                out[lane] = table[channel * 256 + usize::from(*pixel)];
                channel = if channel + 1 == channels {
                    0
                } else {
                    channel + 1
                };
            }
        }
    }
}
