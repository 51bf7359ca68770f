//! The forward pass and the gradient to the input.
//!
//! One tile of P blocks of samples at a time: its sources are transformed to `[16 products][terms][P]`, which stays in L2;
//! for O results at a time, the products' chains run in registers, and their results, `[16][O][P]`, stay in L1 until the
//! transform that gives the tile's pixels.

#![allow(
    clippy::needless_range_loop,
    reason = "index loops over the register tile compile to straight code"
)]

use super::super::super::scratch;
use super::super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::super::threads::Job;
use super::tiles::{Ahead, Tiles};
use crate::backend::Update;
use crate::backend::winograd::{PRODUCTS, SIDE, TILE, results, sources};
use crate::shape::LANES;

/// Blocks of samples at a time, on sets with 32 registers.
const BLOCKS: usize = 2;

/// Computes the results of some blocks of samples.
pub struct Multiply<'a> {
    pub set: InstructionSet,
    pub tiles: Tiles,
    /// Results in a register tile.
    pub width: usize,
    /// Channels of the sources, and of the results.
    pub terms: usize,
    pub results: usize,
    pub update: Update,
    pub panels: &'a [f32],
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl Job for Multiply<'_> {
    fn work(&self) -> usize {
        self.tiles.count() * PRODUCTS * self.terms * self.results * LANES
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let blocks = self.tiles.blocks;
        let mut here = blocks * left / parts;
        if blocks >= 2 * BLOCKS * parts {
            here = here.next_multiple_of(BLOCKS);
        }
        if here == 0 || here == blocks {
            return Err(self);
        }
        let pixels = here * self.tiles.pixels();
        let (y, later) = self.y.split_at_mut(pixels * self.results);
        let (x, rest) = self.x.split_at(pixels * self.terms);
        let tiles = |blocks| Tiles {
            blocks,
            ..self.tiles
        };
        let first = Multiply {
            tiles: tiles(here),
            x,
            y,
            ..self
        };
        let rest = Multiply {
            tiles: tiles(blocks - here),
            x: rest,
            y: later,
            ..first
        };
        Ok((first, rest))
    }

    fn run(self) {
        // Transformed sources, with a vector between the products so that they do not compete for the same lines of the cache;
        // products; sources at the border, with zeros.
        let sources = PRODUCTS * (self.terms * BLOCKS + 1);
        let products = PRODUCTS * self.width * BLOCKS;
        scratch::with(sources + products + PRODUCTS * self.terms, |memory| {
            let (sources, memory) = memory.split_at_mut(sources);
            let (products, padded) = memory.split_at_mut(products);
            self.set.run(OnTiles {
                of: self,
                padded,
                sources,
                products,
            });
        });
    }
}

/// The kernel, with its memory.
struct OnTiles<'a> {
    of: Multiply<'a>,
    padded: &'a mut [Block],
    sources: &'a mut [Block],
    products: &'a mut [Block],
}

