//! A case, its f64 reference, and all checks on it.

use neurogain::backend::cpu::Floats;
use neurogain::backend::winograd::serves;
use neurogain::backend::{Conv2dDims, Convolutions, Cpu, Update, summation};

use super::winograd::absolute;

use crate::images::{Awkward, bits, gamma, same_everywhere, unwritten, upload};

#[derive(Debug, Clone)]
pub struct Case {
    pub samples: usize,
    pub dimensions: Conv2dDims,
    pub gain: bool,
    pub seed: u64,
}

/// The inputs and outputs of the kernels.
pub struct Data {
    pub gain: Option<Vec<f32>>,
    pub w: Vec<f32>,
    pub x: Vec<f32>,
    pub dy: Vec<f32>,
}

impl Case {
    pub fn data(&self) -> Data {
        let mut awkward = Awkward::new(self.seed);
        let dimensions = self.dimensions;
        let [rows, columns] = dimensions.output().unwrap();
        let pixels = dimensions.height * dimensions.width;
        Data {
            gain: self.gain.then(|| awkward.numbers(dimensions.outputs)),
            w: awkward.numbers(dimensions.lengths().unwrap()[0]),
            x: awkward.samples(self.samples, pixels * dimensions.inputs),
            dy: awkward.samples(self.samples, rows * columns * dimensions.outputs),
        }
    }

    /// Calls `visit(gain, w, x, y)` with the indices of every product of the convolution, lane by lane.
    pub fn products(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let Conv2dDims {
            blocks,
            height,
            width,
            inputs,
            outputs,
            window,
        } = self.dimensions;
        let [rows, columns] = self.dimensions.output().unwrap();
        for (b, oy, ox) in grid(blocks, rows, columns) {
            for (o, ty, tx) in grid(outputs, window.size, window.size) {
                let inside = |o: usize, t: usize, size: usize| {
                    (o * window.stride + t)
                        .checked_sub(window.padding)
                        .filter(|&i| i < size)
                };
                let (Some(iy), Some(ix)) = (inside(oy, ty, height), inside(ox, tx, width)) else {
                    continue;
                };
                for c in 0..inputs {
                    let w = ((o * window.size + ty) * window.size + tx) * inputs + c;
                    let x = ((b * height + iy) * width + ix) * inputs + c;
                    let y = ((b * rows + oy) * columns + ox) * outputs + o;
                    visit(o, w, x, y);
                }
            }
        }
    }
}

