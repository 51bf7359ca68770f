//! A residual network's backbone from its definition, in any arithmetic: forward, backward, inference.

use super::layers::{
    Images, Normalised, Number, Taps, normalise_by, normalize, normalize_backward, relu,
    relu_backward,
};

/// A residual block: the indices of its convolutions.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    second: usize,
    shortcut: Option<usize>,
}

/// The layers. Convolution i is followed by a batch normalisation; its weights, γ and β
/// are parameters 3i, 3i + 1 and 3i + 2.
#[derive(Debug, Clone)]
pub struct Backbone {
    pub convolutions: Vec<Taps>,
    blocks: Vec<Block>,
    /// Whether 3×3 max pooling with stride 2 follows the stem.
    pooled: bool,
}

/// The numbers of a pass, in its arithmetic.
pub struct Run<T> {
    /// g·W.
    pub effective: Vec<Vec<T>>,
    pub parameters: Vec<Vec<T>>,
    pub gradients: Vec<Vec<T>>,
    /// The smallest distance of an input of ReLU from its kink, and of a window's maximum from the next.
    pub margin: f64,
    gains: Vec<Option<Vec<f64>>>,
    tapes: Vec<Option<Tape<T>>>,
    stem: Option<Images<T>>,
    /// The inputs of every block's two ReLUs.
    inner: Vec<[Images<T>; 2]>,
}

/// A convolution and its normalisation, as kept for the backward pass.
struct Tape<T> {
    x: Images<T>,
    convolved: Images<T>,
    unit_mean: Normalised<T>,
}

/// Mean and variance of each batch normalisation.
pub type Statistics<T> = Vec<[Vec<T>; 2]>;

impl<T: Number> Run<T> {
    /// Every parameter in the arithmetic, and the effective weights g·W.
    pub fn new(parameters: &[Vec<f64>], gains: &[Option<Vec<f64>>]) -> Self {
        let of = |numbers: &Vec<f64>| numbers.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
        let parameters: Vec<Vec<T>> = parameters.iter().map(of).collect();
        let effective = parameters.iter().zip(gains).map(|(w, gain)| {
            let Some(gain) = gain else {
                return w.clone();
            };
            let row = w.len() / gain.len();
            let gain = |i: usize| T::of(gain[i / row]);
            (0..w.len()).map(|i| gain(i) * w[i]).collect()
        });
        Run {
            effective: effective.collect(),
            gradients: parameters.iter().map(|_| Vec::new()).collect(),
            margin: f64::INFINITY,
            gains: gains.to_vec(),
            tapes: parameters.iter().map(|_| None).collect(),
            stem: None,
            inner: Vec::new(),
            parameters,
        }
    }

    /// dL/dW = g·dL/dW_eff.
    pub fn with_gain(&self, parameter: usize, effective: Vec<T>) -> Vec<T> {
        let Some(gain) = &self.gains[parameter] else {
            return effective;
        };
        let row = effective.len() / gain.len();
        let rows = effective.into_iter().enumerate();
        rows.map(|(i, dw)| T::of(gain[i / row]) * dw).collect()
    }

    /// Records the distances of ReLU's input from its kink.
    pub fn kinks(&mut self, x: &Images<T>) {
        self.some_kinks(x, |_| true);
    }

    /// The same after a layer without bias: it gives 0, exactly and whatever its weights are, where all of its inputs
    /// are silent.
    pub fn kinks_of_active(&mut self, x: &Images<T>) {
        self.some_kinks(x, |x| x != 0.0);
    }

    fn some_kinks(&mut self, x: &Images<T>, counts: fn(f64) -> bool) {
        let sizes = x
            .numbers
            .iter()
            .map(|x| x.value().abs())
            .filter(|&x| counts(x));
        self.margin = sizes.fold(self.margin, f64::min);
    }

