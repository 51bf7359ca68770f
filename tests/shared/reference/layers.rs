//! The layers of a residual network from their definitions, in any arithmetic: f64 is the reference, f32
//! shows the error of a straightforward single-precision computation, [`Bounded`] carries a proved bound.

use std::ops::{Add, Div, Mul, Sub};

use super::{Bounded, dot, exact};

/// An arithmetic.
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn of(number: f64) -> Self;
    fn value(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    /// Σ a·b.
    fn dot(terms: impl Iterator<Item = (Self, Self)>) -> Self;

    fn sum(terms: impl Iterator<Item = Self>) -> Self {
        Self::dot(terms.map(|term| (term, Self::of(1.0))))
    }
}

macro_rules! floating {
    ($float:ty) => {
        impl Number for $float {
            fn of(number: f64) -> Self {
                number as $float
            }
            fn value(self) -> f64 {
                f64::from(self)
            }
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn exp(self) -> Self {
                self.exp()
            }
            fn ln(self) -> Self {
                self.ln()
            }
            fn dot(terms: impl Iterator<Item = (Self, Self)>) -> Self {
                terms.fold(0.0, |sum, (a, b)| sum + a * b)
            }
        }
    };
}

floating!(f64);
floating!(f32);

impl Number for Bounded {
    fn of(number: f64) -> Self {
        exact(number)
    }
    fn value(self) -> f64 {
        self.value
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn ln(self) -> Self {
        self.ln()
    }
    fn dot(terms: impl Iterator<Item = (Self, Self)>) -> Self {
        dot(terms)
    }
}

/// Square images, `[samples][side][side][channels]`.
#[derive(Debug, Clone)]
pub struct Images<T> {
    pub samples: usize,
    pub side: usize,
    pub channels: usize,
    pub numbers: Vec<T>,
}

impl<T: Number> Images<T> {
    pub fn each(
        [samples, side, channels]: [usize; 3],
        mut number: impl FnMut([usize; 4]) -> T,
    ) -> Self {
        let mut numbers = Vec::with_capacity(samples * side * side * channels);
        for sample in 0..samples {
            for y in 0..side {
                for x in 0..side {
                    numbers.extend((0..channels).map(|c| number([sample, y, x, c])));
                }
            }
        }
        Images {
            samples,
            side,
            channels,
            numbers,
        }
    }

    pub fn at(&self, [sample, y, x, c]: [usize; 4]) -> T {
        self.numbers[((sample * self.side + y) * self.side + x) * self.channels + c]
    }

    pub fn shape(&self) -> [usize; 3] {
        [self.samples, self.side, self.channels]
    }

    /// The same numbers as images of another shape: `[samples][side][side][channels]` is
    /// `[samples][1][1][side·side·channels]`.
    pub fn shaped(&self, [samples, side, channels]: [usize; 3]) -> Self {
        assert_eq!(self.numbers.len(), samples * side * side * channels);
        Images {
            samples,
            side,
            channels,
            numbers: self.numbers.clone(),
        }
    }

    /// The same images in another arithmetic.
    pub fn to<U: Number>(&self) -> Images<U> {
        Images {
            samples: self.samples,
            side: self.side,
            channels: self.channels,
            numbers: self.numbers.iter().map(|x| U::of(x.value())).collect(),
        }
    }

    pub fn plus(&self, other: &Self) -> Self {
        Self::each(self.shape(), |at| self.at(at) + other.at(at))
    }

    /// The values of a channel.
    fn channel(&self, channel: usize) -> impl Iterator<Item = T> + Clone {
        self.numbers
            .iter()
            .copied()
            .skip(channel)
            .step_by(self.channels)
    }
}

/// A convolution's sizes; the padding is half of an odd window, none of an even one.
#[derive(Debug, Clone, Copy)]
pub struct Taps {
    pub outputs: usize,
    pub inputs: usize,
    pub size: usize,
    pub stride: usize,
}

impl Taps {
    pub fn side(&self, side: usize) -> usize {
        (side + 2 * self.padding() - self.size) / self.stride + 1
    }

