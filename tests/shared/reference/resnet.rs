//! The slim ResNet-18 from its definition, in any arithmetic, forward, backward and in inference.

use super::backbone::{Backbone, Run, Statistics};
use super::layers::{Images, Number, Taps, average, average_backward};

/// The backbone, and a head on its average; the head's weights are the last parameter.
#[derive(Debug, Clone)]
pub struct SlimResNet {
    backbone: Backbone,
    classes: usize,
    pub parameters: Vec<Vec<f64>>,
    pub gains: Vec<Option<Vec<f64>>>,
    /// Mean and variance of each batch normalisation.
    pub running: Statistics<f64>,
}

/// The results of a training pass.
pub struct Pass<T> {
    pub logits: Vec<T>,
    /// Means over the samples.
    pub loss: T,
    pub entropy: T,
    /// In the order of the parameters.
    pub gradients: Vec<Vec<T>>,
    /// Mean and unbiased variance of the batch at each batch normalisation.
    pub statistics: Statistics<T>,
    /// The smallest distance of an input of ReLU from its kink.
    pub margin: f64,
}

impl SlimResNet {
    pub fn new(channels: usize, classes: usize, width: usize) -> Self {
        let backbone = Backbone::new(channels, width, 4, false);
        let start = |taps: &Taps| [vec![0.0; taps.outputs], vec![1.0; taps.outputs]];
        SlimResNet {
            running: backbone.convolutions.iter().map(start).collect(),
            backbone,
            classes,
            parameters: Vec::new(),
            gains: Vec::new(),
        }
    }

    /// The head as a convolution of one pixel.
    fn head(&self, pooled: usize) -> Taps {
        linear(self.classes, pooled)
    }

    /// Only the mean loss, in f64.
    pub fn loss(&self, images: &Images<f64>, labels: &[u8]) -> f64 {
        self.run::<f64>(images, labels, false).loss
    }

    /// Forward, loss and backward.
    pub fn pass<T: Number>(&self, images: &Images<f64>, labels: &[u8]) -> Pass<T> {
        self.run(images, labels, true)
    }

    fn run<T: Number>(&self, images: &Images<f64>, labels: &[u8], backward: bool) -> Pass<T> {
        let mut run = Run::<T>::new(&self.parameters, &self.gains);
        let x = self.backbone.forward(&mut run, images);
        let pooled = average(&x);
        let (head, last) = (self.head(pooled.channels), self.backbone.parameters());
        let logits = head.forward(&run.effective[last], &pooled);
        let (loss, entropy, dlogits) = softmax(&logits.numbers, self.classes, labels);
        let statistics = run.statistics();
        if backward {
            let dlogits = Images {
                numbers: dlogits,
                ..logits.clone()
            };
            run.gradients[last] = run.with_gain(last, head.to_weights(&pooled, &dlogits));
            let dpooled = head.to_input(&run.effective[last], pooled.shape(), &dlogits);
            let dy = average_backward(x.shape(), &dpooled);
            self.backbone.backward(&mut run, dy);
        }
        Pass {
            logits: logits.numbers,
            loss,
            entropy,
            gradients: run.gradients,
            statistics,
            margin: run.margin,
        }
    }

    /// The logits with the running statistics.
    pub fn infer<T: Number>(&self, images: &Images<f64>) -> Vec<T> {
        let run = Run::<T>::new(&self.parameters, &self.gains);
        let pooled = average(&self.backbone.infer(&run, &self.running, images));
        let w = &run.effective[self.backbone.parameters()];
        self.head(pooled.channels).forward(w, &pooled).numbers
    }

    /// Updates the running statistics with momentum 0.1.
    pub fn move_running<T: Number>(&mut self, statistics: &Statistics<T>) {
        let old = self.running.iter_mut().flatten().flatten();
        let new = statistics.iter().flatten().flatten();
        for (old, new) in old.zip(new) {
            *old = T::value(T::of(0.9) * T::of(*old) + T::of(0.1) * *new);
        }
    }
}

/// A linear layer is a convolution of one pixel.
pub fn linear(outputs: usize, inputs: usize) -> Taps {
    Taps {
        outputs,
        inputs,
        size: 1,
        stride: 1,
    }
}

/// Mean cross-entropy, mean entropy and the gradient of the mean cross-entropy.
pub fn softmax<T: Number>(logits: &[T], classes: usize, labels: &[u8]) -> (T, T, Vec<T>) {
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
