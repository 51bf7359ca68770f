//! The attention of neurons to the current input, and its gradient.

use super::super::math;
use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::super::sums::{Lanes, Terms, pixels};
use super::{LongSums, clear_from, in_block};
use crate::backend::NeuronAttention;
use crate::shape::LANES;

/// Numbers that are read as vectors of 16 lanes.
trait Features: Copy {
    fn get<S: Simd>(self, s: S, index: usize) -> S::Vector;
}

/// One number for all lanes.
impl Features for &[f32] {
    #[inline(always)]
    fn get<S: Simd>(self, s: S, index: usize) -> S::Vector {
        s.splat(self[index])
    }
}

/// One number per lane.
impl Features for &[Block] {
    #[inline(always)]
    fn get<S: Simd>(self, s: S, index: usize) -> S::Vector {
        s.load(&self[index])
    }
}

/// The numbers of one neuron, for all lanes.
#[derive(Clone, Copy)]
struct OfNeuron<'a> {
    block: &'a [Block],
    lane: usize,
}

impl<'a> OfNeuron<'a> {
    #[inline(always)]
    fn new(all: &'a [Block], width: usize, neuron: usize) -> Self {
        OfNeuron {
            block: &all[neuron / LANES * width..][..width],
            lane: neuron % LANES,
        }
    }
}

impl Features for OfNeuron<'_> {
    #[inline(always)]
    fn get<S: Simd>(self, s: S, index: usize) -> S::Vector {
        s.splat(self.block[index][self.lane])
    }
}

/// log_sums − t of all heads, for 16 neurons or 16 samples.
#[inline(always)]
fn scores<S: Simd, N: Features, K: Features>(
    s: S,
    (width, scale): (usize, S::Vector),
    [q, log_sums]: [N; 2],
    k: K,
    against: &mut [Block],
) {
    for (head, against) in against.iter_mut().enumerate() {
        let mut score = s.splat(0.0);
        for c in head * width..(head + 1) * width {
            score = s.fma(q.get(s, c), k.get(s, c), score);
        }
        s.store(s.sub(log_sums.get(s, head), s.mul(scale, score)), against);
    }
}

/// w from log_sums − t, in place. Many independent exponentials hide each other's latency.
#[inline(always)]
fn weights<S: Simd>(s: S, w: &mut [Block]) {
    let one = s.splat(1.0);
    for w in w {
        let e = math::exp(s, s.load(w));
        s.store(s.div(one, s.add(one, e)), w);
    }
}

/// mixed of all heads, for 16 neurons or 16 samples.
#[inline(always)]
fn mix<S: Simd, N: Features, K: Features>(
    s: S,
    attention: NeuronAttention,
    (out, v): (N, K),
    w: &[Block],
    mixed: &mut [Block],
) {
    let heads = w.iter().zip(mixed.chunks_exact_mut(attention.width));
    for (head, (w, mixed)) in heads.enumerate() {
        let weight = s.load(w);
        for (c, mixed) in (head * attention.width..).zip(mixed) {
            let out = out.get(s, c);
            s.store(s.fma(weight, s.sub(v.get(s, c), out), out), mixed);
        }
    }
}

/// The derivative dt of each head, for 16 neurons or 16 samples.
#[inline(always)]
fn slopes<S: Simd, N: Features, K: Features>(
    s: S,
    attention: NeuronAttention,
    (out, v): (N, K),
    w: &[Block],
    dmixed: &[Block],
    slopes: &mut [Block],
) {
    let one = s.splat(1.0);
    let heads = w.iter().zip(dmixed.chunks_exact(attention.width));
    for (head, ((w, dmixed), slope)) in heads.zip(slopes).enumerate() {
        let first = head * attention.width;
        let mut dw = s.splat(0.0);
        for (c, dmixed) in dmixed.iter().enumerate() {
            let towards = s.sub(v.get(s, first + c), out.get(s, first + c));
            dw = s.fma(s.load(dmixed), towards, dw);
        }
        let w = s.load(w);
        s.store(s.mul(s.mul(dw, w), s.sub(one, w)), slope);
    }
}

/// One input for all samples, for blocks of neurons: reads q, log_sums and out; writes w and mixed.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub attention: NeuronAttention,
    pub k: &'a [f32],
    pub v: &'a [f32],
}

impl Kernel for Spread<'_, Shared<'_>, 3, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: Shared { attention, k, v },
            first,
            count,
            read: [q, log_sums, out],
            written: [w, mixed],
            ..
        } = self;
        let (heads, features) = (attention.heads, attention.features());
        let scaled = (attention.width, s.splat(attention.scale()));
        for block in 0..count {
            let [q, out] = [q, out].map(|x| &x[block * features..][..features]);
            let log_sums = &log_sums[block * heads..][..heads];
            let w = &mut w[block * heads..][..heads];
            let mixed = &mut mixed[block * features..][..features];
            scores(s, scaled, [q, log_sums], k, w);
            weights(s, w);
            mix(s, attention, (out, v), w, mixed);
            let present = in_block(attention.neurons, first + block);
            clear_from(present, w);
            clear_from(present, mixed);
        }
    }
}

