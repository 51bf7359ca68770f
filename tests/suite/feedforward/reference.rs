//! The feed-forward network from its definition, sample by sample, in any arithmetic.

use crate::reference::layers::Number;
use neurogain::models::{Activation, FeedforwardConfig};

/// A layer's parameters, in the order of the library's.
type Parameters<T> = Vec<Vec<T>>;

/// Activations of one sample, `[height][width][channels]`.
#[derive(Clone)]
pub struct Image<T> {
    pub shape: [usize; 3],
    pub numbers: Vec<T>,
}

impl<T: Number> Image<T> {
    fn of(shape: [usize; 3], mut number: impl FnMut([usize; 3]) -> T) -> Self {
        let [height, width, channels] = shape;
        let mut numbers = Vec::new();
        for y in 0..height {
            for x in 0..width {
                numbers.extend((0..channels).map(|c| number([y, x, c])));
            }
        }
        Image { shape, numbers }
    }

    fn place(&self, [y, x, c]: [usize; 3]) -> usize {
        (y * self.shape[1] + x) * self.shape[2] + c
    }

    fn at(&self, at: [usize; 3]) -> T {
        self.numbers[self.place(at)]
    }
}

/// The network with its parameters.
pub struct Reference<T> {
    pub config: FeedforwardConfig,
    /// One list for each parameter.
    pub parameters: Parameters<T>,
}

/// The steps of one layer for one sample.
struct Trace<T> {
    x: Image<T>,
    z: Image<T>,
    pre: Image<T>,
    h: Image<T>,
}

fn zero<T: Number>() -> T {
    T::of(0.0)
}

fn positive<T: Number>(x: T) -> bool {
    x.value() > 0.0
}

impl<T: Number> Reference<T> {
    fn layers(&self) -> usize {
        self.config.convolutions.len() + self.config.hidden.len() + 1
    }

    /// The index of a layer's first parameter.
    fn first(&self, layer: usize) -> usize {
        let norm = if self.config.layer_norm { 2 } else { 0 };
        let slope = usize::from(self.config.activation == Activation::Adalin);
        layer * (2 + norm + slope)
    }

    fn slope(&self, layer: usize) -> &[T] {
        let norm = if self.config.layer_norm { 2 } else { 0 };
        &self.parameters[self.first(layer) + 2 + norm]
    }

    /// The window of a layer on its input: a linear layer's is the whole image.
    fn window(&self, layer: usize, x: &Image<T>) -> [usize; 2] {
        match self.config.convolutions.get(layer) {
            Some(convolution) => [convolution.window; 2],
            None => [x.shape[0], x.shape[1]],
        }
    }

    /// Calls `each` with (weight, input, output) of every product of a layer.
    fn each_use(
        &self,
        layer: usize,
        x: &Image<T>,
        z: &Image<T>,
        mut each: impl FnMut(usize, usize, usize),
    ) {
        let [rows, columns] = self.window(layer, x);
        let channels = x.shape[2];
        for place in 0..z.numbers.len() {
            let (pixel, o) = (place / z.shape[2], place % z.shape[2]);
            let (oy, ox) = (pixel / z.shape[1], pixel % z.shape[1]);
            for ty in 0..rows {
                for tx in 0..columns {
                    for c in 0..channels {
                        let w = ((o * rows + ty) * columns + tx) * channels + c;
                        each(w, x.place([oy + ty, ox + tx, c]), place);
                    }
                }
            }
        }
    }

    fn affine(&self, layer: usize, x: &Image<T>) -> Image<T> {
        let (w, b) = (
            &self.parameters[self.first(layer)],
            &self.parameters[self.first(layer) + 1],
        );
        let [rows, columns] = self.window(layer, x);
        let shape = [x.shape[0] + 1 - rows, x.shape[1] + 1 - columns, b.len()];
        let mut z = Image::of(shape, |_| zero());
        let mut terms = vec![Vec::new(); z.numbers.len()];
        self.each_use(layer, x, &z, |weight, from, to| {
            terms[to].push((w[weight], x.numbers[from]))
        });
        for (place, terms) in terms.into_iter().enumerate() {
            z.numbers[place] = T::dot(terms.into_iter()) + b[place % b.len()];
        }
        z
    }

