//! References for attention among neurons and to the input.

use super::activity::{modulation, modulation_backward};
use super::{Bounded, TINY, U, at, gamma, rounded, sum};
use crate::kernel_support::{Case, Kernel, LANES, Outcome};
use neurogain::backend::{InputAttention, NeuronAttention};

/// `Σ a·b`, where a has an error and b is exact.
pub fn products(terms: impl Iterator<Item = (Bounded, f64)>) -> Bounded {
    let (mut value, mut magnitude, mut error, mut n) = (0.0, 0.0, 0.0, 0);
    for (a, b) in terms {
        value += a.value * b;
        magnitude += (a.value.abs() + a.error) * b.abs();
        error += a.error * b.abs();
        n += 1;
    }
    let error = error + gamma(n) * magnitude + n as f64 * TINY;
    Bounded { value, error }
}

/// `a·x + y` rounded once, with a exact.
pub fn fma(a: f64, x: Bounded, y: Bounded) -> Bounded {
    let value = a * x.value + y.value;
    let error = a.abs() * x.error + y.error;
    Bounded {
        value,
        error: error + U * (value.abs() + error) + TINY,
    }
}

/// `a·x`, rounded once.
pub fn times(a: f64, x: Bounded) -> Bounded {
    fma(a, x, exact(0.0))
}

pub fn exact(value: f64) -> Bounded {
    Bounded { value, error: 0.0 }
}

/// e^x with x's error; the kernel's exponential errs by 0.78 ulp and where it underflows.
fn exponential(x: Bounded) -> Bounded {
    let value = x.value.exp();
    let error = value * (x.error.exp_m1() * (1.0 + 2.0 * U) + 2.0 * U) + TINY;
    Bounded { value, error }
}

/// 1/√width as the kernel has it.
fn scale(dims: NeuronAttention) -> f64 {
    f64::from((1.0 / (dims.width as f64).sqrt()) as f32)
}

/// Numbers of the block layout, given as `[count][features]`.
pub fn stored(
    count: usize,
    features: usize,
    value: impl Fn(usize, usize) -> Bounded,
) -> Vec<Bounded> {
    let mut all = vec![Bounded::default(); count.div_ceil(LANES) * features * LANES];
    for i in 0..count {
        for f in 0..features {
            all[at(features, i, f)] = value(i, f);
        }
    }
    all
}

/// Attention among neurons and to the input, and modulation.
pub fn modulations(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let operands = &outcome.operands;
    let value = |operand: usize, i: usize| f64::from(operands[operand][i]);
    let InputAttention { attention, samples } = case.input_attention();
    match case.kernel {
        Kernel::NeuronAttention => neuron_attention(attention, &value),
        Kernel::NeuronAttentionBackward => neuron_attention_backward(attention, &value),
        Kernel::InputAttention => {
            let place = Place::new(attention, samples);
            input_attention(place, &value)
        }
        Kernel::InputAttentionBackward => {
            let place = Place::new(attention, samples);
            input_attention_backward(place, &value)
        }
        Kernel::Modulation => modulation(case, outcome),
        Kernel::ModulationBackward => modulation_backward(case, outcome),
        _ => unreachable!("{:?} has its reference above", case.kernel),
    }
}

fn neuron_attention(
    dims: NeuronAttention,
    value: &dyn Fn(usize, usize) -> f64,
) -> Vec<Vec<Bounded>> {
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = dims;
    let features = heads * width;
    let operand = |which: usize, i: usize, f: usize| value(which, at(features, i, f));
    let mut shares = stored(neurons, heads * neurons, |_, _| exact(0.0));
    let mut log_sums = stored(neurons, heads, |_, _| exact(0.0));
    let mut out = stored(neurons, features, |_, _| exact(0.0));
    for i in 0..neurons {
        for head in 0..heads {
            let own = head * width..(head + 1) * width;
            let scores: Vec<Bounded> = (0..neurons)
                .map(|j| {
                    let terms = own.clone().map(|f| operand(0, i, f) * operand(1, j, f));
                    times(scale(dims), sum(terms, 0))
                })
                .collect();
            let largest = scores.iter().map(|s| s.value).fold(f64::MIN, f64::max);
            // The kernel's maximum is the largest of numbers that are as near to the scores as this.
            let apart = scores.iter().map(|s| s.error).fold(0.0, f64::max);
            let e: Vec<Bounded> = (scores.iter())
                .map(|s| {
                    let value = s.value - largest;
                    let error = s.error + apart;
                    let error = error + U * (value.abs() + error);
                    exponential(Bounded { value, error })
                })
                .collect();
            let total = products(e.iter().map(|e| (*e, 1.0)));
            let low = (total.value - total.error).max(f64::MIN_POSITIVE);
            let p: Vec<Bounded> = (e.iter())
                .map(|e| {
                    let value = e.value / total.value;
                    let error = (e.error + value * total.error) / low;
                    // The inverse and the product are rounded once each.
                    Bounded {
                        value,
                        error: error + gamma(2) * (value + error) + TINY,
                    }
                })
                .collect();
            let log = total.value.ln();
            let log_error = total.error / low;
            let inner = apart + log_error + 2.0 * U * (log.abs() + log_error) + TINY;
            let value = largest + log;
            log_sums[at(heads, i, head)] = Bounded {
                value,
                error: inner + U * (value.abs() + inner) + TINY,
            };
            for (j, p) in p.iter().enumerate() {
                shares[at(heads * neurons, i, head * neurons + j)] = *p;
            }
            for f in own {
                out[at(features, i, f)] =
                    products(p.iter().enumerate().map(|(j, p)| (*p, operand(2, j, f))));
            }
        }
    }
    vec![shares, log_sums, out]
}

