//! The forward product and the gradient to the input: `y[b][j] = Σ_i fl(g·w)·x[b][i]`.
//!
//! The loops, outermost first, with what each keeps in which cache:
//! 1. [`CHUNK`] blocks of samples: their `y` stays in L2 while the loop runs over the terms.
//! 2. At most [`DEPTH`] terms i, so that `x` of three blocks fits in L1. Sums continue from
//!    the value left in `y` by the previous terms, so each sum is one chain, i ascending.
//! 3. At most [`STRIP`] results j, whose packed effective weights fit in L2.
//! 4. The blocks of a tile.
//! 5. The results of a tile: [`tile`] keeps its sums in registers over all terms of (2).

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::tile::{Columns, Rows, tile};
use crate::backend::MatmulDims;
use crate::shape::LANES;

/// Blocks of samples per packing of the weights.
const CHUNK: usize = 24;
/// Terms of a sum per pass; a multiple of 16.
const DEPTH: usize = 144;
/// Results whose weights are packed at a time. Rows of the weights are read in long runs, so that the hardware
/// prefetcher fetches the next lines in time. A multiple of [`GROUP`].
const STRIP: usize = 960;
/// Adjacent results in one term's packed weights for the gradient to the input; a multiple of every
/// tile's outputs, and three cache lines, so that a tile's terms spread over all cache sets.
const GROUP: usize = 48;

/// The index of the weights that a sum runs over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// Over the inputs: the forward product.
    Inputs,
    /// Over the outputs: the gradient to the input.
    Outputs,
}

/// The operands: all results of all blocks.
pub struct Multiply<'a> {
    pub set: InstructionSet,
    pub sum: Sum,
    pub dimensions: MatmulDims,
    pub gain: Option<&'a [f32]>,
    pub w: &'a [f32],
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl<'a> Multiply<'a> {
    /// The number of terms in a sum, and of results per sample.
    fn extents(&self) -> (usize, usize) {
        extents(self.sum, self.dimensions)
    }

    /// Splits off the first `blocks` blocks.
    fn split_blocks(self, blocks: usize) -> (Self, Self) {
        let (terms, results) = self.extents();
        let (x, later_x) = self.x.split_at(blocks * terms);
        let (y, later_y) = self.y.split_at_mut(blocks * results);
        let mut dimensions = self.dimensions;
        dimensions.blocks = blocks;
        let first = Multiply {
            dimensions,
            x,
            y,
            ..self
        };
        dimensions.blocks = self.dimensions.blocks - blocks;
        let rest = Multiply {
            dimensions,
            x: later_x,
            y: later_y,
            ..first
        };
        (first, rest)
    }

    /// All results of at most [`CHUNK`] blocks.
    fn into_chunk(self) -> Chunk<'a> {
        let (_, results) = self.extents();
        let mut rows = self.y.chunks_exact_mut(results.max(1));
        Chunk {
            set: self.set,
            sum: self.sum,
            dimensions: self.dimensions,
            gain: self.gain,
            w: self.w,
            x: self.x,
            first: 0,
            results,
            y: core::array::from_fn(|_| rows.next().unwrap_or_default()),
        }
    }

    /// The work as a job for [`Threads::run`](super::super::threads::Threads::run).
    pub fn into_job(self) -> Part<'a> {
        Part::Blocks(self)
    }
}

fn extents(sum: Sum, dimensions: MatmulDims) -> (usize, usize) {
    let MatmulDims {
        outputs, inputs, ..
    } = dimensions;
    match sum {
        Sum::Inputs => (inputs, outputs),
        Sum::Outputs => (outputs, inputs),
    }
}

