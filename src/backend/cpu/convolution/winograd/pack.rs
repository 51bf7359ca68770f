//! The transformed weights, packed into panels for a register tile.

use super::super::super::simd::{Block, InstructionSet, Kernel, Simd};
use super::super::axis::Direction;
use super::super::pack::Width;
use crate::backend::Conv2dDims;
use crate::backend::winograd::{PRODUCTS, SIDE, kernels};
use crate::shape::LANES;

/// Transforms the effective weights fl(g·w), `[outputs][3][3][inputs]`, to G·w·Gᵀ: `[outputs][16 products][inputs, padded
/// to a multiple of 16]`.
pub struct Transform<'a> {
    pub gain: Option<&'a [f32]>,
    pub w: &'a [f32],
    pub inputs: usize,
    pub transformed: &'a mut [Block],
}

impl Kernel for Transform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let groups = self.inputs.div_ceil(LANES);
        let outputs = self.w.chunks_exact(9 * self.inputs);
        let transformed = self.transformed.chunks_exact_mut(PRODUCTS * groups);
        for (output, (w, to)) in outputs.zip(transformed).enumerate() {
            let gain = s.splat(self.gain.map_or(1.0, |g| g[output]));
            for group in 0..groups {
                let first = group * LANES;
                let mut taps = [[gain; 3]; 3];
                for (tap, w) in w.chunks_exact(self.inputs).enumerate() {
                    let w = s.load(&padded(&w[first..]));
                    taps[tap / 3][tap % 3] = s.mul(gain, w);
                }
                let v = kernels(s, taps);
                for (product, v) in v.as_flattened().iter().enumerate() {
                    s.store(*v, &mut to[product * groups + group]);
                }
            }
        }
    }
}

/// The first 16 numbers, with zeros past the last.
#[inline(always)]
fn padded(numbers: &[f32]) -> Block {
    match numbers.first_chunk() {
        Some(first) => *first,
        None => {
            let mut block = [0.0; LANES];
            block[..numbers.len()].copy_from_slice(numbers);
            block
        }
    }
}

/// The layout of the panels of one direction: `[⌈results/width⌉][16 products][terms][width]`.
#[derive(Clone, Copy)]
pub struct Pack {
    direction: Direction,
    inputs: usize,
    outputs: usize,
    /// Results in a register tile.
    pub width: usize,
}

impl Pack {
    pub fn new(set: InstructionSet, direction: Direction, dimensions: &Conv2dDims) -> Self {
        let mut pack = Pack {
            direction,
            inputs: dimensions.inputs,
            outputs: dimensions.outputs,
            width: 1,
        };
        pack.width = set.run(Width::new(pack.channels()[1]));
        pack
    }

    /// Channels of the sources, and of the results.
    pub fn channels(&self) -> [usize; 2] {
        match self.direction {
            Direction::Forward => [self.inputs, self.outputs],
            Direction::ToInput => [self.outputs, self.inputs],
        }
    }

    /// The length of all panels.
    pub fn length(&self) -> usize {
        let [terms, results] = self.channels();
        results.next_multiple_of(self.width) * PRODUCTS * terms
    }

    /// Copies the transformed weights to the panels, with zeros past the last result.
    pub fn panels(&self, transformed: &[f32], panels: &mut [f32]) {
        let [terms, results] = self.channels();
        let stride = self.inputs.next_multiple_of(LANES);
        let from = |output: usize, product: usize| {
            &transformed[(output * PRODUCTS + product) * stride..][..self.inputs]
        };
        let panels = panels.chunks_exact_mut(terms * self.width);
        for (number, panel) in panels.enumerate() {
            let (first, product) = (number / PRODUCTS * self.width, number % PRODUCTS);
            let width = self.width.min(results - first);
            match self.direction {
                Direction::Forward => {
                    if width < self.width {
                        panel.fill(0.0);
                    }
                    for result in 0..width {
                        let to = panel[result..].iter_mut().step_by(self.width);
                        let from = from(first + result, product);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
                Direction::ToInput => {
                    let product = turned(product);
                    for (output, to) in panel.chunks_exact_mut(self.width).enumerate() {
                        let (to, padding) = to.split_at_mut(width);
                        to.copy_from_slice(&from(output, product)[first..][..width]);
                        padding.fill(0.0);
                    }
                }
            }
        }
    }
}

/// The product of the window turned by 180° that has the same transformed weight: elements 0 and 3 of G·w change places
/// if w is reversed, 1 and 2 stay.
fn turned(product: usize) -> usize {
    let turn = |element: usize| [3, 1, 2, 0][element];
    turn(product / SIDE) * SIDE + turn(product % SIDE)
}
