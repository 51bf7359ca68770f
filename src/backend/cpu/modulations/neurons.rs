//! Attention among neurons, and its gradients with respect to the queries.
//!
//! A vector holds 16 queries; keys and values are read one number at a time, as the same number in all lanes. Several
//! independent sums are kept in registers: of several keys for the scores, of several features for the outputs.

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
        if S::TILE_OUTPUTS == 8 {
            forward::<S, 8>(s, self);
        } else {
            forward::<S, 4>(s, self);
        }
    }
}

#[inline(always)]
fn forward<S: Simd, const TILE: usize>(s: S, units: Spread<'_, Forward<'_>, 1, 3>) {
    let Spread {
        kernel: Forward { dims, k, v },
        first,
        count,
        read: [q],
        written: [shares, log_sums, out],
        ..
    } = units;
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = dims;
    let scale = s.splat(dims.scale());
    for head in 0..count * heads {
        let (block, feature) = (first + head / heads, head % heads * width);
        let q = &q[head * width..][..width];
        let out = &mut out[head * width..][..width];
        let shares = &mut shares[head * neurons..][..neurons];
        let mut largest = [s.splat(f32::NEG_INFINITY); TILE];
        for (keys, shares) in shares.chunks_mut(LANES).enumerate() {
            let k = &k[keys * dims.features() + feature..][..width];
            for (tile, shares) in shares.chunks_mut(TILE).enumerate() {
                let sums = dots::<S, TILE>(s, q, k, tile);
                for ((share, sum), largest) in shares.iter_mut().zip(sums).zip(&mut largest) {
                    let score = s.mul(scale, sum);
                    *largest = s.if_less(*largest, score, score, *largest);
                    s.store(score, share);
                }
            }
        }
        let mut most = largest[0];
        for other in largest {
            most = s.if_less(most, other, other, most);
        }
        let mut total = s.splat(0.0);
        for share in shares.iter_mut() {
            let e = math::exp(s, s.sub(s.load(share), most));
            total = s.add(total, e);
            s.store(e, share);
        }
        // A division of every share would take a quarter more time in all.
        let inverse = s.div(s.splat(1.0), total);
        for share in shares.iter_mut() {
            s.store(s.mul(s.load(share), inverse), share);
        }
        mix::<S, TILE>(s, dims, feature, v, shares, out);
        let log_sum = &mut log_sums[head];
        s.store(s.add(most, math::ln(s, total)), log_sum);
        let present = in_block(neurons, block);
        clear_from(present, core::slice::from_mut(log_sum));
        clear_from(present, out);
        clear_from(present, shares);
    }
}

/// `Σ_c x_c·y_cj` for the `T` neurons j of a tile of y's block.
#[inline(always)]
fn dots<S: Simd, const T: usize>(s: S, x: &[Block], y: &[Block], tile: usize) -> [S::Vector; T] {
    let mut sums = [s.splat(0.0); T];
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (s.load(x), &y.as_chunks::<T>().0[tile]);
        for (sum, y) in sums.iter_mut().zip(y) {
            *sum = s.fma(x, s.splat(*y), *sum);
        }
    }
    sums
}

/// `to_c = Σ_j p_j·x_jc` for the features from `feature`, up to `TILE` at a time.
#[inline(always)]
fn mix<S: Simd, const TILE: usize>(
    s: S,
    dims: NeuronAttention,
    feature: usize,
    x: &[Block],
    p: &[Block],
    to: &mut [Block],
) {
    let mut done = 0;
    while done < to.len() {
        let x = &x[feature + done..];
        let to = &mut to[done..];
        done += match to.len() {
            8.. if TILE == 8 => features::<S, 8>(s, dims, x, p, to),
            4.. => features::<S, 4>(s, dims, x, p, to),
            2.. => features::<S, 2>(s, dims, x, p, to),
            _ => features::<S, 1>(s, dims, x, p, to),
        };
    }
}

/// The first `C` features of x; returns `C`.
#[inline(always)]
fn features<S: Simd, const C: usize>(
    s: S,
    dims: NeuronAttention,
    x: &[Block],
    p: &[Block],
    to: &mut [Block],
) -> usize {
    let mut sums = [s.splat(0.0); C];
    for (x, p) in x.chunks(dims.features()).zip(p.chunks(LANES)) {
        let x = &x[..C];
        for (lane, p) in p.iter().enumerate() {
            let p = s.load(p);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = s.fma(p, s.splat(x[lane % LANES]), *sum);
            }
        }
    }
    for (to, sum) in to.iter_mut().zip(sums) {
        s.store(sum, to);
    }
    C
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
        if S::TILE_OUTPUTS == 8 {
            backward::<S, 8>(s, self);
        } else {
            backward::<S, 4>(s, self);
        }
    }
}

#[inline(always)]
fn backward<S: Simd, const TILE: usize>(s: S, units: Spread<'_, Backward<'_>, 4, 2>) {
    let Spread {
        kernel: Backward { dims, k, v },
        first,
        count,
        read: [shares, out, dout, dlog_sums],
        written: [slopes, dq],
        ..
    } = units;
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = dims;
    let scale = s.splat(dims.scale());
    for head in 0..count * heads {
        let (block, feature) = (first + head / heads, head % heads * width);
        let [out, dout] = [out, dout].map(|x| &x[head * width..][..width]);
        let dq = &mut dq[head * width..][..width];
        let shares = &shares[head * neurons..][..neurons];
        let slopes = &mut slopes[head * neurons..][..neurons];
        let mut against = s.splat(0.0);
        for (dout, out) in dout.iter().zip(out) {
            against = s.fma(s.load(dout), s.load(out), against);
        }
        let dlog_sum = s.load(&dlog_sums[head]);
        let blocks = slopes.chunks_mut(LANES).zip(shares.chunks(LANES));
        for (keys, (slopes, shares)) in blocks.enumerate() {
            let v = &v[keys * dims.features() + feature..][..width];
            let tiles = slopes.chunks_mut(TILE).zip(shares.chunks(TILE));
            for (tile, (slopes, shares)) in tiles.enumerate() {
                let sums = dots::<S, TILE>(s, dout, v, tile);
                for ((slope, share), sum) in slopes.iter_mut().zip(shares).zip(sums) {
                    let inner = s.add(s.sub(sum, against), dlog_sum);
                    s.store(s.mul(scale, s.mul(s.load(share), inner)), slope);
                }
            }
        }
        mix::<S, TILE>(s, dims, feature, k, slopes, dq);
        let present = in_block(neurons, block);
        clear_from(present, dq);
        clear_from(present, slopes);
    }
}
