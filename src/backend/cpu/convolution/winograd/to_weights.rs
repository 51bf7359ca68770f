//! The gradient to the weights.
//!
//! For each chunk of tiles and each row of four of the 16 products, dy and x are transformed to panels of 4 channels,
//! `[4 products][⌈channels/4⌉][CHUNK tiles][4]`. A register tile is 4 outputs × 4 inputs: its 16 sums are 16 vectors of
//! lanes, which the tree adds to one vector of 16 totals.

use core::ops::Range;

use super::super::super::scratch;
use super::super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::super::threads::Job;
use super::tiles::{Ahead, Tiles};
use crate::backend::Conv2dDims;
use crate::backend::winograd::{
    CHUNK, PRODUCTS, SIDE, SOURCE_PAIRS, TILE, kernel_gradients, result_gradient,
    result_gradient_element, source, source_element,
};
use crate::shape::LANES;

/// Channels of a panel: 4 × 4 sums are a block of totals.
const PANEL: usize = 4;

/// Panels of dy that stay in L1 beside one of x.
const TOGETHER: usize = 4;

/// Tiles from one panel to the next, so that the panels of a tile do not compete for the same lines of the cache.
const APART: usize = CHUNK + 1;

/// The layout of the totals: `[4 rows of products][⌈outputs/4⌉][4 products][⌈inputs/4⌉]` blocks of 4 outputs × 4 inputs.
#[derive(Clone, Copy)]
pub struct Layout {
    outputs: usize,
    inputs: usize,
}

impl Layout {
    pub fn new(dimensions: &Conv2dDims) -> Self {
        Layout {
            outputs: dimensions.outputs,
            inputs: dimensions.inputs,
        }
    }

    /// Panels of outputs.
    pub fn rows(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// Panels of inputs.
    fn columns(&self) -> usize {
        self.inputs.div_ceil(PANEL)
    }

    /// Blocks of all totals.
    pub fn totals(&self) -> usize {
        PRODUCTS * self.rows() * self.columns()
    }
}

/// Sums the products of some rows of four, or of some panels of outputs of one.
pub struct Sums<'a> {
    pub set: InstructionSet,
    pub tiles: Tiles,
    pub layout: Layout,
    pub dy: &'a [Block],
    pub x: &'a [Block],
    /// The rows of products.
    pub products: Range<usize>,
    /// The panels of outputs.
    pub panels: Range<usize>,
    /// Those of the products and panels.
    pub totals: &'a mut [Block],
}

impl Job for Sums<'_> {
    fn work(&self) -> usize {
        self.tiles.count() * self.totals.len() * LANES * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let (products, panels) = (self.products.clone(), self.panels.clone());
        let by_products = products.len() > 1;
        let range = if by_products { &products } else { &panels };
        let here = (range.len() * left / parts).max(1);
        if here == range.len() {
            return Err(self);
        }
        let (totals, later) = self
            .totals
            .split_at_mut(self.totals.len() / range.len() * here);
        let [of_first, of_rest] = [
            range.start..range.start + here,
            range.start + here..range.end,
        ];
        let (mut first, mut rest) = (
            Sums {
                products: products.clone(),
                panels: panels.clone(),
                totals,
                ..self
            },
            Sums {
                products,
                panels,
                totals: later,
                ..self
            },
        );
        if by_products {
            (first.products, rest.products) = (of_first, of_rest);
        } else {
            (first.panels, rest.panels) = (of_first, of_rest);
        }
        Ok((first, rest))
    }

    fn run(self) {
        let Layout { outputs, inputs } = self.layout;
        let panels = [self.panels.len(), self.layout.columns()];
        let lengths = panels.map(|panels| SIDE * panels * APART * PANEL);
        let padded = PRODUCTS * outputs.max(inputs);
        scratch::with(lengths[0] + lengths[1] + padded, |memory| {
            let (dy_panels, memory) = memory.split_at_mut(lengths[0]);
            let (x_panels, padded) = memory.split_at_mut(lengths[1]);
            self.set.run(OnChunks {
                of: self,
                padded,
                dy_panels: dy_panels.as_chunks_mut().0,
                x_panels: x_panels.as_chunks_mut().0,
            });
        });
    }
}

/// The kernel, with its memory: the panels' vectors, `[4 products][panels][CHUNK][4]`.
struct OnChunks<'a> {
    of: Sums<'a>,
    padded: &'a mut [Block],
    dy_panels: &'a mut [[Block; PANEL]],
    x_panels: &'a mut [[Block; PANEL]],
}

