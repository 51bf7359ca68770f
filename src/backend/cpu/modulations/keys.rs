//! The gradients of attention among neurons with respect to the keys and the values.

use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::{LongSums, clear_from, in_block};
use crate::backend::{NeuronAttention, summation};
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
        let dims = kernel.dims;
        let features = dims.features();
        for block in 0..count {
            let present = in_block(dims.neurons, first + block);
            for feature in 0..features {
                let at = block * features + feature;
                for lane in 0..present {
                    let mut sums = LongSums::<S, 2>::new(s);
                    for i in 0..dims.blocks() {
                        sums.enter(s, i);
                        let key = (i * dims.heads + feature / dims.width) * dims.neurons
                            + (first + block) * LANES
                            + lane;
                        let [k, v] = &mut sums.chunk;
                        let query = i * features + feature;
                        let [ds, q] = [&kernel.slopes[key], &kernel.q[query]].map(|x| s.load(x));
                        let [p, dout] =
                            [&kernel.shares[key], &kernel.dout[query]].map(|x| s.load(x));
                        *k = s.fma(ds, q, *k);
                        *v = s.fma(p, dout, *v);
                    }
                    let [k, v] = sums.after(s, dims.blocks());
                    let mut lanes = [[0.0; LANES]; 2];
                    s.store(k, &mut lanes[0]);
                    s.store(v, &mut lanes[1]);
                    let [k, v] = lanes.map(summation::lanes);
                    dk[at][lane] = k;
                    dv[at][lane] = v;
                }
                clear_from(present, &mut dk[at..=at]);
                clear_from(present, &mut dv[at..=at]);
            }
        }
    }
}