/// Of the given operands, which the reference takes as exact: shares and out need not come from a softmax.
fn neuron_attention_backward(
    dims: NeuronAttention,
    value: &dyn Fn(usize, usize) -> f64,
) -> Vec<Vec<Bounded>> {
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = dims;
    let features = heads * width;
    let operand = |which: usize, i: usize, f: usize| value(which, at(features, i, f));
    let share =
        |head: usize, i: usize, j: usize| value(3, at(heads * neurons, i, head * neurons + j));
    let [mut dq, mut dk, mut dv] = [(); 3].map(|()| stored(neurons, features, |_, _| exact(0.0)));
    for head in 0..heads {
        let own = head * width..(head + 1) * width;
        let slope = |i: usize, j: usize| {
            let dot = |which: usize, row: usize| {
                let own = own.clone();
                sum(own.map(|f| operand(5, i, f) * operand(which, row, f)), 0)
            };
            let (against, dp) = (dot(4, i), dot(2, j));
            let inner = fma(-1.0, against, dp);
            let inner = fma(1.0, inner, exact(value(6, at(heads, i, head))));
            times(scale(dims), times(share(head, i, j), inner))
        };
        let slopes: Vec<Vec<Bounded>> = (0..neurons)
            .map(|i| (0..neurons).map(|j| slope(i, j)).collect())
            .collect();
        for f in own.clone() {
            for i in 0..neurons {
                let all = 0..neurons;
                let terms = all.clone().map(|j| (slopes[i][j], operand(1, j, f)));
                dq[at(features, i, f)] = products(terms);
                let terms = all.clone().map(|j| (slopes[j][i], operand(0, j, f)));
                dk[at(features, i, f)] = products(terms);
                let terms = all.map(|j| share(head, j, i) * operand(5, j, f));
                dv[at(features, i, f)] = sum(terms, 0);
            }
        }
    }
    vec![dq, dk, dv]
}

/// Where the numbers of the attention to the input are stored.
#[derive(Clone, Copy)]
struct Place {
    dims: NeuronAttention,
    samples: Option<usize>,
}

impl Place {
    fn new(dims: NeuronAttention, samples: Option<usize>) -> Self {
        Place { dims, samples }
    }

    fn features(&self) -> usize {
        self.dims.heads * self.dims.width
    }

    /// Samples with an input of their own; 1 if there is one for all.
    fn inputs(&self) -> usize {
        self.samples.unwrap_or(1)
    }

    /// Feature f of a sample's key or value.
    fn key(&self, s: usize, f: usize) -> usize {
        self.samples.map_or(f, |_| at(self.features(), s, f))
    }

    /// Number `f` of `each` numbers of a neuron for a sample.
    fn both(&self, each: usize, s: usize, i: usize, f: usize) -> usize {
        match self.samples {
            None => at(each, i, f),
            Some(_) => at(self.dims.neurons * each, s, i * each + f),
        }
    }

    /// All numbers of all neurons, for each sample.
    fn stored(&self, each: usize, value: impl Fn(usize, usize, usize) -> Bounded) -> Vec<Bounded> {
        match self.samples {
            None => stored(self.dims.neurons, each, |i, f| value(0, i, f)),
            Some(samples) => stored(samples, self.dims.neurons * each, |s, f| {
                value(s, f / each, f % each)
            }),
        }
    }