/// The work of one thread: all results of some blocks or, if there are few blocks, some results of
/// all blocks, so that no two threads pack the same weights.
#[allow(
    clippy::large_enum_variant,
    reason = "lives on the stack: boxing it would allocate in every call"
)]
pub enum Part<'a> {
    Blocks(Multiply<'a>),
    Results(Chunk<'a>),
}

impl Job for Part<'_> {
    fn work(&self) -> usize {
        match self {
            Part::Blocks(all) => all.x.len() * LANES * all.extents().1,
            Part::Results(chunk) => chunk.x.len() * LANES * chunk.results,
        }
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        match self {
            Part::Blocks(all) if all.dimensions.blocks > CHUNK => {
                // A multiple of every tile's number of blocks.
                let blocks = (all.dimensions.blocks * left / parts).next_multiple_of(3);
                let (first, rest) = all.split_blocks(blocks);
                Ok((Part::Blocks(first), Part::Blocks(rest)))
            }
            Part::Blocks(all) => Part::Results(all.into_chunk()).split(left, parts),
            Part::Results(chunk) => {
                let results = (chunk.results * left / parts).next_multiple_of(8);
                if results >= chunk.results {
                    return Err(Part::Results(chunk));
                }
                let (first, rest) = chunk.split_results(results);
                Ok((Part::Results(first), Part::Results(rest)))
            }
        }
    }

    fn run(self) {
        match self {
            Part::Blocks(mut all) => {
                while all.dimensions.blocks > 0 {
                    let blocks = CHUNK.min(all.dimensions.blocks);
                    let (first, rest) = all.split_blocks(blocks);
                    Part::Results(first.into_chunk()).run();
                    all = rest;
                }
            }
            Part::Results(chunk) => {
                let panels = chunk.panels() / LANES;
                scratch::with(panels, |panels| chunk.set.run(Tiles { chunk, panels }));
            }
        }
    }
}

/// Results `first..first + results` of at most [`CHUNK`] blocks.
pub struct Chunk<'a> {
    set: InstructionSet,
    sum: Sum,
    dimensions: MatmulDims,
    gain: Option<&'a [f32]>,
    w: &'a [f32],
    x: &'a [Block],
    first: usize,
    results: usize,
    /// The output rows of each block.
    y: [&'a mut [Block]; CHUNK],
}

impl Chunk<'_> {
    /// The length of the packed weights of a strip; the last group has only the terms that exist.
    fn panels(&self) -> usize {
        let (terms, _) = extents(self.sum, self.dimensions);
        let strip = STRIP.min(self.results);
        match self.sum {
            Sum::Inputs => strip * DEPTH,
            Sum::Outputs => {
                let full = strip.div_ceil(GROUP).saturating_sub(1);
                (full * DEPTH + DEPTH.min(terms)) * GROUP
            }
        }
    }

    /// Splits off the first `results` results.
    #[cfg_attr(not(feature = "parallel"), allow(dead_code))]
    fn split_results(self, results: usize) -> (Self, Self) {
        let mut later: [&mut [Block]; CHUNK] = Default::default();
        let mut y = self.y;
        for (y, later) in y.iter_mut().zip(&mut later) {
            let all = core::mem::take(y);
            (*y, *later) = all.split_at_mut(results.min(all.len()));
        }
        let rest = Chunk {
            first: self.first + results,
            results: self.results - results,
            y: later,
            ..self
        };
        (Chunk { results, y, ..self }, rest)
    }
}

/// The kernel: a chunk, and the buffer for its packed weights.
struct Tiles<'a> {
    chunk: Chunk<'a>,
    panels: &'a mut [Block],
}

impl Kernel for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (terms, _) = extents(self.chunk.sum, self.chunk.dimensions);
        let (blocks, results) = (self.chunk.dimensions.blocks, self.chunk.results);
        if terms == 0 {
            let zero = s.splat(0.0);
            for y in self.chunk.y.iter_mut().flat_map(|y| y.iter_mut()) {
                s.store(zero, y);
            }
            return;
        }
        // Nearly equal depths instead of full ones and a remainder, in whole vectors.
        let depth = terms
            .div_ceil(terms.div_ceil(DEPTH))
            .next_multiple_of(LANES);
        for term in (0..terms).step_by(depth) {
            let depth = depth.min(terms - term);
            for strip in (0..results).step_by(STRIP) {
                let place = Place {
                    term,
                    depth,
                    strip,
                    count: STRIP.min(results - strip),
                    block: 0,
                };
                self.pack(place);
                let mut block = 0;
                while block < blocks {
                    let place = Place { block, ..place };
                    // 4 remaining blocks are processed as 2 and 2, not as 3 and 1.
                    block += match blocks - block {
                        _ if S::TILE_BLOCKS == 1 => self.across::<S, 1>(s, place),
                        1 => self.across::<S, 1>(s, place),
                        2 | 4 => self.across::<S, 2>(s, place),
                        _ => self.across::<S, 3>(s, place),
                    };
                }
            }
        }
    }
}