/// One input per sample, for blocks of samples: reads k and v; writes w and mixed.
#[derive(Clone, Copy)]
pub struct PerSample<'a> {
    pub attention: NeuronAttention,
    pub samples: usize,
    pub q: &'a [Block],
    pub log_sums: &'a [Block],
    pub out: &'a [Block],
}

impl Kernel for Spread<'_, PerSample<'_>, 2, 2> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            read: [k, v],
            written: [w, mixed],
            ..
        } = self;
        let attention = kernel.attention;
        let (heads, features) = (attention.heads, attention.features());
        let scaled = (attention.width, s.splat(attention.scale()));
        let blocks = k.chunks_exact(features).zip(v.chunks_exact(features));
        for (block, (k, v)) in blocks.enumerate() {
            let neurons = block * attention.neurons..(block + 1) * attention.neurons;
            let w = &mut w[neurons.start * heads..neurons.end * heads];
            let mixed = &mut mixed[neurons.start * features..neurons.end * features];
            for (neuron, w) in w.chunks_exact_mut(heads).enumerate() {
                let q = OfNeuron::new(kernel.q, features, neuron);
                let log_sums = OfNeuron::new(kernel.log_sums, heads, neuron);
                scores(s, scaled, [q, log_sums], k, w);
            }
            weights(s, w);
            let both = w.chunks_exact(heads).zip(mixed.chunks_exact_mut(features));
            for (neuron, (w, mixed)) in both.enumerate() {
                let out = OfNeuron::new(kernel.out, features, neuron);
                mix(s, attention, (out, v), w, mixed);
            }
            let present = in_block(kernel.samples, first + block);
            clear_from(present, w);
            clear_from(present, mixed);
        }
    }
}

/// The gradient with one input for all samples, for blocks of neurons: reads out, w and dmixed; writes dt (as w), dq,
/// dout and dlog_sums.
#[derive(Clone, Copy)]
pub struct SharedBackward<'a> {
    pub attention: NeuronAttention,
    pub k: &'a [f32],
    pub v: &'a [f32],
}

impl Kernel for Spread<'_, SharedBackward<'_>, 3, 4> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel: SharedBackward { attention, k, v },
            first,
            count,
            read: [out, w, dmixed],
            written: [dt, dq, dout, dlog_sums],
            ..
        } = self;
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let scale = s.splat(attention.scale());
        let (heads, features) = (attention.heads, attention.features());
        for block in 0..count {
            let [out, dmixed] = [out, dmixed].map(|x| &x[block * features..][..features]);
            let w = &w[block * heads..][..heads];
            let [dt, dlog_sums] =
                [&mut *dt, &mut *dlog_sums].map(|x| &mut x[block * heads..][..heads]);
            let [dq, dout] = [&mut *dq, &mut *dout].map(|x| &mut x[block * features..][..features]);
            let present = in_block(attention.neurons, first + block);
            slopes(s, attention, (out, v), w, dmixed, dt);
            clear_from(present, dt);
            for (dlog_sum, dt) in dlog_sums.iter_mut().zip(&*dt) {
                s.store(s.sub(zero, s.load(dt)), dlog_sum);
            }
            let gradients = dq.iter_mut().zip(&mut *dout).zip(dmixed).zip(k);
            for (c, (((dq, dout), dmixed), k)) in gradients.enumerate() {
                let head = c / attention.width;
                let g = s.mul(scale, s.load(&dt[head]));
                s.store(s.fma(g, s.splat(*k), zero), dq);
                let rest = s.sub(one, s.load(&w[head]));
                s.store(s.fma(rest, s.load(dmixed), zero), dout);
            }
            clear_from(present, dlog_sums);
            clear_from(present, dq);
            clear_from(present, dout);
        }
    }
}

/// dk and dv with one input for all samples: sums over the neurons.
#[derive(Clone, Copy)]
pub struct SharedTerms<'a> {
    pub attention: NeuronAttention,
    /// The factor of the scores.
    pub scale: f32,
    pub q: &'a [Block],
    pub w: &'a [Block],
    pub dmixed: &'a [Block],
    /// dt, as w.
    pub slopes: &'a [Block],
}

impl Terms for SharedTerms<'_> {
    #[inline(always)]
    fn add<S: Simd, const P: usize>(&self, s: S, pixel: usize, first: usize, lanes: &mut [Lanes]) {
        let attention = self.attention;
        let scale = s.splat(self.scale);
        let of = |x| pixels::<P>(x, pixel, attention.features(), first, lanes.len());
        let (q, dmixed) = (of(self.q), of(self.dmixed));
        for (feature, [dk, dv]) in lanes.iter_mut().enumerate() {
            let (mut key, mut value) = (s.load(dk), s.load(dv));
            for p in 0..P {
                let head = (pixel + p) * attention.heads + (first + feature) / attention.width;
                let g = s.mul(scale, s.load(&self.slopes[head]));
                key = s.fma(g, s.load(&q[p][feature]), key);
                value = s.fma(s.load(&self.w[head]), s.load(&dmixed[p][feature]), value);
            }
            s.store(key, dk);
            s.store(value, dv);
        }
    }
}