    /// Mean and unbiased variance of the batch at each batch normalisation.
    pub fn statistics(&self) -> Statistics<T> {
        let of = |tape: &Tape<T>| {
            let n = (tape.convolved.numbers.len() / tape.convolved.channels) as f64;
            let unit_mean = &tape.unit_mean;
            let variances = unit_mean.variance.iter();
            let unbiased = variances.map(|&v| v * T::of(n) / T::of(n - 1.0)).collect();
            [unit_mean.mean.clone(), unbiased]
        };
        self.tapes.iter().flatten().map(of).collect()
    }
}

impl Backbone {
    /// `large`: a stem of 7×7 with stride 2 and a maximum, instead of 3×3.
    pub fn new(channels: usize, width: usize, stages: usize, large: bool) -> Self {
        let (size, stride) = if large { (7, 2) } else { (3, 1) };
        let mut convolutions = vec![Taps {
            outputs: width,
            inputs: channels,
            size,
            stride,
        }];
        let mut blocks = Vec::new();
        let mut inputs = width;
        for stage in 0..stages {
            let (outputs, stride) = (width << stage, if stage == 0 { 1 } else { 2 });
            for stride in [stride, 1] {
                let mut add = |inputs, size, stride| {
                    convolutions.push(Taps {
                        outputs,
                        inputs,
                        size,
                        stride,
                    });
                    convolutions.len() - 1
                };
                let changes = stride != 1 || inputs != outputs;
                blocks.push(Block {
                    first: add(inputs, 3, stride),
                    second: add(outputs, 3, 1),
                    shortcut: changes.then(|| add(inputs, 1, stride)),
                });
                inputs = outputs;
            }
        }
        Backbone {
            convolutions,
            blocks,
            pooled: large,
        }
    }

    /// Parameters, three a convolution.
    pub fn parameters(&self) -> usize {
        3 * self.convolutions.len()
    }

    fn unit<T: Number>(&self, run: &mut Run<T>, number: usize, x: &Images<T>) -> Images<T> {
        let convolved = self.convolutions[number].forward(&run.effective[3 * number], x);
        let [gamma, beta] = [1, 2].map(|next| &run.parameters[3 * number + next]);
        let unit_mean = normalize(&convolved, gamma, beta);
        let y = unit_mean.y.clone();
        run.tapes[number] = Some(Tape {
            x: x.clone(),
            convolved,
            unit_mean,
        });
        y
    }

    fn unit_backward<T: Number>(
        &self,
        run: &mut Run<T>,
        number: usize,
        dy: &Images<T>,
    ) -> Images<T> {
        let tape = run.tapes[number].take().unwrap();
        let gamma = &run.parameters[3 * number + 1];
        let (dy, dgamma, dbeta) = normalize_backward(&tape.convolved, &tape.unit_mean, gamma, dy);
        let taps = self.convolutions[number];
        let dw = run.with_gain(3 * number, taps.to_weights(&tape.x, &dy));
        for (at, gradient) in [dw, dgamma, dbeta].into_iter().enumerate() {
            run.gradients[3 * number + at] = gradient;
        }
        taps.to_input(&run.effective[3 * number], tape.x.shape(), &dy)
    }

    /// The maps with the batch's statistics.
    pub fn forward<T: Number>(&self, run: &mut Run<T>, images: &Images<f64>) -> Images<T> {
        let stem = self.unit(run, 0, &images.to());
        run.kinks(&stem);
        let mut x = relu(&stem);
        if self.pooled {
            let (y, margin) = maximum(&x);
            run.margin = run.margin.min(margin);
            x = y;
        }
        run.stem = Some(stem);
        for block in &self.blocks {
            let between = self.unit(run, block.first, &x);
            let through = self.unit(run, block.second, &relu(&between));
            let beside = match block.shortcut {
                Some(shortcut) => self.unit(run, shortcut, &x),
                None => x.clone(),
            };
            let sum = through.plus(&beside);
            run.kinks(&between);
            run.kinks(&sum);
            x = relu(&sum);
            run.inner.push([between, sum]);
        }
        x
    }

