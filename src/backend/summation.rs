//! The one shape of every long sum, shared by all backends.
//!
//! A sum over samples runs in 16 lanes: lane `l` takes the samples whose index is `l` modulo 16, so
//! that a block of 16 samples is one step of all lanes. Lanes start from +0 and take blocks in
//! ascending order within a chunk of [`CHUNK`] blocks; the chunks' lanes are added in ascending
//! order, starting from the first chunk's; the lanes are added once, at the end, in the tree of
//! [`lanes`]. No sample at all gives +0. A sum over the elements of a vector treats 16 consecutive elements as a block.

use crate::shape::LANES;

/// Blocks a chunk: 512 samples.
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