impl OnChunks<'_> {
    /// The transforms of row ROW, for every tile of a chunk.
    #[inline(always)]
    fn transform<S: Simd, const ROW: usize>(&mut self, s: S, chunk: &Range<usize>) {
        for (number, tile) in chunk.clone().enumerate() {
            self.sources::<S, ROW>(s, tile, number);
            self.results::<S, ROW>(s, tile, number);
        }
    }

    /// Row ROW of Bᵀ·x·B of a tile, which is number `number` of a chunk.
    #[inline(always)]
    fn sources<S: Simd, const ROW: usize>(&mut self, s: S, tile: usize, number: usize) {
        let Sums {
            tiles, layout, x, ..
        } = self.of;
        let (channels, panels) = (layout.inputs, layout.columns());
        let x: [_; SIDE] = tiles.rows(tile, 1, channels, x, self.padded);
        let x = SOURCE_PAIRS[ROW].map(|row| x[row]);
        let mut spare = [[[[0.0; LANES]; PANEL]; SIDE]; 2];
        let mut to = products(self.x_panels, panels);
        for panel in 0..panels {
            let [a, b] = lines(x, channels, panel, &mut spare);
            let [t0, t1, t2, t3] = &mut to;
            let at = panel * APART + number;
            let to = [&mut t0[at], &mut t1[at], &mut t2[at], &mut t3[at]];
            for channel in 0..PANEL {
                let mut down = [s.splat(0.0); SIDE];
                for column in 0..SIDE {
                    let d = [s.load(&a[column][channel]), s.load(&b[column][channel])];
                    down[column] = source_element::<S, ROW>(s, d);
                }
                let u = source(s, down);
                for product in 0..SIDE {
                    s.store(u[product], &mut to[product][channel]);
                }
            }
        }
    }

    /// Row ROW of A·dy·Aᵀ, likewise.
    #[inline(always)]
    fn results<S: Simd, const ROW: usize>(&mut self, s: S, tile: usize, number: usize) {
        let Sums {
            tiles, layout, dy, ..
        } = self.of;
        let (channels, panels) = (layout.outputs, self.of.panels.len());
        let dy: [_; TILE] = tiles.rows(tile, 0, channels, dy, self.padded);
        let mut spare = [[[[0.0; LANES]; PANEL]; TILE]; 2];
        let mut to = products(self.dy_panels, panels);
        for panel in 0..panels {
            let [a, b] = lines(dy, channels, self.of.panels.start + panel, &mut spare);
            let [t0, t1, t2, t3] = &mut to;
            let at = panel * APART + number;
            let to = [&mut t0[at], &mut t1[at], &mut t2[at], &mut t3[at]];
            for channel in 0..PANEL {
                let mut down = [s.splat(0.0); TILE];
                for column in 0..TILE {
                    let d = [s.load(&a[column][channel]), s.load(&b[column][channel])];
                    down[column] = result_gradient_element::<S, ROW>(s, d);
                }
                let v = result_gradient(s, down);
                for product in 0..SIDE {
                    s.store(v[product], &mut to[product][channel]);
                }
            }
        }
    }

    /// Adds a chunk's sums to the totals of a row of products.
    #[inline(always)]
    fn multiply<S: Simd>(
        &mut self,
        s: S,
        chunk: &Range<usize>,
        row: usize,
        ahead: &mut [Ahead; 2],
    ) {
        let (rows, columns) = (self.of.panels.len(), self.of.layout.columns());
        let count = chunk.len();
        let size = rows * SIDE * columns;
        let totals = &mut self.of.totals[row * size..][..size];
        let dy = self.dy_panels.chunks_exact(rows * APART);
        let x = self.x_panels.chunks_exact(columns * APART);
        for (product, (dy, x)) in dy.zip(x).enumerate() {
            let together = dy.chunks(TOGETHER * APART);
            for (dy, totals) in together.zip(totals.chunks_mut(TOGETHER * SIDE * columns)) {
                for (column, x) in x.chunks_exact(APART).enumerate() {
                    ahead.iter_mut().for_each(|ahead| ahead.prefetch(s));
                    for (row, dy) in dy.chunks_exact(APART).enumerate() {
                        let sums = s.sums(tile(s, &dy[..count], &x[..count]));
                        let total = &mut totals[(row * SIDE + product) * columns + column];
                        let sums = if chunk.start == 0 {
                            sums
                        } else {
                            s.add(s.load(total), sums)
                        };
                        s.store(sums, total);
                    }
                }
            }
        }
    }
}

/// The panels of each of the four products.
#[inline(always)]
fn products(all: &mut [[Block; PANEL]], panels: usize) -> [&mut [[Block; PANEL]]; SIDE] {
    let mut each: [&mut [[Block; PANEL]]; SIDE] = [&mut [], &mut [], &mut [], &mut []];
    for (each, panels) in each.iter_mut().zip(all.chunks_exact_mut(panels * APART)) {
        *each = panels;
    }
    each
}

