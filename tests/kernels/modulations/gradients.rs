//! Every gradient is that of the formula, by finite differences of an f64 forward pass.

use super::*;
use neurogain::backend::{
    AttentionGiven, AttentionGradients, AttentionKept, InputAttentionGradients, InputAttentionKept,
    ModulationKept,
};

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
