//! The slim ResNet-18 from its definition, in any arithmetic, forward, backward and in inference.

use super::layers::{
    Images, Normalised, Number, Taps, average, average_backward, normalise, normalise_backward,
    normalise_by, relu, relu_backward,
};

/// A residual block: the numbers of its convolutions.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    second: usize,
    shortcut: Option<usize>,
}

/// Convolution number i is followed by a batch normalisation; its weights, γ and β are parameters 3i,
/// 3i + 1 and 3i + 2. The head is the last parameter.
#[derive(Debug, Clone)]
pub struct SlimResNet {
    convolutions: Vec<Taps>,
    blocks: Vec<Block>,
    classes: usize,
    pub parameters: Vec<Vec<f64>>,
    pub gains: Vec<Option<Vec<f64>>>,
    /// Mean and variance of each batch normalisation.
    pub running: Vec<[Vec<f64>; 2]>,
}

/// What a training pass gives.
pub struct Pass<T> {
    pub logits: Vec<T>,
    /// Means over the samples.
    pub loss: T,
    pub entropy: T,
    /// In the order of the parameters.
    pub gradients: Vec<Vec<T>>,
    /// Mean and unbiased variance of the batch at each batch normalisation.
    pub statistics: Vec<[Vec<T>; 2]>,
    /// The smallest distance of an input of ReLU from its kink.
    pub margin: f64,
}

/// What backward reads of a convolution and its normalisation.
struct Tape<T> {
    x: Images<T>,
    convolved: Images<T>,
    normalised: Normalised<T>,
}

struct Running<T> {
    effective: Vec<Vec<T>>,
    parameters: Vec<Vec<T>>,
    tapes: Vec<Option<Tape<T>>>,
    gradients: Vec<Vec<T>>,
}

