//! Two sums over samples and pixels for each channel, in the order of [`summation`], with every
//! pixel of every block of samples as one block.

use super::scratch;
use super::simd::{Block, InstructionSet, Kernel, Simd};
use super::threads::{Job, MOVED};
use crate::backend::{NormDims, summation};
use crate::shape::LANES;

/// The lanes of a channel's two sums.
pub type Lanes = [Block; 2];

/// Pixels whose terms are added before the sums are stored.
const PIXELS: usize = 4;

/// The terms of the sums. Methods must be `#[inline(always)]`.
pub trait Terms {
    /// Adds the terms of pixels `pixel..pixel + P`, ascending, to the lanes of channels `first..`.
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]);

    /// Converts the sums of up to 16 channels, starting at `channel`, to the results.
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, channel: usize, sums: [S::Vector; 2]) -> [S::Vector; 2] {
        let _ = (s, channel);
        sums
    }
}

/// Two sums over samples and pixels for each of channels `first..first + channels`.
pub struct ChannelSums<'a, T> {
    set: InstructionSet,
    dimensions: NormDims,
    terms: T,
    first: usize,
    channels: usize,
    results: [Option<&'a mut [f32]>; 2],
}

impl<'a, T: Terms + Copy + Send> ChannelSums<'a, T> {
    /// The sums of all channels, stored in the results that are requested.
    pub fn new(
        set: InstructionSet,
        dimensions: NormDims,
        terms: T,
        results: [Option<&'a mut [f32]>; 2],
    ) -> Self {
        ChannelSums {
            set,
            dimensions,
            terms,
            first: 0,
            channels: dimensions.channels,
            results,
        }
    }
}

impl<T: Terms + Copy + Send> Job for ChannelSums<'_, T> {
    fn work(&self) -> usize {
        self.dimensions.samples * self.dimensions.pixels * self.channels * MOVED
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let channels = self.channels * left / parts;
        if channels == 0 {
            return Err(self);
        }
        let [a, b] = self.results;
        let (a, later_a) = a.map(|a| a.split_at_mut(channels)).unzip();
        let (b, later_b) = b.map(|b| b.split_at_mut(channels)).unzip();
        let first = ChannelSums {
            channels,
            results: [a, b],
            ..self
        };
        let rest = ChannelSums {
            first: self.first + channels,
            channels: self.channels - channels,
            results: [later_a, later_b],
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        scratch::with(4 * self.channels, |lanes| {
            let (lanes, _) = lanes.as_chunks_mut();
            let set = self.set;
            set.run(Reduce { sums: self, lanes });
        });
    }
}

struct Reduce<'a, T> {
    sums: ChannelSums<'a, T>,
    lanes: &'a mut [Lanes],
}

impl<T: Terms> Kernel for Reduce<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ChannelSums {
            dimensions,
            terms,
            first,
            mut results,
            ..
        } = self.sums;
        let sums = over_pixels(s, &terms, dimensions.all_pixels(), first, self.lanes);
        for (group, sums) in sums.chunks(LANES).enumerate() {
            let channel = group * LANES;
            let sums = terms.finish(s, first + channel, of_channels(s, sums));
            for (sum, result) in sums.into_iter().zip(&mut results) {
                if let Some(result) = result {
                    store_some(s, sum, &mut result[channel..]);
                }
            }
        }
    }
}

/// Sums over pixels `0..pixels`, numbered through all blocks, of the channels from `first`. `scratch` holds two sets of
/// two vectors of lanes per channel: the chunk's and the totals. Returns the totals.
#[inline(always)]
pub fn over_pixels<'a, S: Simd, T: Terms>(
    s: S,
    terms: &T,
    pixels: usize,
    first: usize,
    scratch: &'a mut [Lanes],
) -> &'a [Lanes] {
    let (totals, chunk) = scratch.split_at_mut(scratch.len() / 2);
    for begin in (0..pixels).step_by(summation::CHUNK) {
        let end = pixels.min(begin + summation::CHUNK);
        // The first chunk's sums become the totals.
        let lanes = if begin == 0 {
            &mut *totals
        } else {
            &mut *chunk
        };
        lanes.as_flattened_mut().fill([0.0; LANES]);
        let mut pixel = begin;
        while pixel + PIXELS <= end {
            terms.add::<S, PIXELS>(s, pixel, first, lanes);
            pixel += PIXELS;
        }
        while pixel < end {
            terms.add::<S, 1>(s, pixel, first, lanes);
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

/// Channels `first..first + count` of `P` adjacent pixels.
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

/// The first and the second sums of up to 16 channels; missing channels get 0.
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

/// Loads up to 16 elements into a vector, padded with zeros.
#[inline(always)]
pub fn load_some<S: Simd>(s: S, from: &[f32]) -> S::Vector {
    let mut block = [0.0; LANES];
    for (to, from) in block.iter_mut().zip(from) {
        *to = *from;
    }
    s.load(&block)
}

/// Stores the first `to.len()` lanes.
#[inline(always)]
pub fn store_some<S: Simd>(s: S, vector: S::Vector, to: &mut [f32]) {
    let mut block = [0.0; LANES];
    s.store(vector, &mut block);
    for (to, from) in to.iter_mut().zip(block) {
        *to = from;
    }
}
