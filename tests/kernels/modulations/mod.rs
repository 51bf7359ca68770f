//! Attention among neurons and modulation: equal inputs give equal bits per sample and for all samples, signals of
//! zero change nothing, the input's key enters the softmax exactly, and the gradients are those of the formulas.

mod gradients;

use crate::kernel_support::{LANES, Random, same_bits};
use neurogain::backend::{
    AttentionInput, AttentionOutput, Cpu, InputAttention, InputAttentionInput, Memory,
    ModulatedActivity, Modulation, Modulations, NeuronAttention, NormDims,
};

type Floats = <Cpu as Memory>::Floats;

const DIMS: NeuronAttention = NeuronAttention {
    neurons: 37,
    heads: 2,
    width: 5,
};
const F: usize = 10;
const ACTIVITIES: [Option<ModulatedActivity>; 4] = [
    None,
    Some(ModulatedActivity::Linearity),
    Some(ModulatedActivity::Offset),
    Some(ModulatedActivity::LinearityOffset),
];

fn cpu() -> Cpu {
    Cpu::new().expect("an instruction set")
}

fn upload(host: &[f32]) -> Floats {
    let mut floats = cpu().zeros(host.len()).expect("memory");
    cpu().upload(host, &mut floats).expect("as many numbers");
    floats
}

fn download(floats: &Floats) -> Vec<f32> {
    floats.as_slice().to_vec()
}

/// The index of feature f of item i in `[blocks][features][16]`.
fn at(features: usize, i: usize, f: usize) -> usize {
    (i / LANES * features + f) * LANES + i % LANES
}

/// `[⌈count/16⌉][features][16]` from a number for each item and feature.
fn stored(count: usize, features: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut all = vec![0.0; count.div_ceil(LANES) * features * LANES];
    for i in 0..count {
        for f in 0..features {
            all[at(features, i, f)] = value(i, f);
        }
    }
    all
}

/// Ordinary numbers from −1 to 1 in the block layout.
fn random(random: &mut Random, count: usize, features: usize) -> Vec<f32> {
    let all: Vec<f32> = (0..count * features)
        .map(|_| random.bits() as f32 / u32::MAX as f32 * 2.0 - 1.0)
        .collect();
    stored(count, features, |i, f| all[i * features + f])
}

/// shares, log_sums and out.
fn attend(q: &[f32], k: &[f32], v: &[f32]) -> [Vec<f32>; 3] {
    let blocks = DIMS.neurons.div_ceil(LANES);
    let mut shares = upload(&vec![f32::NAN; blocks * DIMS.heads * DIMS.neurons * LANES]);
    let mut log_sums = upload(&vec![f32::NAN; blocks * DIMS.heads * LANES]);
    let mut out = upload(&vec![f32::NAN; q.len()]);
    let [q, k, v] = &[q, k, v].map(upload);
    let output = AttentionOutput {
        shares: &mut shares,
        log_sums: &mut log_sums,
        out: &mut out,
    };
    cpu()
        .neuron_attention(DIMS, AttentionInput { q, k, v }, output)
        .expect("it fits");
    [shares, log_sums, out].map(|x| download(&x))
}

/// w and mixed.
fn attend_input(samples: Option<usize>, operands: [&[f32]; 5]) -> [Vec<f32>; 2] {
    let stored = match samples {
        None => DIMS.neurons.div_ceil(LANES),
        Some(samples) => samples.div_ceil(LANES) * DIMS.neurons,
    };
    let mut w = upload(&vec![f32::NAN; stored * DIMS.heads * LANES]);
    let mut mixed = upload(&vec![f32::NAN; stored * F * LANES]);
    let [q, log_sums, out, k, v] = &operands.map(upload);
    let dims = InputAttention {
        attention: DIMS,
        samples,
    };
    let input = InputAttentionInput {
        q,
        log_sums,
        out,
        k,
        v,
    };
    cpu()
        .input_attention(dims, input, &mut w, &mut mixed)
        .expect("it fits");
    [w, mixed].map(|x| download(&x))
}

/// Random q, k and v of the neurons, and k and v of one input.
fn operands(seed: u64) -> ([Vec<f32>; 3], [Vec<f32>; 2]) {
    let numbers = &mut Random::new(seed);
    let [mut q, k, v] = [(); 3].map(|()| random(numbers, DIMS.neurons, F));
    q.iter_mut().for_each(|q| *q *= 3.0);
    let input = [(); 2].map(|()| random(numbers, F, 1)[..F].to_vec());
    ([q, k, v], input)
}