impl SlimResNet {
    pub fn new(channels: usize, classes: usize, width: usize) -> Self {
        let mut convolutions = vec![Taps {
            outputs: width,
            inputs: channels,
            size: 3,
            stride: 1,
        }];
        let mut blocks = Vec::new();
        let mut inputs = width;
        for (outputs, stride) in [(width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)] {
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
        let start = |taps: &Taps| [vec![0.0; taps.outputs], vec![1.0; taps.outputs]];
        SlimResNet {
            running: convolutions.iter().map(start).collect(),
            convolutions,
            blocks,
            classes,
            parameters: Vec::new(),
            gains: Vec::new(),
        }
    }

    /// Every parameter in the arithmetic, and the effective weights g·W.
    fn start<T: Number>(&self) -> Running<T> {
        let of = |numbers: &Vec<f64>| numbers.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
        let parameters: Vec<Vec<T>> = self.parameters.iter().map(of).collect();
        let effective = parameters.iter().zip(&self.gains).map(|(w, gain)| {
            let Some(gain) = gain else {
                return w.clone();
            };
            let row = w.len() / gain.len();
            let gain = |i: usize| T::of(gain[i / row]);
            (0..w.len()).map(|i| gain(i) * w[i]).collect()
        });
        Running {
            effective: effective.collect(),
            gradients: parameters.iter().map(|_| Vec::new()).collect(),
            tapes: self.convolutions.iter().map(|_| None).collect(),
            parameters,
        }
    }

    /// dL/dW = g·dL/dW_eff.
    fn with_gain<T: Number>(&self, parameter: usize, effective: Vec<T>) -> Vec<T> {
        let Some(gain) = &self.gains[parameter] else {
            return effective;
        };
        let row = effective.len() / gain.len();
        let rows = effective.into_iter().enumerate();
        rows.map(|(i, dw)| T::of(gain[i / row]) * dw).collect()
    }

    fn unit<T: Number>(&self, run: &mut Running<T>, number: usize, x: &Images<T>) -> Images<T> {
        let convolved = self.convolutions[number].forward(&run.effective[3 * number], x);
        let [gamma, beta] = [1, 2].map(|next| &run.parameters[3 * number + next]);
        let normalised = normalise(&convolved, gamma, beta);
        let y = normalised.y.clone();
        run.tapes[number] = Some(Tape {
            x: x.clone(),
            convolved,
            normalised,
        });
        y
    }

    fn unit_backward<T: Number>(
        &self,
        run: &mut Running<T>,
        number: usize,
        dy: &Images<T>,
    ) -> Images<T> {
        let tape = run.tapes[number].take().unwrap();
        let gamma = &run.parameters[3 * number + 1];
        let (dy, dgamma, dbeta) = normalise_backward(&tape.convolved, &tape.normalised, gamma, dy);
        let taps = self.convolutions[number];
        let dw = self.with_gain(3 * number, taps.to_weights(&tape.x, &dy));
        for (at, gradient) in [dw, dgamma, dbeta].into_iter().enumerate() {
            run.gradients[3 * number + at] = gradient;
        }
        taps.to_input(&run.effective[3 * number], tape.x.shape(), &dy)
    }

    /// The logits, `[samples][classes]`.
    fn head<T: Number>(&self, w: &[T], pooled: &Images<T>) -> Vec<T> {
        let row = |s: usize, o: usize| {
            let w = &w[o * pooled.channels..][..pooled.channels];
            let x = (0..pooled.channels).map(move |c| pooled.at([s, 0, 0, c]));
            T::dot(w.iter().copied().zip(x))
        };
        let rows = 0..pooled.samples;
        rows.flat_map(|s| (0..self.classes).map(move |o| row(s, o)))
            .collect()
    }

    /// The mean loss alone, in f64.
    pub fn loss(&self, images: &Images<f64>, labels: &[u8]) -> f64 {
        self.run::<f64>(images, labels, false).loss
    }

    /// Forward, loss and backward.
    pub fn pass<T: Number>(&self, images: &Images<f64>, labels: &[u8]) -> Pass<T> {
        self.run(images, labels, true)
    }

    fn run<T: Number>(&self, images: &Images<f64>, labels: &[u8], backward: bool) -> Pass<T> {
        let mut run = self.start::<T>();
        let mut margin = f64::INFINITY;
        let mut kinks = |x: &Images<T>| {
            let sizes = x.numbers.iter().map(|x| x.value().abs());
            margin = sizes.fold(margin, f64::min);
        };
        // The inputs of every block's two ReLUs.
        let mut inner = Vec::new();
        let stem = self.unit(&mut run, 0, &images.to());
        kinks(&stem);
        let mut x = relu(&stem);
        for block in &self.blocks {
            let between = self.unit(&mut run, block.first, &x);
            let through = self.unit(&mut run, block.second, &relu(&between));
            let beside = match block.shortcut {
                Some(shortcut) => self.unit(&mut run, shortcut, &x),
                None => x.clone(),
            };
            let sum = through.plus(&beside);
            kinks(&between);
            kinks(&sum);
            x = relu(&sum);
            inner.push((between, sum));
        }
        let pooled = average(&x);
        let logits = self.head(run.effective.last().unwrap(), &pooled);
        let (loss, entropy, dlogits) = softmax(&logits, self.classes, labels);

        let features = pooled.channels;
        let mut dw = Vec::new();
        for o in 0..self.classes {
            for c in 0..features {
                let samples = 0..pooled.samples;
                dw.push(T::dot(samples.map(|s| {
                    (dlogits[s * self.classes + o], pooled.at([s, 0, 0, c]))
                })));
            }
        }
        let w = run.effective.last().unwrap();
        let dpooled = Images::each(pooled.shape(), |[s, _, _, c]| {
            let classes = 0..self.classes;
            T::dot(classes.map(|o| (dlogits[s * self.classes + o], w[o * features + c])))
        });
        *run.gradients.last_mut().unwrap() = self.with_gain(3 * self.convolutions.len(), dw);
        let statistics = run.tapes.iter().map(|tape| {
            let tape = tape.as_ref().unwrap();
            let n = (tape.convolved.numbers.len() / tape.convolved.channels) as f64;
            let normalised = &tape.normalised;
            let variances = normalised.variance.iter();
            let unbiased = variances.map(|&v| v * T::of(n) / T::of(n - 1.0)).collect();
            [normalised.mean.clone(), unbiased]
        });
        let statistics = statistics.collect();
        let blocks = if backward { &self.blocks[..] } else { &[] };
        let mut dy = average_backward(x.shape(), &dpooled);
        for (block, (between, sum)) in blocks.iter().zip(&inner).rev() {
            let dsum = relu_backward(sum, &dy);
            let dbetween = self.unit_backward(&mut run, block.second, &dsum);
            let dbetween = relu_backward(between, &dbetween);
            let through = self.unit_backward(&mut run, block.first, &dbetween);
            let beside = match block.shortcut {
                Some(shortcut) => self.unit_backward(&mut run, shortcut, &dsum),
                None => dsum,
            };
            dy = through.plus(&beside);
        }
        if backward {
            self.unit_backward(&mut run, 0, &relu_backward(&stem, &dy));
        }
        Pass {
            logits,
            loss,
            entropy,
            gradients: run.gradients,
            statistics,
            margin,
        }
    }

    /// The logits by the running statistics.
    pub fn infer<T: Number>(&self, images: &Images<f64>) -> Vec<T> {
        let run = self.start::<T>();
        let unit = |number: usize, x: &Images<T>| {
            let convolved = self.convolutions[number].forward(&run.effective[3 * number], x);
            let of = |numbers: &Vec<f64>| numbers.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
            let [mean, variance] = &self.running[number];
            let [gamma, beta] = [1, 2].map(|next| &run.parameters[3 * number + next]);
            normalise_by(&convolved, [&of(mean), &of(variance)], gamma, beta)
        };
        let mut x = relu(&unit(0, &images.to()));
        for block in &self.blocks {
            let through = unit(block.second, &relu(&unit(block.first, &x)));
            let beside = block.shortcut.map(|shortcut| unit(shortcut, &x));
            x = relu(&through.plus(&beside.unwrap_or(x)));
        }
        self.head(run.effective.last().unwrap(), &average(&x))
    }

    /// Moves the running statistics by momentum 0.1.
    pub fn move_running<T: Number>(&mut self, statistics: &[[Vec<T>; 2]]) {
        let old = self.running.iter_mut().flatten().flatten();
        let new = statistics.iter().flatten().flatten();
        for (old, new) in old.zip(new) {
            *old = T::value(T::of(0.9) * T::of(*old) + T::of(0.1) * *new);
        }
    }
}

/// Mean cross-entropy, mean entropy and the gradient of the former.
fn softmax<T: Number>(logits: &[T], classes: usize, labels: &[u8]) -> (T, T, Vec<T>) {
    let m = T::of(labels.len() as f64);
    let (mut loss, mut entropy, mut gradient) = (T::of(0.0), T::of(0.0), Vec::new());
    for (z, &label) in logits.chunks(classes).zip(labels) {
        let largest = z.iter().map(|z| z.value()).fold(f64::MIN, f64::max);
        let e: Vec<T> = z.iter().map(|&z| (z - T::of(largest)).exp()).collect();
        let total = T::sum(e.iter().copied());
        for (class, &e) in e.iter().enumerate() {
            let p = e / total;
            let target = T::of(if class == usize::from(label) {
                1.0
            } else {
                0.0
            });
            gradient.push((p - target) / m);
            entropy = entropy - p * p.ln();
        }
        loss = loss - (e[usize::from(label)] / total).ln();
    }
    (loss / m, entropy / m, gradient)
}