    /// The gradient of every parameter from the gradient of the maps.
    pub fn backward<T: Number>(&self, run: &mut Run<T>, mut dy: Images<T>) {
        let inner = core::mem::take(&mut run.inner);
        for (block, [between, sum]) in self.blocks.iter().zip(&inner).rev() {
            let dsum = relu_backward(sum, &dy);
            let dbetween = self.unit_backward(run, block.second, &dsum);
            let dbetween = relu_backward(between, &dbetween);
            let through = self.unit_backward(run, block.first, &dbetween);
            let beside = match block.shortcut {
                Some(shortcut) => self.unit_backward(run, shortcut, &dsum),
                None => dsum,
            };
            dy = through.plus(&beside);
        }
        let stem = run.stem.take().unwrap();
        if self.pooled {
            dy = maximum_backward(&relu(&stem), &dy);
        }
        self.unit_backward(run, 0, &relu_backward(&stem, &dy));
    }

    /// The maps with running statistics.
    pub fn infer<T: Number>(
        &self,
        run: &Run<T>,
        running: &Statistics<f64>,
        images: &Images<f64>,
    ) -> Images<T> {
        let unit = |number: usize, x: &Images<T>| {
            let convolved = self.convolutions[number].forward(&run.effective[3 * number], x);
            let of = |numbers: &Vec<f64>| numbers.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
            let [mean, variance] = &running[number];
            let [gamma, beta] = [1, 2].map(|next| &run.parameters[3 * number + next]);
            normalise_by(&convolved, [&of(mean), &of(variance)], gamma, beta)
        };
        let mut x = relu(&unit(0, &images.to()));
        if self.pooled {
            x = maximum(&x).0;
        }
        for block in &self.blocks {
            let through = unit(block.second, &relu(&unit(block.first, &x)));
            let beside = block.shortcut.map(|shortcut| unit(shortcut, &x));
            x = relu(&through.plus(&beside.unwrap_or(x)));
        }
        x
    }
}

/// The pixels of a 3×3 window with stride 2 that starts one pixel outside the image.
fn window(oy: usize, ox: usize, side: usize) -> impl Iterator<Item = (usize, usize)> {
    let of = move |o: usize| (2 * o..2 * o + 3).filter_map(move |p| p.checked_sub(1));
    of(oy)
        .flat_map(move |y| of(ox).map(move |x| (y, x)))
        .filter(move |&(y, x)| y < side && x < side)
}

/// The maximum of each window, and the smallest distance of a maximum above 0 from the next largest.
fn maximum<T: Number>(x: &Images<T>) -> (Images<T>, f64) {
    let mut margin = f64::INFINITY;
    let y = Images::each(
        [x.samples, x.side.div_ceil(2), x.channels],
        |[s, oy, ox, c]| {
            let mut all: Vec<T> = window(oy, ox, x.side)
                .map(|(y, x_)| x.at([s, y, x_, c]))
                .collect();
            all.sort_by(|a, b| b.value().total_cmp(&a.value()));
            if let [first, second, ..] = all[..]
                && first.value() > 0.0
            {
                margin = margin.min(first.value() - second.value());
            }
            all[0]
        },
    );
    (y, margin)
}

/// Routes dy to the first largest pixel of each window.
fn maximum_backward<T: Number>(x: &Images<T>, dy: &Images<T>) -> Images<T> {
    let mut dx = Images::each(x.shape(), |_| T::of(0.0));
    Images::each(dy.shape(), |[s, oy, ox, c]| {
        let value = |(y, x_): (usize, usize)| x.at([s, y, x_, c]).value();
        let largest = window(oy, ox, x.side).map(value).fold(f64::MIN, f64::max);
        let (py, px) = window(oy, ox, x.side)
            .find(|&at| value(at) == largest)
            .unwrap();
        let at = ((s * x.side + py) * x.side + px) * x.channels + c;
        dx.numbers[at] = dx.numbers[at] + dy.at([s, oy, ox, c]);
        T::of(0.0)
    });
    dx
}
