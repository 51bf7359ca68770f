//! Convolution: the gradient to the weights.
//!
//! The sum over samples and pixels runs in 16 lanes, one for each sample of a block, and in chunks
//! of consecutive output pixels (see
//! [`Convolutions::conv2d_backward_weights`](crate::backend::Convolutions::conv2d_backward_weights)). The
//! register tile is O outputs × I inputs of one tap: O + I loads feed O·I multiply-adds. A tile's
//! sums stay in registers for one chunk and are then added to totals in memory. Each weight's total has 16
//! lanes, so the outputs and inputs are processed in ranges whose totals fit in L2.

use super::super::scratch;
use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::chunk::{Coming, Pixels, Step};
use super::cut::{Cut, Plan};
use crate::backend::{Conv2dDims, summation};
use crate::shape::LANES;

/// Computes the gradients of outputs `first..first + rows`.
pub struct ToWeights<'a> {
    pub set: InstructionSet,
    pub pixels: Pixels,
    pub gain: Option<&'a [f32]>,
    pub dy: &'a [Block],
    pub x: &'a [Block],
    pub first: usize,
    pub rows: usize,
    /// The rows of dw, starting at `first`.
    pub dw: &'a mut [f32],
}

impl Job for ToWeights<'_> {
    fn work(&self) -> usize {
        self.dw.len() * self.pixels.count() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let plan = Plan {
            dimensions: self.pixels.dimensions,
            rows: self.rows,
        };
        let tile = self.set.run(plan).tile[0];
        let rows = (self.rows * left / parts).next_multiple_of(tile);
        if rows >= self.rows || rows == 0 {
            return Err(self);
        }
        let (dw, later) = self.dw.split_at_mut(rows * (self.dw.len() / self.rows));
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
        let cut = self.set.run(Plan {
            dimensions: self.pixels.dimensions,
            rows: self.rows,
        });
        let dimensions = &self.pixels.dimensions;
        let taps = dimensions.window.size * dimensions.window.size;
        let totals = cut.totals(dimensions);
        let steps = (taps * size_of::<Steps>()).div_ceil(size_of::<Block>());
        scratch::with(totals + steps, |memory| {
            let (totals, steps) = memory.split_at_mut(totals);
            let (steps, _) = bytemuck::cast_slice_mut::<_, Step>(steps).as_chunks_mut();
            self.set.run(Ranges {
                operands: self,
                cut,
                totals,
                steps: &mut steps[..taps],
            });
        });
    }
}

/// The steps of a tap in a chunk; the first element holds their number.
type Steps = [Step; summation::CHUNK + 1];

/// The kernel, with memory for its totals and for the steps of each tap.
struct Ranges<'a> {
    operands: ToWeights<'a>,
    cut: Cut,
    totals: &'a mut [Block],
    steps: &'a mut [Steps],
}

impl ToWeights<'_> {
    /// Prefetches a range's part of a pixel.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, pixel: Coming, outputs: [usize; 2], inputs: [usize; 2]) {
        let dimensions = &self.pixels.dimensions;
        let blocks = match pixel {
            Coming::Dy(pixel) => &self.dy[pixel * dimensions.outputs..][outputs[0]..outputs[1]],
            Coming::X(pixel) => &self.x[pixel * dimensions.inputs..][inputs[0]..inputs[1]],
        };
        blocks.iter().for_each(|block| s.prefetch(block));
    }

    /// The 16 lanes of one chunk's sums for one tap and one tile.
    #[inline(always)]
    fn tile<S: Simd, const O: usize, const I: usize>(
        &self,
        s: S,
        steps: &[Step],
        [output, input]: [usize; 2],
    ) -> [[S::Vector; I]; O] {
        let mut sums = [[s.splat(0.0); I]; O];
        for [dy, x] in steps {
            let dy = &self.dy[dy + output..][..O];
            let x = &self.x[x + input..][..I];
            let dy: [S::Vector; O] = core::array::from_fn(|o| s.load(&dy[o]));
            for i in 0..I {
                let x = s.load(&x[i]);
                for o in 0..O {
                    sums[o][i] = s.fma(dy[o], x, sums[o][i]);
                }
            }
        }
        sums
    }

    /// Writes a tile's gradients, `[tap][output][input]`; outputs that a shifted tile shares with another
    /// range are left to that range.
    #[inline(always)]
    fn write<const O: usize, const I: usize>(&mut self, at: [usize; 2], sums: &[f32]) {
        let Conv2dDims { inputs, window, .. } = self.pixels.dimensions;
        let taps = window.size * window.size;
        let (sums, _) = sums.as_chunks::<I>();
        for (tap, sums) in sums.chunks_exact(O).enumerate() {
            for (output, sums) in (at[0]..).zip(sums) {
                let Some(row) = output.checked_sub(self.first) else {
                    continue;
                };
                let gain = self.gain.map_or(1.0, |g| g[output]);
                let dw = &mut self.dw[(row * taps + tap) * inputs + at[1]..][..I];
                for (dw, sum) in dw.iter_mut().zip(sums) {
                    *dw = gain * sum;
                }
            }
        }
    }
}

