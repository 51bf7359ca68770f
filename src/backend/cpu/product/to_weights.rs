//! The gradient of a product to the weights: `dw[o][k] = g[o]·Σ_samples dy[o]·x[k]`.
//!
//! A tile of 4 outputs × 4 inputs keeps one vector of lanes for each of its 16 sums, and
//! [`Simd::sums`] reduces the 16 together. 16 multiply-adds need 8 vectors, so all of them
//! must come from a near cache: `dy` of a tile is packed and stays in L1 during the loop over inputs; `x` of a
//! group of inputs is packed in the order in which the tiles read it and stays in L2. A single block
//! of samples uses [`one_block`].

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::one_block;
use crate::backend::{MatmulDims, summation};
use crate::shape::LANES;

/// Outputs, and inputs, in a tile.
const TILE: usize = 4;
/// Maximum blocks of 16 elements in a packed group of inputs, unless a single tile needs more:
/// 512 KiB.
const GROUP: usize = 8192;

/// The operands.
pub struct ToWeights<'a> {
    pub set: InstructionSet,
    pub dimensions: MatmulDims,
    pub gain: Option<&'a [f32]>,
    pub dy: &'a [Block],
    pub x: &'a [Block],
    /// The first output to compute: `dw` starts there and has [`ToWeights::rows`] outputs.
    pub first: usize,
    pub rows: usize,
    pub dw: &'a mut [f32],
}

impl ToWeights<'_> {
    /// The number of input tiles packed at a time.
    fn group(&self) -> usize {
        let tiles = self.dimensions.inputs.div_ceil(TILE);
        (GROUP / (self.dimensions.blocks * TILE).max(1)).clamp(1, tiles.max(1))
    }
}

impl Job for ToWeights<'_> {
    fn work(&self) -> usize {
        self.rows * self.dimensions.inputs * self.dimensions.blocks * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let rows = (self.rows * left / parts).next_multiple_of(TILE);
        if rows >= self.rows {
            return Err(self);
        }
        let (dw, later) = self.dw.split_at_mut(rows * self.dimensions.inputs);
        let first = ToWeights { rows, dw, ..self };
        let rest = ToWeights {
            first: self.first + rows,
            rows: self.rows - rows,
            dw: later,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        if self.dimensions.blocks == 1 {
            return one_block::run(self);
        }
        let inputs = self.group() * self.dimensions.blocks * TILE;
        let outputs = self.dimensions.blocks * TILE;
        scratch::with(inputs + outputs, |packed| {
            let (x, dy) = packed.split_at_mut(inputs);
            let (x, _) = x.as_chunks_mut();
            let (dy, _) = dy.as_chunks_mut();
            self.set.run(Tiles {
                operands: self,
                x,
                dy,
            });
        });
    }
}

/// Four adjacent features of a block of samples.
type Four = [Block; TILE];

/// The kernel: the operands, and the buffers for packed `x` of a group and packed `dy` of a tile.
struct Tiles<'a> {
    operands: ToWeights<'a>,
    x: &'a mut [Four],
    dy: &'a mut [Four],
}

impl Kernel for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let MatmulDims {
            inputs,
            outputs,
            blocks,
        } = self.operands.dimensions;
        if blocks == 0 {
            self.operands.dw.fill(0.0);
            return;
        }
        let ToWeights { first, rows, .. } = self.operands;
        let group = self.operands.group() * TILE;
        for start in (0..inputs).step_by(group) {
            let end = inputs.min(start + group);
            for (input, panel) in (start..end)
                .step_by(TILE)
                .zip(self.x.chunks_exact_mut(blocks))
            {
                pack(s, self.operands.x, inputs, input, inputs, panel);
            }
            for row in (0..rows).step_by(TILE) {
                let (output, last) = (first + row, first + rows);
                pack(s, self.operands.dy, outputs, output, last, self.dy);
                let gains = self.gains(s, output);
                let mut dw = self.operands.dw[row * inputs..].chunks_mut(inputs);
                let mut dw: [_; TILE] = core::array::from_fn(|_| dw.next().unwrap_or_default());
                for (input, panel) in (start..end).step_by(TILE).zip(self.x.chunks_exact(blocks)) {
                    let sums = s.mul(gains, s.sums(tile(s, self.dy, panel)));
                    let mut found = [0.0; LANES];
                    s.store(sums, &mut found);
                    let (found, _) = found.as_chunks::<TILE>();
                    for (dw, found) in dw.iter_mut().take(rows - row).zip(found) {
                        match dw[input..].first_chunk_mut::<TILE>() {
                            Some(dw) => *dw = *found,
                            None => dw[input..].iter_mut().zip(found).for_each(|(d, f)| *d = *f),
                        }
                    }
                }
            }
        }
    }
}

