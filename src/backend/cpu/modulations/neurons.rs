//! Attention among neurons, and its gradients with respect to the queries.

use super::super::math;
use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::{clear_from, in_block};
use crate::backend::NeuronAttention;
use crate::shape::LANES;

/// The forward pass, for blocks of neurons: reads q; writes shares, log_sums and out.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub dims: NeuronAttention,
    pub k: &'a [Block],
    pub v: &'a [Block],
}

impl Kernel for Spread<'_, Forward<'_>, 1, 3> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Forward { dims, k, v },
            first,
            count,
            read: [q],
            written: [shares, log_sums, out],
            ..
        } = self;
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = dims;
        let (scale, zero) = (s.splat(dims.scale()), s.splat(0.0));
        for head in 0..count * heads {
            let (block, feature) = (first + head / heads, head % heads * width);
            let q = &q[head * width..][..width];
            let out = &mut out[head * width..][..width];
            let shares = &mut shares[head * neurons..][..neurons];
            for (j, score) in shares.iter_mut().enumerate() {
                let mut sum = zero;
                for (c, q) in q.iter().enumerate() {
                    let k = k[j / LANES * dims.features() + feature + c][j % LANES];
                    sum = s.fma(s.load(q), s.splat(k), sum);
                }
                s.store(s.mul(scale, sum), score);
            }
            let mut largest = s.load(&shares[0]);
            for score in shares.iter() {
                let score = s.load(score);
                largest = s.if_less(largest, score, score, largest);
            }
            let mut total = zero;
            for share in shares.iter_mut() {
                let e = math::exp(s, s.sub(s.load(share), largest));
                total = s.add(total, e);
                s.store(e, share);
            }
            for share in shares.iter_mut() {
                s.store(s.div(s.load(share), total), share);
            }
            mix(s, dims, feature, v, shares, out);
            let log_sum = &mut log_sums[head];
            s.store(s.add(largest, math::ln(s, total)), log_sum);
            let present = in_block(neurons, block);
            clear_from(present, core::slice::from_mut(log_sum));
            clear_from(present, out);
            clear_from(present, shares);
        }
    }
}

/// `to_c = Σ_j p_j·x_jc` for the features from `feature`.
#[inline(always)]
fn mix<S: Simd>(
    s: S,
    dims: NeuronAttention,
    feature: usize,
    x: &[Block],
    p: &[Block],
    to: &mut [Block],
) {
    for (c, to) in to.iter_mut().enumerate() {
        let mut sum = s.splat(0.0);
        for (j, p) in p.iter().enumerate() {
            let x = x[j / LANES * dims.features() + feature + c][j % LANES];
            sum = s.fma(s.load(p), s.splat(x), sum);
        }
        s.store(sum, to);
    }
}

/// The gradients with respect to the scores and the queries, for blocks of neurons: reads shares, out, dout and
/// dlog_sums; writes ds (as shares) and dq.
#[derive(Clone, Copy)]
pub struct Backward<'a> {
    pub dims: NeuronAttention,
    pub k: &'a [Block],
    pub v: &'a [Block],
}

impl Kernel for Spread<'_, Backward<'_>, 4, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Backward { dims, k, v },
            first,
            count,
            read: [shares, out, dout, dlog_sums],
            written: [slopes, dq],
            ..
        } = self;
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = dims;
        let (scale, zero) = (s.splat(dims.scale()), s.splat(0.0));
        for head in 0..count * heads {
            let (block, feature) = (first + head / heads, head % heads * width);
            let [out, dout] = [out, dout].map(|x| &x[head * width..][..width]);
            let dq = &mut dq[head * width..][..width];
            let shares = &shares[head * neurons..][..neurons];
            let slopes = &mut slopes[head * neurons..][..neurons];
            let mut against = zero;
            for (dout, out) in dout.iter().zip(out) {
                against = s.fma(s.load(dout), s.load(out), against);
            }
            let dlog_sum = s.load(&dlog_sums[head]);
            for (j, (slope, share)) in slopes.iter_mut().zip(shares).enumerate() {
                let mut sum = zero;
                for (c, dout) in dout.iter().enumerate() {
                    let v = v[j / LANES * dims.features() + feature + c][j % LANES];
                    sum = s.fma(s.load(dout), s.splat(v), sum);
                }
                let inner = s.add(s.sub(sum, against), dlog_sum);
                s.store(s.mul(scale, s.mul(s.load(share), inner)), slope);
            }
            mix(s, dims, feature, k, slopes, dq);
            let present = in_block(neurons, block);
            clear_from(present, dq);
            clear_from(present, slopes);
        }
    }
}