/// Attention over N keys, then the input's, is a plain softmax over N + 1 keys.
///
/// A score is at most 3·√5 and is wrong by at most γ₇·3·√5 < 2.8·10⁻⁶, the argument of an exponential by at most
/// three times as much (with the log-sum's or the maximum's error), and N = 37 terms and the remaining roundings add
/// less than γ₅₀: each weight and share is within 1.2·10⁻⁵ of its value. The values are at most 1.
#[test]
fn the_input_is_one_key_more() {
    for seed in 0..20 {
        let ([q, k, v], [input_k, input_v]) = operands(seed);
        let [_, log_sums, out] = attend(&q, &k, &v);
        let [w, mixed] = attend_input(None, [&q, &log_sums, &out, &input_k, &input_v]);
        for i in 0..DIMS.neurons {
            for head in 0..DIMS.heads {
                let own = head * DIMS.width..(head + 1) * DIMS.width;
                let key = |j: usize, f: usize| {
                    f64::from(if j < DIMS.neurons {
                        k[at(F, j, f)]
                    } else {
                        input_k[f]
                    })
                };
                let score = |j: usize| {
                    let dot = own.clone().map(|f| f64::from(q[at(F, i, f)]) * key(j, f));
                    dot.sum::<f64>() / (DIMS.width as f64).sqrt()
                };
                let e: Vec<f64> = (0..=DIMS.neurons).map(|j| score(j).exp()).collect();
                let total: f64 = e.iter().sum();
                let weight = e[DIMS.neurons] / total;
                let found = f64::from(w[at(DIMS.heads, i, head)]);
                assert!(
                    (found - weight).abs() < 1.2e-5 * weight,
                    "{found}, {weight}"
                );
                for f in own {
                    let value = |j: usize| {
                        f64::from(if j < DIMS.neurons {
                            v[at(F, j, f)]
                        } else {
                            input_v[f]
                        })
                    };
                    let expected: f64 = (0..=DIMS.neurons).map(|j| e[j] / total * value(j)).sum();
                    let found = f64::from(mixed[at(F, i, f)]);
                    assert!(
                        (found - expected).abs() < 2.0 * 1.2e-5,
                        "{found}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn equal_inputs_give_equal_bits_per_sample() {
    let ([q, k, v], [input_k, input_v]) = operands(7);
    let [_, log_sums, out] = attend(&q, &k, &v);
    let all = attend_input(None, [&q, &log_sums, &out, &input_k, &input_v]);
    for samples in [1, 16, 21] {
        let [ks, vs] = [&input_k, &input_v].map(|x| stored(samples, F, |_, f| x[f]));
        let each = attend_input(Some(samples), [&q, &log_sums, &out, &ks, &vs]);
        for (width, (all, each)) in [DIMS.heads, F].into_iter().zip(all.iter().zip(&each)) {
            let expected = stored(samples, DIMS.neurons * width, |_, f| {
                all[at(width, f / width, f % width)]
            });
            same_bits(&expected, each).expect("equal bits");
        }
    }
}

/// u, v, dh and the signals of all neurons, `[neurons][4]`.
struct Layer {
    dims: Modulation,
    signals: Vec<f32>,
    u: Vec<f32>,
    v: Vec<f32>,
    dh: Vec<f32>,
}

impl Layer {
    fn new(activity: Option<ModulatedActivity>, per_sample: bool, seed: u64) -> Self {
        let numbers = &mut Random::new(seed);
        let layer = NormDims {
            samples: 21,
            pixels: 3,
            channels: 20,
        };
        let dims = Modulation {
            layer,
            first: 9,
            neurons: 40,
            per_sample,
            activity,
        };
        let [u, v, dh] = [(); 3].map(|()| random(numbers, layer.samples, 60));
        let signals = if per_sample {
            random(numbers, layer.samples, dims.neurons * 4)
        } else {
            random(numbers, dims.neurons, 4)
        };
        Layer {
            dims,
            signals,
            u,
            v,
            dh,
        }
    }

    /// z and, with an activity, h.
    fn forward(&self) -> [Vec<f32>; 2] {
        let [signals, u, v] = &[&self.signals, &self.u, &self.v].map(|x| upload(x));
        let [mut z, mut h] = [(); 2].map(|()| upload(&vec![f32::NAN; self.u.len()]));
        let to = self.dims.activity.map(|_| &mut h);
        cpu()
            .modulation(self.dims, signals, u, v, &mut z, to)
            .expect("it fits");
        [z, h].map(|x| download(&x))
    }
}

#[test]
fn equal_signals_give_equal_bits_per_sample() {
    for activity in ACTIVITIES {
        let all = Layer::new(activity, false, 3);
        let expected = all.forward();
        let (samples, neurons) = (all.dims.layer.samples, all.dims.neurons);
        let signals = stored(samples, neurons * 4, |_, f| {
            all.signals[at(4, f / 4, f % 4)]
        });
        let each = Layer {
            dims: Modulation {
                per_sample: true,
                ..all.dims
            },
            signals,
            ..all
        };
        for (expected, found) in expected.iter().zip(each.forward()) {
            same_bits(expected, &found).expect("equal bits");
        }
    }
}

#[test]
fn signals_of_zero_change_nothing() {
    for per_sample in [false, true] {
        for activity in ACTIVITIES {
            let mut layer = Layer::new(activity, per_sample, 5);
            layer.signals.fill(0.0);
            let [z, h] = layer.forward();
            same_bits(&layer.u, &z).expect("z is u");
            if activity.is_some() {
                let relu: Vec<f32> = z.iter().map(|z| z.max(0.0) + 0.0).collect();
                same_bits(&relu, &h).expect("h is max(u, 0)");
            }
        }
    }
}

/// An offset does not reach the padding lanes.
#[test]
fn padding_stays_zero() {
    for per_sample in [false, true] {
        let layer = Layer::new(Some(ModulatedActivity::Offset), per_sample, 9);
        let [_, h] = layer.forward();
        for (i, h) in h.iter().enumerate() {
            let sample = i / (60 * LANES) * LANES + i % LANES;
            assert_eq!(sample < layer.dims.layer.samples, h.to_bits() != 0, "{i}");
        }
    }
}
