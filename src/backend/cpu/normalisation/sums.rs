//! Two sums over samples and pixels for each channel, in the shape of [`summation`] where every
//! pixel of every block of samples is a block of its own.

use super::super::simd::{Block, Simd};
use crate::backend::summation;
use crate::shape::LANES;

/// The lanes of a channel's two sums.
pub type Lanes = [Block; 2];

/// Pixels whose terms are added before the sums go back to memory.
const PIXELS: usize = 4;

/// What is summed.
pub trait Terms {
    /// Adds the terms of pixels `pixel..pixel + P`, ascending, to the lanes of their channels. Must be
    /// `#[inline(always)]`.
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, lanes: &mut [Lanes]);
}

/// Sums over pixels `0..pixels`, counted through all blocks. `scratch` holds two vectors of lanes for
/// each channel, of the chunk and in total; the totals are returned.
#[inline(always)]
pub fn over_pixels<'a, S: Simd, T: Terms>(
    s: S,
    terms: &T,
    pixels: usize,
    scratch: &'a mut [Lanes],
) -> &'a [Lanes] {
    let (totals, chunk) = scratch.split_at_mut(scratch.len() / 2);
    for begin in (0..pixels).step_by(summation::CHUNK) {
        let end = pixels.min(begin + summation::CHUNK);
        // The first chunk's sums are the totals to begin with.
        let lanes = if begin == 0 {
            &mut *totals
        } else {
            &mut *chunk
        };
        lanes.as_flattened_mut().fill([0.0; LANES]);
        let mut pixel = begin;
        while pixel + PIXELS <= end {
            terms.add::<S, PIXELS>(s, pixel, lanes);
            pixel += PIXELS;
        }
        while pixel < end {
            terms.add::<S, 1>(s, pixel, lanes);
            pixel += 1;
        }
        if begin > 0 {
            let totals = totals.as_flattened_mut().iter_mut();
            for (total, sum) in totals.zip(chunk.as_flattened()) {
                s.store(s.add(s.load(total), s.load(sum)), total);
            }
        }
    }
    totals
}

/// Channels `first..first + count` of `P` neighbouring pixels.
#[inline(always)]
pub fn pixels<const P: usize>(
    x: &[Block],
    pixel: usize,
    channels: usize,
    first: usize,
    count: usize,
) -> [&[Block]; P] {
    core::array::from_fn(|p| &x[(pixel + p) * channels + first..][..count])
}

/// The sums of 16 channels: the first ones, and the second ones. Channels that are not there get 0.
#[inline(always)]
pub fn of_channels<S: Simd>(s: S, lanes: &[Lanes]) -> [S::Vector; 2] {
    [0, 1].map(|which| {
        let mut sixteen = [s.splat(0.0); LANES];
        for (to, lanes) in sixteen.iter_mut().zip(lanes) {
            *to = s.load(&lanes[which]);
        }
        s.sums(sixteen)
    })
}

/// Up to 16 numbers as a vector, zeros where there are none.
#[inline(always)]
pub fn load_some<S: Simd>(s: S, from: &[f32]) -> S::Vector {
    let mut block = [0.0; LANES];
    for (to, from) in block.iter_mut().zip(from) {
        *to = *from;
    }
    s.load(&block)
}

/// Stores as many lanes as there is room for.
#[inline(always)]
pub fn store_some<S: Simd>(s: S, vector: S::Vector, to: &mut [f32]) {
    let mut block = [0.0; LANES];
    s.store(vector, &mut block);
    for (to, from) in to.iter_mut().zip(block) {
        *to = from;
    }
}
