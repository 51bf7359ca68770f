//! The register tile of the forward product and the gradient to the input.
#![allow(
    clippy::needless_range_loop,
    reason = "the same index goes through several arrays of registers"
)]

use super::super::simd::{Block, Simd};

/// The packed weights of a tile.
pub trait Panel<const O: usize> {
    /// The position of one term's weights.
    type Term: Copy;
    /// A lower bound on the number of packed terms.
    fn depth(&self) -> usize;
    /// The weights of term i.
    fn term(&self, i: usize) -> Self::Term;
    /// The weight of result o in a term.
    fn weight(&self, term: Self::Term, o: usize) -> f32;
}

/// One row of `LENGTH` per result: rows are at constant distances, so no transpose is needed and
/// each broadcast is one load at a constant offset.
pub struct Rows<'a, const O: usize, const LENGTH: usize>(pub [&'a [f32; LENGTH]; O]);

impl<const O: usize, const LENGTH: usize> Panel<O> for Rows<'_, O, LENGTH> {
    type Term = usize;

    #[inline(always)]
    fn depth(&self) -> usize {
        LENGTH
    }
    #[inline(always)]
    fn term(&self, i: usize) -> usize {
        i
    }
    #[inline(always)]
    fn weight(&self, i: usize, o: usize) -> f32 {
        self.0[o][i]
    }
}

/// One row of `GROUP` per term, starting at the tile's first result: the order in memory of the weights for the
/// gradient to the input.
pub struct Columns<'a, const GROUP: usize>(pub &'a [f32]);

impl<'a, const O: usize, const GROUP: usize> Panel<O> for Columns<'a, GROUP> {
    type Term = &'a [f32];

    #[inline(always)]
    fn depth(&self) -> usize {
        (self.0.len() + GROUP - O) / GROUP
    }
    #[inline(always)]
    fn term(&self, i: usize) -> &'a [f32] {
        &self.0[i * GROUP..][..O]
    }
    #[inline(always)]
    fn weight(&self, term: &'a [f32], o: usize) -> f32 {
        term[o]
    }
}

/// The register tile: `sums[b][o] ← fma(w[o][i], x[b][i], sums[b][o])` over i ascending.
#[inline(always)]
pub fn tile<S: Simd, P: Panel<O>, const O: usize, const B: usize>(
    s: S,
    panel: P,
    x: [&[Block]; B],
    mut sums: [[S::Vector; O]; B],
) -> [[S::Vector; O]; B] {
    let depth = x[0].len().min(panel.depth());
    let x = x.map(|x| &x[..depth]);
    for i in 0..depth {
        let mut samples = [s.splat(0.0); B];
        for (sample, x) in samples.iter_mut().zip(x) {
            *sample = s.load(&x[i]);
        }
        let term = panel.term(i);
        for o in 0..O {
            let w = s.splat(panel.weight(term, o));
            for b in 0..B {
                sums[b][o] = s.fma(w, samples[b], sums[b][o]);
            }
        }
    }
    sums
}
