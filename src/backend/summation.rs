//! The summation order of every long sum, shared by all backends.
//!
//! A sum over samples has 16 lanes: lane `l` takes the samples whose index is `l` modulo 16, so
//! a block of 16 samples is one step of all lanes. Within a chunk of [`CHUNK`] blocks, lanes start from +0 and
//! take the blocks in ascending order. The lanes of the chunks are added in ascending order, starting from the
//! first chunk's. At the end the 16 lanes are added once, in the tree of [`lanes`]. A sum over no samples is +0.
//! A sum over the elements of a vector treats 16 consecutive elements as a block.

use crate::shape::LANES;

/// Blocks per chunk: 512 samples.
pub const CHUNK: usize = 32;

/// Adds 16 lanes in a fixed tree of halves: l + (l+8), then l + (l+4), l + (l+2), l + (l+1).
pub fn lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}