impl Ranges<'_> {
    #[inline(always)]
    fn ranges<S: Simd, const O: usize, const I: usize>(mut self, s: S) {
        let ToWeights {
            pixels: Pixels { dimensions, .. },
            first,
            rows,
            ..
        } = self.operands;
        for row in (0..rows).step_by(O * self.cut.range[0]) {
            let last = rows.min(row + O * self.cut.range[0]);
            for input in (0..dimensions.inputs).step_by(I * self.cut.range[1]) {
                let end = dimensions.inputs.min(input + I * self.cut.range[1]);
                self.range::<S, O, I>(s, [first + row, first + last], [input, end]);
            }
        }
    }

    /// Computes the gradients of a range of outputs and inputs.
    #[inline(always)]
    fn range<S: Simd, const O: usize, const I: usize>(
        &mut self,
        s: S,
        outputs: [usize; 2],
        inputs: [usize; 2],
    ) {
        let operands = &mut self.operands;
        let dimensions = operands.pixels.dimensions;
        let taps = dimensions.window.size * dimensions.window.size;
        let pixels = operands.pixels.count();
        // The very last tile is shifted back to end at the last weight. It overlaps the tile before
        // and computes the same sums there.
        let outputs_of = (outputs[0]..outputs[1]).step_by(O);
        let tiles = outputs_of.flat_map(|output| {
            let output = output.min(dimensions.outputs - O);
            let inputs_of = (inputs[0]..inputs[1]).step_by(I);
            inputs_of.map(move |input| [output, input.min(dimensions.inputs - I)])
        });
        let count = (outputs[1] - outputs[0]).div_ceil(O) * (inputs[1] - inputs[0]).div_ceil(I);
        let visits = count * taps;
        let used = &mut self.totals[..visits * O * I];
        {
            let (totals, _) = used.as_chunks_mut::<I>();
            let (totals, _) = totals.as_chunks_mut::<O>();
            for begin in (0..pixels).step_by(summation::CHUNK) {
                let end = pixels.min(begin + summation::CHUNK);
                for (tap, steps) in self.steps.iter_mut().enumerate() {
                    let tap = [tap / dimensions.window.size, tap % dimensions.window.size];
                    steps[0][0] = operands.pixels.steps([begin, end], tap, &mut steps[1..]);
                }
                let ahead = end..pixels.min(end + summation::CHUNK);
                let mut ahead = operands.pixels.ahead(ahead, visits);
                for (at, totals) in tiles.clone().zip(totals.chunks_exact_mut(taps)) {
                    for (steps, totals) in self.steps.iter().zip(totals) {
                        while let Some(pixel) = ahead.next_pixel() {
                            operands.prefetch(s, pixel, outputs, inputs);
                        }
                        let sums = operands.tile::<S, O, I>(s, &steps[1..][..steps[0][0]], at);
                        for (totals, sums) in totals.iter_mut().zip(sums) {
                            for (total, sum) in totals.iter_mut().zip(sums) {
                                let before = s.load(total);
                                let sum = if begin == 0 { sum } else { s.add(before, sum) };
                                s.store(sum, total);
                            }
                        }
                    }
                }
            }
        }
        let sums = reduce(s, used);
        for (at, sums) in tiles.zip(sums.chunks_exact(taps * O * I)) {
            operands.write::<O, I>(at, sums);
        }
    }
}

/// Replaces each vector by the sum of its lanes, stored consecutively at the start.
#[inline(always)]
fn reduce<S: Simd>(s: S, vectors: &mut [Block]) -> &[f32] {
    let count = vectors.len();
    for group in 0..count.div_ceil(LANES) {
        let from = &vectors[group * LANES..];
        let sixteen = match from.first_chunk::<LANES>() {
            Some(from) => core::array::from_fn(|j| s.load(&from[j])),
            None => {
                let mut sixteen = [s.splat(0.0); LANES];
                for (to, from) in sixteen.iter_mut().zip(from) {
                    *to = s.load(from);
                }
                sixteen
            }
        };
        s.store(s.sums(sixteen), &mut vectors[group]);
    }
    &vectors.as_flattened()[..count]
}

impl Kernel for Ranges<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.cut.tile {
            [5, 5] => self.ranges::<S, 5, 5>(s),
            [5, 4] => self.ranges::<S, 5, 4>(s),
            [5, 3] => self.ranges::<S, 5, 3>(s),
            [5, _] => self.ranges::<S, 5, 1>(s),
            [4, 5] => self.ranges::<S, 4, 5>(s),
            [4, 4] => self.ranges::<S, 4, 4>(s),
            [4, 3] => self.ranges::<S, 4, 3>(s),
            [4, _] => self.ranges::<S, 4, 1>(s),
            [2, 2] => self.ranges::<S, 2, 2>(s),
            [2, _] => self.ranges::<S, 2, 1>(s),
            [_, 5] => self.ranges::<S, 1, 5>(s),
            [_, 4] => self.ranges::<S, 1, 4>(s),
            [_, 3] => self.ranges::<S, 1, 3>(s),
            [_, 2] => self.ranges::<S, 1, 2>(s),
            _ => self.ranges::<S, 1, 1>(s),
        }
    }
}