    /// A number of each feature of the inputs.
    fn keys(&self, value: impl Fn(usize, usize) -> Bounded) -> Vec<Bounded> {
        match self.samples {
            None => (0..self.features()).map(|f| value(0, f)).collect(),
            Some(samples) => stored(samples, self.features(), value),
        }
    }
}

fn input_attention(place: Place, value: &dyn Fn(usize, usize) -> f64) -> Vec<Vec<Bounded>> {
    let NeuronAttention { heads, width, .. } = place.dims;
    let features = place.features();
    let weight = |s: usize, i: usize, head: usize| {
        let own = head * width..(head + 1) * width;
        let terms = own.map(|f| value(0, at(features, i, f)) * value(3, place.key(s, f)));
        let score = times(scale(place.dims), sum(terms, 0));
        let against = fma(-1.0, score, exact(value(1, at(heads, i, head))));
        let d = fma(1.0, exponential(against), exact(1.0));
        // The divisor is at least 1; where the exponential overflows, the weight is below 3·10⁻³⁹.
        let error = d.error / (d.value * f64::max(1.0, d.value - d.error)) + 3e-39;
        let value = 1.0 / d.value;
        Bounded {
            value,
            error: error + U * (value + error) + TINY,
        }
    };
    let mixed = |s: usize, i: usize, f: usize| {
        let out = value(2, at(features, i, f));
        let w = weight(s, i, f / width);
        let towards = value(4, place.key(s, f)) - out;
        let error = w.error * towards.abs() * 1.01 + w.value * U * towards.abs();
        let value = w.value * towards + out;
        Bounded {
            value,
            error: error + U * (value.abs() + error) + TINY,
        }
    };
    vec![place.stored(heads, weight), place.stored(features, mixed)]
}

/// Of the given operands, which the reference takes as exact: w need not come from the forward pass.
fn input_attention_backward(
    place: Place,
    value: &dyn Fn(usize, usize) -> f64,
) -> Vec<Vec<Bounded>> {
    let NeuronAttention {
        neurons,
        heads,
        width,
    } = place.dims;
    let features = place.features();
    let w = |s: usize, i: usize, head: usize| value(4, place.both(heads, s, i, head));
    let dmixed = |s: usize, i: usize, f: usize| value(5, place.both(features, s, i, f));
    let rest = |s: usize, i: usize, head: usize| rounded(1.0 - w(s, i, head), 1);
    let dt = |s: usize, i: usize, head: usize| {
        let own = head * width..(head + 1) * width;
        let towards = |f: usize| {
            let d = value(3, place.key(s, f)) - value(1, at(features, i, f));
            rounded(d, 1)
        };
        let dw = products(own.map(|f| (towards(f), dmixed(s, i, f))));
        let (rest, part) = (rest(s, i, head), times(w(s, i, head), dw));
        let mut dt = times(rest.value, part);
        dt.error += rest.error * (part.value.abs() + part.error) * 1.01;
        dt
    };
    // Computed once each: [inputs][neurons][heads].
    let all = (0..place.inputs()).flat_map(|s| (0..neurons).map(move |i| (s, i)));
    let all: Vec<Bounded> = all
        .flat_map(|(s, i)| (0..heads).map(move |head| (s, i, head)))
        .map(|(s, i, head)| dt(s, i, head))
        .collect();
    let dt = |s: usize, i: usize, head: usize| all[(s * neurons + i) * heads + head];
    let g = |s: usize, i: usize, head: usize| times(scale(place.dims), dt(s, i, head));
    let samples = || 0..place.inputs();
    let dq = stored(neurons, features, |i, f| {
        products(samples().map(|s| (g(s, i, f / width), value(2, place.key(s, f)))))
    });
    let dout = stored(neurons, features, |i, f| {
        products(samples().map(|s| (rest(s, i, f / width), dmixed(s, i, f))))
    });
    let dlog_sums = stored(neurons, heads, |i, head| {
        let total = products(samples().map(|s| (dt(s, i, head), 1.0)));
        fma(-1.0, total, exact(0.0))
    });
    let dk = place.keys(|s, f| {
        products((0..neurons).map(|i| (g(s, i, f / width), value(0, at(features, i, f)))))
    });
    let dv = place.keys(|s, f| {
        sum(
            (0..neurons).map(|i| w(s, i, f / width) * dmixed(s, i, f)),
            0,
        )
    });
    vec![dq, dout, dlog_sums, dk, dv]
}
