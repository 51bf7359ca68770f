//! One direction of a convolution, and the packing of its weights into panels.

use super::super::simd::{InstructionSet, Kernel, Simd};
use super::axis::{Axis, Direction};
use crate::backend::{Conv2dDims, Update};

/// One direction of a convolution: results of `results` channels from sources of `terms` channels.
#[derive(Clone, Copy)]
pub struct Pass {
    pub rows: Axis,
    pub columns: Axis,
    /// Rows and columns of the result image.
    pub image: [usize; 2],
    pub terms: usize,
    pub results: usize,
    pub update: Update,
}

impl Pass {
    /// `output` is the rows and columns of y.
    pub fn new(direction: Direction, dimensions: &Conv2dDims, output: [usize; 2]) -> Self {
        let Conv2dDims {
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
            update: Update::Overwrite,
        }
    }

    /// Blocks of 16 in one block of samples, of the results and of the sources.
    pub fn strides(&self) -> [usize; 2] {
        [
            self.image[0] * self.image[1] * self.results,
            self.rows.sources * self.columns.sources * self.terms,
        ]
    }

    /// The length of all panels for an instruction set.
    pub fn panels_length(&self, set: InstructionSet) -> usize {
        let width = set.run(Width(self.results));
        self.results.div_ceil(width) * width * self.panel_rows()
    }

    /// Number of weights of one result.
    pub fn panel_rows(&self) -> usize {
        self.rows.window.size * self.rows.window.size * self.terms
    }
}

/// The number of results in a register tile, chosen to waste the fewest.
pub struct Width(usize);

impl Width {
    pub fn new(results: usize) -> Self {
        Width(results)
    }

    #[inline(always)]
    pub fn of<S: Simd>(results: usize) -> usize {
        let widths: &[usize] = match S::TILE_BLOCKS {
            1 => &[5, 4],
            _ => &[12, 10, 8, 4],
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

/// Packs the effective weights fl(g·w) into panels `[⌈results/O⌉][phase row][phase column][tap row]
/// [tap column][term][O]`, padded with zeros past the last result.
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

    /// Packs the weights of one tap.
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
            5 => self.panels::<5>(),
            _ => self.panels::<4>(),
        }
    }
}