pub fn grid(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

/// y, dx, dw, and dx added to x, of one backend.
pub fn kernels(cpu: &Cpu, case: &Case, data: &Data) -> [Floats; 4] {
    let dimensions = case.dimensions;
    let gain = data.gain.as_ref().map(|gain| upload(cpu, gain));
    let [w, x, dy] = [&data.w, &data.x, &data.dy].map(|numbers| upload(cpu, numbers));
    let [mut y, mut dx, mut dw] = [&data.dy, &data.x, &data.w].map(|n| unwritten(cpu, n.len()));
    let gain = gain.as_ref();
    cpu.conv2d_forward(dimensions, gain, &w, &x, &mut y)
        .unwrap();
    cpu.conv2d_backward_data(dimensions, gain, &w, &dy, Update::Overwrite, &mut dx)
        .unwrap();
    let mut sum = x.clone();
    cpu.conv2d_backward_data(dimensions, gain, &w, &dy, Update::Add, &mut sum)
        .unwrap();
    cpu.conv2d_backward_weights(dimensions, gain, &dy, &x, &mut dw)
        .unwrap();
    [y, dx, dw, sum]
}

/// Sums of products in f64, with the sums of their absolute values and their number.
pub struct Sums {
    pub value: Vec<f64>,
    pub absolute: Vec<f64>,
    pub terms: Vec<usize>,
}

impl Sums {
    pub fn new(length: usize) -> Self {
        Sums {
            value: vec![0.0; length],
            absolute: vec![0.0; length],
            terms: vec![0; length],
        }
    }

    pub fn add(&mut self, index: usize, a: f32, b: f32) {
        let product = f64::from(a) * f64::from(b);
        self.value[index] += product;
        self.absolute[index] += product.abs();
        self.terms[index] += 1;
    }

    /// Checks that every number is within γ_k·Σ|a·b|, where k(index) roundings lie on the longest path.
    /// Returns the largest part of a bound that is reached.
    pub fn hold(&self, name: &str, found: &Floats, roundings: impl Fn(usize) -> usize) -> f64 {
        let mut reached = 0.0f64;
        for (i, &found) in found.as_slice().iter().enumerate() {
            let bound = gamma(roundings(i)) * self.absolute[i];
            let error = (f64::from(found) - self.value[i]).abs();
            assert!(
                error <= bound,
                "{name}[{i}] = {found}, expected {} ± {bound}",
                self.value[i]
            );
            if bound > 0.0 {
                reached = reached.max(error / bound);
            }
        }
        reached
    }
}

/// All checks on one case. Returns the largest part of the bounds of y, dx and dw that is reached.
pub fn check(case: &Case) -> [f64; 3] {
    let data = case.data();
    let effective = |o: usize, w: usize| data.gain.as_ref().map_or(1.0, |g| g[o]) * data.w[w];
    let mut y = Sums::new(data.dy.len());
    let mut dx = Sums::new(data.x.len());
    let mut dw = Sums::new(data.w.len());
    case.products(|o, w, x, pixel| {
        for lane in 0..16 {
            let (x, pixel) = (x * 16 + lane, pixel * 16 + lane);
            y.add(pixel, effective(o, w), data.x[x]);
            dx.add(x, effective(o, w), data.dy[pixel]);
            dw.add(w, data.dy[pixel], data.x[x]);
        }
    });
    let per_output = data.w.len() / case.dimensions.outputs;
    for (i, (value, absolute)) in dw.value.iter_mut().zip(&mut dw.absolute).enumerate() {
        let gain = data
            .gain
            .as_ref()
            .map_or(1.0, |g| f64::from(g[i / per_output]));
        *value *= gain;
        *absolute *= gain.abs();
    }

    same_everywhere(|cpu| kernels(cpu, case, &data).map(|floats| bits(&floats)));
    let [found_y, found_dx, found_dw, found_sum] = kernels(&Cpu::new().unwrap(), case, &data);
    let fast = serves(&case.dimensions);
    if fast {
        let absolute = absolute(case, &data);
        for (sums, absolute) in [&mut y, &mut dx, &mut dw].into_iter().zip(absolute) {
            sums.absolute = absolute;
        }
    }
    // One rounding a product; of Winograd's algorithm, one a channel and 10 of the transforms.
    let roundings = |channels: usize, terms: usize| if fast { channels + 10 } else { terms };
    let Conv2dDims {
        inputs, outputs, ..
    } = case.dimensions;
    let of_y = y.hold("y", &found_y, |i| roundings(inputs, y.terms[i]));
    let of_dx = dx.hold("dx", &found_dx, |i| roundings(outputs, dx.terms[i]));
    for (i, &x) in data.x.iter().enumerate() {
        dx.add(i, x, 1.0);
    }
    dx.hold("x + dx", &found_sum, |i| {
        roundings(outputs + 1, dx.terms[i])
    });
    // A chunk's chain, the chunks, the tree of lanes, the gain.
    let pixels = data.dy.len() / case.dimensions.outputs / 16;
    let path = pixels.min(summation::CHUNK) + pixels.div_ceil(summation::CHUNK) + 4 + 1;
    let path = if fast {
        super::winograd::path(case)
    } else {
        path
    };
    [of_y, of_dx, dw.hold("dw", &found_dw, |_| path)]
}

/// Fails unless a gradient agrees with finite differences in f64.
pub fn close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= 1e-4 * (1.0 + expected.abs()),
        "{found} for {expected}"
    );
}
