//! The attention of neurons to the current input.

use super::super::math;
use super::super::simd::{Block, Kernel, Simd};
use super::super::spread::Spread;
use super::{clear_from, in_block};
use crate::backend::NeuronAttention;
use crate::shape::LANES;

/// Numbers that are read as vectors of 16 lanes.
pub trait Features: Copy {
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
pub struct OfNeuron<'a> {
    block: &'a [Block],
    lane: usize,
}

impl<'a> OfNeuron<'a> {
    #[inline(always)]
    pub fn new(all: &'a [Block], width: usize, neuron: usize) -> Self {
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
