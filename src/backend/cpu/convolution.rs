//! Convolution forward and to the input.
//!
//! Both are direct: every result pixel is a product of the weights with the run of source pixels
//! that its window covers. In `[height][width][channels][16]` a row of that window is contiguous, so
//! that the innermost loop runs over (tap column, channel) without a jump. The register tile is
//! O results of one pixel in P blocks of samples: the blocks share every clipping at the border, so
//! that no tile is ragged whatever the image's size, the stride or the padding.

use super::convolution_axis::{Axis, Direction, Reach};
use super::simd::{Block, InstructionSet, Kernel, Simd};
use crate::backend::Convolution;

/// A pass in one direction: results of `results` channels from sources of `terms` channels.
#[derive(Clone, Copy)]
pub struct Pass {
    pub rows: Axis,
    pub columns: Axis,
    /// Rows and columns of results.
    pub image: [usize; 2],
    pub terms: usize,
    pub results: usize,
}

impl Pass {
    /// `output` is the rows and columns of y.
    pub fn new(direction: Direction, dimensions: &Convolution, output: [usize; 2]) -> Self {
        let Convolution {
            height,
            width,
            inputs,
            outputs,
            window,
            ..
        } = *dimensions;
        let (image, sources, terms, results) = match direction {
            Direction::Forward => (output, [height, width], inputs, outputs),
            Direction::ToInput => ([height, width], output, outputs, inputs),
        };
        let [rows, columns] = sources.map(|sources| Axis {
            direction,
            window,
            sources,
        });
        Pass {
            rows,
            columns,
            image,
            terms,
            results,
        }
    }

    /// Blocks of results, and of sources, in a block of samples.
    pub fn strides(&self) -> [usize; 2] {
        [
            self.image[0] * self.image[1] * self.results,
            self.rows.sources * self.columns.sources * self.terms,
        ]
    }

    /// Numbers in all panels of a set.
    pub fn panels_length(&self, set: InstructionSet) -> usize {
        let width = set.run(Width(self.results));
        self.results.div_ceil(width) * width * self.panel_rows()
    }

    /// Weights of one result.
    fn panel_rows(&self) -> usize {
        self.rows.window.size * self.rows.window.size * self.terms
    }
}

/// Results of a register tile, chosen so that the fewest are wasted.
struct Width(usize);

impl Width {
    #[inline(always)]
    fn of<S: Simd>(results: usize) -> usize {
        let widths: &[usize] = match S::TILE_OUTPUTS {
            8 => &[12, 10, 8, 4],
            6 => &[6, 5, 4],
            _ => &[4],
        };
        let mut best = widths[0];
        for &width in widths {
            if results.div_ceil(width) * width < results.div_ceil(best) * best {
                best = width;
            }
        }
        best
    }
}

impl Kernel for Width {
    type Output = usize;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        Width::of::<S>(self.0)
    }
}

/// Copies the effective weights fl(g·w) into panels `[⌈results/O⌉][phase row][phase column][tap row]
/// [tap column][term][O]`, zeros where there is no result.
pub struct Pack<'a> {
    pub pass: Pass,
    pub gain: Option<&'a [f32]>,
    pub w: &'a [f32],
    pub panels: &'a mut [f32],
}

impl Pack<'_> {
    #[inline(always)]
    fn panels<const O: usize>(mut self) {
        let Pass {
            rows,
            columns,
            terms,
            results,
            ..
        } = self.pass;
        let size = rows.window.size;
        let (panels, _) = core::mem::take(&mut self.panels).as_chunks_mut::<O>();
        let panels = panels.chunks_exact_mut(self.pass.panel_rows());
        for (panel, first) in panels.zip((0..results).step_by(O)) {
            let width = O.min(results - first);
            let mut panel = panel.chunks_exact_mut(terms);
            for row_phase in 0..rows.phases() {
                for column_phase in 0..columns.phases() {
                    for row in 0..rows.taps(row_phase) {
                        for column in 0..columns.taps(column_phase) {
                            let tap = rows.index(row_phase, row) * size
                                + columns.index(column_phase, column);
                            let Some(panel) = panel.next() else { return };
                            self.tap(tap, first, width, panel);
                        }
                    }
                }
            }
        }
    }

    /// The weights of one tap.
    #[inline(always)]
    fn tap<const O: usize>(&self, tap: usize, first: usize, width: usize, panel: &mut [[f32; O]]) {
        let Pass {
            rows,
            terms,
            results,
            ..
        } = self.pass;
        let taps = rows.window.size * rows.window.size;
        let gain = |o: usize| self.gain.map_or(1.0, |g| g[o]);
        match rows.direction {
            Direction::Forward => {
                if width < O {
                    panel.fill([0.0; O]);
                }
                for result in 0..width {
                    let gain = gain(first + result);
                    let w = &self.w[((first + result) * taps + tap) * terms..][..terms];
                    for (panel, w) in panel.iter_mut().zip(w) {
                        panel[result] = gain * w;
                    }
                }
            }
            Direction::ToInput => {
                for (term, panel) in panel.iter_mut().enumerate() {
                    let gain = gain(term);
                    let w = &self.w[(term * taps + tap) * results + first..][..width];
                    *panel = [0.0; O];
                    for (panel, w) in panel.iter_mut().zip(w) {
                        *panel = gain * w;
                    }
                }
            }
        }
    }
}

impl Kernel for Pack<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        match Width::of::<S>(self.pass.results) {
            12 => self.panels::<12>(),
            10 => self.panels::<10>(),
            8 => self.panels::<8>(),
            6 => self.panels::<6>(),
            5 => self.panels::<5>(),
            _ => self.panels::<4>(),
        }
    }
}

/// The results of some blocks of samples.
pub struct Convolve<'a> {
    pub pass: Pass,
    pub panels: &'a [f32],
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl Convolve<'_> {
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

/// All results of P blocks of samples: row by row, so that the rows' sources stay in the second
/// cache, panel by panel, so that the panel's weights stay in the first.
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
    for row in 0..pass.image[0] {
        let rows = pass.rows.reach(row);
        for (number, panel) in panels.chunks_exact(pass.panel_rows()).enumerate() {
            let width = O.min(results - number * O);
            for column in 0..pass.image[1] {
                let columns = pass.columns.reach(column);
                let sums = tile::<S, O, P>(s, pass, panel, x, rows, columns);
                let pixel = (row * pass.image[1] + column) * results + number * O;
                for (p, sums) in sums.iter().enumerate() {
                    let y = &mut y[p * stride + pixel..][..width];
                    y.iter_mut().zip(sums).for_each(|(y, sum)| s.store(*sum, y));
                }
            }
        }
    }
}

/// The register tile: O results of one pixel in P blocks.
#[inline(always)]
fn tile<S: Simd, const O: usize, const P: usize>(
    s: S,
    pass: &Pass,
    panel: &[[f32; O]],
    x: [&[Block]; P],
    rows: Reach,
    columns: Reach,
) -> [[S::Vector; O]; P] {
    let mut sums = [[s.splat(0.0); O]; P];
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

impl Kernel for Convolve<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match Width::of::<S>(self.pass.results) {
            12 => self.groups::<S, 12, 2>(s),
            10 => self.groups::<S, 10, 2>(s),
            8 => self.groups::<S, 8, 2>(s),
            6 => self.groups::<S, 6, 1>(s),
            5 => self.groups::<S, 5, 1>(s),
            _ => self.groups::<S, 4, 1>(s),
        }
    }
}