    /// Mean and 1/√(variance + ε) of a pixel.
    fn statistics(z: &[T]) -> [T; 2] {
        let n = T::of(z.len() as f64);
        let mean = T::sum(z.iter().copied()) / n;
        let square = z.iter().map(|&z| (z - mean, z - mean));
        let deviation = (T::dot(square) / n + T::of(f64::from(1e-5f32))).sqrt();
        [mean, T::of(1.0) / deviation]
    }

    fn normalised(&self, layer: usize, z: &Image<T>) -> Image<T> {
        if !self.config.layer_norm {
            return z.clone();
        }
        let [gamma, beta] = [2, 3].map(|place| &self.parameters[self.first(layer) + place]);
        let mut numbers = Vec::new();
        for pixel in z.numbers.chunks(z.shape[2]) {
            let [mean, r] = Self::statistics(pixel);
            numbers.extend((0..pixel.len()).map(|c| (pixel[c] - mean) * r * gamma[c] + beta[c]));
        }
        Image {
            shape: z.shape,
            numbers,
        }
    }

    fn activated(&self, layer: usize, z: &Image<T>) -> Image<T> {
        let [height, width, channels] = z.shape;
        let relu = |z: T| if positive(z) { z } else { zero() };
        match self.config.activation {
            Activation::Relu => Image::of(z.shape, |at| relu(z.at(at))),
            Activation::Adalin => Image::of(z.shape, |at| match positive(z.at(at)) {
                true => z.at(at),
                false => self.slope(layer)[at[2]] * z.at(at),
            }),
            Activation::Crelu => Image::of([height, width, 2 * channels], |[y, x, c]| {
                let z = z.at([y, x, c % channels]);
                relu(if c < channels { z } else { zero::<T>() - z })
            }),
        }
    }

    /// The pixel of a 2×2 window with the largest value, the first of equal ones.
    fn largest(h: &Image<T>, [y, x, c]: [usize; 3]) -> [usize; 3] {
        let pixels = [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[dy, dx]| [2 * y + dy, 2 * x + dx, c]);
        let mut best = pixels[0];
        for at in pixels {
            if h.at(at).value() > h.at(best).value() {
                best = at;
            }
        }
        best
    }

    fn pooled(&self, layer: usize, h: &Image<T>) -> Image<T> {
        if layer >= self.config.convolutions.len() {
            return h.clone();
        }
        let [height, width, channels] = h.shape;
        Image::of([height / 2, width / 2, channels], |at| {
            h.at(Self::largest(h, at))
        })
    }

    fn hidden(&self, layer: usize, x: &Image<T>) -> (Trace<T>, Image<T>) {
        let z = self.affine(layer, x);
        let pre = self.normalised(layer, &z);
        let h = self.activated(layer, &pre);
        let output = self.pooled(layer, &h);
        (
            Trace {
                x: x.clone(),
                z,
                pre,
                h,
            },
            output,
        )
    }

    /// The logits of a sample.
    pub fn logits(&self, x: &Image<T>) -> Vec<T> {
        let last = self.layers() - 1;
        let x = (0..last).fold(x.clone(), |x, layer| self.hidden(layer, &x).1);
        self.affine(last, &x).numbers
    }

    /// The terms of the gradients of Σ dlogits·logits over the samples, and their sums.
    pub fn gradients(&self, samples: &[Image<T>], dlogits: &[Vec<T>]) -> Parameters<T> {
        let mut terms: Vec<Vec<Vec<(T, T)>>> = self
            .parameters
            .iter()
            .map(|p| vec![Vec::new(); p.len()])
            .collect();
        for (sample, dlogits) in samples.iter().zip(dlogits) {
            self.backward(sample, dlogits, &mut terms);
        }
        let sums =
            |terms: Vec<Vec<(T, T)>>| terms.into_iter().map(|t| T::dot(t.into_iter())).collect();
        terms.into_iter().map(sums).collect()
    }