impl OnTiles<'_> {
    #[inline(always)]
    fn groups<S: Simd, const O: usize, const P: usize>(mut self, s: S) {
        let blocks = self.of.tiles.blocks;
        let [rows, columns] = self.of.tiles.grid();
        for tile in 0..blocks / P * rows * columns {
            let (group, tile) = (tile / (rows * columns), tile % (rows * columns));
            self.tile::<S, O, P>(s, group * P, tile);
        }
        for block in blocks / P * P..blocks {
            for tile in 0..rows * columns {
                self.tile::<S, O, 1>(s, block, tile);
            }
        }
    }

    /// One tile of an image, in P blocks from `block` on.
    #[inline(always)]
    fn tile<S: Simd, const O: usize, const P: usize>(&mut self, s: S, block: usize, tile: usize) {
        self.transform::<S, P>(s, block, tile);
        let (panels, _) = self.of.panels.as_chunks::<O>();
        let panels = panels.chunks_exact(PRODUCTS * self.of.terms);
        let tiles = self.of.tiles;
        let [rows, columns] = tiles.grid();
        let visits = PRODUCTS * self.of.results.div_ceil(O);
        // What the next row of tiles reads below this one.
        let mut ahead = [Ahead::new(&[], 1); BLOCKS];
        for (p, ahead) in ahead.iter_mut().enumerate().take(P) {
            let tile = (block + p) * rows * columns + tile;
            let part = tiles.part(tile..tile + 1, SIDE - 1, self.of.terms, self.of.x);
            *ahead = Ahead::new(part, visits);
        }
        for (panel, first) in panels.zip((0..self.of.results).step_by(O)) {
            for p in 0..P {
                let pixels = tiles.results((block + p) * rows * columns + tile);
                for pixel in pixels.as_flattened().iter().flatten() {
                    let y = &self.of.y[pixel * self.of.results..][..self.of.results][first..];
                    y.iter().take(O).for_each(|y| s.prefetch(y));
                }
            }
            self.multiply::<S, O, P>(s, panel, &mut ahead);
            self.results::<S, O, P>(s, block, tile, first);
        }
    }

    /// Bᵀ·x·B of every channel.
    #[inline(always)]
    fn transform<S: Simd, const P: usize>(&mut self, s: S, block: usize, tile: usize) {
        let Multiply {
            tiles, terms, x, ..
        } = self.of;
        let [rows, columns] = tiles.grid();
        let stride = terms * P + 1;
        for p in 0..P {
            let tile = (block + p) * rows * columns + tile;
            let x: [_; SIDE] = tiles.rows(tile, 1, terms, x, self.padded);
            for term in 0..terms {
                let mut d = [[s.splat(0.0); SIDE]; SIDE];
                for row in 0..SIDE {
                    for column in 0..SIDE {
                        d[row][column] = s.load(&x[row][column * terms + term]);
                    }
                }
                let u = sources(s, d);
                for (product, u) in u.as_flattened().iter().enumerate() {
                    s.store(*u, &mut self.sources[product * stride + term * P + p]);
                }
            }
        }
    }

    /// The chains of O results in P blocks, for each of the 16 products.
    #[inline(always)]
    fn multiply<S: Simd, const O: usize, const P: usize>(
        &mut self,
        s: S,
        panel: &[[f32; O]],
        ahead: &mut [Ahead; BLOCKS],
    ) {
        let terms = self.of.terms;
        let sources = self.sources.chunks_exact(terms * P + 1);
        let (products, _) = self.products.as_chunks_mut::<P>();
        let (products, _) = products.as_chunks_mut::<O>();
        for ((panel, sources), to) in panel.chunks_exact(terms).zip(sources).zip(products) {
            let (sources, _) = sources.as_chunks::<P>();
            ahead.iter_mut().for_each(|ahead| ahead.prefetch(s));
            let mut sums = [[s.splat(0.0); P]; O];
            for (w, from) in panel.iter().zip(sources) {
                let mut x = [s.splat(0.0); P];
                for p in 0..P {
                    x[p] = s.load(&from[p]);
                }
                for o in 0..O {
                    let w = s.splat(w[o]);
                    for p in 0..P {
                        sums[o][p] = s.fma(w, x[p], sums[o][p]);
                    }
                }
            }
            for (to, sums) in to.iter_mut().zip(sums) {
                to.iter_mut()
                    .zip(sums)
                    .for_each(|(to, sum)| s.store(sum, to));
            }
        }
    }

    /// Aᵀ·m·A of O results from `first` on, in P blocks.
    #[inline(always)]
    fn results<S: Simd, const O: usize, const P: usize>(
        &mut self,
        s: S,
        block: usize,
        tile: usize,
        first: usize,
    ) {
        let Multiply {
            tiles,
            results: channels,
            update,
            ..
        } = self.of;
        let (products, _) = self.products.as_chunks::<P>();
        let (products, _) = products.as_chunks::<O>();
        let (products, _) = products.as_chunks::<PRODUCTS>();
        let Some(products) = products.first() else {
            return;
        };
        let [rows, columns] = tiles.grid();
        for p in 0..P {
            let pixels = tiles.results((block + p) * rows * columns + tile);
            for o in 0..O.min(channels - first) {
                let mut m = [[s.splat(0.0); SIDE]; SIDE];
                for row in 0..SIDE {
                    for column in 0..SIDE {
                        m[row][column] = s.load(&products[row * SIDE + column][o][p]);
                    }
                }
                let y = results(s, m);
                for row in 0..TILE {
                    for column in 0..TILE {
                        let Some(pixel) = pixels[row][column] else {
                            continue;
                        };
                        let to = &mut self.of.y[pixel * channels + first + o];
                        let y = match update {
                            Update::Overwrite => y[row][column],
                            Update::Add => s.add(s.load(to), y[row][column]),
                        };
                        s.store(y, to);
                    }
                }
            }
        }
    }
}

impl Kernel for OnTiles<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.of.width {
            12 => self.groups::<S, 12, BLOCKS>(s),
            10 => self.groups::<S, 10, BLOCKS>(s),
            8 => self.groups::<S, 8, BLOCKS>(s),
            5 => self.groups::<S, 5, 1>(s),
            _ if S::TILE_BLOCKS == 1 => self.groups::<S, 4, 1>(s),
            _ => self.groups::<S, 4, BLOCKS>(s),
        }
    }
}