    fn padding(&self) -> usize {
        match self.size % 2 {
            0 => 0,
            _ => self.size / 2,
        }
    }

    /// The weight `[outputs][size][size][inputs]`.
    fn weight(&self, [o, ty, tx, c]: [usize; 4]) -> usize {
        ((o * self.size + ty) * self.size + tx) * self.inputs + c
    }

    /// The input pixel that a tap of an output pixel reads, if it is inside the image.
    fn reads(&self, output: usize, tap: usize, side: usize) -> Option<usize> {
        let padded = output * self.stride + tap;
        padded
            .checked_sub(self.padding())
            .filter(|&pixel| pixel < side)
    }

    pub fn forward<T: Number>(&self, w: &[T], x: &Images<T>) -> Images<T> {
        let side = self.side(x.side);
        Images::each([x.samples, side, self.outputs], |[s, oy, ox, o]| {
            let mut terms = Vec::new();
            for ty in 0..self.size {
                for tx in 0..self.size {
                    let pixel = (self.reads(oy, ty, x.side), self.reads(ox, tx, x.side));
                    if let (Some(iy), Some(ix)) = pixel {
                        terms.extend(
                            (0..self.inputs)
                                .map(|c| (w[self.weight([o, ty, tx, c])], x.at([s, iy, ix, c]))),
                        );
                    }
                }
            }
            T::dot(terms.into_iter())
        })
    }

    /// dL/dW_eff: each weight sums dy·x over its uses in forward.
    pub fn to_weights<T: Number>(self, x: &Images<T>, dy: &Images<T>) -> Vec<T> {
        let mut terms = vec![Vec::new(); self.outputs * self.size * self.size * self.inputs];
        self.each_use(x.samples, x.side, |w, from, to| {
            terms[w].push((dy.at(to), x.at(from)));
        });
        terms.into_iter().map(|t| T::dot(t.into_iter())).collect()
    }

    /// dL/dx: each input sums dy·w over its uses in forward.
    pub fn to_input<T: Number>(self, w: &[T], x: [usize; 3], dy: &Images<T>) -> Images<T> {
        let [samples, side, channels] = x;
        let mut terms = vec![Vec::new(); samples * side * side * channels];
        self.each_use(samples, side, |weight, [s, iy, ix, c], to| {
            terms[((s * side + iy) * side + ix) * channels + c].push((dy.at(to), w[weight]));
        });
        let mut terms = terms.into_iter();
        Images::each(x, |_| T::dot(terms.next().unwrap().into_iter()))
    }

