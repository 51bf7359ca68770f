//! Convolution: the forward pass and the gradient to the input.
//!
//! Both are direct: every result pixel is a product of the weights with the run of source pixels
//! in its window. In `[height][width][channels][16]` a row of that window is contiguous, so
//! the innermost loop runs over (tap column, channel) without a jump. The register tile is
//! O results of one pixel in P blocks of samples. All blocks are clipped alike at the border, so
//! no tile is ragged, whatever the image size, the stride or the padding.

use super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::threads::Job;
use super::axis::Reach;
use super::pack::{Pass, Width};
use crate::backend::Update;
use crate::shape::LANES;

/// Blocks of samples in a register tile, on sets with 32 registers.
const BLOCKS: usize = 2;

/// Number of weights kept in L1 while a row of pixels is processed.
const BAND: usize = 4096;

/// Prefetch distance for results, in pixels, so that writes do not wait. Not used for 1×1
/// windows: they are bound by bandwidth, and prefetching made them a fifth slower.
const AHEAD: usize = 8;

/// Computes the results of some blocks of samples.
pub struct Multiply<'a> {
    pub set: InstructionSet,
    pub pass: Pass,
    pub panels: &'a [f32],
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl Job for Multiply<'_> {
    fn work(&self) -> usize {
        self.y.len() * self.pass.panel_rows() * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let [results, sources] = self.pass.strides();
        let blocks = self.y.len() / results;
        let mut here = blocks * left / parts;
        if blocks >= 2 * BLOCKS * parts {
            here = here.next_multiple_of(BLOCKS);
        }
        if here == 0 || here == blocks {
            return Err(self);
        }
        let (y, later) = self.y.split_at_mut(here * results);
        let (x, rest) = self.x.split_at(here * sources);
        let first = Multiply { x, y, ..self };
        let rest = Multiply {
            x: rest,
            y: later,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        self.set.run(self);
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn groups<S: Simd, const O: usize, const P: usize>(self, s: S) {
        let [results, sources] = self.pass.strides();
        let mut y = self.y.chunks_exact_mut(P * results);
        let mut x = self.x.chunks_exact(P * sources);
        for (y, x) in y.by_ref().zip(x.by_ref()) {
            group::<S, O, P>(s, &self.pass, self.panels, x, y);
        }
        let y = y.into_remainder().chunks_exact_mut(results);
        for (y, x) in y.zip(x.remainder().chunks_exact(sources)) {
            group::<S, O, 1>(s, &self.pass, self.panels, x, y);
        }
    }
}

/// All results of P blocks of samples: row by row, so that the rows' sources stay in L2,
/// and panel by panel, so that the panel's weights stay in L1.
#[inline(always)]
fn group<S: Simd, const O: usize, const P: usize>(
    s: S,
    pass: &Pass,
    panels: &[f32],
    x: &[Block],
    y: &mut [Block],
) {
    let results = pass.results;
    let (panels, _) = panels.as_chunks::<O>();
    let [stride, sources] = pass.strides();
    let x: [&[Block]; P] = core::array::from_fn(|p| &x[p * sources..][..sources]);
    let band = (BAND / (pass.panel_rows() * O)).max(1);
    for row in 0..pass.image[0] {
        let rows = pass.rows.reach(row);
        for (number, band_of) in panels.chunks(band * pass.panel_rows()).enumerate() {
            for column in 0..pass.image[1] {
                let columns = pass.columns.reach(column);
                let pixel = (row * pass.image[1] + column) * results;
                if number == 0 && pass.rows.window.size > 1 {
                    for p in 0..P {
                        let coming = y.get(p * stride + pixel + AHEAD * results..);
                        let coming = coming.into_iter().flatten().take(results);
                        coming.for_each(|y| s.prefetch(y));
                    }
                }
                let mut first = number * band * O;
                if pass.update == Update::Add && rows.count * columns.count == 0 {
                    continue;
                }
                for panel in band_of.chunks_exact(pass.panel_rows()) {
                    let mut sums = [[s.splat(0.0); O]; P];
                    if pass.update == Update::Add {
                        for (p, sums) in sums.iter_mut().enumerate() {
                            let y = &y[p * stride + pixel..][..results][first..];
                            sums.iter_mut().zip(y).for_each(|(sum, y)| *sum = s.load(y));
                        }
                    }
                    let sums = tile(s, pass, panel, x, [rows, columns], sums);
                    for (p, sums) in sums.iter().enumerate() {
                        let y = &mut y[p * stride + pixel..][..results][first..];
                        y.iter_mut().zip(sums).for_each(|(y, sum)| s.store(*sum, y));
                    }
                    first += O;
                }
            }
        }
    }
}

/// The register tile: the chains of O results of one pixel in P blocks, continued from `sums`.
#[inline(always)]
fn tile<S: Simd, const O: usize, const P: usize>(
    s: S,
    pass: &Pass,
    panel: &[[f32; O]],
    x: [&[Block]; P],
    [rows, columns]: [Reach; 2],
    mut sums: [[S::Vector; O]; P],
) -> [[S::Vector; O]; P] {
    let size = pass.rows.window.size;
    let phase = rows.before * size + rows.taps * columns.before;
    let run = columns.count * pass.terms;
    for row in 0..rows.count {
        let tap = phase + (rows.tap + row) * columns.taps + columns.tap;
        let pixel = (rows.source + row) * pass.columns.sources + columns.source;
        let panel = &panel[tap * pass.terms..][..run];
        let x = x.map(|x| &x[pixel * pass.terms..][..run]);
        for (term, w) in panel.iter().enumerate() {
            let samples: [S::Vector; P] = core::array::from_fn(|p| s.load(&x[p][term]));
            for o in 0..O {
                let w = s.splat(w[o]);
                for p in 0..P {
                    sums[p][o] = s.fma(w, samples[p], sums[p][o]);
                }
            }
        }
    }
    sums
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match Width::of::<S>(self.pass.results) {
            12 => self.groups::<S, 12, BLOCKS>(s),
            10 => self.groups::<S, 10, BLOCKS>(s),
            8 => self.groups::<S, 8, BLOCKS>(s),
            5 => self.groups::<S, 5, 1>(s),
            _ if S::TILE_BLOCKS == 1 => self.groups::<S, 4, 1>(s),
            _ => self.groups::<S, 4, BLOCKS>(s),
        }
    }
}
