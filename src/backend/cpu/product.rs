//! Products of weights and blocks of samples.

use alloc::vec;

use super::simd::{Block, Kernel, Simd};
use crate::backend::{Product, summation};
use crate::shape::LANES;

/// Which index of the weights a sum runs over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// Over the inputs: the forward product.
    Inputs,
    /// Over the outputs: the gradient to the input.
    Outputs,
}

/// `y[b][j] = Σ_i fl(g·w)·x[b][i]`, one chain over i ascending; `sum` says which index of w is i.
pub struct Multiply<'a> {
    pub sum: Sum,
    pub dimensions: Product,
    pub gain: Option<&'a [f32]>,
    pub w: &'a [f32],
    pub x: &'a [Block],
    pub y: &'a mut [Block],
}

impl Multiply<'_> {
    /// Copies the effective weights of rows `first..first + O` of the result to `[i][O]`, zeros
    /// where there is no row.
    #[inline(always)]
    fn pack<const O: usize>(&self, first: usize, panel: &mut [[f32; O]]) {
        let Product {
            outputs, inputs, ..
        } = self.dimensions;
        let gain = |o: usize| self.gain.map_or(1.0, |g| g[o]);
        match self.sum {
            Sum::Inputs => {
                for j in 0..O {
                    let Some(row) = self.w.get((first + j) * inputs..(first + j + 1) * inputs)
                    else {
                        panel.iter_mut().for_each(|p| p[j] = 0.0);
                        continue;
                    };
                    let g = gain(first + j);
                    for (p, w) in panel.iter_mut().zip(row) {
                        p[j] = g * w;
                    }
                }
            }
            Sum::Outputs => {
                let width = O.min(inputs - first);
                for (o, p) in panel.iter_mut().enumerate().take(outputs) {
                    let g = gain(o);
                    let row = &self.w[o * inputs + first..][..width];
                    *p = [0.0; O];
                    for (p, w) in p.iter_mut().zip(row) {
                        *p = g * w;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const O: usize, const B: usize>(self, s: S) {
        let Product {
            outputs,
            inputs,
            blocks,
        } = self.dimensions;
        let (terms, results) = match self.sum {
            Sum::Inputs => (inputs, outputs),
            Sum::Outputs => (outputs, inputs),
        };
        let mut panel = vec![[0.0; O]; terms];
        for first in (0..results).step_by(O) {
            self.pack(first, &mut panel);
            let rows = O.min(results - first);
            let mut block = 0;
            while block + B <= blocks {
                let x = core::array::from_fn(|b| &self.x[(block + b) * terms..][..terms]);
                let sums = tile::<S, O, B>(s, &panel, x);
                for (b, sums) in sums.iter().enumerate() {
                    let y = &mut self.y[(block + b) * results + first..][..rows];
                    y.iter_mut().zip(sums).for_each(|(y, sum)| s.store(*sum, y));
                }
                block += B;
            }
            while block < blocks {
                let [sums] = tile::<S, O, 1>(s, &panel, [&self.x[block * terms..][..terms]]);
                let y = &mut self.y[block * results + first..][..rows];
                y.iter_mut()
                    .zip(&sums)
                    .for_each(|(y, sum)| s.store(*sum, y));
                block += 1;
            }
        }
    }
}

/// The register tile: O results of B blocks.
#[inline(always)]
fn tile<S: Simd, const O: usize, const B: usize>(
    s: S,
    panel: &[[f32; O]],
    x: [&[Block]; B],
) -> [[S::Vector; O]; B] {
    let mut sums = [[s.splat(0.0); O]; B];
    let x = x.map(|x| &x[..panel.len()]);
    for (i, w) in panel.iter().enumerate() {
        let mut samples = [s.splat(0.0); B];
        for b in 0..B {
            samples[b] = s.load(&x[b][i]);
        }
        for o in 0..O {
            let w = s.splat(w[o]);
            for b in 0..B {
                sums[b][o] = s.fma(w, samples[b], sums[b][o]);
            }
        }
    }
    sums
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match (S::TILE_OUTPUTS, S::TILE_BLOCKS) {
            (8, 3) => self.tiles::<S, 8, 3>(s),
            (6, 1) => self.tiles::<S, 6, 1>(s),
            _ => self.tiles::<S, 4, 1>(s),
        }
    }
}

/// `dw[o][k] = g[o]·Σ_samples dy[o]·x[k]`.
pub struct ToWeights<'a> {
    pub dimensions: Product,
    pub gain: Option<&'a [f32]>,
    pub dy: &'a [Block],
    pub x: &'a [Block],
    pub dw: &'a mut [f32],
}

impl ToWeights<'_> {
    #[inline(always)]
    fn tile<S: Simd, const O: usize, const K: usize>(&mut self, s: S, output: usize, input: usize) {
        let Product {
            outputs,
            inputs,
            blocks,
        } = self.dimensions;
        let mut totals = [[s.splat(0.0); K]; O];
        for chunk in (0..blocks).step_by(summation::CHUNK) {
            let mut sums = [[s.splat(0.0); K]; O];
            for block in chunk..blocks.min(chunk + summation::CHUNK) {
                let dy = &self.dy[block * outputs + output..][..O];
                let x = &self.x[block * inputs + input..][..K];
                for (o, dy) in dy.iter().enumerate() {
                    let dy = s.load(dy);
                    for (k, x) in x.iter().enumerate() {
                        sums[o][k] = s.fma(dy, s.load(x), sums[o][k]);
                    }
                }
            }
            for o in 0..O {
                for k in 0..K {
                    totals[o][k] = s.add(totals[o][k], sums[o][k]);
                }
            }
        }
        for (o, totals) in totals.iter().enumerate() {
            let gain = self.gain.map_or(1.0, |g| g[output + o]);
            let dw = &mut self.dw[(output + o) * inputs + input..][..K];
            for (dw, total) in dw.iter_mut().zip(totals) {
                let mut lanes = [0.0; LANES];
                s.store(*total, &mut lanes);
                *dw = gain * summation::lanes(lanes);
            }
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const O: usize, const K: usize>(mut self, s: S) {
        let Product {
            outputs, inputs, ..
        } = self.dimensions;
        let (full_outputs, full_inputs) = (outputs - outputs % O, inputs - inputs % K);
        for input in (0..full_inputs).step_by(K) {
            for output in (0..full_outputs).step_by(O) {
                self.tile::<S, O, K>(s, output, input);
            }
            for output in full_outputs..outputs {
                self.tile::<S, 1, K>(s, output, input);
            }
        }
        for input in full_inputs..inputs {
            for output in 0..outputs {
                self.tile::<S, 1, 1>(s, output, input);
            }
        }
    }
}

impl Kernel for ToWeights<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match S::TILE_OUTPUTS {
            8 => self.tiles::<S, 4, 6>(s),
            _ => self.tiles::<S, 2, 2>(s),
        }
    }
}
