//! The gradients of attention among neurons with respect to the keys and the values.

use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::{LongSums, clear_from, in_block};
use crate::backend::NeuronAttention;
use crate::shape::LANES;

/// For blocks of neurons as keys: writes dk and dv.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub dims: NeuronAttention,
    pub q: &'a [Block],
    pub shares: &'a [Block],
    /// ds, as shares.
    pub slopes: &'a [Block],
    pub dout: &'a [Block],
}

impl Kernel for Spread<'_, Keys<'_>, 0, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            count,
            written: [dk, dv],
            ..
        } = self;
        let NeuronAttention { heads, width, .. } = kernel.dims;
        let mut lanes = [[[0.0; LANES]; LANES]; 2 * WIDEST];
        for head in 0..count * heads {
            let block = first + head / heads;
            let [dk, dv] = [&mut *dk, &mut *dv].map(|d| &mut d[head * width..][..width]);
            let mut done = 0;
            while done < width {
                let place = Place {
                    block,
                    head: head % heads,
                    feature: head % heads * width + done,
                };
                let to = [&mut dk[done..], &mut dv[done..]];
                let lanes = &mut lanes;
                done += match width - done {
                    8.. if S::TILE_OUTPUTS == 8 => kernel.features::<S, 8>(s, place, lanes, to),
                    4.. if S::TILE_OUTPUTS == 8 => kernel.features::<S, 4>(s, place, lanes, to),
                    2.. => kernel.features::<S, 2>(s, place, lanes, to),
                    _ => kernel.features::<S, 1>(s, place, lanes, to),
                };
            }
        }
    }
}

/// The most features at a time.
const WIDEST: usize = 8;

/// The lanes of sums of 16 keys.
type KeyLanes = [Block; LANES];

/// A block of keys, a head and a feature.
#[derive(Clone, Copy)]
struct Place {
    block: usize,
    head: usize,
    feature: usize,
}

impl Keys<'_> {
    /// `C` features of 16 keys; returns `C`. The contents of `lanes` are unspecified.
    #[inline(always)]
    fn features<S: Simd, const C: usize>(
        &self,
        s: S,
        place: Place,
        lanes: &mut [KeyLanes; 2 * WIDEST],
        [dk, dv]: [&mut [Block]; 2],
    ) -> usize {
        let dims = self.dims;
        let present = in_block(dims.neurons, place.block);
        // The lanes are added across at the end, as vectors of 16 keys.
        let (of_k, of_v) = lanes.split_at_mut(WIDEST);
        for key in 0..present {
            let row = place.head * dims.neurons + place.block * LANES + key;
            let [k, v] = self.sums::<S, C>(s, row, place.feature);
            for c in 0..C {
                s.store(k[c], &mut of_k[c][key]);
                s.store(v[c], &mut of_v[c][key]);
            }
        }
        for (lanes, to) in [(of_k, dk), (of_v, dv)] {
            for (lanes, to) in lanes.iter().zip(to).take(C) {
                let mut sums = [s.splat(0.0); LANES];
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum = s.load(lanes);
                }
                s.store(s.sums(sums), to);
                clear_from(present, core::slice::from_mut(to));
            }
        }
        C
    }

    /// The lanes of Σ ds·q and Σ p·dout of one key.
    #[inline(always)]
    fn sums<S: Simd, const C: usize>(
        &self,
        s: S,
        row: usize,
        feature: usize,
    ) -> [[S::Vector; C]; 2] {
        let dims = self.dims;
        let (rows, features) = (dims.heads * dims.neurons, dims.features());
        let (mut k, mut v) = (LongSums::<S, C>::new(s), LongSums::<S, C>::new(s));
        let queries = self.slopes.chunks(rows).zip(self.shares.chunks(rows));
        let inputs = self.q.chunks(features).zip(self.dout.chunks(features));
        for (i, ((slopes, shares), (q, dout))) in queries.zip(inputs).enumerate() {
            k.enter(s, i);
            v.enter(s, i);
            let (slope, share) = (s.load(&slopes[row]), s.load(&shares[row]));
            let (q, dout) = (&q[feature..][..C], &dout[feature..][..C]);
            for c in 0..C {
                k.chunk[c] = s.fma(slope, s.load(&q[c]), k.chunk[c]);
                v.chunk[c] = s.fma(share, s.load(&dout[c]), v.chunk[c]);
            }
        }
        [k.after(s, dims.blocks()), v.after(s, dims.blocks())]
    }
}