    /// Every (weight, input, output) that forward multiplies and accumulates.
    fn each_use(
        &self,
        samples: usize,
        side: usize,
        mut used: impl FnMut(usize, [usize; 4], [usize; 4]),
    ) {
        let outputs = Images::each([samples, self.side(side), self.outputs], |_| 0.0f32);
        Images::each(outputs.shape(), |[s, oy, ox, o]| {
            for ty in 0..self.size {
                for tx in 0..self.size {
                    let pixel = (self.reads(oy, ty, side), self.reads(ox, tx, side));
                    if let (Some(iy), Some(ix)) = pixel {
                        for c in 0..self.inputs {
                            let w = self.weight([o, ty, tx, c]);
                            used(w, [s, iy, ix, c], [s, oy, ox, o]);
                        }
                    }
                }
            }
            0.0f32
        });
    }
}

pub const EPSILON: f64 = 1e-5;

/// Batch normalisation as PyTorch defines it: mean and biased variance in two passes.
#[derive(Debug, Clone)]
pub struct Normalised<T> {
    pub y: Images<T>,
    pub mean: Vec<T>,
    pub variance: Vec<T>,
}

/// Values per channel.
fn count<T>(x: &Images<T>) -> f64 {
    (x.samples * x.side * x.side) as f64
}

pub fn normalize<T: Number>(x: &Images<T>, gamma: &[T], beta: &[T]) -> Normalised<T> {
    let n = T::of(count(x));
    let mean: Vec<T> = (0..x.channels).map(|c| T::sum(x.channel(c)) / n).collect();
    let squares = |c: usize| {
        let mean = mean[c];
        T::dot(x.channel(c).map(|x| (x - mean, x - mean)))
    };
    let variance: Vec<T> = (0..x.channels).map(|c| squares(c) / n).collect();
    Normalised {
        y: normalise_by(x, [&mean, &variance], gamma, beta),
        mean,
        variance,
    }
}

/// With given mean and variance.
pub fn normalise_by<T: Number>(
    x: &Images<T>,
    [mean, variance]: [&[T]; 2],
    gamma: &[T],
    beta: &[T],
) -> Images<T> {
    Images::each(x.shape(), |at| {
        let c = at[3];
        let deviation = (variance[c] + T::of(EPSILON)).sqrt();
        (x.at(at) - mean[c]) / deviation * gamma[c] + beta[c]
    })
}

/// dx, dγ, dβ by the chain rule, first through the variance, then through the mean.
pub fn normalize_backward<T: Number>(
    x: &Images<T>,
    unit_mean: &Normalised<T>,
    gamma: &[T],
    dy: &Images<T>,
) -> (Images<T>, Vec<T>, Vec<T>) {
    let n = T::of(count(x));
    let (mut dgamma, mut dbeta) = (Vec::new(), Vec::new());
    let mut through = Vec::new();
    for (c, &gamma) in gamma.iter().enumerate() {
        let mean = unit_mean.mean[c];
        let spread = unit_mean.variance[c] + T::of(EPSILON);
        let deviation = spread.sqrt();
        let pairs = || dy.channel(c).zip(x.channel(c).map(|x| x - mean));
        dgamma.push(T::sum(pairs().map(|(dy, x)| dy * (x / deviation))));
        dbeta.push(T::sum(dy.channel(c)));
        let half = T::of(-0.5);
        let dvariance = T::sum(pairs().map(|(dy, x)| dy * gamma * x)) * half / (spread * deviation);
        let dmean = T::of(0.0) - T::sum(dy.channel(c).map(|dy| dy * gamma)) / deviation;
        let centred = T::sum(pairs().map(|(_, x)| x));
        let dmean = dmean - dvariance * T::of(2.0) * centred / n;
        through.push((deviation, dvariance, dmean));
    }
    let dx = Images::each(x.shape(), |at| {
        let c = at[3];
        let (deviation, dvariance, dmean) = through[c];
        let centred = x.at(at) - unit_mean.mean[c];
        dy.at(at) * gamma[c] / deviation + dvariance * T::of(2.0) * centred / n + dmean / n
    });
    (dx, dgamma, dbeta)
}

pub fn relu<T: Number>(x: &Images<T>) -> Images<T> {
    let zero = T::of(0.0);
    Images::each(x.shape(), |at| match x.at(at).value() > 0.0 {
        true => x.at(at),
        false => zero,
    })
}

/// dy where `x`, ReLU's input, is above 0.
pub fn relu_backward<T: Number>(x: &Images<T>, dy: &Images<T>) -> Images<T> {
    Images::each(x.shape(), |at| match x.at(at).value() > 0.0 {
        true => dy.at(at),
        false => T::of(0.0),
    })
}

/// The average over all pixels: one pixel per image.
pub fn average<T: Number>(x: &Images<T>) -> Images<T> {
    let pixels = x.side * x.side;
    Images::each([x.samples, 1, x.channels], |[s, _, _, c]| {
        let terms = (0..pixels).map(|p| x.at([s, p / x.side, p % x.side, c]));
        T::sum(terms) / T::of(pixels as f64)
    })
}

pub fn average_backward<T: Number>(x: [usize; 3], dy: &Images<T>) -> Images<T> {
    let pixels = T::of((x[1] * x[1]) as f64);
    Images::each(x, |[s, _, _, c]| dy.at([s, 0, 0, c]) / pixels)
}
