//! The gradient of a product to the weights, from one block of samples.
//!
//! Each sum has 16 terms, one per lane, so reducing vectors of lanes would cost three times the
//! multiply-adds. Instead `x` is transposed: a vector holds 16 inputs of one sample, the lanes of
//! [`summation`](crate::backend::summation) are 16 vectors, and its tree adds whole vectors.

use super::super::scratch;
use super::super::simd::{Block, Kernel, Simd};
use super::to_weights::ToWeights;
use crate::shape::LANES;

/// Groups of 16 inputs per pass, so that their `x` stays in L1 (24 KiB).
const GROUP: usize = 24;

/// Computes the gradient for `operands` with one block of samples.
pub fn run(operands: ToWeights<'_>) {
    let groups = GROUP.min(operands.dimensions.inputs.div_ceil(LANES));
    scratch::with(groups * LANES, |x| {
        let (x, _) = x.as_chunks_mut();
        operands.set.run(OneBlock { operands, x });
    });
}

/// 16 inputs of 16 samples, `[sample][input]`.
type Square = [Block; LANES];

struct OneBlock<'a> {
    operands: ToWeights<'a>,
    x: &'a mut [Square],
}

impl Kernel for OneBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let OneBlock { operands, x } = self;
        let ToWeights {
            dimensions,
            gain,
            dy,
            first,
            rows,
            dw,
            ..
        } = operands;
        let inputs = dimensions.inputs;
        let span = GROUP * LANES;
        for start in (0..inputs).step_by(span) {
            let group = &operands.x[start..inputs.min(start + span)];
            for (square, inputs) in x.iter_mut().zip(group.chunks(LANES)) {
                transpose(inputs, square);
            }
            for row in 0..rows {
                let dy = &dy[first + row];
                let mut lanes = [s.splat(0.0); LANES];
                for (lane, dy) in lanes.iter_mut().zip(dy) {
                    *lane = s.splat(*dy);
                }
                let gain = s.splat(gain.map_or(1.0, |gain| gain[first + row]));
                let dw = &mut dw[row * inputs + start..][..group.len()];
                let (whole, rest) = dw.as_chunks_mut::<LANES>();
                let (squares, last) = x.split_at(whole.len());
                for (square, dw) in squares.iter().zip(whole) {
                    s.store(s.mul(gain, sums(s, &lanes, square)), dw);
                }
                if let ([square, ..], [_, ..]) = (last, &*rest) {
                    let mut found = [0.0; LANES];
                    s.store(s.mul(gain, sums(s, &lanes, square)), &mut found);
                    rest.iter_mut().zip(found).for_each(|(d, f)| *d = f);
                }
            }
        }
    }
}

/// `square[sample][input] = inputs[input][sample]`, padded with zeros past the last input.
#[inline(always)]
fn transpose(inputs: &[Block], square: &mut Square) {
    for (sample, row) in square.iter_mut().enumerate() {
        *row = [0.0; LANES];
        for (to, input) in row.iter_mut().zip(inputs) {
            *to = input[sample];
        }
    }
}

/// Σ over the lanes of fma(dy, x, +0), in the tree of
/// [`summation::lanes`](crate::backend::summation::lanes), for 16 inputs.
#[inline(always)]
fn sums<S: Simd>(s: S, dy: &[S::Vector; LANES], x: &Square) -> S::Vector {
    let eighths = |l: usize| {
        let zero = s.splat(0.0);
        let low = s.fma(dy[l], s.load(&x[l]), zero);
        s.add(low, s.fma(dy[l + 8], s.load(&x[l + 8]), zero))
    };
    let fourths = |l: usize| s.add(eighths(l), eighths(l + 4));
    let seconds = |l: usize| s.add(fourths(l), fourths(l + 2));
    s.add(seconds(0), seconds(1))
}