impl Tiles<'_> {
    /// The gains of a tile's outputs, each repeated for its four inputs.
    #[inline(always)]
    fn gains<S: Simd>(&self, s: S, output: usize) -> S::Vector {
        let Some(gain) = self.operands.gain else {
            return s.splat(1.0);
        };
        let mut lanes = [0.0; LANES];
        for (lanes, gain) in lanes.chunks_exact_mut(TILE).zip(&gain[output..]) {
            lanes.fill(*gain);
        }
        s.load(&lanes)
    }
}

/// Copies features `first..first + 4` of every block; features from `end` on become zero.
#[inline(always)]
fn pack<S: Simd>(
    s: S,
    from: &[Block],
    features: usize,
    first: usize,
    end: usize,
    panel: &mut [Four],
) {
    let zero = s.splat(0.0);
    let count = TILE.min(end - first);
    for (from, four) in from.chunks_exact(features).zip(panel) {
        match from[first..].first_chunk::<TILE>() {
            Some(from) if count == TILE => {
                for (to, from) in four.iter_mut().zip(from) {
                    s.store(s.load(from), to);
                }
            }
            _ => {
                four.iter_mut().for_each(|to| s.store(zero, to));
                for (to, from) in four.iter_mut().zip(&from[first..][..count]) {
                    s.store(s.load(from), to);
                }
            }
        }
    }
}

/// The lanes of the 16 sums of a tile, `[output][input]`, in the order of [`summation`].
#[inline(always)]
fn tile<S: Simd>(s: S, dy: &[Four], x: &[Four]) -> [S::Vector; LANES] {
    if dy.len() <= summation::CHUNK {
        return chunk(s, dy, x);
    }
    let mut chunks = dy.chunks(summation::CHUNK).zip(x.chunks(summation::CHUNK));
    let mut totals = match chunks.next() {
        Some((dy, x)) => chunk(s, dy, x),
        None => [s.splat(0.0); LANES],
    };
    for (dy, x) in chunks {
        for (total, sum) in totals.iter_mut().zip(chunk(s, dy, x)) {
            *total = s.add(*total, sum);
        }
    }
    totals
}

/// The lanes of one chunk: from +0, blocks ascending.
#[inline(always)]
fn chunk<S: Simd>(s: S, dy: &[Four], x: &[Four]) -> [S::Vector; LANES] {
    let mut lanes = [s.splat(0.0); LANES];
    if S::TILE_OUTPUTS == 8 {
        part::<S, TILE>(s, dy, x, 0, 0, &mut lanes);
    } else {
        // With 16 registers, a quarter of the tile at a time.
        for (output, input) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
            part::<S, 2>(s, dy, x, output, input, &mut lanes);
        }
    }
    lanes
}

/// `N` outputs by `N` inputs of a tile.
#[inline(always)]
fn part<S: Simd, const N: usize>(
    s: S,
    dy: &[Four],
    x: &[Four],
    output: usize,
    input: usize,
    lanes: &mut [S::Vector; LANES],
) {
    let mut sums = [[s.splat(0.0); N]; N];
    for (dy, x) in dy.iter().zip(x) {
        let mut inputs = [s.splat(0.0); N];
        for k in 0..N {
            inputs[k] = s.load(&x[input + k]);
        }
        for o in 0..N {
            let dy = s.load(&dy[output + o]);
            for k in 0..N {
                sums[o][k] = s.fma(dy, inputs[k], sums[o][k]);
            }
        }
    }
    for o in 0..N {
        for k in 0..N {
            lanes[(output + o) * TILE + input + k] = sums[o][k];
        }
    }
}
