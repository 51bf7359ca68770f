//! Attention among neurons and modulation: equal inputs give equal bits per sample and for all samples, signals of
//! zero change nothing, the input's key enters the softmax exactly, and the gradients are those of the formulas.

use crate::kernel_support::{LANES, Random, same_bits};
use neurogain::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput, Cpu,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept, Memory,
    ModulatedActivity, Modulation, ModulationKept, Modulations, NeuronAttention, NormDims,
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

/// The derivative of `f` with respect to each of x, by central differences of f64.
fn differences(x: &[f32], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let step = 1e-5;
    (0..x.len())
        .map(|i| {
            let old = x[i];
            let [above, below] = [old + step, old - step].map(|new| {
                x[i] = new;
                f(&x)
            });
            x[i] = old;
            (above - below) / (2.0 * step)
        })
        .collect()
}

fn near(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error < 2e-5, "{what} at {i}: {found}, not {expected}");
    }
}

/// log_sums `[N][heads]` and out `[N][F]`, in f64 and by the plain formulas.
fn attention64(dims: NeuronAttention, [q, k, v]: [&[f64]; 3]) -> [Vec<f64>; 2] {
    let features = dims.heads * dims.width;
    let (mut log_sums, mut out) = (Vec::new(), vec![0.0; dims.neurons * features]);
    for i in 0..dims.neurons {
        for head in 0..dims.heads {
            let own = head * dims.width..(head + 1) * dims.width;
            let e: Vec<f64> = (0..dims.neurons)
                .map(|j| {
                    let dot = own
                        .clone()
                        .map(|f| q[at(features, i, f)] * k[at(features, j, f)]);
                    (dot.sum::<f64>() / (dims.width as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = e.iter().sum();
            log_sums.push(total.ln());
            for f in own {
                let terms = e.iter().enumerate().map(|(j, e)| e * v[at(features, j, f)]);
                out[i * features + f] = terms.sum::<f64>() / total;
            }
        }
    }
    [log_sums, out]
}

/// w and mixed in f64 by the plain formulas, `[inputs][N][…]`.
fn input64(dims: InputAttention, [q, log_sums, out, k, v]: [&[f64]; 5]) -> Vec<f64> {
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = dims.attention;
    let features = heads * width;
    let key = |s: usize, f: usize| dims.samples.map_or(f, |_| at(features, s, f));
    let mut mixed = Vec::new();
    for s in 0..dims.samples.unwrap_or(1) {
        for i in 0..neurons {
            for f in 0..features {
                let head = f / width;
                let own = head * width..(head + 1) * width;
                let dot = own.map(|f| q[at(features, i, f)] * k[key(s, f)]);
                let score = dot.sum::<f64>() / (width as f64).sqrt();
                let w = 1.0 / (1.0 + (log_sums[at(heads, i, head)] - score).exp());
                let out = out[at(features, i, f)];
                mixed.push(w * v[key(s, f)] + (1.0 - w) * out);
            }
        }
    }
    mixed
}

#[test]
fn gradients_of_attention_among_neurons() {
    let ([q, k, v], _) = operands(11);
    let [shares, _, out] = attend(&q, &k, &v);
    let numbers = &mut Random::new(12);
    let dout = random(numbers, DIMS.neurons, F);
    let dlog_sums = random(numbers, DIMS.neurons, DIMS.heads);
    let [mut dq, mut dk, mut dv] = [(); 3].map(|()| upload(&vec![f32::NAN; q.len()]));
    {
        let [q, k, v] = &[&q, &k, &v].map(|x| upload(x));
        cpu()
            .neuron_attention_backward(
                DIMS,
                AttentionInput { q, k, v },
                AttentionKept {
                    shares: &upload(&shares),
                    out: &upload(&out),
                },
                AttentionGiven {
                    dout: &upload(&dout),
                    dlog_sums: &upload(&dlog_sums),
                },
                AttentionGradients {
                    dq: &mut dq,
                    dk: &mut dk,
                    dv: &mut dv,
                },
            )
            .expect("it fits");
    }
    let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let all = [&q, &k, &v].map(|x| wide(x));
    let names = [("dq", &dq), ("dk", &dk), ("dv", &dv)];
    for (which, (name, found)) in names.into_iter().enumerate() {
        let loss = |x: &[f64]| {
            let mut all: [&[f64]; 3] = [&all[0], &all[1], &all[2]];
            all[which] = x;
            let [log_sums, out] = attention64(DIMS, all);
            let mut loss = 0.0;
            for i in 0..DIMS.neurons {
                let of = |x: f64, dx: f32| x * f64::from(dx);
                loss += (0..F)
                    .map(|f| of(out[i * F + f], dout[at(F, i, f)]))
                    .sum::<f64>();
                loss += (0..DIMS.heads)
                    .map(|h| {
                        of(
                            log_sums[i * DIMS.heads + h],
                            dlog_sums[at(DIMS.heads, i, h)],
                        )
                    })
                    .sum::<f64>();
            }
            loss
        };
        // The padding lanes of the operands matter to nothing, and their gradients are zero.
        let mut expected = differences([&q, &k, &v][which], loss);
        for (i, expected) in expected.iter_mut().enumerate() {
            if i / (F * LANES) * LANES + i % LANES >= DIMS.neurons {
                assert_eq!(*expected, 0.0);
            }
        }
        near(name, &download(found), &expected);
    }
}

#[test]
fn gradients_of_attention_to_the_input() {
    let ([q, k, v], [one_k, one_v]) = operands(13);
    let [_, log_sums, out] = attend(&q, &k, &v);
    let numbers = &mut Random::new(14);
    for samples in [None, Some(3), Some(19)] {
        let dims = InputAttention {
            attention: DIMS,
            samples,
        };
        let [k, v] = match samples {
            None => [one_k.clone(), one_v.clone()],
            Some(samples) => [(); 2].map(|()| random(numbers, samples, F)),
        };
        let given: [&[f32]; 5] = [&q, &log_sums, &out, &k, &v];
        let [w, _] = attend_input(samples, given);
        let dmixed = match samples {
            None => random(numbers, DIMS.neurons, F),
            Some(samples) => random(numbers, samples, DIMS.neurons * F),
        };
        let [mut dq, mut dlog_sums, mut dout, mut dk, mut dv] =
            given.map(|x| upload(&vec![f32::NAN; x.len()]));
        let kept = InputAttentionKept {
            q: &upload(&q),
            out: &upload(&out),
            k: &upload(&k),
            v: &upload(&v),
            w: &upload(&w),
            dmixed: &upload(&dmixed),
        };
        let gradients = InputAttentionGradients {
            dq: &mut dq,
            dout: &mut dout,
            dlog_sums: &mut dlog_sums,
            dk: &mut dk,
            dv: &mut dv,
        };
        cpu()
            .input_attention_backward(dims, kept, gradients)
            .expect("it fits");
        let wide = given.map(|x| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
        let found = [&dq, &dlog_sums, &dout, &dk, &dv];
        for (which, found) in found.into_iter().enumerate() {
            let loss = |x: &[f64]| {
                let mut all: [&[f64]; 5] = core::array::from_fn(|i| &wide[i][..]);
                all[which] = x;
                let mixed = input64(dims, all).into_iter().enumerate();
                mixed
                    .map(|(i, mixed)| {
                        let (s, f) = (i / (DIMS.neurons * F), i % (DIMS.neurons * F));
                        let place = match samples {
                            None => at(F, f / F, f % F),
                            Some(_) => at(DIMS.neurons * F, s, f),
                        };
                        mixed * f64::from(dmixed[place])
                    })
                    .sum()
            };
            let name = ["dq", "dlog_sums", "dout", "dk", "dv"][which];
            near(name, &download(found), &differences(given[which], loss));
        }
    }
}

#[test]
fn gradients_of_modulation() {
    for per_sample in [false, true] {
        for activity in ACTIVITIES {
            let layer = Layer::new(activity, per_sample, 17);
            let [z, _] = layer.forward();
            let [mut du, mut dv] = [(); 2].map(|()| upload(&vec![f32::NAN; layer.u.len()]));
            let mut dsignals = upload(&vec![0.0; layer.signals.len()]);
            let kept = ModulationKept {
                signals: &upload(&layer.signals),
                u: &upload(&layer.u),
                v: &upload(&layer.v),
                z: &upload(&z),
                dh: &upload(&layer.dh),
            };
            cpu()
                .modulation_backward(layer.dims, kept, &mut du, &mut dv, &mut dsignals)
                .expect("it fits");
            let given = [&layer.signals, &layer.u, &layer.v];
            let wide = given.map(|x| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
            for (which, found) in [&dsignals, &du, &dv].into_iter().enumerate() {
                let loss = |x: &[f64]| {
                    let mut all: [&[f64]; 3] = core::array::from_fn(|i| &wide[i][..]);
                    all[which] = x;
                    loss64(layer.dims, all, &layer.dh)
                };
                let name = ["dsignals", "du", "dv"][which];
                near(name, &download(found), &differences(given[which], loss));
            }
        }
    }
}

/// Σ h·dh (or z·dh without an activity) in f64, by the plain formulas.
fn loss64(dims: Modulation, [signals, u, v]: [&[f64]; 3], dh: &[f32]) -> f64 {
    let NormDims {
        samples,
        pixels,
        channels,
    } = dims.layer;
    let mut loss = 0.0;
    for s in 0..samples {
        for f in 0..pixels * channels {
            let (i, neuron) = (at(pixels * channels, s, f), dims.first + f % channels);
            let [sm, wc, a, b] = core::array::from_fn(|which| {
                signals[match dims.per_sample {
                    true => at(dims.neurons * 4, s, neuron * 4 + which),
                    false => at(4, neuron, which),
                }]
            });
            let z = (1.0 + sm) * u[i] + wc * v[i];
            let r = z.max(0.0);
            let h = match dims.activity {
                None => z,
                Some(ModulatedActivity::Linearity) => (1.0 + a) * r + b * z,
                Some(ModulatedActivity::Offset) => (1.0 + a) * r + b,
                Some(ModulatedActivity::LinearityOffset) => r + a * z + b,
            };
            loss += h * f64::from(dh[i]);
        }
    }
    loss
}