/// The current position of the loops.
#[derive(Clone, Copy)]
struct Place {
    term: usize,
    depth: usize,
    strip: usize,
    count: usize,
    block: usize,
}

/// The number of results in the next tile, with `rest` remaining.
#[inline(always)]
fn tile_outputs<S: Simd>(rest: usize) -> usize {
    match rest {
        1 => 1,
        2 | 3 => 2,
        _ if rest < S::TILE_OUTPUTS => 4,
        _ => S::TILE_OUTPUTS,
    }
}

impl Tiles<'_> {
    /// Computes the effective weights of a strip's results: forward `[result][DEPTH]`, to the input
    /// `[group][term][GROUP]`. Both keep the order in memory, so nothing is transposed.
    #[inline(always)]
    fn pack(&mut self, place: Place) {
        let Chunk {
            sum,
            dimensions,
            gain,
            w,
            first,
            ..
        } = self.chunk;
        let inputs = dimensions.inputs;
        let panels = self.panels.as_flattened_mut();
        let first = first + place.strip;
        let gain = |output: usize| gain.map_or(1.0, |gain| gain[output]);
        match sum {
            Sum::Inputs => {
                for (result, panel) in (first..first + place.count).zip(panels.chunks_mut(DEPTH)) {
                    scale(
                        gain(result),
                        &w[result * inputs + place.term..][..place.depth],
                        panel,
                    );
                }
            }
            Sum::Outputs => {
                for term in 0..place.depth {
                    let output = place.term + term;
                    let row = &w[output * inputs + first..][..place.count];
                    let groups = panels.chunks_mut(DEPTH * GROUP);
                    for (row, group) in row.chunks(GROUP).zip(groups) {
                        scale(gain(output), row, &mut group[term * GROUP..]);
                    }
                }
            }
        }
    }

    /// Computes all results of a strip for `B` blocks; returns `B`.
    #[inline(always)]
    fn across<S: Simd, const B: usize>(&mut self, s: S, place: Place) -> usize {
        let mut done = 0;
        while done < place.count {
            let width = tile_outputs::<S>(place.count - done);
            match width {
                8 => self.results::<S, 8, B>(s, place, done),
                4 => self.results::<S, 4, B>(s, place, done),
                2 => self.results::<S, 2, B>(s, place, done),
                _ => self.results::<S, 1, B>(s, place, done),
            }
            done += width;
        }
        B
    }

    /// Computes results `strip + done..` (`O` of them) of blocks `block..` (`B` of them).
    #[inline(always)]
    fn results<S: Simd, const O: usize, const B: usize>(
        &mut self,
        s: S,
        place: Place,
        done: usize,
    ) {
        let (terms, _) = extents(self.chunk.sum, self.chunk.dimensions);
        let x: [&[Block]; B] = core::array::from_fn(|b| {
            &self.chunk.x[(place.block + b) * terms + place.term..][..place.depth]
        });
        let mut sums = [[s.splat(0.0); O]; B];
        if place.term > 0 {
            for (b, sums) in sums.iter_mut().enumerate() {
                let y = &self.chunk.y[place.block + b][place.strip + done..][..O];
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = s.load(y);
                }
            }
        }
        let panels = self.panels.as_flattened();
        let sums = match self.chunk.sum {
            Sum::Inputs => {
                let (rows, _) = panels.as_chunks::<DEPTH>();
                let rows = &rows[done..][..O];
                tile(s, Rows(core::array::from_fn(|o| &rows[o])), x, sums)
            }
            Sum::Outputs => {
                let columns = &panels[done / GROUP * GROUP * DEPTH..][..GROUP * place.depth];
                let columns = &columns[done % GROUP..];
                tile(s, Columns::<GROUP>(columns), x, sums)
            }
        };
        for (b, sums) in sums.iter().enumerate() {
            let y = &mut self.chunk.y[place.block + b][place.strip + done..][..O];
            for (y, sum) in y.iter_mut().zip(sums) {
                s.store(*sum, y);
            }
        }
    }
}

/// `panel[i] = fl(g·w[i])`.
#[inline(always)]
fn scale(g: f32, w: &[f32], panel: &mut [f32]) {
    for (panel, w) in panel.iter_mut().zip(w) {
        *panel = g * w;
    }
}