/// The channels of a panel in each of N pixels of two rows; past the last channel, zeros, in `spare`.
#[inline(always)]
fn lines<'a, const N: usize>(
    rows: [&'a [Block]; 2],
    channels: usize,
    panel: usize,
    spare: &'a mut [[[Block; PANEL]; N]; 2],
) -> [[&'a [Block; PANEL]; N]; 2] {
    let first = panel * PANEL;
    for (spare, row) in spare.iter_mut().zip(rows) {
        if first + PANEL > channels {
            for (spare, pixel) in spare.iter_mut().zip(row.chunks_exact(channels)) {
                spare[..channels - first].copy_from_slice(&pixel[first..]);
            }
        }
    }
    let [mut a, mut b] = [&spare[0], &spare[1]].map(|spare| spare.each_ref());
    if first + PANEL <= channels {
        for (to, row) in [(&mut a, rows[0]), (&mut b, rows[1])] {
            for (column, to) in to.iter_mut().enumerate() {
                if let Some(line) = row[column * channels + first..].first_chunk() {
                    *to = line;
                }
            }
        }
    }
    [a, b]
}

/// The lanes of 4 outputs × 4 inputs: a chain over the tiles for each.
#[inline(always)]
fn tile<S: Simd>(s: S, dy: &[[Block; PANEL]], x: &[[Block; PANEL]]) -> [S::Vector; LANES] {
    let mut sums = [s.splat(0.0); LANES];
    // With 16 registers, a quarter at a time.
    let side = if S::TILE_BLOCKS == 1 { 2 } else { PANEL };
    for first in (0..PANEL).step_by(side) {
        for second in (0..PANEL).step_by(side) {
            for (dy, x) in dy.iter().zip(x) {
                for o in first..first + side {
                    for i in second..second + side {
                        let sum = &mut sums[o * PANEL + i];
                        *sum = s.fma(s.load(&dy[o]), s.load(&x[i]), *sum);
                    }
                }
            }
        }
    }
    sums
}

impl Kernel for OnChunks<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Sums { tiles, layout, .. } = self.of;
        let count = tiles.count();
        let groups = self.of.panels.len().div_ceil(TOGETHER) * layout.columns();
        let visits = self.of.products.len() * SIDE * groups;
        for begin in (0..count).step_by(CHUNK) {
            let chunk = begin..count.min(begin + CHUNK);
            let next = chunk.end..count.min(chunk.end + CHUNK);
            let mut ahead = [
                Ahead::new(
                    tiles.part(next.clone(), 1, layout.inputs, self.of.x),
                    visits,
                ),
                Ahead::new(tiles.part(next, 0, layout.outputs, self.of.dy), visits),
            ];
            for (number, row) in self.of.products.clone().enumerate() {
                match row {
                    0 => self.transform::<S, 0>(s, &chunk),
                    1 => self.transform::<S, 1>(s, &chunk),
                    2 => self.transform::<S, 2>(s, &chunk),
                    _ => self.transform::<S, 3>(s, &chunk),
                }
                self.multiply(s, &chunk, number, &mut ahead);
            }
        }
    }
}

/// Writes g·Gᵀ·m·G of the totals m.
pub struct Finish<'a> {
    pub layout: Layout,
    pub gain: Option<&'a [f32]>,
    pub totals: &'a [Block],
    pub dw: &'a mut [f32],
}

impl Kernel for Finish<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Layout { outputs, inputs } = self.layout;
        let (rows, columns) = (self.layout.rows(), self.layout.columns());
        for row in 0..rows {
            for column in 0..columns {
                let mut m = [[s.splat(0.0); SIDE]; SIDE];
                for (down, m) in m.iter_mut().enumerate() {
                    for (right, m) in m.iter_mut().enumerate() {
                        let panel = (down * rows + row) * SIDE + right;
                        *m = s.load(&self.totals[panel * columns + column]);
                    }
                }
                let taps = kernel_gradients(s, m);
                for (tap, sums) in taps.as_flattened().iter().enumerate() {
                    let mut block = [0.0; LANES];
                    s.store(*sums, &mut block);
                    for o in 0..PANEL.min(outputs - row * PANEL) {
                        let output = row * PANEL + o;
                        let gain = self.gain.map_or(1.0, |g| g[output]);
                        let count = PANEL.min(inputs - column * PANEL);
                        let dw =
                            &mut self.dw[(output * 9 + tap) * inputs + column * PANEL..][..count];
                        for (dw, sum) in dw.iter_mut().zip(&block[o * PANEL..]) {
                            *dw = gain * sum;
                        }
                    }
                }
            }
        }
    }
}