    fn backward(&self, sample: &Image<T>, dlogits: &[T], terms: &mut [Vec<Vec<(T, T)>>]) {
        let last = self.layers() - 1;
        let one = T::of(1.0);
        let (mut x, mut traces) = (sample.clone(), Vec::new());
        for layer in 0..last {
            let (trace, output) = self.hidden(layer, &x);
            traces.push(trace);
            x = output;
        }
        let z = Image {
            shape: [1, 1, dlogits.len()],
            numbers: dlogits.to_vec(),
        };
        let mut dy = self.affine_backward(last, &x, &z, terms);
        for (layer, trace) in traces.iter().enumerate().rev() {
            let Trace { x, z, pre, h } = trace;
            let first = self.first(layer);
            // Pooling.
            let mut dh = Image {
                shape: h.shape,
                numbers: vec![zero(); h.numbers.len()],
            };
            if layer < self.config.convolutions.len() {
                let [height, width, channels] = h.shape;
                dy.shape = [height / 2, width / 2, channels];
                for place in 0..dy.numbers.len() {
                    let (pixel, c) = (place / channels, place % channels);
                    let at = [pixel / dy.shape[1], pixel % dy.shape[1], c];
                    let largest = h.place(Self::largest(h, at));
                    dh.numbers[largest] = dy.numbers[place];
                }
            } else {
                dh.numbers = dy.numbers;
            }
            // The nonlinearity.
            let channels = pre.shape[2];
            let mut dz = Image::of(pre.shape, |at| {
                let (active, d) = (positive(pre.at(at)), dh.numbers[h.place(at)]);
                match self.config.activation {
                    Activation::Relu if active => d,
                    Activation::Relu => zero(),
                    Activation::Adalin if active => d,
                    Activation::Adalin => self.slope(layer)[at[2]] * d,
                    Activation::Crelu if active => d,
                    Activation::Crelu => {
                        zero::<T>() - dh.numbers[h.place([at[0], at[1], channels + at[2]])]
                    }
                }
            });
            if self.config.activation == Activation::Adalin {
                let slope = first + if self.config.layer_norm { 4 } else { 2 };
                for (place, &z) in pre
                    .numbers
                    .iter()
                    .enumerate()
                    .filter(|(_, z)| !positive(**z))
                {
                    terms[slope][place % channels].push((dh.numbers[place], z));
                }
            }
            // The normalisation.
            if self.config.layer_norm {
                let gamma = &self.parameters[first + 2];
                let pixels = z
                    .numbers
                    .chunks(channels)
                    .zip(dz.numbers.chunks_mut(channels));
                for (z, dz) in pixels {
                    let [mean, r] = Self::statistics(z);
                    let x: Vec<T> = z.iter().map(|&z| (z - mean) * r).collect();
                    for c in 0..channels {
                        terms[first + 2][c].push((dz[c], x[c]));
                        terms[first + 3][c].push((dz[c], one));
                    }
                    let g: Vec<T> = (0..channels).map(|c| gamma[c] * dz[c]).collect();
                    let n = T::of(channels as f64);
                    let a = T::sum(g.iter().copied()) / n;
                    let b = T::dot(g.iter().copied().zip(x.iter().copied())) / n;
                    for c in 0..channels {
                        dz[c] = r * (g[c] - a - x[c] * b);
                    }
                }
            }
            dy = self.affine_backward(layer, x, &dz, terms);
        }
    }

    fn affine_backward(
        &self,
        layer: usize,
        x: &Image<T>,
        dz: &Image<T>,
        terms: &mut [Vec<Vec<(T, T)>>],
    ) -> Image<T> {
        let first = self.first(layer);
        let w = &self.parameters[first];
        let mut to_input = vec![Vec::new(); x.numbers.len()];
        self.each_use(layer, x, dz, |weight, from, to| {
            terms[first][weight].push((dz.numbers[to], x.numbers[from]));
            to_input[from].push((dz.numbers[to], w[weight]));
        });
        for (place, &d) in dz.numbers.iter().enumerate() {
            terms[first + 1][place % dz.shape[2]].push((d, T::of(1.0)));
        }
        let numbers = to_input
            .into_iter()
            .map(|t| T::dot(t.into_iter()))
            .collect();
        Image {
            shape: x.shape,
            numbers,
        }
    }
}