/// The gradient with one input per sample, for blocks of samples: reads k, v, w and dmixed; writes dt (as w), dk and
/// dv.
#[derive(Clone, Copy)]
pub struct PerSampleBackward<'a> {
    pub attention: NeuronAttention,
    pub samples: usize,
    pub q: &'a [Block],
    pub out: &'a [Block],
}

impl Kernel for Spread<'_, PerSampleBackward<'_>, 4, 3> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            count,
            read: [_, v, w, dmixed],
            written: [dt, dk, dv],
            ..
        } = self;
        let attention = kernel.attention;
        let scale = s.splat(attention.scale());
        let (heads, features) = (attention.heads, attention.features());
        for block in 0..count {
            let present = in_block(kernel.samples, first + block);
            let v = &v[block * features..][..features];
            let [dk, dv] = [&mut *dk, &mut *dv].map(|x| &mut x[block * features..][..features]);
            dk.fill([0.0; LANES]);
            dv.fill([0.0; LANES]);
            for neuron in 0..attention.neurons {
                let number = block * attention.neurons + neuron;
                let w = &w[number * heads..][..heads];
                let dmixed = &dmixed[number * features..][..features];
                let dt = &mut dt[number * heads..][..heads];
                let out = OfNeuron::new(kernel.out, features, neuron);
                slopes(s, attention, (out, v), w, dmixed, dt);
                clear_from(present, dt);
                let q = OfNeuron::new(kernel.q, features, neuron);
                for (c, ((dk, dv), dmixed)) in dk.iter_mut().zip(&mut *dv).zip(dmixed).enumerate() {
                    let head = c / attention.width;
                    let g = s.mul(scale, s.load(&dt[head]));
                    s.store(s.fma(g, q.get(s, c), s.load(dk)), dk);
                    s.store(s.fma(s.load(&w[head]), s.load(dmixed), s.load(dv)), dv);
                }
            }
            clear_from(present, dk);
            clear_from(present, dv);
        }
    }
}

/// dq, dout and dlog_sums with one input per sample, for blocks of neurons: sums over the samples.
#[derive(Clone, Copy)]
pub struct OverSamples<'a> {
    pub attention: NeuronAttention,
    /// Blocks of samples.
    pub blocks: usize,
    pub k: &'a [Block],
    pub w: &'a [Block],
    pub dmixed: &'a [Block],
    /// dt, as w.
    pub slopes: &'a [Block],
}

impl Kernel for Spread<'_, OverSamples<'_>, 0, 3> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Spread {
            kernel,
            first,
            count,
            written: [dq, dout, dlog_sums],
            ..
        } = self;
        let NeuronAttention {
            neurons,
            heads,
            width,
        } = kernel.attention;
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let scale = s.splat(kernel.attention.scale());
        for head in 0..count * heads {
            let (block, number) = (first + head / heads, head % heads);
            let present = in_block(neurons, block);
            let of = |i: usize, lane: usize| (i * neurons + block * LANES + lane) * heads + number;
            let mut totals = [zero; LANES];
            for (lane, total) in totals.iter_mut().enumerate().take(present) {
                let mut sums = LongSums::<S, 1>::new(s);
                for i in 0..kernel.blocks {
                    sums.enter(s, i);
                    let dt = s.load(&kernel.slopes[of(i, lane)]);
                    sums.chunk = [s.add(sums.chunk[0], dt)];
                }
                [*total] = sums.after(s, kernel.blocks);
            }
            let log_sum = &mut dlog_sums[head];
            s.store(s.sub(zero, s.sums(totals)), log_sum);
            clear_from(present, core::slice::from_mut(log_sum));
            for c in 0..width {
                let (mut queries, mut outs) = ([zero; LANES], [zero; LANES]);
                for lane in 0..present {
                    let mut sums = LongSums::<S, 2>::new(s);
                    for i in 0..kernel.blocks {
                        sums.enter(s, i);
                        let at = of(i, lane);
                        let g = s.mul(scale, s.load(&kernel.slopes[at]));
                        let rest = s.sub(one, s.load(&kernel.w[at]));
                        let k = s.load(&kernel.k[(i * heads + number) * width + c]);
                        let dmixed = s.load(&kernel.dmixed[at * width + c]);
                        let [query, out] = sums.chunk;
                        sums.chunk = [s.fma(g, k, query), s.fma(rest, dmixed, out)];
                    }
                    [queries[lane], outs[lane]] = sums.after(s, kernel.blocks);
                }
                s.store(s.sums(queries), &mut dq[head * width + c]);
                s.store(s.sums(outs), &mut dout[head * width + c]);
            }
        }
    }
}
